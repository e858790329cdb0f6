"""Trying out a stage: written, read and undone, so that a plan shows what the delivery itself would do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from activation.ledger.database import undone
from activation.ledger.sending import LedgerItem, Sending

_REQUESTS = """
select requests.endpoint, requests.body_hash, items.stage, items.lane,
    (select json_group_array(placed.item_id)
        from (select item_id from attempts where request_id = requests.request_id order by position) as placed)
from requests
inner join attempts on attempts.request_id = requests.request_id and attempts.position = 0
inner join items on items.item_id = attempts.item_id
where requests.run_id = ?
order by requests.rowid
"""
_ROWS = """
select items.object, items.kind, items.subject, items.person_key, items.market_code, items.state, items.reason,
    items.source_modified_at_ms, items.occurred_at_ms, items.waits_for_person,
    item_values.email, item_values.user_id, item_values.fragment,
    (select json_group_array(json_array(field, type, before_value, after_value))
        from item_fields where item_fields.item_id = items.item_id)
from items inner join item_values on item_values.item_id = items.item_id
where items.run_id = ?
order by items.item_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedRequest:
    """A request of a trial: its rows in the order of its body, and the hash of that body."""

    endpoint: str
    body_hash: str
    stage: str
    lane: int
    items: tuple[LedgerItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedRow:
    """A row of a trial and what became of it; `fragment` is what of it is in a body.

    `fields`: (field, type, before, after), canonical texts; None: not there.
    """

    object: str
    kind: str
    subject: str
    person_key: str
    market_code: str | None
    state: str
    reason: str
    source_modified_at_ms: int | None
    occurred_at_ms: int | None
    waits_for_person: bool
    email: str | None
    user_id: str | None
    fragment: bytes | None
    fields: tuple[tuple[str, str, str | None, str | None], ...]


class Trying(Sending):
    """For the length of a block the ledger of a run that never was."""

    @contextmanager
    def undone(self) -> Iterator[None]:
        """Whatever the block writes here is gone afterwards. Other processes read the ledger as it was; who writes waits."""
        with undone(self._db):
            yield

    def tried_requests(self, run_id: str) -> Iterator[TriedRequest]:
        """Requests of a run, in the order of their claims."""
        for endpoint, body_hash, stage, lane, item_ids in self._db.execute(_REQUESTS, (run_id,)):
            yield TriedRequest(
                endpoint=endpoint, body_hash=body_hash, stage=stage, lane=lane, items=self.items_of(json.loads(item_ids))
            )

    def tried_rows(self, run_id: str) -> Iterator[TriedRow]:
        """Rows of a run, in the order of the freeze."""
        for row in self._db.execute(_ROWS, (run_id,)):
            *values, waits, email, user_id, fragment, fields = row
            names = ("object", "kind", "subject", "person_key", "market_code", "state", "reason")
            times = ("source_modified_at_ms", "occurred_at_ms")
            yield TriedRow(
                **dict(zip((*names, *times), values, strict=True)),
                waits_for_person=bool(waits),
                email=email,
                user_id=user_id,
                fragment=fragment,
                fields=tuple(tuple(change) for change in json.loads(fields)),
            )
