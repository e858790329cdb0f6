"""A project that another tool filled is adopted: what is reported, what is held, what the first sync leaves alone. Told once."""

from __future__ import annotations

import json
import re
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest

from cartwire.settings import REPOSITORY
from tests.conftest import Sandbox
from tests.e2e.command import Outcome, cartwire
from tests.e2e.other_tool import STRANGER, Traces, leave_traces, recent_orders
from tests.e2e.people import name_of, user_of

pytestmark = [pytest.mark.xdist_group("adopt"), pytest.mark.identities]


@dataclass
class Adopted:
    """Outcomes by chapter, writes during each, the page of the first look, and what Iterable held at the end of each."""

    identity: str
    traces: Traces
    addresses: set[str]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    writes: dict[str, dict[str, int]] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)
    bodies: dict[str, list[str]] = field(default_factory=dict)
    page: str = ""

    def findings(self, name: str) -> list[tuple[str, str]]:
        return [(one["weight"], one["text"]) for one in self.outcomes[name].json()["findings"]]

    def fields(self, name: str) -> dict[str, dict[str, Any]]:
        return {one["field"]: one for one in self.outcomes[name].json()["fields"]}

    def counts(self, name: str, kind: str) -> dict[str, int]:
        rows = [row["counts"] for row in self.outcomes[name].json()["rows"] if row["kind"] == kind]
        return rows[0] if rows else {}

    def purchase_ids(self, name: str, order: dict[str, Any]) -> set[str]:
        """Ids under which Iterable has this order: the other tool's, and ours, which names the order."""
        total = order["totalPrice"]["centAmount"] / 10 ** order["totalPrice"]["fractionDigits"]
        mine = [
            one
            for one in self.states[name]["purchases"]
            if one["userId"] == order["customerId"] and one["data"]["total"] == total
        ]
        return {one["id"] for one in mine}


