"""What a refusal leads to beyond its verdict: the end of trying, and of naming a person whom Iterable has forgotten.

Everything here runs in the caller's transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection

from activation.ledger import reasons

REFUSED_RUNS_MAX = 5
"""So many runs try a row that Iterable refuses for a cause that may pass; then it waits for its data to change."""

REFUSED_BEFORE = """
select count(*) from items inner join items as earlier
    on earlier.person_key = items.person_key and earlier.object = items.object and earlier.subject = items.subject
    and earlier.fingerprint = items.fingerprint and earlier.state = 'rejected' and earlier.item_id < items.item_id
where items.item_id = ?
"""
FORGET = """
insert into forgotten select distinct person_key, :request_id, :at_ms from items
where item_id in (select value from json_each(:item_ids))
on conflict (person_key) do nothing
"""
NOT_ARRIVED_OF = """
select item_id from items
where person_key in (select person_key from items where item_id in (select value from json_each(:item_ids)))
    and state in ('staged', 'rejected', 'held', 'suppressed', 'superseded')
"""
ERASE_VALUES = """
update item_values set email = null, user_id = null, fragment = null where item_id in (select value from json_each(:item_ids))
"""
ERASE_FIELDS = """
update item_fields set before_value = null, after_value = null where item_id in (select value from json_each(:item_ids))
"""


def is_last_try(db: sqlite3.Connection, item_id: int) -> bool:
    """Whether a row refused now, unchanged, has been refused by as many runs as may try."""
    (before,) = db.execute(REFUSED_BEFORE, (item_id,)).fetchone()
    return bool(before + 1 >= REFUSED_RUNS_MAX)


def gave_up(reason: str) -> str:
    """The reason of a row that is not tried again by itself."""
    return f"{reason}; {reasons.GAVE_UP} {REFUSED_RUNS_MAX} runs"


def forget(db: sqlite3.Connection, item_ids: Collection[int], request_id: str, at_ms: int) -> None:
    """Remember that Iterable has forgotten the people of these rows, and keep no value of any row of theirs that did not arrive."""
    values = {"item_ids": json.dumps(list(item_ids)), "request_id": request_id, "at_ms": at_ms}
    db.execute(FORGET, values)
    rows = db.execute(NOT_ARRIVED_OF, values).fetchall()
    erase(db, [item_id for (item_id,) in rows])


def erase(db: sqlite3.Connection, item_ids: Collection[int]) -> None:
    """Take address, userId, payload and field values from rows; their fingerprints stay."""
    ids = {"item_ids": json.dumps(list(item_ids))}
    db.execute(ERASE_VALUES, ids)
    db.execute(ERASE_FIELDS, ids)
