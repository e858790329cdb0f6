"""A build repeats nothing: what is downstream of something that moved is built, what is not stays, and no doubt counts as still."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activation.standstill import AT_MOST
from cartwire.settings import REPOSITORY, Settings
from cartwire.warehouse import open_warehouse
from flows.build_state import BuildState, asking_the_time, read_state
from flows.dbt import build_everything, build_withdrawals, parsed_project
from flows.upgrade import digest_of_sql
from tests.conftest import Sandbox

USERS = "model.cartwire.iterable_users"
UNIQUE_PEOPLE = "recipients_keys"
DOWN_OF_ORDERS = ("orders", "customer_metrics", "iterable_users", "iterable_purchases", "order_cancelled", "changed_users")


@dataclass(frozen=True, repr=False)
class Built:
    """A warehouse of an empty shop in which everything is built, and dbt's manifest of it."""

    settings: Settings
    manifest: Any

    def state(self, connection: duckdb.DuckDBPyConnection, rules: str | None = None) -> BuildState:
        return read_state(connection, self.manifest, rules or digest_of_sql(self.settings), self.settings.config)

    def moved(self, connection: duckdb.DuckDBPyConnection) -> set[str]:
        state = self.state(connection)
        return set(state.keys) - state.still

    def downstream(self, names: set[str]) -> set[str]:
        """By dbt's own edges, but no view, which has no rows."""
        found = names & self.keys()
        open_names = [*names]
        while open_names:
            children = set(self.manifest.child_map[open_names.pop()]) & set(self.keys()) - found
            found |= children
            open_names += children
        return {name for name in found if self.manifest.nodes[name].config.materialized != "view"}

    def keys(self) -> set[str]:
        return {name for name in self.manifest.nodes if name.startswith(("model.", "seed.", "test."))}


