"""The one clock. All times are UTC; models read `control.run.as_of`, which comes from here."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta


def now() -> datetime:
    """Current instant, aware, UTC. `CARTWIRE_CLOCK_OFFSET_SECONDS` shifts it (rehearsals and tests)."""
    return datetime.now(UTC) + timedelta(seconds=float(os.environ.get("CARTWIRE_CLOCK_OFFSET_SECONDS", "0")))


def now_ms() -> int:
    """Current instant in whole milliseconds since 1970, UTC."""
    return to_ms(now())


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970. A naive datetime is taken as UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def from_ms(milliseconds: int) -> datetime:
    """Aware UTC datetime of milliseconds since 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
