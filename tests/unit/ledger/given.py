"""Rows to put into a ledger, and what a delivery does with them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from activation.ledger.items import ConsentRow, NewItem
from activation.ledger.machine import Event
from activation.ledger.sending import Claim, LedgerItem, Outcome
from activation.ledger.store import Ledger

SECRET = b"s" * 32


def item(number: int, object_name: str = "users", **more: object) -> NewItem:
    given = {
        "object": object_name,
        "kind": object_name,
        "subject": f"s{number}",
        "person_key": f"p{number}",
        "fingerprint": f"f{number}",
        "lane": 3,
        "email": f"p{number}@example.com",
        "fragment": b'{"email":"x"}',
    }
    return NewItem(**{**given, **more})  # type: ignore[arg-type]


def consent(number: int, *, messageable: bool) -> ConsentRow:
    status = "granted" if messageable else "withdrawn"
    return ConsentRow(person_key=f"p{number}", channel="email", purpose="marketing", status=status, is_messageable=messageable)


def body(items: Sequence[LedgerItem]) -> bytes:
    return b",".join(one.fragment for one in items)


def claim(ledger: Ledger, request_id: str, ids: Sequence[int], at_ms: int = 1_000) -> Claim:
    return ledger.claim(request_id, "users/bulkUpdate", ids, body, at_ms)


def settle(ledger: Ledger, request: Claim, event: Event, reason: str = "why") -> None:
    ledger.settle(request.request_id, [Outcome(item_id=one.item_id, event=event, reason=reason) for one in request.items])


def alter(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement)
