"""Date texts: which the vendor takes as a date, and how it gives them back."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_DOCUMENTED = re.compile(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d(?: [+-]\d\d:?\d\d)?|T\d\d:\d\d:\d\d\.\d{3}(?:Z|[+-]\d\d:?\d\d))?")
_OPEN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?")
_LAST_SECOND = 253_402_300_799  # 9999-12-31 23:59:59
_SECONDS_A_YEAR = 31_556_952
MILLISECONDS_FROM = 100_000_000_000  # as seconds this is the year 5138; every plausible count of milliseconds is above


@lru_cache(maxsize=65_536)
def stored_date(text: str, strict: bool) -> str | None:
    """How a date text reads back (`2024-02-03 10:11:12 +00:00`), or None if the vendor does not take it as a date.

    Documented: `yyyy-MM-dd`, `yyyy-MM-dd HH:mm:ss`, the same with ` ZZ`, and `yyyy-MM-ddTHH:mm:ss.SSSZ` or with an offset.
    ISO forms with other fractions, or without any, are undocumented: taken when lenient.
    """
    if _DOCUMENTED.fullmatch(text) is None and (strict or _OPEN.fullmatch(text) is None):
        return None
    try:
        moment = datetime.fromisoformat(re.sub(r" ([+-])", r"\1", text))
    except ValueError:
        return None
    return shown(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def shown(moment: datetime) -> str:
    """A moment as the vendor prints it: UTC, whole seconds, offset after a space."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S +00:00")


@lru_cache(maxsize=4_096)
def shown_seconds(seconds: int) -> str:
    """Unix seconds as the vendor prints them; a count of milliseconds lands in a year of five digits."""
    if seconds > _LAST_SECOND:
        return f"{1970 + seconds // _SECONDS_A_YEAR}-01-01 00:00:00 +00:00"
    return shown(datetime.fromtimestamp(seconds, UTC))


def export_bound(text: str) -> float | None:
    """`yyyy-MM-dd HH:mm:ss [ZZ]`, the only form exports take, as Unix seconds; None if it is another form."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?: ?[+-]\d\d:?\d\d)?", text):
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-"))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
