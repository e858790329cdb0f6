"""Closing channels during a run: polls and readings of Iterable may withdraw consent, never give it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from activation.ledger.items import ConsentRow

TIGHTEN = """
update consent set status = :status, is_messageable = 0, stated_at_ms = :stated_at_ms, learned_at_ms = :at_ms
where person_key = :person_key and channel = :channel and purpose = :purpose and is_messageable = 1
    and (:stated_at_ms is null or stated_at_ms is null or stated_at_ms <= :stated_at_ms)
"""


def tighten(db: sqlite3.Connection, rows: Iterable[ConsentRow], at_ms: int) -> int:
    """Withdraw, in the caller's transaction. Only rows that are not messageable count, and only messageable ones change.

    A row with a time closes nothing that was granted later; of two words at one instant the refusal counts.
    Returns: channels closed. A person the ledger does not know needs nothing here.
    """
    before = db.total_changes
    db.executemany(
        TIGHTEN,
        [
            {
                "status": row.status,
                "stated_at_ms": row.stated_at_ms,
                "at_ms": at_ms,
                "person_key": row.person_key,
                "channel": row.channel,
                "purpose": row.purpose,
            }
            for row in rows
            if not row.is_messageable
        ],
    )
    return db.total_changes - before
