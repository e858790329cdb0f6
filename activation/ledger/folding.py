"""What the fold carries back into `delivered`: whole settlements, as Arrow."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import pyarrow as pa

from activation.ledger.database import LedgerFile

BATCH_ROWS = 50_000
CHUNK_ITEMS = 50_000

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
SUBSCRIPTIONS = pa.schema(
    [
        ("item_id", pa.int64()),
        ("person_key", pa.string()),
        ("email", pa.string()),
        ("user_id", pa.string()),
        ("subscription_group", pa.string()),
        ("subscription_id", pa.int64()),
        ("action", pa.string()),
        ("cause", pa.string()),
        ("stated_at_ms", pa.int64()),
        ("claimed_at_ms", pa.int64()),
        ("settled_at_ms", pa.int64()),
        ("is_accepted", pa.bool_()),
        ("is_overwriting", pa.bool_()),
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
where items.settlement_id in (select value from json_each(:settlements))
order by items.changed_at_ms, items.item_id
"""
SELECT_FIELDS = """
select
    items.item_id, items.object, items.subject, items.person_key, item_fields.field, item_fields.type,
    item_fields.after_value, item_fields.fingerprint, items.changed_at_ms
from items inner join item_fields on item_fields.item_id = items.item_id
where items.settlement_id in (select value from json_each(:settlements))
    and items.state = 'accepted' and item_fields.is_delivered = 1
union all
select
    0, case field when 'shoppingCartItems' then 'carts' else 'users' end, person_key, person_key, field, type, null,
    'unknown', noted_at_ms
from drifts
where settlement_id in (select value from json_each(:settlements))
order by 9, 1, 5
"""
# What an item did, or may have done, to subscriptions. The first request of a subject since its last acceptance is when it
# may have begun: what a killed run had sent is planned again as another item. Rows that a dead run left have no settlement.
SELECT_SUBSCRIPTIONS = """
with told as (
    select items.*, items.state = 'accepted' as is_accepted
    from items
    where items.settlement_id in (select value from json_each(:settlements))
        and items.object in ('withdrawals', 'grants', 'users') and items.state in ('accepted', 'held')
    union all
    select items.*, 0 as is_accepted
    from runs inner join items on items.run_id = runs.run_id
    where runs.state <> 'running' and items.object in ('withdrawals', 'grants') and items.state = 'superseded'
        and items.item_id not in (select value from json_each(:known)) and :takes_leftovers
),
sent as (
    select
        told.item_id, told.person_key, item_values.email, item_values.user_id, told.object, told.bulk_key,
        told.occurred_at_ms, told.changed_at_ms, told.is_accepted,
        exists (
            select 1 from attempts inner join requests on requests.request_id = attempts.request_id
            where attempts.item_id = told.item_id and requests.endpoint = 'users/updateSubscriptions'
        ) as is_overwriting,
        case when told.object = 'users' and instr(item_values.fragment, cast('unsubscribedChannelIds' as blob)) > 0
            then json_extract(cast(item_values.fragment as text), '$.dataFields.unsubscribedChannelIds')
        end as created_without,
        (
            select min(requests.claimed_at_ms)
            from items as earlier
            inner join attempts on attempts.item_id = earlier.item_id
            inner join requests on requests.request_id = attempts.request_id
            where earlier.person_key = told.person_key and earlier.object = told.object and earlier.subject = told.subject
                and earlier.item_id <= told.item_id and coalesce(attempts.event, 'lose') in ('accept', 'lose')
                and earlier.item_id > coalesce((
                    select max(done.item_id) from items as done
                    where done.person_key = told.person_key and done.object = told.object and done.subject = told.subject
                        and done.state = 'accepted' and done.item_id < told.item_id
                ), 0)
        ) as claimed_at_ms
    from told inner join item_values on item_values.item_id = told.item_id
    where told.object = 'users' or told.bulk_key <> ''
)
select
    item_id, person_key, email, user_id,
    case object when 'grants' then substr(bulk_key, 1, instr(bulk_key, '/') - 1) else 'messageChannel' end,
    cast(case object when 'grants' then substr(bulk_key, instr(bulk_key, '/') + 1) else bulk_key end as integer),
    case object when 'grants' then 'subscribe' else 'unsubscribe' end,
    case object when 'grants' then 'grant' else 'withdrawal' end,
    occurred_at_ms, claimed_at_ms, changed_at_ms, is_accepted, is_overwriting
from sent
where object <> 'users' and claimed_at_ms is not null
union all
select
    item_id, person_key, email, user_id, 'messageChannel', cast(channel.value as integer), 'unsubscribe', 'creation',
    null, claimed_at_ms, changed_at_ms, is_accepted, 0
from sent, json_each(sent.created_without) as channel
where sent.object = 'users' and sent.is_accepted = 1 and channel.value is not null
order by 11, 1, 6
"""


