"""What the ledger's inbox has and the warehouse lacks: the ledger is the file that lasts, so a new warehouse gets all of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import orjson

from activation.ledger.inbox import InboxRow
from activation.ledger.store import Ledger
from cartwire.clock import from_ms
from clients.iterable_events import delivered
from ingestion.consent_events import Row, row

_TABLES = {"webhook": ("raw_iterable", "consent_events"), "import": ("raw", "consent_imports")}


@dataclass(frozen=True, slots=True)
class Waiting:
    """Statements to be loaded, and the inbox id up to which the warehouse has all of them then."""

    webhooks: Iterator[Row]
    imports: list[tuple[str, datetime, dict[str, Any]]]
    up_to: int


def waiting(ledger: Ledger, warehouse: duckdb.DuckDBPyConnection) -> Waiting:
    """Look into both. Raises: nothing of its own; what comes in meanwhile is for the next load."""
    up_to = ledger.inbox_newest()
    webhooks = ledger.inbox_rows(_lacking(ledger, warehouse, "webhook", up_to))
    imports = ledger.inbox_rows(_lacking(ledger, warehouse, "import", up_to))
    return Waiting(
        webhooks=(_webhook(one) for one in webhooks),
        imports=[(one.event_key, from_ms(one.received_at_ms), orjson.loads(one.body)) for one in imports],
        up_to=up_to,
    )


def _webhook(one: InboxRow) -> Row:
    return row(delivered(orjson.loads(one.body)), "webhook", from_ms(one.received_at_ms))


def _lacking(ledger: Ledger, warehouse: duckdb.DuckDBPyConnection, origin: str, up_to: int) -> list[str]:
    schema, name = _TABLES[origin]
    kept = ledger.inbox_keys(origin, up_to)
    is_there = warehouse.execute(
        "select exists (select 1 from duckdb_tables() where database_name = current_database()"
        " and schema_name = ? and table_name = ?)",
        [schema, name],
    ).fetchall()[0][0]
    if not kept or not is_there:
        return sorted(kept)
    where = " where origin = 'webhook'" if origin == "webhook" else ""
    there = warehouse.execute(f"select event_key from {schema}.{name}{where}").fetchall()  # noqa: S608 - names of our own
    return sorted(kept - {key for (key,) in there})
