"""The sweep against a real sandbox process: what it marks, and everything it must refuse to mark."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cartwire.errors import SourceError
from clients.commercetools import CommercetoolsClient
from clients.commercetools_errors import MissingScope
from flows.sweep_run import run_sweep
from ingestion.ids import read_ids
from ingestion.report import silent
from ingestion.sweep import Swept, TooManyVanished
from tests.e2e.ingestion_world import CUSTOMERS, QUICK, World, customer, required_scopes
from tests.e2e.sweeping import delete, findings, ids_of, mark, seen_ids, sweep

pytest_plugins = ("tests.e2e.sweeping",)


def test_a_row_that_vanished_is_marked_and_kept(world: World) -> None:
    (gone,), (basket,) = ids_of(world, "customers", 1), ids_of(world, "carts", 1)
    delete(world, "customers", gone)
    delete(world, "carts", basket)
    found = sweep(world)
    assert (found["customers"].ids, found["customers"].living, found["customers"].vanished) == (CUSTOMERS - 1, CUSTOMERS, 1)
    assert (found["carts"].vanished, found["orders"].vanished) == (1, 0)
    assert sorted(findings(world)) == [("carts", basket, "vanished"), ("customers", gone, "vanished")]
    assert world.one("select count(*) from raw.customers") == CUSTOMERS
    observed = world.one("select max(observed_at) from control.sweep_findings")
    assert abs(observed - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_sweep_of_an_unchanged_shop_marks_nothing_and_a_second_one_says_nothing_twice(world: World) -> None:
    assert {name: one.vanished for name, one in sweep(world).items() if one.vanished} == {}
    delete(world, "customers", *ids_of(world, "customers", 2))
    assert sweep(world)["customers"].vanished == 2
    again = sweep(world)["customers"]
    assert (again.living, again.vanished) == (CUSTOMERS - 2, 0)
    assert len(findings(world)) == 2


def test_every_page_of_ids_is_read_by_graphql_alone(world: World) -> None:
    world.sandbox.admin("DELETE", "/journal")
    sweep(world)
    asked = [entry for entry in world.sandbox.journal("/") if "oauth" not in entry["path"]]
    assert {entry["endpoint"] for entry in asked} == {"graphql"}
    assert [entry["rows"] for entry in asked][:3] == [500, 500, 300]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("status", {"status": 503}),
        ("status", {"status": 200, "body": {"data": {"page": {"results": []}}, "errors": [{"message": "half of it"}]}}),
        ("status", {"status": 200, "body": {"data": None}}),
        ("status", {"status": 200, "body": {"data": {"page": {"results": [{"id": 'x" or id > "'}]}}}}),
        ("status", {"status": 200, "body": "<html>busy</html>"}),
        ("drop_after", {}),
        ("truncate", {}),
    ],
)
def test_a_sweep_that_fails_halfway_marks_nothing(world: World, kind: str, more: dict[str, Any]) -> None:
    delete(world, "customers", *ids_of(world, "customers", 1))
    world.sandbox.fault(kind, "graphql", nth=5, times=None, **more)
    with pytest.raises(SourceError):
        sweep(world)
    assert findings(world) == []
    assert not (world.settings.state_dir / "sweep").exists()


def test_what_passes_by_itself_is_waited_out(world: World) -> None:
    world.sandbox.fault("status", "graphql", nth=2, times=1, status=502)
    world.sandbox.fault("truncate", "graphql", nth=4, times=1)
    world.sandbox.fault("token_expiry", "graphql", nth=6, times=1)
    later = {"data": None, "errors": [{"message": "busy", "extensions": {"code": "OverCapacity"}}]}
    world.sandbox.fault("status", "graphql", nth=8, times=1, status=200, body=later)
    assert sweep(world)["customers"].ids == CUSTOMERS


def test_a_missing_scope_ends_the_sweep_and_is_named(world: World) -> None:
    scopes = " ".join(scope for scope in world.settings.ctp_scopes.split() if "payments" not in scope)
    narrow = world.settings.model_copy(update={"ctp_scopes": scopes})
    client = CommercetoolsClient.from_settings(narrow, retry=QUICK)
    with pytest.raises(MissingScope, match="view_payments"), read_ids(client, narrow.state_dir, silent):
        pass


def test_a_missing_optional_scope_skips_the_resource_and_marks_nothing_of_it(world: World) -> None:
    narrow = world.settings.model_copy(update={"ctp_scopes": required_scopes(world.settings.ctp_scopes)})
    delete(world, "states", *ids_of(world, "states", 1))
    report = run_sweep(narrow)
    assert set(report.skipped) == {"product_types", "inventory", "discount_codes", "states"}
    assert "view_states" in report.skipped["states"]
    assert findings(world) == []
    assert sweep(world)["states"].vanished == 1


def test_more_than_a_hundred_rows_of_a_small_resource_are_refused_and_nothing_of_any_is_marked(world: World) -> None:
    delete(world, "customers", *ids_of(world, "customers", 101))
    delete(world, "orders", *ids_of(world, "orders", 1))
    with pytest.raises(TooManyVanished, match=r"cartwire sweep --allow customers=101") as refused:
        sweep(world)
    assert refused.value.facts == {"resources": {"customers": {"vanished": 101, "living": CUSTOMERS, "limit": 100}}}
    assert refused.value.exit_code == 11
    assert findings(world) == []
    with pytest.raises(TooManyVanished):
        sweep(world, customers=100)
    assert sweep(world, customers=101)["customers"].vanished == 101
    assert len(findings(world)) == 102


def test_a_hundred_rows_may_vanish_from_a_resource_of_any_size(world: World) -> None:
    delete(world, "customers", *ids_of(world, "customers", 100))
    assert sweep(world)["customers"].vanished == 100


@pytest.mark.parametrize(("living", "limit"), [(0, 100), (20_000, 100), (20_200, 101), (3_000_000, 15_000)])
def test_the_limit_is_the_larger_of_a_hundred_rows_and_half_a_percent(living: int, limit: int) -> None:
    assert Swept("orders", living, living, 0, 0, 0).limit == limit


def test_carts_past_their_lifetime_may_go_in_any_number(world: World) -> None:
    chance, long_ago = random.Random(1), datetime.now(UTC) - timedelta(days=40)
    carts = [{**customer(chance, long_ago), "deleteDaysAfterLastModification": 30} for _ in range(150)]
    world.sandbox.put("carts", carts)
    world.load(settle_seconds=3600 * 24 * 60)
    world.connection.execute("delete from raw._dlt_pipeline_state")
    world.load()
    assert world.one("select count(*) from raw.carts") == 152
    delete(world, "carts", *[cart["id"] for cart in carts])
    found = sweep(world)["carts"]
    assert (found.vanished, found.expired, found.unexpected) == (150, 150, 0)


def test_a_row_made_or_loaded_while_the_sweep_reads_is_never_marked(world: World) -> None:
    chance = random.Random(2)
    made_now, made_long_ago = customer(chance, datetime.now(UTC)), customer(chance, datetime.now(UTC))
    made_now["createdAt"] = made_now["lastModifiedAt"]
    with seen_ids(world) as seen:
        world.sandbox.put("customers", [made_now, made_long_ago])
        world.load()
        assert world.one("select count(*) from raw.customers") == CUSTOMERS + 2
        delete(world, "customers", made_now["id"], made_long_ago["id"])
        mark(world, seen)
    assert findings(world) == []


def test_a_row_too_young_to_be_seen_everywhere_is_left_for_a_later_sweep(world: World) -> None:
    young = customer(random.Random(3), datetime.now(UTC))
    young["createdAt"] = young["lastModifiedAt"]
    world.sandbox.put("customers", [young])
    world.load()
    delete(world, "customers", young["id"])
    world.sandbox.admin("POST", "/clock", {"offset_seconds": 200})
    assert sweep(world)["customers"].vanished == 0
    world.sandbox.admin("POST", "/clock", {"offset_seconds": 400})
    assert sweep(world)["customers"].vanished == 1


def test_a_row_that_comes_back_unchanged_is_found_by_the_next_sweep(world: World) -> None:
    (gone,) = ids_of(world, "customers", 1)
    document = world.sandbox.admin("GET", f"/documents/customers/{gone}")
    delete(world, "customers", gone)
    sweep(world)
    world.sandbox.put("customers", [document])
    found = sweep(world)["customers"]
    assert (found.reappeared, found.vanished) == (1, 0)
    assert findings(world) == [("customers", gone, "vanished"), ("customers", gone, "reappeared")]
    assert sweep(world)["customers"].reappeared == 0


def test_a_page_that_comes_again_and_again_ends_the_sweep(world: World) -> None:
    page = {"data": {"page": {"results": [{"id": row_id} for row_id in ids_of(world, "customers", 500)]}}}
    world.sandbox.fault("status", "graphql", times=None, status=200, body=page)
    with pytest.raises(SourceError, match="keyset predicate is not honoured"):
        sweep(world)
