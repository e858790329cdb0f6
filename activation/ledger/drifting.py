"""Fields, the cart among them, that somebody else changed at Iterable, to be sent again."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from activation.ledger.database import LedgerFile, transaction
from cartwire.clock import now_ms

NOTE = """
insert into drifts
select
    :settlement_id, found.value ->> '$.person_key', found.value ->> '$.field', found.value ->> '$.type', found.value ->> '$.cause',
    :at_ms, :by
from json_each(:drifts) as found
where not exists (
    select 1 from items
    where items.person_key = found.value ->> '$.person_key'
        and (
            items.object in ('users', 'identities')
            or (found.value ->> '$.field' = 'shoppingCartItems' and items.object in ('carts', 'purchases'))
        )
        and (items.changed_at_ms >= :read_at_ms or items.state in ('staged', 'sending', 'unknown'))
)
and not exists (select 1 from forgotten where forgotten.person_key = found.value ->> '$.person_key')
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftedField:
    """A field of a person, by its contract type, and why it is thought to differ. No value."""

    person_key: str
    field: str
    type: str
    cause: str


class Drifting(LedgerFile):
    """Under the lease: no run is going on."""

    def note_drifts(self, drifts: Sequence[DriftedField], by: str, read_at_ms: int, at_ms: int | None = None) -> int:
        """What Iterable accepted of these fields counts no longer: the next run plans what they should be by then, from the newest data.

        People of whom something was sent, or got on its way, since they were read at `read_at_ms` are left alone: the reading is old.
        Returns: fields noted. Durable at once; a run that dies changes nothing about it.
        """
        moment = at_ms or now_ms()
        settlement_id = uuid.uuid4().hex
        with transaction(self._db) as db:
            db.execute(
                "insert into settlements select ?, run_id, 'read_back', ? from runs order by started_at_ms desc, run_id desc limit 1",
                (settlement_id, moment),
            )
            values = {
                "settlement_id": settlement_id,
                "drifts": json.dumps([asdict(drift) for drift in drifts]),
                "read_at_ms": read_at_ms,
                "at_ms": moment,
                "by": by,
            }
            return db.execute(NOTE, values).rowcount
