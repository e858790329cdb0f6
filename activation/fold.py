"""The fold: what the ledger settled becomes what the models see as delivered.

Whole settlements are taken over by id, in the order in which they were written, a chunk in one DuckDB transaction with their ids: a fold
that dies leaves whole settlements, the next one goes on after the last of them, and one that is repeated adds nothing. Where the ledger
does not know that last one, because it was restored, all ids are compared. No chunk is larger for a larger shop, and
neither is the memory and the disk that it takes. Rows come as Arrow, the statements are static, and nothing here is a second source of
truth: `rebuild_delivered` makes the same tables from the ledger alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from activation.rehearsal import end_rehearsal
from cartwire.warehouse import transaction

if TYPE_CHECKING:
    from activation.ledger.folding import Unfolded
    from activation.ledger.store import Ledger

_SQL = Path(__file__).parent / "sql"
STEPS = (
    "fold_outcomes.sql",
    "fold_users.sql",
    "fold_carts.sql",
    "fold_lists.sql",
    "fold_subscriptions.sql",
    "fold_merged.sql",
    "fold_gone.sql",
)
"""Statements over `fold_items`, `fold_fields` and `fold_writes`, in this order."""
_EMPTY = "empty_delivered.sql"


def fold(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> int:
    """Bring `delivered` up to the ledger.

    Args:
        conn: the warehouse, with no transaction open.
        ledger: read only; settlements that `delivered.folded` does not list are taken.
    Returns: settlements folded now; 0 when there was nothing new.
    """
    end_rehearsal(conn)
    return _fold(conn, ledger, empty_first=False)


def rebuild_delivered(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> int:
    """Make `delivered` anew from the whole ledger. Returns: settlements folded.

    `held_history` stays: history never was in the ledger, and the models find it again by themselves.
    """
    return _fold(conn, ledger, empty_first=True)


def _fold(conn: duckdb.DuckDBPyConnection, ledger: Ledger, *, empty_first: bool) -> int:
    empty_first |= _is_of_before(conn)
    conn.execute((_SQL / "delivered_tables.sql").read_text())
    after = None if empty_first else _folded_last(conn)
    known = set() if empty_first or ledger.has_settlement(after) else _column(conn, "select settlement_id from delivered.folded")
    leftovers = set() if empty_first else _column(conn, "select item_id from delivered.subscription_writes where not is_accepted")
    if empty_first:
        with transaction(conn):
            conn.execute((_SQL / _EMPTY).read_text())
    folded = 0
    for fresh in ledger.unfolded_settlements(known, leftovers, after=after):
        if fresh.settlement_ids or fresh.subscriptions.num_rows:
            with transaction(conn):
                _take_over(conn, fresh)
            folded += len(fresh.settlement_ids)
    return folded


def _take_over(conn: duckdb.DuckDBPyConnection, fresh: Unfolded) -> None:
    sources = {
        "fold_items": fresh.items,
        "fold_fields": fresh.fields,
        "fold_writes": fresh.subscriptions,
        "fold_settlements": pa.table({"settlement_id": pa.array(fresh.settlement_ids, pa.string())}),
    }
    for name, table in sources.items():
        conn.register(name, table)
    try:
        for step in STEPS:
            conn.execute((_SQL / step).read_text())
        conn.execute("insert into delivered.folded select settlement_id from fold_settlements")
    finally:
        for name in sources:
            conn.unregister(name)


def _folded_last(conn: duckdb.DuckDBPyConnection) -> str | None:
    """Whatever its ledger wrote before it is folded too."""
    rows = conn.execute("select settlement_id from delivered.folded order by rowid desc limit 1").fetchall()
    return rows[0][0] if rows else None


def _column(conn: duckdb.DuckDBPyConnection, query: str) -> set[Any]:
    return {row[0] for row in conn.execute(query).fetchall()}


def _is_of_before(conn: duckdb.DuckDBPyConnection) -> bool:
    """Whether an earlier version folded into this warehouse, which knew no subscription writes: all is taken over again."""
    tables = {
        name
        for (name,) in conn.execute(
            "select table_name from information_schema.tables where table_schema = 'delivered' and table_catalog = current_database()"
        ).fetchall()
    }
    return "folded" in tables and "subscription_writes" not in tables
