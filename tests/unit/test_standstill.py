"""When a build may be left out: only while nothing that the models read has moved, nothing fell due, and not for long."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from activation.standstill import AT_MOST, note_settled, still_since
from cartwire.settings import REPOSITORY

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DUE = NOW + timedelta(minutes=30)
SOON = NOW + timedelta(minutes=5)

MOVES = {
    "a row is loaded": "insert into raw.orders values ('o2', 1, '{}', 'load-2')",
    "a row is loaded anew": "update raw.orders set _dlt_load_id = 'load-2', version = 2 where id = 'o1'",
    "a row leaves": "delete from raw.orders",
    "somebody unsubscribes": "insert into raw_iterable.consent_events values ('e2', 'load-1')",
    "a channel is renamed": "update raw_iterable.channels set name = 'News'",
    "an outcome is folded": "insert into delivered.folded values ('s2')",
    "a sweep finds something": "insert into control.sweep_findings values ('orders', 'o1', 'vanished')",
    "history begins elsewhere": "update control.run set go_live_at = timestamp '2020-01-01'",
    "a large table gets a row": "insert into raw.customers values ('c0', 1, '{}', 'load-2')",
}
RESTS = {
    "the same channels are read again": "update raw_iterable.channels set _dlt_load_id = 'load-9', read_at = timestamp '2027-01-01'",
    "another run looks": "update control.run set run_id = 'r2', as_of = timestamp '2027-01-01'",
    "dlt notes a load": "insert into raw._dlt_loads values ('load-2')",
}


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect(str(tmp_path / "warehouse.duckdb"))
    connection.execute(
        """
        create schema raw; create schema raw_iterable; create schema delivered; create schema control; create schema changes;
        create table raw.orders as select 'o1' as id, 1 as version, '{}' as document, 'load-1' as _dlt_load_id;
        create table raw.customers as
            select 'c' || range as id, 1 as version, '{}' as document, 'load-1' as _dlt_load_id from range(1, 20001);
        create table raw._dlt_loads as select 'load-1' as load_id;
        create table raw_iterable.consent_events as select 'e1' as event_key, 'load-1' as _dlt_load_id;
        create table raw_iterable.channels as
            select 1 as id, 'Mail' as name, 'load-1' as _dlt_load_id, timestamp '2026-01-01' as read_at;
        create table delivered.folded as select 's1' as settlement_id;
        create table control.sweep_findings (resource varchar, id varchar, finding varchar);
        create table control.run as
            select 'r1' as run_id, timestamp '2026-01-01' as as_of, timestamp '2026-01-01' as go_live_at;
        """
    )
    connection.execute("create table changes.next_due as select cast(? as timestamp) as next_due_at", [DUE.replace(tzinfo=None)])
    note_settled(connection, "r1", "rules", NOW)
    yield connection
    connection.close()


@pytest.mark.parametrize("statement", RESTS.values(), ids=RESTS)
def test_what_models_do_not_read_ends_no_standstill(warehouse: duckdb.DuckDBPyConnection, statement: str) -> None:
    warehouse.execute(statement)
    assert still_since(warehouse, "rules", SOON) == "r1"


@pytest.mark.parametrize("statement", MOVES.values(), ids=MOVES)
def test_whatever_moves_ends_it(warehouse: duckdb.DuckDBPyConnection, statement: str) -> None:
    warehouse.execute(statement)
    assert still_since(warehouse, "rules", SOON) is None


def test_other_rules_end_it(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert still_since(warehouse, "other rules", SOON) is None


def test_it_ends_when_something_falls_due(warehouse: duckdb.DuckDBPyConnection) -> None:
    assert still_since(warehouse, "rules", DUE - timedelta(microseconds=1)) == "r1"
    assert still_since(warehouse, "rules", DUE) is None


def test_it_ends_by_itself_after_a_while_and_never_begins_in_the_future(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute("update control.settled set next_due_at = null")
    assert still_since(warehouse, "rules", NOW + AT_MOST - timedelta(microseconds=1)) == "r1"
    assert still_since(warehouse, "rules", NOW + AT_MOST) is None
    assert still_since(warehouse, "rules", NOW - timedelta(seconds=1)) is None


def test_without_a_settled_build_there_is_no_standstill(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute("delete from control.settled")
    assert still_since(warehouse, "rules", SOON) is None


def test_every_model_that_asks_what_time_it_is_is_accounted_for_among_the_due_times() -> None:
    """Directly, or by the column due_at that another one gave it."""
    models = REPOSITORY / "models"
    due = (models / "intermediate" / "due" / "int_due__moments.sql", models / "changes" / "next_due.sql")
    moments = "".join(path.read_text() for path in due)
    asking = {path.stem: path.read_text() for path in models.rglob("*.sql")}
    asking = {name: text for name, text in asking.items() if re.search(r"\bas_of\(\)", text) and name != "next_due"}
    assert "int_orders__counting" in asking
    assert [name for name, text in asking.items() if name not in moments and f"'{name}' as kind" not in moments] == []