SELECT_SETTLEMENTS = """
select settlement_id from settlements
where rowid > coalesce((select rowid from settlements where settlement_id = :after), 0)
order by rowid
"""
COUNT_ITEMS = """
select settlement_id, count(*) from items where settlement_id in (select value from json_each(?)) group by settlement_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfolded:
    """Some of the settlements not yet in `delivered`. Rows are ordered by time: of two rows of one subject the later one holds.

    items: one row per verdict. fields: one row per field that an accepted state object delivered; value null = removed. With the fingerprint
    `unknown`: found to differ at Iterable; of object carts it is the cart as a whole.
    subscriptions: one row per item and subscription that it changed, or may have changed.
    """

    settlement_ids: tuple[str, ...]
    items: pa.Table
    fields: pa.Table
    subscriptions: pa.Table


class Folding(LedgerFile):
    """Reads for the fold; an empty `known` gives everything, which rebuilds `delivered`."""

    def has_settlement(self, settlement_id: str | None) -> bool:
        """Whether this ledger wrote it; one that was restored, or is another, did not."""
        return self._db.execute("select 1 from settlements where settlement_id = ?", (settlement_id,)).fetchone() is not None

    def unfolded_settlements(
        self,
        known: AbstractSet[str],
        known_leftovers: AbstractSet[int] = frozenset(),
        *,
        after: str | None = None,
        chunk_items: int = CHUNK_ITEMS,
    ) -> Iterator[Unfolded]:
        """Every settlement whose id is not in `known`, with its rows: in the order in which they were written, in chunks, so that memory
        holds one; at least one.

        after: only those written later than this one. All that were written before the last of a chunk are known once it is folded.
        known_leftovers: items of dead runs, which have no settlement, whose effect on subscriptions was taken over before; the others
            come with the first chunk.
        chunk_items: items after which a chunk is full; a settlement is never divided.
        """
        written = self._db.execute(SELECT_SETTLEMENTS, {"after": after})
        fresh = [settlement_id for (settlement_id,) in written if settlement_id not in known]
        counts = dict(self._db.execute(COUNT_ITEMS, [json.dumps(fresh)]).fetchall())
        chunks: list[list[str]] = [[]]
        items = 0
        for settlement_id in fresh:
            if items >= chunk_items:
                chunks.append([])
                items = 0
            chunks[-1].append(settlement_id)
            items += counts.get(settlement_id, 0)
        for number, ids in enumerate(chunks):
            yield self._unfolded(ids, known_leftovers, takes_leftovers=number == 0)

    def _unfolded(self, ids: list[str], known_leftovers: AbstractSet[int], *, takes_leftovers: bool) -> Unfolded:
        settlements = {"settlements": json.dumps(ids)}
        leftovers = {"known": json.dumps(sorted(known_leftovers)), "takes_leftovers": takes_leftovers}
        return Unfolded(
            settlement_ids=tuple(ids),
            items=_table(self._db, SELECT_ITEMS, settlements, ITEMS),
            fields=_table(self._db, SELECT_FIELDS, settlements, FIELDS),
            subscriptions=_table(self._db, SELECT_SUBSCRIPTIONS, {**settlements, **leftovers}, SUBSCRIPTIONS),
        )


def _table(db: sqlite3.Connection, query: str, parameters: Mapping[str, object], schema: pa.Schema) -> pa.Table:
    cursor = db.execute(query, parameters)
    batches = []
    while rows := cursor.fetchmany(BATCH_ROWS):
        columns = [pa.array(column).cast(field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)]
        batches.append(pa.record_batch(columns, schema=schema))
    return pa.Table.from_batches(batches, schema=schema)
