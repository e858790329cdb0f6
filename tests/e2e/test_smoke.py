"""The smoke test of an installation: one listed person all the way, and what it says when a step fails. Told once."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cartwire.settings import REPOSITORY
from clients.commercetools import CommercetoolsClient
from tests.conftest import Sandbox
from tests.e2e.command import Outcome, cartwire
from tests.e2e.shop_rows import rows

pytestmark = [pytest.mark.xdist_group("smoke"), pytest.mark.identities]
FIGURES = (
    "select order_id, order_total, is_counted from marts.orders order by all",
    "select cart_id, profile_id, cart_total from marts.carts order by all",
    "select profile_id, currency_code, order_count, lifetime_value_gross, last_purchase_at from marts.customer_metrics order by all",
)
LEFTOVERS = """
select table_name from duckdb_tables()
where table_name in ('smoke', 'smoke_users', 'smoke_carts', 'smoke_purchases', 'smoke_events') and estimated_size > 0
"""
ALL_WRITES = {"users.bulkUpdate": 1, "commerce.updateCart": 1, "commerce.trackPurchase": 1, "events.trackBulk": 1}


@dataclass
class Smoked:
    """Outcomes, writes and Iterable's state after each command; the people it was about."""

    willing: dict[str, Any]
    unwilling: dict[str, Any]
    addresses: set[str]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    writes: dict[str, dict[str, int]] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    leftovers: dict[str, list[str]] = field(default_factory=dict)
    marts: dict[str, list[Any]] = field(default_factory=dict)
    fired_twice: list[dict[str, Any]] = field(default_factory=list)

    def steps(self, name: str) -> dict[str, dict[str, Any]]:
        return {step["name"]: step for step in self.outcomes[name].json()["steps"]}


