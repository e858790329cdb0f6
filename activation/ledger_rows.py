"""The ledger's rows as Arrow streams without addresses, fragments and field values, for the analysts' copy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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

_SELECTS = {
    "ledger_runs": (RUNS, "select run_id, trigger, state, started_at_ms, ended_at_ms, exit_code from runs"),
    "ledger_items": (
        ITEMS,
        "select item_id, run_id, stage, object, kind, subject, person_key, market_code, state, reason, is_sticky,"
        " is_verified, source_modified_at_ms, occurred_at_ms, changed_at_ms, request_id from items order by item_id",
    ),
    "ledger_requests": (
        REQUESTS,
        "select request_id, run_id, endpoint, rows, body_bytes, claimed_at_ms, settled_at_ms, status, fault, elapsed_ms"
        " from requests",
    ),
    "ledger_planned": (PLANNED, "select run_id, stage, object, kind, rows from planned"),
    "ledger_sent": (
        SENT,
        "select request_id, position, item_id, event, reason,"
        " (select group_concat(field, char(31)) from item_fields where item_fields.item_id = attempts.item_id"
        "  and is_delivered = 1) from attempts where item_id > :sent_until order by item_id, request_id",
    ),
}


def has_sent(path: Path, request_id: str, item_id: int) -> bool:
    """Whether a request of this ledger carried this item: a ledger that was restored or replaced may know neither."""
    db = open_reader(path)
    try:
        row = db.execute("select 1 from attempts where request_id = ? and item_id = ?", (request_id, item_id)).fetchone()
    finally:
        db.close()
    return row is not None


@contextmanager
def ledger_streams(path: Path, sent_until: int = 0) -> Iterator[Mapping[str, pa.RecordBatchReader]]:
    """Streams by name, each to be read once, all of one moment of the ledger.

    Args: sent_until: `ledger_sent` leaves out items up to this one; what was sent of them never changes once their run has ended.
    Raises: LedgerError where there is no ledger.
    """
    open_reader(path).close()  # says what is wrong where there is no ledger
    # DuckDB pulls a stream from a thread of its own, one stream at a time
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    try:
        db.execute("begin")
        yield {
            name: pa.RecordBatchReader.from_batches(schema, _batches(db, schema, query, {"sent_until": sent_until}))
            for name, (schema, query) in _SELECTS.items()
        }
    finally:
        db.close()


def _batches(db: sqlite3.Connection, schema: pa.Schema, query: str, values: Mapping[str, int]) -> Iterator[pa.RecordBatch]:
    cursor = db.execute(query, values)
    while rows := cursor.fetchmany(BATCH_ROWS):
        columns = [pa.array(values).cast(field.type) for values, field in zip(zip(*rows, strict=True), schema, strict=True)]
        yield pa.record_batch(columns, schema=schema)
