"""The ledger's rows as Arrow streams without addresses, fragments and field values, for the analysts' copy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from activation.ledger.database import open_reader

BATCH_ROWS = 50_000
_TEXT, _NUMBER, _FLAG = pa.string(), pa.int64(), pa.bool_()

RUNS = pa.schema(
    [
        ("run_id", _TEXT), ("trigger", _TEXT), ("state", _TEXT), ("started_at_ms", _NUMBER), ("ended_at_ms", _NUMBER),
        ("exit_code", _NUMBER),
    ]
)  # fmt: skip
ITEMS = pa.schema(
    [
        ("item_id", _NUMBER), ("run_id", _TEXT), ("stage", _TEXT), ("object", _TEXT), ("kind", _TEXT), ("subject", _TEXT),
        ("person_key", _TEXT), ("market_code", _TEXT), ("state", _TEXT), ("reason", _TEXT), ("is_sticky", _FLAG),
        ("is_verified", _FLAG), ("source_modified_at_ms", _NUMBER), ("occurred_at_ms", _NUMBER),
        ("changed_at_ms", _NUMBER), ("request_id", _TEXT),
    ]
)  # fmt: skip
REQUESTS = pa.schema(
    [
        ("request_id", _TEXT), ("run_id", _TEXT), ("endpoint", _TEXT), ("rows", _NUMBER), ("body_bytes", _NUMBER),
        ("claimed_at_ms", _NUMBER), ("settled_at_ms", _NUMBER), ("status", _NUMBER), ("fault", _TEXT),
        ("elapsed_ms", _NUMBER),
    ]
)  # fmt: skip
SENT = pa.schema(
    [
        ("request_id", _TEXT), ("position", _NUMBER), ("item_id", _NUMBER), ("outcome", _TEXT), ("reason", _TEXT),
        ("fields", _TEXT),
    ]
)  # fmt: skip
PLANNED = pa.schema([("run_id", _TEXT), ("stage", _TEXT), ("object", _TEXT), ("kind", _TEXT), ("rows", _NUMBER)])
CHANGED = pa.schema([("item_id", _NUMBER)])

# Of the rows a copy has, those that moved since, and those whose verdict was taken back by `cartwire replay`, which moves nothing. The
# plus, the order of the join and the two halves of each query below keep SQLite from walking through the whole ledger instead.
_CHANGED = """
create temp table changed as
select item_id from transitions where seq > :seq and :item_id > 0 and +item_id <= :item_id
union
select items.item_id from replays cross join items
where items.settlement_id = replays.settlement_id and items.item_id <= :item_id
"""
_ITEMS = (
    "select item_id, run_id, stage, object, kind, subject, person_key, market_code, state, reason, is_sticky, is_verified,"
    " source_modified_at_ms, occurred_at_ms, changed_at_ms, request_id from items"
)
_REQUESTS = (
    "select request_id, run_id, endpoint, rows, body_bytes, claimed_at_ms, settled_at_ms, status, fault, elapsed_ms from requests"
)
_SENT = (
    "select request_id, position, item_id, event, reason,"
    " (select group_concat(field, char(31)) from item_fields where item_fields.item_id = attempts.item_id and is_delivered = 1)"
    " from attempts"
)
_NEW = "where item_id > :item_id"
_CHANGED_SINCE = "where item_id in (select item_id from temp.changed)"
_MOVING_SINCE = "where :seq > 0 and request_id in (select request_id from transitions where seq > :seq)"
_SELECTS = {
    "ledger_changed": (CHANGED, "select item_id from temp.changed"),
    "ledger_runs": (RUNS, "select run_id, trigger, state, started_at_ms, ended_at_ms, exit_code from runs"),
    "ledger_items": (ITEMS, f"{_ITEMS} {_NEW} union all {_ITEMS} {_CHANGED_SINCE}"),
    "ledger_requests": (REQUESTS, f"{_REQUESTS} where :seq = 0 union all {_REQUESTS} {_MOVING_SINCE}"),
    "ledger_planned": (PLANNED, "select run_id, stage, object, kind, rows from planned"),
    "ledger_sent": (SENT, f"{_SENT} {_NEW} union all {_SENT} {_CHANGED_SINCE}"),
}
_NEWEST = """
select items.item_id, items.run_id, items.subject, coalesce(moved.seq, 0), moved.item_id, moved.at_ms
from (select max(item_id) as item_id from items) as newest
inner join items on items.item_id = newest.item_id
left join (select seq, item_id, at_ms from transitions order by seq desc limit 1) as moved on true
"""
_SAME = """
select 1 from items
where item_id = :item_id and run_id = :run_id and subject = :subject
    and (
        :seq = 0
        or exists (select 1 from transitions where seq = :seq and item_id = :moved_item_id and at_ms = :moved_at_ms)
    )
"""


@dataclass(frozen=True)
class Until:
    """How far a copy has followed a ledger: its newest row and the newest move of a row. Without values: a copy of nothing."""

    item_id: int = 0
    run_id: str = ""
    subject: str = ""
    seq: int = 0
    moved_item_id: int | None = None
    moved_at_ms: int | None = None


@dataclass(frozen=True)
class Told:
    """`streams` by name, each to be read once; `until`: how far they lead; `is_whole`: from the beginning, whatever was known."""

    streams: Mapping[str, pa.RecordBatchReader]
    until: Until
    is_whole: bool


@contextmanager
def ledger_streams(path: Path, known: Until) -> Iterator[Told]:
    """What a copy that knows the ledger so far lacks, all of one moment of the ledger.

    `ledger_items` and `ledger_sent` have the rows that are new or changed since, `ledger_changed` says which of the known ones changed,
    and `ledger_requests` has the requests that moved a row since. A ledger that never was where the copy ends, because it was restored
    or is another one, is told from the beginning.
    Raises: LedgerError where there is no ledger.
    """
    open_reader(path).close()  # says what is wrong where there is no ledger
    # DuckDB pulls a stream from a thread of its own, one stream at a time
    uri = f"{path.resolve().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)) as db:
        db.execute("begin")
        if db.execute(_SAME, asdict(known)).fetchone() is None:
            known = Until()
        values = asdict(known)
        db.execute(_CHANGED, values)
        newest = db.execute(_NEWEST).fetchone()
        streams = {
            name: pa.RecordBatchReader.from_batches(schema, _batches(db, schema, query, values))
            for name, (schema, query) in _SELECTS.items()
        }
        yield Told(streams, Until(*newest) if newest else Until(), is_whole=known == Until())


def _batches(db: sqlite3.Connection, schema: pa.Schema, query: str, values: Mapping[str, int]) -> Iterator[pa.RecordBatch]:
    cursor = db.execute(query, values)
    while rows := cursor.fetchmany(BATCH_ROWS):
        columns = [pa.array(values).cast(field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)]
        yield pa.record_batch(columns, schema=schema)
