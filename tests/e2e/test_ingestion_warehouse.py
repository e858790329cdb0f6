"""How the load treats the warehouse file: tables that are there, other processes, and what it leaves behind."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import pytest

from cartwire.errors import ConfigError
from ingestion import source
from tests.e2e.ingestion_world import CUSTOMERS, Sandbox, World, sandbox_process


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox_process(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def world(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(sandbox, tmp_path_factory.mktemp("world"))
    yield made
    made.connection.close()


def test_tables_made_beforehand_by_dbt_are_used_as_they_are(world: World) -> None:
    columns = "id varchar, version bigint, created_at timestamptz, last_modified_at timestamptz, loaded_at timestamptz"
    world.connection.execute("create schema raw")
    for name in ("customers", "customers_history", "orders", "orders_history"):
        world.connection.execute(f"create table raw.{name} ({columns}, document json, _dlt_load_id varchar, _dlt_id varchar)")
    world.load()
    world.load()
    assert world.one("select count(*) from raw.customers") == CUSTOMERS
    described = world.rows("select column_name, column_type from (describe raw.customers)")
    assert dict(described)["document"] == "JSON"
    assert len(described) == 8


def test_the_warehouse_is_free_for_other_processes_once_the_run_closes_it(world: World) -> None:
    world.load()
    assert world.rows("select current_setting('search_path'), current_setting('TimeZone')")[0][0] == ""
    world.connection.close()
    code = f"import duckdb; print(duckdb.connect({str(world.settings.warehouse)!r}).sql('select 7').fetchall())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[(7,)]\n"


def test_a_warehouse_that_another_process_holds_gives_one_clear_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.connection.close()
    code = f"import duckdb, sys; held = duckdb.connect({str(world.settings.warehouse)!r}); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        monkeypatch.setattr(source, "open_warehouse", partial(source.open_warehouse, wait_s=0.2))
        with pytest.raises(ConfigError, match=r"CARTWIRE_WAREHOUSE.* stayed locked by another process"):
            source.load_commercetools(world.settings.warehouse, world.settings)
        holder.communicate("")


def test_nothing_personal_stays_in_the_working_folder_or_the_staging_tables(world: World) -> None:
    world.load()
    world.sandbox.admin("POST", "/touch", {"resource": "customers"})
    world.load()  # the first appends; the second goes through the staging tables
    assert not list((world.settings.state_dir / "dlt").rglob("*.parquet"))
    assert world.one("select count(*) from raw_staging.customers") == 0


def test_a_first_load_begins_every_history_with_the_rows_it_read(world: World) -> None:
    world.load()
    for table in ("customers", "orders", "messages"):
        assert world.rows(f"from raw.{table} order by id") == world.rows(f"from raw.{table}_history order by id")
    assert world.one("select count(*) from raw.customers_history") == CUSTOMERS


def test_a_first_load_killed_before_it_wrote_the_histories_has_them_after_the_next(world: World) -> None:
    world.load()
    world.connection.execute("truncate raw.customers_history")
    world.sandbox.admin("POST", "/touch", {"resource": "customers"})
    world.load()
    versions = "select count(*), count(distinct version) from raw.customers_history group by id"
    assert set(world.rows(versions)) == {(2, 2)}
