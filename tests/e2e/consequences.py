"""What a scenario of the shop day led to, read from the story: rows sent about its person, and their verdicts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.shop.day import Expectation, expectations
from sandbox.shop.day_orders import GUEST_EMAIL
from tests.e2e.story import Row, Sent, Story

DIGITS = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "KWD": 3}
PLACE = ("market", "store", "channel", "currency", "locale")
CHANNELS = {"email_marketing": 101, "sms_marketing": 103}
"""Names in the consent object and the sandbox's channels."""


@dataclass(frozen=True)
class Consequences:
    """One scenario: what its script reports, what the table expects, what happened.

    Attributes:
        sent: rows about the scenario's person in the sync after the shop day, in the order of the requests.
        items: the ledger's rows about that person in the same sync.
        before, after: the person at Iterable before and after that sync, {} where unknown.
    who: the one identifier of the person in rows that carry one.
    """

    report: Row
    expected: Expectation
    sent: list[Sent]
    items: list[Row]
    before: Row
    after: Row
    who: Row

    @property
    def at(self) -> datetime:
        """When the scenario happened."""
        return datetime.fromisoformat(self.report["at"])

    @property
    def amount(self) -> Decimal:
        """The amount the scenario is about."""
        return Decimal(self.report["amount_minor"]).scaleb(-DIGITS[self.report["currency_code"]])

    def row(self, call: str) -> Row:
        """The body row of the only request of this kind."""
        (sent,) = (sent for sent in self.sent if sent.call == call)
        return sent.row

    def events(self) -> dict[str, Row]:
        """The custom events by name; each name at most once."""
        rows = [sent.row for sent in self.sent if sent.call == "events/trackBulk"]
        found = {row["eventName"]: row for row in rows}
        assert len(found) == len(rows)
        return found

    def gained(self, field: str) -> Decimal:
        """By how much a field of the profile rose."""
        return money(self.after["dataFields"][field]) - money(self.before["dataFields"][field])


def consequences(story: Story, scenario: str) -> Consequences:
    """Raises nothing but AssertionError: calls, their order and the verdicts are those of the table."""
    report, expected = story.day[scenario], expectations(story.identity)[scenario]
    names = story.names_of(report.get("customer_id"), GUEST_EMAIL if scenario == "new_guest_order" else None)
    day = story.chapters["shop day"]
    found = Consequences(
        report=report,
        expected=expected,
        sent=[sent for sent in day.sent() if sent.person in names],
        items=[item for item in day.items if (item["user_id"] or item["email"]) in names],
        before=_user(story.chapters["unchanged"].state, names),
        after=_user(day.state, names),
        who={"email" if "@" in names[-1] else "userId": names[-1]} if names else {},
    )
    assert tuple(sent.call for sent in found.sent) == expected.requests
    states = {item["state"] for item in found.items}
    allowed = {"accepted": [{"accepted"}, {"accepted", "suppressed"}], "held": [{"held"}, {"accepted", "held"}], "none": [set()]}
    assert states in allowed[expected.outcome]
    return found


def money(value: Any) -> Decimal:
    """An amount as Iterable got it: a double, and written as one (JSON without a fraction would be an int here)."""
    assert isinstance(value, float)
    return Decimal(str(value))


def moment(text: str) -> datetime:
    """A date field as Iterable got it."""
    return datetime.fromisoformat(text)


def assert_place(fields: Row, document: Row) -> None:
    """Store, market, channel, currency and locale are those of the order or cart."""
    market = document["store"]["key"]
    assert {name: fields[name] for name in PLACE if name != "channel"} == {
        "market": market,
        "store": market,
        "currency": document["totalPrice"]["currencyCode"],
        "locale": document["locale"],
    }
    assert fields["channel"] in (f"web-{market}", f"app-{market}")


def assert_items(items: list[Row], document: Row) -> None:
    """The items are the lines of the order or cart, each with prices as doubles and its place."""
    digits = DIGITS[document["totalPrice"]["currencyCode"]]
    lines = document["lineItems"]
    assert [(item["id"], item["sku"], item["quantity"]) for item in items] == [
        (line["productId"], line["variant"]["sku"], line["quantity"]) for line in lines
    ]
    for item, line in zip(items, lines, strict=True):
        total = Decimal(line["totalPrice"]["centAmount"]).scaleb(-digits)
        assert money(item["dataFields"]["lineTotal"]) == total
        assert money(item["price"]) * line["quantity"] == total
        assert item["name"] == line["name"].get("en")
        assert_place(item["dataFields"], document)


def assert_about(found: Consequences, event: Row, name: str) -> None:
    """The event is about the scenario: its name, person, time and envelope."""
    assert event["eventName"] == name
    assert {key: event[key] for key in ("userId", "email") if key in event} == found.who
    assert re.fullmatch(rf"{name.replace('_', '-')}-[0-9a-f]{{32}}", event["id"])
    assert event["createdAt"] == int(found.at.timestamp())
    assert moment(event["dataFields"]["occurredAt"]) == found.at
    data = event["dataFields"]
    assert (data["schemaVersion"], data["isBackfill"], data["isTest"]) == (1, False, False)
    assert data["customerId"] == found.report["customer_id"]
    assert "guestId" not in data


def assert_event(found: Consequences, event: Row, order: Row, name: str) -> None:
    """The same of an event about an order: its number, and its place."""
    assert_about(found, event, name)
    assert (event["dataFields"]["orderId"], event["dataFields"]["orderNumber"]) == (order["id"], order["orderNumber"])
    assert_place(event["dataFields"], order)


def _user(state: Row, names: tuple[str, ...]) -> Row:
    return next((user for user in state["users"] if user["userId"] in names or user["email"] in names), {})
