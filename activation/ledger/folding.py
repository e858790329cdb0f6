"""What the fold carries back into `delivered`: whole settlements, as Arrow."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import pyarrow as pa

from activation.ledger.database import LedgerFile

BATCH_ROWS = 50_000

ITEMS = pa.schema(
    [
        ("item_id", pa.int64()),
        ("settlement_id", pa.string()),
        ("run_id", pa.string()),
        ("object", pa.string()),
        ("kind", pa.string()),
        ("subject", pa.string()),
        ("person_key", pa.string()),
        ("fingerprint", pa.string()),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("is_sticky", pa.bool_()),
        ("is_verified", pa.bool_()),
        ("bulk_key", pa.string()),
        ("email", pa.string()),
        ("user_id", pa.string()),
        ("settled_at_ms", pa.int64()),
        ("occurred_at_ms", pa.int64()),
        ("previous_email", pa.string()),
        ("source_email", pa.string()),
        ("source_user_id", pa.string()),
    ]
)
FIELDS = pa.schema(
    [
        ("item_id", pa.int64()),
        ("object", pa.string()),
        ("subject", pa.string()),
        ("person_key", pa.string()),
        ("field", pa.string()),
        ("type", pa.string()),
        ("value", pa.string()),
        ("fingerprint", pa.string()),
        ("settled_at_ms", pa.int64()),
    ]
)
SELECT_ITEMS = """
select
    items.item_id, items.settlement_id, items.run_id, items.object, items.kind, items.subject, items.person_key,
    items.fingerprint, items.state, items.reason, items.is_sticky, items.is_verified, items.bulk_key,
    item_values.email, item_values.user_id, items.changed_at_ms, items.occurred_at_ms,
    case when items.bulk_key = 'users/updateEmail' then json_extract(sent.body, '$.currentEmail') end as previous_email,
    case when items.bulk_key = 'users/merge' then json_extract(sent.body, '$.sourceEmail') end as source_email,
    case when items.bulk_key = 'users/merge' then json_extract(sent.body, '$.sourceUserId') end as source_user_id
from items inner join item_values on item_values.item_id = items.item_id
left join (select item_id, cast(fragment as text) as body from item_values) as sent
    on sent.item_id = items.item_id and items.object = 'identities' and items.state = 'accepted'
where items.settlement_id in (select value from json_each(?))
order by items.changed_at_ms, items.item_id
"""
SELECT_FIELDS = """
select
    items.item_id, items.object, items.subject, items.person_key, item_fields.field, item_fields.type,
    item_fields.after_value, item_fields.fingerprint, items.changed_at_ms
from items inner join item_fields on item_fields.item_id = items.item_id
where items.settlement_id in (select value from json_each(?))
    and items.state = 'accepted' and item_fields.is_delivered = 1
order by items.changed_at_ms, items.item_id, item_fields.field
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfolded:
    """Settlements not yet in `delivered`. Rows are ordered by time: of two rows of one subject the later one holds.

    items: one row per verdict. fields: one row per field that an accepted state object delivered; value null = removed.
    """

    settlement_ids: tuple[str, ...]
    items: pa.Table
    fields: pa.Table


class Folding(LedgerFile):
    """Reads for the fold; an empty `known` gives everything, which rebuilds `delivered`."""

    def unfolded_settlements(self, known: AbstractSet[str]) -> Unfolded:
        """Every settlement whose id is not in `known`, with its rows."""
        rows = self._db.execute("select settlement_id from settlements order by settled_at_ms, settlement_id")
        ids = tuple(settlement_id for (settlement_id,) in rows if settlement_id not in known)
        return Unfolded(
            settlement_ids=ids,
            items=_table(self._db, SELECT_ITEMS, ids, ITEMS),
            fields=_table(self._db, SELECT_FIELDS, ids, FIELDS),
        )


def _table(db: sqlite3.Connection, query: str, ids: tuple[str, ...], schema: pa.Schema) -> pa.Table:
    cursor = db.execute(query, (json.dumps(ids),))
    batches = []
    while rows := cursor.fetchmany(BATCH_ROWS):
        columns = [pa.array(column).cast(field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)]
        batches.append(pa.record_batch(columns, schema=schema))
    return pa.Table.from_batches(batches, schema=schema)
