"""Two years of history, and everything else that could start a journey by mistake, counted at the sandbox. Told once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cartwire.settings import REPOSITORY
from tests.conftest import Sandbox
from tests.e2e.command import Outcome, cartwire
from tests.kill.installation import CARTWIRE

pytestmark = [pytest.mark.xdist_group("backfill"), pytest.mark.identities]

EVERYTHING = ("backfill", "--objects", "purchases,events", "--since", "2024-01-01", "--until", "2028-01-01")
GUARD = {"isBackfill": False}
JOURNEYS = [
    {"name": "events as documented", "starts": "event", "where": GUARD},
    {"name": "purchases as documented", "starts": "purchase", "where": GUARD},
    {"name": "events without filter", "starts": "event"},
    {"name": "purchases without filter", "starts": "purchase"},
    {"name": "carts", "starts": "cart"},
    {"name": "fields", "starts": "field"},
]
MAPPED = "favouriteStoreVisitAt"
OUTAGE_S = 73 * 3600
"""Three days, and an hour over the maximum age of every kind of event."""


@dataclass
class Told:
    """Per chapter: how each command ended, and the sends it started, by journey and name."""

    sandbox: Sandbox
    folder: Path
    environment: dict[str, str]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    sends: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    state_after_backfill: dict[str, Any] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)
    killed: int = 0

    def tell(self, name: str, *arguments: str) -> Outcome:
        marker = self.sandbox.admin("iterable", "GET", "triggers?list=0")["marker"]
        self.outcomes[name] = cartwire(self.environment, *arguments, "--json")
        self.count(name, marker)
        return self.outcomes[name]

    def kill(self, name: str, crash_at: str, *arguments: str) -> None:
        """The command in a process that dies at a crash point."""
        marker = self.sandbox.admin("iterable", "GET", "triggers?list=0")["marker"]
        environment = {**os.environ, **self.environment, "CARTWIRE_CRASH_AT": crash_at}
        child = subprocess.run([CARTWIRE, *arguments], cwd=REPOSITORY, env=environment, capture_output=True)
        self.killed = child.returncode
        self.count(name, marker)

    def count(self, name: str, marker: int) -> None:
        found = self.sandbox.admin("iterable", "GET", f"journeys?since={marker}")["journeys"]
        self.sends[name] = {journey: one["by_name"] for journey, one in found.items()}

    def guarded(self, name: str) -> dict[str, int]:
        """Sends of the journeys with the filter we document."""
        return {**self.sends[name]["events as documented"], **self.sends[name]["purchases as documented"]}

    def accepted(self, name: str) -> dict[str, int]:
        """Purchases and events that a sync's report calls accepted, by kind."""
        rows = self.outcomes[name].json()["rows"]
        return {
            {"purchases": "purchase"}.get(row["kind"], row["kind"]): row["counts"]["accepted"]
            for row in rows
            if row["object"] in ("purchases", "events") and row["counts"]["accepted"]
        }

    def configure(self, file: str, before: str, after: str) -> None:
        path = self.folder / "config" / file
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))