@pytest.fixture(scope="module")
def told(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Smoked:
    folder = tmp_path_factory.mktemp("smoke")
    sandbox_process.reset()
    config = shutil.copytree(REPOSITORY / "config", folder / "config")
    environment = sandbox_process.environment(folder, CARTWIRE_CONFIG=config)
    people = _customers(sandbox_process, folder)
    record = Smoked(_one(people, True), _one(people, False), {one["email"].lower() for one in people})

    def tell(name: str, *arguments: str) -> None:
        marker = sandbox_process.admin("iterable", "GET", "writes")["marker"]
        record.outcomes[name] = cartwire(environment, *arguments)
        record.writes[name] = sandbox_process.admin("iterable", "GET", f"writes?since={marker}")["by_endpoint"]
        record.states[name] = sandbox_process.admin("iterable", "GET", "state")
        with duckdb.connect(str(folder / "warehouse.duckdb"), read_only=True) as connection:
            record.leftovers[name] = [row[0] for row in connection.execute(LEFTOVERS).fetchall()]
            if "sync" in record.outcomes:
                record.marts[name] = [connection.execute(query).fetchall() for query in FIGURES]

    tell("nobody in the shop", "smoke")
    (config / "test_profiles.csv").write_text(
        f"email,customer_id,comment\n{record.willing['email']},,\n,{record.unwilling['id']},\n"
    )
    tell("not listed", "smoke", "--email", next(iter(record.addresses - {record.willing["email"].lower()})))
    tell("first", "smoke", "--json")
    tell("sync", "sync", "--json")
    tell("unchanged", "sync", "--json")
    tell("for people", "smoke", "--email", record.willing["email"].upper())
    tell("sync after it", "sync", "--json")
    tell("no consent", "smoke", "--json", "--user-id", record.unwilling["id"])
    rule = {"match": {"path": "/api/commerce/trackPurchase"}, "kind": "status", "status": 400}
    sandbox_process.admin("iterable", "POST", "faults", {"rules": [rule]})
    tell("refused", "smoke", "--json")
    sandbox_process.admin("iterable", "DELETE", "faults")
    cartwire(environment, "pause", "events", "--reason", "a rehearsal")
    tell("paused", "smoke", "--json")
    record.fired_twice = sandbox_process.admin("iterable", "GET", "triggers?list=0")["duplicates"]
    return record


def _customers(sandbox: Sandbox, folder: Path) -> list[dict[str, Any]]:
    with CommercetoolsClient.from_settings(sandbox.settings(folder)) as client:
        return [row for row in rows(client, "customers", sort=["id asc"]) if row.get("email")]


def _one(people: list[dict[str, Any]], answer: bool) -> dict[str, Any]:
    """A verified customer who said yes to everything, or no."""
    for person in people:
        fields = person.get("custom", {}).get("fields", {})
        said = {value for name, value in fields.items() if name.endswith("OptIn")}
        if person.get("isEmailVerified") and said == {answer}:
            return person
    raise AssertionError("the shop has no such person")


def test_a_smoke_test_sends_profile_cart_purchase_and_event_and_reads_each_back(told: Smoked) -> None:
    assert told.outcomes["first"].code == 0, told.outcomes["first"].out
    steps = told.outcomes["first"].json()["steps"]
    assert [step["name"] for step in steps] == ["profile", "cart", "purchase", "event"]
    assert all(step["ok"] and step["state"] == "accepted" and step["is_read_back"] for step in steps)
    assert told.writes["first"] == ALL_WRITES


@pytest.mark.parametrize(("identity", "names_user"), [("email", False), ("user_id", True)])
def test_it_goes_all_the_way_in_every_type_of_project(sandbox: Sandbox, tmp_path: Path, identity: str, names_user: bool) -> None:
    sandbox.admin("iterable", "POST", "settings", {"identity": identity})
    config = shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    person = _one(_customers(sandbox, tmp_path), True)
    (config / "test_profiles.csv").write_text(f"email,customer_id,comment\n{person['email']},,\n")
    done = cartwire(sandbox.environment(tmp_path, CARTWIRE_CONFIG=config, ITERABLE_IDENTITY=identity), "smoke", "--json")
    assert done.code == 0, done.out + done.err
    steps = done.json()["steps"]
    assert all(step["ok"] and step["state"] == "accepted" and step["is_read_back"] for step in steps)
    assert sandbox.writes() == ALL_WRITES
    (user,) = sandbox.admin("iterable", "GET", "state")["users"]
    assert (user["email"], user["userId"] == person["id"]) == (person["email"].lower(), names_user)


def test_it_concerns_one_listed_person_and_is_marked_as_a_test(told: Smoked) -> None:
    state = told.states["first"]
    assert {user["email"] for user in state["users"]} == {told.willing["email"].lower()}
    (user,) = state["users"]
    assert user["dataFields"]["firstName"] == told.willing["firstName"]
    assert set(user["dataFields"]["consent"].values()) == {"granted"}
    (purchase,) = state["purchases"]
    assert purchase["data"]["isTest"] is True
    assert purchase["data"]["total"] == 1.0
    (event,) = [one for one in state["events"] if one["eventName"] == "smoke_tested"]
    assert event["data"]["isTest"] is True
    assert user["cart"] == []


def test_nobody_else_is_ever_smoke_tested(told: Smoked) -> None:
    assert (told.outcomes["nobody in the shop"].code, told.writes["nobody in the shop"]) == (2, {})
    assert "register it there" in told.outcomes["nobody in the shop"].err
    assert (told.outcomes["not listed"].code, told.writes["not listed"]) == (2, {})
    assert "config/test_profiles.csv" in told.outcomes["not listed"].err


def test_a_sync_after_it_sends_the_person_nothing_twice_and_no_smoke(told: Smoked) -> None:
    rows = {row["kind"]: row["counts"] for row in told.outcomes["sync"].json()["rows"]}
    assert "smoke_tested" not in rows
    assert rows["users"]["accepted"] > 30
    assert told.writes["unchanged"] == {}
    assert len([one for one in told.states["unchanged"]["purchases"] if one["data"].get("isTest")]) == 1
    assert [name for name, tables in told.leftovers.items() if tables] == []


def test_the_next_sync_sends_nothing_because_of_it_but_a_cart_the_person_has_in_the_shop(told: Smoked) -> None:
    (before,) = [one for one in told.states["unchanged"]["users"] if one["email"] == told.willing["email"].lower()]
    (after,) = [one for one in told.states["sync after it"]["users"] if one["email"] == told.willing["email"].lower()]
    assert told.writes["sync after it"] == ({"commerce.updateCart": 1} if before["cart"] else {})
    assert after["cart"] == before["cart"]


def test_no_figure_of_the_marts_knows_of_it(told: Smoked) -> None:
    assert told.marts["unchanged"][0]
    assert told.marts["unchanged"][2]
    assert [name for name, figures in told.marts.items() if figures != told.marts["unchanged"]] == []


def test_every_smoke_test_has_facts_of_its_own(told: Smoked) -> None:
    assert told.outcomes["for people"].code == 0
    assert told.outcomes["for people"].out.count("  ok  ") == 4
    assert told.writes["for people"] == ALL_WRITES
    assert [one for one in told.fired_twice if one["kind"] in ("custom_event", "purchase")] == []


def test_without_consent_cart_and_event_are_suppressed_and_it_says_what_to_do(told: Smoked) -> None:
    assert told.outcomes["no consent"].code == 11
    steps = told.steps("no consent")
    assert {name: step["state"] for name, step in steps.items()} == {
        "profile": "accepted",
        "cart": "suppressed",
        "purchase": "accepted",
        "event": "suppressed",
    }
    assert "give this test profile a consent" in steps["cart"]["to_do"]
    assert not {"commerce.updateCart", "events.trackBulk"} & told.writes["no consent"].keys()


def test_a_step_that_iterable_refuses_is_named_with_what_to_do(told: Smoked) -> None:
    assert told.outcomes["refused"].code == 10
    steps = told.steps("refused")
    assert (steps["purchase"]["state"], steps["purchase"]["ok"]) == ("rejected", False)
    assert steps["purchase"]["reason"].startswith("400 BadParams")
    assert "correct what the reason names" in steps["purchase"]["to_do"]
    assert steps["profile"]["ok"] and steps["cart"]["ok"] and steps["event"]["ok"]


def test_a_pause_holds_for_smoke_tests_too(told: Smoked) -> None:
    assert told.outcomes["paused"].code == 11
    step = told.steps("paused")["event"]
    assert step["state"] == "held"
    assert step["reason"].startswith("paused: by ")
    assert "cartwire resume" in step["to_do"]
    assert "events.trackBulk" not in told.writes["paused"]


def test_no_address_is_shown(told: Smoked) -> None:
    shown = json.dumps([outcome.out + outcome.err for outcome in told.outcomes.values()]).lower()
    assert [address for address in told.addresses if address in shown] == []
