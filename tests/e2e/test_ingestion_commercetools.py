"""The load against a real sandbox process: it misses nothing, keeps every version, and a failed one moves no cursor."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from cartwire.errors import ConfigError, SourceError
from ingestion.resources import RESOURCES
from tests.e2e.ingestion_world import CUSTOMERS, Sandbox, World, customer, required_scopes, sandbox_process

EVERYTHING = [resource.name for resource in RESOURCES]
SCOPES = {
    "product_types": "view_products",
    "inventory": "view_products",
    "discount_codes": "view_discount_codes",
    "states": "view_states",
    "business_units": "view_business_units",
    "custom_objects": "view_key_value_documents",
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox_process(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def world(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(sandbox, tmp_path_factory.mktemp("world"))
    yield made
    made.connection.close()


def content(world: World, table: str) -> list[tuple[object, ...]]:
    return world.rows(
        f"select id, version, created_at, last_modified_at, loaded_at, document, _dlt_load_id from raw.{table} order by id, version"
    )


def cursors_written(world: World) -> int:
    return int(world.one("select count(*) from raw._dlt_pipeline_state"))


def just_now(seconds: float = 0) -> datetime:
    return datetime.now(UTC) - timedelta(seconds=seconds)


def test_a_first_load_lands_every_document_twice_newest_and_history(world: World) -> None:
    report = world.load()
    assert report.rows == {name: CUSTOMERS if name == "customers" else 2 for name in EVERYTHING}
    assert report.full_scans == EVERYTHING
    for name in EVERYTHING:
        assert world.one(f"select count(*) from raw.{name}") == report.rows[name]
        assert world.one(f"select count(*) from raw.{name}_history") == report.rows[name]
    assert world.one("select document->>'$.custom.type.id' from raw.customers limit 1") == "t"
    assert world.one("select min(loaded_at) from raw.customers") == report.server_time


def test_a_second_load_of_an_unchanged_source_adds_and_rewrites_nothing(world: World) -> None:
    world.load()
    before = {name: (content(world, name), content(world, f"{name}_history")) for name in EVERYTHING}
    report = world.load(settle_seconds=3600 * 48)
    assert report.full_scans == ["categories"]
    again = world.load()
    assert again.rows["customers"] == CUSTOMERS, "the settle delay makes the third load read everything again"
    assert {name: (content(world, name), content(world, f"{name}_history")) for name in EVERYTHING} == before


def test_only_what_changed_since_the_cursor_is_read_again(world: World) -> None:
    world.load()
    world.sandbox.admin("POST", "/touch", {"resource": "customers", "count": 3})
    report = world.load()
    assert (report.rows["customers"], report.rows["orders"]) == (3, 0)
    assert world.one("select count(*) from raw.customers where version = 2") == 3
    assert world.one("select count(*) from raw.customers_history") == CUSTOMERS + 3


def test_a_token_that_expires_in_the_middle_of_a_scan_costs_one_new_token_and_no_row(world: World) -> None:
    world.sandbox.fault("token_expiry", "customers", nth=2)
    world.load()
    assert world.one("select count(*) from raw.customers") == CUSTOMERS
    assert [entry["status"] for entry in world.sandbox.journal("/customers")][:3] == [200, 401, 200]
    assert len(world.sandbox.journal("/oauth/token")) == 2


def test_503_twice_in_the_middle_of_a_scan_is_waited_out(world: World) -> None:
    world.sandbox.fault("status", "customers", nth=2, times=2, status=503)
    world.load()
    assert world.one("select count(*) from raw.customers") == CUSTOMERS
    assert [entry["status"] for entry in world.sandbox.journal("/customers")][:4] == [200, 503, 503, 200]


def test_503_for_ever_fails_the_load_moves_no_cursor_and_the_next_load_has_it_all(world: World) -> None:
    world.load()
    written, before = cursors_written(world), content(world, "customers")
    world.sandbox.put("customers", [customer(random.Random(1), just_now())])
    world.sandbox.fault("status", "messages", times=None, status=503)
    with pytest.raises(SourceError, match="still answers /messages with status 503"):
        world.load()
    assert cursors_written(world) == written
    assert content(world, "customers") == before
    world.sandbox.admin("DELETE", "/faults")
    world.load()
    assert world.one("select count(*) from raw.customers") == CUSTOMERS + 1


def test_a_load_that_fails_while_storing_moves_no_cursor_and_the_next_load_has_it_all(world: World) -> None:
    world.load()
    added = customer(random.Random(5), just_now())
    world.sandbox.put("customers", [added])
    world.sandbox.admin("POST", "/touch", {"resource": "orders"})
    world.connection.execute("alter table raw.orders_history rename to aside")
    world.connection.execute("create view raw.orders_history as from raw.aside")
    with pytest.raises(SourceError, match="No cursor has moved") as failure:
        world.load()
    assert added["email"] not in str(failure.value)
    world.connection.execute("drop view raw.orders_history; alter table raw.aside rename to orders_history")
    report = world.load()
    assert (report.rows["customers"], report.rows["orders"]) == (1, 2)
    assert world.one("select count(*) from raw.customers_history") == CUSTOMERS + 1
    assert world.rows("select version, count(*) from raw.orders_history group by all order by all") == [(1, 2), (2, 2)]


_KILLED_WHILE_STORING = """
import sys
from pathlib import Path
from cartwire.settings import Settings
from ingestion.source import load_commercetools