@pytest.fixture(scope="module")
def told(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("backfill")
    sandbox_process.reset()
    shutil.copytree(REPOSITORY / "config", folder / "config")
    told = Told(sandbox_process, folder, sandbox_process.environment(folder, CARTWIRE_CONFIG=folder / "config"))
    sandbox_process.admin("iterable", "POST", "journeys", {"journeys": JOURNEYS})
    told.configure("attribute_map.csv", f"{MAPPED},date,true", f"{MAPPED},date,false")
    told.configure("objects.csv", "events,order_cancelled,true", "events,order_cancelled,false")

    told.tell("first sync", "sync")
    told.tell("look", *EVERYTHING)
    told.kill("killed backfill", "sent-not-settled:40", *EVERYTHING, "--yes", "--chunk", "400")
    told.tell("sync after the kill", "sync")
    told.tell("backfill", *EVERYTHING, "--yes", "--chunk", "400")
    told.state_after_backfill = sandbox_process.admin("iterable", "GET", "state")
    told.tell("look again", *EVERYTHING)

    (folder / "warehouse.duckdb").unlink()
    shutil.rmtree(folder / "dlt")
    told.tell("resync", "sync")

    told.configure("attribute_map.csv", f"{MAPPED},date,false", f"{MAPPED},date,true")
    told.tell("mapping change", "sync")

    sandbox_process.admin("iterable", "POST", "settings", {"disallowed_event_names": ["order_refunded"]})
    sandbox_process.admin("commercetools", "POST", "shop-day", {})
    told.tell("shop day", "sync")
    told.tell("nothing more", "sync")
    sandbox_process.admin("iterable", "POST", "settings", {"disallowed_event_names": []})

    told.configure("objects.csv", "events,order_cancelled,false", "events,order_cancelled,true")
    told.tell("new kind", "sync")

    _happen_now(sandbox_process)
    for side in ("commercetools", "iterable"):
        sandbox_process.admin(side, "POST", "clock", {"offset_seconds": OUTAGE_S})
    told.environment["CARTWIRE_CLOCK_OFFSET_SECONDS"] = str(OUTAGE_S)
    told.tell("after the outage", "sync")
    told.tell("replay", "replay", "--yes")
    told.state = sandbox_process.admin("iterable", "GET", "state")
    return told


def _happen_now(sandbox: Sandbox) -> None:
    """The moment before the outage: an order like an earlier one, and one more refund of the one that was refunded in part."""
    cast = json.loads(sandbox.admin("commercetools", "GET", "health")["meta"]["shop_day"])
    now = sandbox.admin("commercetools", "GET", "clock")["now"]
    order = sandbox.admin("commercetools", "GET", f"documents/orders/{cast['order_shipped']['order_id']}")
    copied = {**order, "id": "0c0ffee0-0000-4000-8000-00000000c0de", "orderNumber": "copied-1", "createdAt": now, "version": 1}
    sandbox.admin("commercetools", "POST", "documents/orders", copied)
    payment = sandbox.admin("commercetools", "GET", f"documents/payments/{cast['partial_refund']['payment_id']}")
    refund = next(one for one in payment["transactions"] if one["type"] == "Refund")
    more = {**refund, "id": "0c0ffee0-0000-4000-8000-00000000c0df", "timestamp": now}
    sandbox.admin("commercetools", "POST", "documents/payments", {**payment, "transactions": [*payment["transactions"], more]})


def test_a_first_sync_starts_nothing_but_its_profiles_and_carts(told: Told) -> None:
    assert told.outcomes["first sync"].code == 0
    assert set(told.sends["first sync"]) == {journey["name"] for journey in JOURNEYS}
    started = {name for name, by_name in told.sends["first sync"].items() if by_name}
    assert started == {"carts", "fields"}


def test_looking_shows_what_would_go_and_sends_nothing(told: Told) -> None:
    outlook = told.outcomes["look"].json()
    assert told.outcomes["look"].code == 11
    assert outlook["facts"] == sum(row["facts"] for row in outlook["kinds"]) > 500
    assert {row["market"] for row in outlook["kinds"]} == {"us", "de", "gb", "jp", "kw"}
    assert outlook["waiting"] > 0
    assert outlook["requests"] > 0 < outlook["minutes"]
    assert {"purchases", "order_refunded"} <= set(outlook["may_trigger"])
    assert not any(told.sends["look"].values())


def test_a_backfill_killed_in_the_middle_goes_on_and_sends_each_fact_once(told: Told) -> None:
    assert told.killed == -9
    assert told.sends["killed backfill"]["purchases without filter"]["purchase"] > 0
    assert not any(told.sends["sync after the kill"].values()), "an ordinary sync lets nothing go"
    report = told.outcomes["backfill"].json()
    assert (told.outcomes["backfill"].code, report["state"], report["blocked"]) == (11, "waiting", [])
    assert report["left"]["facts"] == 0
    assert report["chunks"] > 1
    facts = told.state_after_backfill["events"] + told.state_after_backfill["purchases"]
    sent = [one for one in facts if one["eventName"] != "updateCart"]
    assert {one["versions"] for one in sent} == {1}
    without = Counter[str]()
    for chapter in ("killed backfill", "backfill"):
        without.update(told.sends[chapter]["events without filter"])
        without.update(told.sends[chapter]["purchases without filter"])
    assert without.total() == len(sent)
    stayed = sum(found for state, found in report["facts"].items() if state != "accepted")
    assert told.outcomes["look again"].json()["facts"] == stayed


def test_history_is_marked_and_starts_no_journey_that_filters(told: Told) -> None:
    assert told.guarded("killed backfill") == told.guarded("backfill") == {}
    facts = told.state_after_backfill["events"] + told.state_after_backfill["purchases"]
    assert {one["data"]["isBackfill"] for one in facts if one["eventName"] != "updateCart"} == {True}


def test_a_backfill_touches_no_profile_field_and_empties_no_live_cart(told: Told) -> None:
    for chapter in ("killed backfill", "backfill"):
        assert told.sends[chapter]["carts"] == told.sends[chapter]["fields"] == {}
    waiting = told.outcomes["look"].json()["waiting"]
    assert told.outcomes["backfill"].json()["left_behind"] == waiting
    assert told.outcomes["look again"].json()["waiting"] == waiting
    carts = sum(1 for user in told.state_after_backfill["users"] if user["cart"])
    assert carts == sum(told.sends["first sync"]["carts"].values())


def test_a_resync_of_everything_starts_nothing(told: Told) -> None:
    assert told.outcomes["resync"].code == 0
    assert told.outcomes["resync"].json()["loaded"]["orders"] > 0
    assert not any(told.sends["resync"].values())


def test_a_new_field_is_sent_alone_and_to_those_who_have_it(told: Told) -> None:
    having = [user for user in told.state["users"] if MAPPED in user["dataFields"]]
    assert 0 < len(having) < len(told.state["users"]) / 2
    sends = told.sends["mapping change"]
    assert {name: by_name for name, by_name in sends.items() if by_name} == {"fields": {MAPPED: len(having)}}


def test_what_happens_in_the_shop_starts_exactly_the_journeys_that_are_due(told: Told) -> None:
    accepted = told.accepted("shop day")
    assert told.guarded("shop day") == accepted
    assert {"purchase", "order_updated", "order_returned", "shipment_created"} <= accepted.keys()
    assert not {"order_refunded", "order_cancelled"} & accepted.keys(), "disallowed there, and switched off here"
    assert not any(told.sends["nothing more"].values())


def test_a_kind_that_is_switched_on_starts_nothing_for_what_happened_before(told: Told) -> None:
    assert told.outcomes["new kind"].json()["history"]["order_cancelled"] > 0
    assert not any(told.sends["new kind"].values())


def test_after_three_days_only_what_is_not_over_age_starts_anything(told: Told) -> None:
    hours = {"cart_abandoned": 12, "checkout_started": 12}
    assert told.guarded("after the outage") == told.accepted("after the outage")
    assert told.outcomes["after the outage"].json()["history"]["order_refunded"] == 1
    assert told.guarded("after the outage")["purchase"] == 1, "168 hours old a purchase may be"
    assert told.guarded("after the outage").keys() <= {"purchase", *hours}
    for one in told.state["events"]:
        if one["data"].get("isBackfill") is False:
            assert one["storedAt"] - one["createdAt"] < 3600 * hours.get(one["eventName"], 72), one["eventName"]


def test_a_replay_of_what_has_become_history_starts_nothing(told: Told) -> None:
    assert told.outcomes["replay"].json()["let_go"] == 2
    assert told.outcomes["replay"].json()["history"] == {"order_refunded": 2}
    assert not any(told.sends["replay"].values())


def test_a_replay_never_makes_one_fact_two(told: Told) -> None:
    assert {one["versions"] for one in told.state["events"] + told.state["purchases"]} == {1}