@pytest.fixture(scope="module")
def told(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Adopted:
    folder = tmp_path_factory.mktemp("adopt")
    sandbox_process.reset()
    config = shutil.copytree(REPOSITORY / "config", folder / "config")
    live = datetime.now(UTC) - timedelta(days=6)
    (config / "go_live.csv").write_text(f"go_live_at\n{live:%Y-%m-%d %H:%M:%S}\n")
    environment = sandbox_process.environment(folder, CARTWIRE_CONFIG=config)
    orders, people = recent_orders(sandbox_process.settings(folder), live + timedelta(hours=1))
    traces = leave_traces(environment, orders, people)
    time.sleep(1.1)  # the stand-in's visibility
    record = Adopted(sandbox_process.identity, traces, {one["email"].lower() for one in people.values()} | {STRANGER})
    sandbox_process.admin("iterable", "POST", "fields", {"fields": {"loyaltyPoints": "string"}})

    def tell(name: str, *arguments: str) -> None:
        marker = sandbox_process.admin("iterable", "GET", "writes")["marker"]
        read = sandbox_process.admin("iterable", "GET", "journal?summary=1")["last_seq"] or 0
        record.outcomes[name] = cartwire(environment, *arguments)
        record.writes[name] = sandbox_process.admin("iterable", "GET", f"writes?since={marker}")["by_endpoint"]
        entries = sandbox_process.admin("iterable", "GET", f"journal?since={read}&bodies=1")["entries"]
        record.bodies[name] = [entry["body"] for entry in entries if entry["path"] == "/api/users/bulkUpdate"]
        record.states[name] = sandbox_process.admin("iterable", "GET", "state")

    tell("looked", "adopt", "--json")
    record.page = (folder / "adopt.html").read_text()
    tell("looked by a person", "adopt", "--html", str(folder / "again.html"))
    tell("planned", "plan")
    _retype(sandbox_process)
    tell("mended", "adopt", "--json")
    tell("first sync", "sync", "--json")
    tell("held purchases", "rejections", "--held", "--object", "purchases", "--json")
    tell("unchanged", "sync", "--json")
    (config / "found_purchases.csv").write_text("rule,decision,comment\nsame_reference,send,\nsame_person_total_and_time,hold,\n")
    tell("confirmed", "sync", "--json")
    tell("looked later", "adopt", "--json")
    return record


def _retype(sandbox: Sandbox) -> None:
    """The shop's people agree on another field; the sandbox gives back the type it would have had."""
    sandbox.admin("iterable", "POST", "fields", {"fields": {"loyaltyPoints": "long"}})


def test_adopting_writes_nothing_and_asks_for_a_decision(told: Adopted) -> None:
    for name in ("looked", "looked by a person", "planned", "mended", "looked later"):
        assert told.writes[name] == {}, name
    assert told.outcomes["looked"].code == told.outcomes["looked by a person"].code == 11
    assert told.outcomes["planned"].code == 0
    assert "`cartwire adopt`" in told.outcomes["planned"].out


def test_a_conflict_of_type_is_named_first_and_gone_when_mended(told: Adopted) -> None:
    assert any(
        weight == "stop" and "loyaltyPoints is string at Iterable and long here" in text
        for weight, text in told.findings("looked")
    )
    assert told.fields("looked")["loyaltyPoints"]["is_conflict"]
    assert not any("loyaltyPoints" in text for _, text in told.findings("mended"))


def test_fields_are_told_apart_by_who_writes_them(told: Adopted) -> None:
    fields = told.fields("mended")
    assert (fields["shoeSize"]["owner"], fields["shoeSize"]["type_there"], fields["shoeSize"]["people_there"]) == (
        "others",
        "long",
        2,
    )
    assert fields["shoeSize"]["overwrites"] == fields["shoeSize"]["fills"] == 0
    assert (fields["lastName"]["owner"], fields["lastName"]["overwrites"]) == ("both", 1)
    assert (fields["firstName"]["owner"], fields["firstName"]["overwrites"]) == ("both", 0)
    assert (fields["orderCount"]["owner"], fields["orderCount"]["type_there"]) == ("ours", None)
    assert fields["signupDate"]["owner"] == "Iterable"
    assert any("Field lastName: a sync overwrites what others wrote for 1 person" in text for _, text in told.findings("mended"))


def test_people_are_counted_by_where_they_are_known(told: Adopted) -> None:
    people = {row["known_where"]: row["people"] for row in told.outcomes["looked"].json()["people"]}
    assert people["Iterable only"] == 1
    buyers = {told.traces.by_number["customerId"], told.traces.by_content["customerId"]}
    assert people["shop and Iterable"] == len(buyers)
    assert people["shop only"] > 30


def test_purchases_of_others_are_matched_with_our_orders(told: Adopted) -> None:
    rows = {row["found_rule"]: row["purchases"] for row in told.outcomes["looked"].json()["purchases"]}
    assert rows == {"same_reference": 1, "same_person_total_and_time": 1, "no order of ours": 1}
    assert any("2 purchases at Iterable are orders of ours" in text for _, text in told.findings("looked"))
    assert any(weight == "stop" and "2 purchases would double revenue" in text for weight, text in told.findings("mended"))


def test_events_of_others_under_a_name_of_ours_are_named(told: Adopted) -> None:
    events = {row["name"]: row["is_ours"] for row in told.outcomes["looked"].json()["events"]}
    assert events == {"page_viewed": False, "order_refunded": True}
    assert any("Event order_refunded: others send 1" in text for _, text in told.findings("looked"))


def test_the_report_says_requests_minutes_and_what_may_fire(told: Adopted) -> None:
    plan = told.outcomes["mended"].json()["plan"]
    users = next(kind for kind in plan["kinds"] if kind["kind"] == "users")
    assert users["requests"] == 1
    assert users["states"]["staged"] > 30
    assert "orderCount" in users["may_trigger"]
    assert plan["is_first"] is True
    assert told.outcomes["looked later"].json()["is_first"] is False


def test_the_first_sync_sends_only_what_differs_from_what_was_found(told: Adopted) -> None:
    assert told.outcomes["first sync"].code == 0
    known = name_of(told.identity, told.traces.known["id"], told.traces.known["email"])
    users = [row for body in told.bodies["first sync"] for row in json.loads(body)["users"]]
    rows = [row for row in users if known in (row.get("userId"), row.get("email"))]
    assert len(rows) == 1
    assert rows[0]["dataFields"]["lastName"] == told.traces.known["lastName"]
    assert not {"firstName", "shoeSize", "<script>"} & rows[0]["dataFields"].keys()
    after = user_of(told.identity, told.states["first sync"]["users"], told.traces.known)["dataFields"]
    assert after["shoeSize"] == 42
    stranger = next(one for one in told.states["first sync"]["users"] if one["email"] == STRANGER)
    assert {name for name in stranger["dataFields"] if name in ("shoeSize", "firstName", "consent")} == {"shoeSize", "firstName"}


def test_a_purchase_another_tool_sent_is_held_visibly_and_the_others_go(told: Adopted) -> None:
    rows = told.outcomes["held purchases"].json()["rejections"]
    reasons = sorted(row["reason"] for row in rows if row["reason"].startswith("another tool"))
    before = "another tool sent this purchase to Iterable: "
    assert reasons == [f"{before}same_person_total_and_time", f"{before}same_reference"]
    assert told.counts("first sync", "purchases")["accepted"] > 0
    assert told.purchase_ids("first sync", told.traces.by_number) == {"legacy-1", "legacy-3"}
    assert told.purchase_ids("first sync", told.traces.by_content) == {"legacy-2"}
    assert told.writes["unchanged"] == {}


def test_a_rule_that_is_confirmed_lets_its_purchases_go_and_no_other(told: Adopted) -> None:
    assert told.counts("confirmed", "purchases") == {
        "planned": 1,
        "accepted": 1,
        "verified": 0,
        "rejected": 0,
        "held": 0,
        "suppressed": 0,
    }
    assert len(told.purchase_ids("confirmed", told.traces.by_number)) == 3
    assert told.purchase_ids("confirmed", told.traces.by_content) == {"legacy-2"}


class _Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_from_elsewhere_escapes_what_others_named_and_masks_everybody(told: Adopted) -> None:
    page = _Page()
    page.feed(told.page)
    assert {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe"} == set()
    assert not re.search(r"https?://|@import|url\(", told.page)
    assert not any(name.startswith("on") or name in ("src", "href") for _, attributes in page.tags for name in attributes)
    assert "<script>" in page.text
    assert "prefers-color-scheme: dark" in told.page
    for text in (
        "shoeSize",
        "loyaltyPoints",
        "page_viewed",
        "order_refunded",
        "Newsletter subscribers",
        "same_reference",
        "orderCount",
    ):
        assert text in page.text, text
    shown = "".join(outcome.out + outcome.err for outcome in told.outcomes.values()).lower() + told.page.lower()
    assert [address for address in told.addresses if address in shown] == []