def stop(step, done, total):
    if step == "store":
        print("storing", flush=True)
        sys.stdin.read()

settings = Settings.model_validate_json(sys.argv[1]).model_copy(update={"state_dir": Path(sys.argv[2])})
load_commercetools(settings.warehouse, settings, progress=stop)
"""


def test_a_load_that_is_killed_before_it_stores_leaves_nothing_that_counts_as_loaded(world: World) -> None:
    world.connection.close()
    settings = world.settings.model_dump(mode="json", by_alias=True)
    settings |= {"CTP_CLIENT_SECRET": world.settings.ctp_client_secret.get_secret_value()}
    settings |= {"ITERABLE_API_KEY": world.settings.iterable_api_key.get_secret_value(), "CARTWIRE_SECRET": "s" * 40}
    command = [sys.executable, "-c", _KILLED_WHILE_STORING, json.dumps(settings), str(world.settings.state_dir)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "storing\n"
        child.kill()
    assert list((world.settings.state_dir / "dlt").rglob("*.parquet")), "the killed load had read everything"
    world.connection = duckdb.connect(str(world.settings.warehouse))
    assert world.load().full_scans == EVERYTHING
    assert world.one("select count(*) from raw.customers_history") == CUSTOMERS
    assert not list((world.settings.state_dir / "dlt").rglob("*.parquet"))


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "truncate"])
def test_a_broken_connection_or_a_cut_off_page_is_asked_for_again(world: World, kind: str) -> None:
    world.sandbox.fault(kind, "customers", nth=2)
    world.load()
    assert world.one("select count(*) from raw.customers") == CUSTOMERS


def test_a_row_that_appears_late_with_an_older_timestamp_is_read_by_the_next_load(world: World) -> None:
    first = world.load()
    assert first.server_time is not None
    late = customer(random.Random(2), first.server_time - timedelta(seconds=200))
    world.sandbox.put("customers", [late])
    world.load()
    assert world.one(f"select count(*) from raw.customers where id = '{late['id']}'") == 1


def test_12000_rows_changed_since_the_cursor_are_all_read_without_an_offset(world: World) -> None:
    world.load()
    chance = random.Random(3)
    changed = [customer(chance, just_now(250) + timedelta(milliseconds=20 * number)) for number in range(12_000)]
    world.sandbox.put("customers", changed)
    report = world.load()
    assert report.rows["customers"] == 12_000
    assert "customers" not in report.full_scans
    assert world.one("select count(*) from raw.customers") == CUSTOMERS + 12_000
    assert world.one("select count(*) from raw.customers_history") == CUSTOMERS + 12_000


def test_1200_rows_that_share_one_timestamp_are_all_read(world: World) -> None:
    world.load()
    world.sandbox.admin("POST", "/touch", {"resource": "customers", "count": 1_200})
    report = world.load()
    assert report.rows["customers"] == 1_200
    assert world.one("select count(*) from raw.customers where version = 2") == 1_200
    assert world.one("select count(distinct last_modified_at) from raw.customers where version = 2") == 1


def test_a_row_modified_while_its_page_is_served_hides_no_other_and_arrives_in_its_new_version(world: World) -> None:
    world.load()
    world.sandbox.admin("POST", "/touch", {"resource": "customers"})
    world.sandbox.fault("mutate", "customers", nth=1, body={"operation": "touch", "resource": "customers"})
    world.load()
    assert world.one("select count(*) from raw.customers where version = 1") == 0, "the shifted rows were not skipped"
    world.load()
    assert world.rows("select version, count(*) from raw.customers group by all order by all") == [(2, CUSTOMERS - 1), (3, 1)]
    assert world.one("select count(*) from raw.customers_history") == 2 * CUSTOMERS + 1


def test_a_row_modified_while_a_full_scan_is_served_arrives_in_its_new_version(world: World) -> None:
    world.sandbox.fault("mutate", "customers", nth=1, body={"operation": "touch", "resource": "customers"})
    world.load()
    world.load()
    assert world.rows("select version, count(*) from raw.customers group by all order by all") == [(1, CUSTOMERS - 1), (2, 1)]


def test_a_dropped_local_folder_restores_its_cursors_from_the_warehouse(world: World) -> None:
    world.load()
    shutil.rmtree(world.settings.state_dir, ignore_errors=True)
    assert world.load().full_scans == ["categories"]


@pytest.mark.parametrize(
    "forget",
    [
        "delete from raw._dlt_pipeline_state",
        "drop table raw._dlt_pipeline_state; drop table raw._dlt_loads; drop table raw._dlt_version; drop schema raw_staging cascade",
    ],
)
def test_a_reload_of_everything_after_deleting_dlts_state_gives_the_same_raw_content(world: World, forget: str) -> None:
    world.load()
    before = {name: (content(world, name), content(world, f"{name}_history")) for name in EVERYTHING}
    world.connection.execute(forget)
    shutil.rmtree(world.settings.state_dir, ignore_errors=True)
    assert world.load().full_scans == EVERYTHING
    assert {name: (content(world, name), content(world, f"{name}_history")) for name in EVERYTHING} == before


def test_an_older_version_that_arrives_late_does_not_replace_the_newer_one(world: World) -> None:
    row_id = world.sandbox.put("customers", [customer(random.Random(4), just_now(), version=5)])[0]["id"]
    world.load()
    older = {**customer(random.Random(4), just_now()), "version": 4}
    world.sandbox.put_raw("customers", json.dumps(older), version=4, row_id=row_id)
    world.load()
    assert world.rows(f"select version from raw.customers where id = '{row_id}'") == [(5,)]
    assert world.rows(f"select version from raw.customers_history where id = '{row_id}' order by 1") == [(4,), (5,)]


def test_malformed_records_stop_nothing_are_kept_with_a_reason_and_only_once(world: World) -> None:
    for text in ("5", '"text"', "null", '{"email": "a@example.com"}', '{"id": "x", "email": '):
        world.sandbox.put_raw("customers", text)
    report = world.load()
    assert report.malformed == {"customers": 5}
    assert world.one("select count(*) from raw.customers") == CUSTOMERS
    assert world.one("select count(*) from raw.malformed_documents where resource = 'customers' and reason <> ''") == 5
    assert world.one("""select count(*) from raw.malformed_documents where body = '{"id": "x", "email": '""") == 1
    world.load()
    assert world.one("select count(*) from raw.malformed_documents") == 5


def test_an_optional_resource_without_scope_is_skipped_and_reported(world: World) -> None:
    message = "Insufficient scope. One of the following scopes is missing: view_messages:cartwire-demo."
    refusal = {"statusCode": 403, "message": message, "error": "insufficient_scope", "errors": []}
    world.sandbox.fault("status", "messages", times=None, status=403, body=refusal)
    report = world.load()
    assert "view_messages:cartwire-demo" in report.skipped["messages"]
    assert "messages" not in report.rows
    assert world.one("select count(*) from raw.orders") == 2
    world.sandbox.admin("DELETE", "/faults")
    assert world.load().rows["messages"] == 2, "once it is allowed it is read from the beginning"


def test_every_optional_resource_may_lack_its_scope_and_the_others_are_loaded(world: World) -> None:
    optional = {resource.name for resource in RESOURCES if resource.is_optional} - {"messages"}
    report = world.load(ctp_scopes=required_scopes(world.settings.ctp_scopes))
    assert set(report.skipped) == optional
    assert {name: scope in report.skipped[name] for name, scope in SCOPES.items()} == dict.fromkeys(optional, True)
    assert set(report.rows) == set(EVERYTHING) - optional
    assert {world.one(f"select count(*) from raw.{name}") for name in optional} == {0}
    later = world.load()
    assert {later.rows[name] for name in optional} == {2}, "once they are allowed they are read from the beginning"


def test_another_project_is_not_mixed_into_the_same_warehouse(world: World) -> None:
    world.load()
    with pytest.raises(ConfigError, match="Use another CARTWIRE_WAREHOUSE"):
        world.load(ctp_api_url=world.settings.ctp_api_url.replace("127.0.0.1", "localhost"))