@pytest.fixture(scope="module")
def template(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    config = shutil.copytree(REPOSITORY / "config", folder / "config")
    settings = sandbox_process.settings(folder, CARTWIRE_CONFIG=config)
    with patch.dict(os.environ):  # a module's fixture comes before what puts the environment back after each test
        for _ in range(2):  # the first makes the tables that a load would have made, and with them the instant
            assert build_everything(settings).held == {}
        manifest = parsed_project(settings)
    manifest.build_parent_and_child_maps()
    return Built(settings, manifest)


@pytest.fixture
def built(template: Built, tmp_path: Path) -> Built:
    """A copy to change."""
    shutil.copyfile(template.settings.warehouse, tmp_path / "warehouse.duckdb")
    changes = {"warehouse": tmp_path / "warehouse.duckdb", "state_dir": tmp_path}
    return Built(template.settings.model_copy(update=changes), template.manifest)


@pytest.fixture
def connection(built: Built) -> Iterator[duckdb.DuckDBPyConnection]:
    with closing(open_warehouse(built.settings.warehouse)) as connection:
        yield connection


def test_a_second_installation_parses_nothing_anew(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.dbt._PARSED", {})
    parsed_project(built.settings)
    noted = json.loads((built.settings.state_dir / "dbt" / "target" / "perf_info.json").read_text())
    assert noted["path_count"] > 400
    assert noted["parsed_path_count"] == 0


def test_what_nothing_moved_for_is_not_built_again(built: Built, connection: duckdb.DuckDBPyConnection) -> None:
    assert built.moved(connection) == set()
    before = _made_at(connection)
    again = build_everything(built.settings)
    assert again.held == {}
    assert "iterable_users" in again.built
    assert _made_at(connection) == before


def test_a_table_that_is_made_anew_with_the_rows_it_had_moves_nothing(
    built: Built, connection: duckdb.DuckDBPyConnection
) -> None:
    connection.execute("insert into raw.orders (id, version, document) values ('o', 1, '[]')")
    moved, before = built.moved(connection), _made_at(connection)
    result = build_everything(built.settings)
    after = _made_at(connection)
    assert result.held == {}
    assert "iterable_purchases" in result.built
    assert {name for name, oid in after.items() if before.get(name) != oid} >= {"rejected_documents", "int_orders__identified"}
    assert {name: after[name] for name in DOWN_OF_ORDERS} == {name: before[name] for name in DOWN_OF_ORDERS}
    assert {f"model.cartwire.{name}" for name in DOWN_OF_ORDERS} <= moved
    assert built.moved(connection) == set()


def test_events_told_by_an_earlier_build_stay_until_their_model_is_made_anew(
    built: Built, connection: duckdb.DuckDBPyConnection
) -> None:
    told = "select kind from changes.new_held_history"
    connection.execute(
        "insert into changes.new_held_history (object, kind, subject, reason) values ('events', 'order_cancelled', 's', 'old')"
    )
    connection.execute("insert into raw.orders (id, version, document) values ('o', 1, '[]')")
    assert build_everything(built.settings).held == {}
    assert connection.execute(told).fetchall() == [("order_cancelled",)]
    connection.execute("delete from control.built_nodes where node = 'model.cartwire.changed_events'")
    assert build_everything(built.settings).held == {}
    assert connection.execute(told).fetchall() == []


@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_what_moved_is_exactly_what_is_downstream_of_it(template: Built, data: st.DataObject) -> None:
    tables = [name for name, source in template.manifest.sources.items() if source.schema != "control"]
    files = {name: node for name, node in template.manifest.nodes.items() if name.startswith("seed.")}
    touched = data.draw(st.sets(st.sampled_from(sorted([*tables, *files])), max_size=3))
    with closing(open_warehouse(template.settings.warehouse)) as connection, ExitStack() as undo:
        connection.execute("begin")
        undo.callback(connection.execute, "rollback")
        for name in touched & files.keys():
            path = template.settings.config / f"{files[name].name}.csv"
            undo.callback(path.write_bytes, path.read_bytes())
            path.write_text(path.read_text() + "\n")
        for name in touched - files.keys():
            source = template.manifest.sources[name]
            connection.execute(f"insert into {source.schema}.{source.identifier} default values")
        assert template.moved(connection) == template.downstream(touched)


@pytest.mark.parametrize(
    ("due_after", "looked_after", "is_still"),
    [
        (None, AT_MOST - timedelta(seconds=1), True),
        (None, AT_MOST, False),
        (timedelta(minutes=5), timedelta(minutes=4), True),
        (timedelta(minutes=5), timedelta(minutes=5), False),
        (None, -timedelta(seconds=1), False),
    ],
)
def test_time_moves_what_reads_the_instant_when_something_falls_due_and_hourly(
    built: Built,
    connection: duckdb.DuckDBPyConnection,
    due_after: timedelta | None,
    looked_after: timedelta,
    is_still: bool,
) -> None:
    connection.execute("update control.build_epoch set next_due_at = started_at + $due", {"due": due_after})
    connection.execute("update control.run set as_of = as_of + $later", {"later": looked_after})
    moved = built.moved(connection)
    assert moved == (set() if is_still else built.downstream({"source.cartwire.control.run"}) & moved)
    assert is_still or {"model.cartwire.int_carts__identified", "model.cartwire.order_cancelled", USERS} <= moved
    assert "model.cartwire.int_orders__identified" not in moved


def test_whoever_asks_what_time_it_is_is_known_to(built: Built) -> None:
    asking = {node for node in asking_the_time(built.manifest) if node.startswith("model.")}
    models = {f"model.cartwire.{path.stem}": path.read_text() for path in (REPOSITORY / "models").rglob("*.sql")}
    events = {name for name in models if (REPOSITORY / "models/activation/events" / f"{name.split('.')[-1]}.sql").exists()}
    assert asking >= {name for name, text in models.items() if "as_of()" in text} | events
    macros = (path for path in (REPOSITORY / "macros").rglob("*.sql") if path.stem not in ("run", "ensure_sources"))
    texts = [*models.values(), *(path.read_text() for path in macros)]
    assert [line for text in texts for line in text.splitlines() if re.search(r"\bas_of\b(?!\(\))", line)] == []


def test_a_run_that_died_before_it_knew_what_falls_due_leaves_nothing_still_that_depends_on_time(
    built: Built, connection: duckdb.DuckDBPyConnection
) -> None:
    connection.execute("update control.run set as_of = as_of + $later", {"later": AT_MOST})
    build_withdrawals(built.settings)
    left = built.moved(connection)
    connection.execute("update control.run set as_of = as_of + interval 1 second")
    assert built.moved(connection) > left
    assert build_everything(built.settings).held == {}
    connection.execute("update control.run set as_of = as_of + interval 1 second")
    assert built.moved(connection) == set()


def test_other_rules_move_everything(built: Built, connection: duckdb.DuckDBPyConnection) -> None:
    assert built.state(connection, "other rules").still == frozenset()


def test_a_test_that_failed_is_asked_again_and_holds_again(built: Built, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create or replace table changes.recipients as select 'p' as profile_id from range(2)")
    connection.execute("delete from control.built_nodes where contains(node, ?)", [UNIQUE_PEOPLE])
    for _ in range(2):
        result = build_everything(built.settings)
        assert result.failed_tests == (UNIQUE_PEOPLE,)
        assert "recipients" in result.held
        assert [node.split(".")[2] for node in built.moved(connection)] == [UNIQUE_PEOPLE]


@pytest.mark.parametrize(
    ("command", "forgets"), [(["run", "--select", "stg_commercetools__states"], True), (["test", "--select", "objects"], False)]
)
def test_whoever_else_builds_makes_every_state_unknown(
    built: Built, connection: duckdb.DuckDBPyConnection, tmp_path: Path, command: list[str], forgets: bool
) -> None:
    from dbt.cli.main import dbtRunner

    os.environ["CARTWIRE_WAREHOUSE"] = str(built.settings.warehouse)
    places = ["--project-dir", str(REPOSITORY), "--profiles-dir", str(REPOSITORY), "--target-path", str(tmp_path / "target")]
    dbtRunner(manifest=built.manifest).invoke([*command, *places, "--log-path", str(tmp_path / "logs"), "--quiet"])
    assert (built.state(connection).still == frozenset()) is forgets


def test_the_withdrawals_leave_the_rest_to_be_built(built: Built, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("insert into delivered.outcomes default values")
    moved = built.moved(connection)
    build_withdrawals(built.settings)
    left = built.moved(connection)
    assert "model.cartwire.changed_withdrawals" in moved - left
    assert left
    assert left < moved
    assert build_everything(built.settings).held == {}
    assert built.moved(connection) == set()


def test_folders_of_one_description_are_one_project_and_each_is_read_itself(sandbox_process: Sandbox, tmp_path: Path) -> None:
    manifests = []
    for name in ("first", "second", "first"):
        config = tmp_path / name / "config"
        if not config.exists():
            shutil.copytree(REPOSITORY / "config", config)
            (config / "test_profiles.csv").write_text(f"email,customer_id,comment\n{name}@example.com,,me\n")
        settings = sandbox_process.settings(tmp_path / name, CARTWIRE_CONFIG=config)
        build_withdrawals(settings)
        manifests.append(parsed_project(settings))
        with closing(open_warehouse(settings.warehouse)) as connection:
            assert connection.execute("select email from config.test_profiles").fetchall() == [(f"{name}@example.com",)]
    assert all(manifest is manifests[0] for manifest in manifests)


def _made_at(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Identities of tables: another object each time one is made."""
    return dict(connection.execute("select table_name, table_oid from duckdb_tables() order by all").fetchall())
