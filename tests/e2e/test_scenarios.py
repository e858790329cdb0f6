"""sandbox/shop/scenarios.csv, row by row, on the shared story: what the sync after the shop day sent about people, and what not."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from sandbox.shop.day import expectations
from sandbox.shop.day_people import MALFORMED_EMAIL
from tests.e2e import test_scenarios_of_orders
from tests.e2e.consequences import CHANNELS, DIGITS, PLACE, assert_about, consequences, money
from tests.e2e.story import Row, Story, day_of

pytestmark = pytest.mark.xdist_group("story")


def test_email_changed(story: Story) -> None:
    found = consequences(story, "email_changed")
    sent, event = found.sent
    assert_about(found, event.row, "customer_email_changed")
    assert event.at - sent.at >= timedelta(seconds=story.settings.visibility_seconds)
    assert re.fullmatch("[0-9a-f]{64}", event.row["dataFields"]["emailKey"])
    assert "@" not in json.dumps(event.row["dataFields"])
    if story.identity == "email":
        new = sent.row["newEmail"]
        assert sent.row == {"currentEmail": found.before["email"], "newEmail": new}
    else:
        new = sent.row["dataFields"]["email"]
        assert sent.row["userId"] == found.report["customer_id"]
        assert sent.row["dataFields"].keys() == {"email", "consent"}
    assert {other.call for other in day_of(story) if other.position < sent.position} == {"subscriptions/messageChannel"}
    assert (found.after["person"], found.after["email"]) == (found.before["person"], new)
    assert new != found.before["email"]
    assert [user["email"] for user in story.chapters["shop day"].state["users"]].count(found.before["email"]) == 0
    assert _fields_but_times(found.after) == _fields_but_times(found.before)


def test_consent_given(story: Story) -> None:
    found = consequences(story, "consent_given")
    assert found.row("users/bulkUpdate")["dataFields"].keys() == {"consent"}
    assert found.row("users/bulkUpdate")["dataFields"]["consent"]["email_marketing"] == "granted"
    event = found.row("events/trackBulk")
    assert (event["eventName"], event["createdAt"]) == ("consent_changed", int(found.at.timestamp()))
    assert re.fullmatch(r"consent-changed-[0-9a-f]{32}", event["id"])
    assert (
        event["dataFields"].items()
        >= {
            "consentChannel": "email",
            "consentPurpose": "marketing",
            "previousConsentStatus": "denied",
            "consentStatus": "granted",
        }.items()
    )
    assert [event["dataFields"][name] for name in PLACE] == [found.after["dataFields"][name] for name in PLACE]
    assert CHANNELS["email_marketing"] in found.before["unsubscribedChannelIds"]
    left = {*found.before["unsubscribedChannelIds"]} - {CHANNELS["email_marketing"]}
    assert set(found.after["unsubscribedChannelIds"]) == left
    assert found.sent[-1].query == "action=subscribe", "after all else that is about them"


def test_consent_withdrawn(story: Story) -> None:
    found = consequences(story, "consent_withdrawn")
    first = story.chapters["shop day"].journal[0]
    email = CHANNELS["email_marketing"]
    assert (first["method"], first["path"]) == ("PUT", f"/api/subscriptions/messageChannel/{email}")
    assert first["query"] == "action=unsubscribe"
    assert found.sent[0].position == 0, "before all else"
    assert email not in found.before["unsubscribedChannelIds"]
    assert set(found.after["unsubscribedChannelIds"]) == {*found.before["unsubscribedChannelIds"], email}
    assert found.row("users/bulkUpdate")["dataFields"].keys() == {"consent"}
    assert found.row("users/bulkUpdate")["dataFields"]["consent"]["email_marketing"] == "denied"
    (event,) = (item for item in found.items if item["kind"] == "consent_changed")
    assert (event["state"], event["reason"]) == ("suppressed", "no consent on any channel")


def test_group_changed(story: Story) -> None:
    found = consequences(story, "group_changed")
    data = found.row("users/bulkUpdate")["dataFields"]
    assert data == {"customerGroup": "premium", "consent": found.before["dataFields"]["consent"]}
    assert found.before["dataFields"]["customerGroup"] == "regular"
    event = found.row("events/trackBulk")
    assert_about(found, event, "customer_group_changed")
    assert event["dataFields"]["customerGroup"] == "premium"
    assert "previousCustomerGroup" not in event["dataFields"], "a Message names the new group only"


def test_loyalty_raised(story: Story) -> None:
    found = consequences(story, "loyalty_raised")
    points = found.before["dataFields"]["loyaltyPoints"]
    assert found.row("users/bulkUpdate")["dataFields"].keys() == {"loyaltyPoints", "consent"}
    event = found.row("events/trackBulk")
    assert_about(found, event, "loyalty_changed")
    assert (event["dataFields"]["previousLoyaltyPoints"], event["dataFields"]["loyaltyPoints"]) == (points, points + 100)
    assert event["dataFields"]["loyaltyTier"] == event["dataFields"]["previousLoyaltyTier"]


def test_guest_registered(story: Story) -> None:
    found = consequences(story, "guest_registered")
    row = found.row("users/bulkUpdate")
    order = story.documents[found.report["order_id"]]
    customer_id = None if story.identity == "email" else found.report["customer_id"]
    assert (row.get("userId"), row["email"]) == (customer_id, order["customerEmail"].lower())
    assert (row["dataFields"]["profileType"], row["dataFields"]["emailVerified"]) == ("registered", True)
    (known,) = (user for user in story.chapters["unchanged"].state["users"] if user["email"] == row["email"])
    assert found.after["dataFields"]["orderCount"] == known["dataFields"]["orderCount"] > 0, "the guest's orders joined"
    if story.identity == "user_id":
        assert found.after["person"] != known["person"]
        assert known["userId"] in story.names_of(None, row["email"])
    else:
        assert row["dataFields"].keys() == {"consent", "emailVerified", "profileCreatedAt", "profileType"}
        assert (known["userId"], found.after["person"]) == (None, known["person"])


def test_customer_deleted(story: Story) -> None:
    found = consequences(story, "customer_deleted")
    left = {item["bulk_key"]: item["state"] for item in found.items if item["object"] == "withdrawals"}
    assert left == dict.fromkeys(map(str, set(CHANNELS.values()) - set(found.before["unsubscribedChannelIds"])), "accepted")
    assert left
    assert all(sent.position < 4 and sent.query == "action=unsubscribe" for sent in found.sent), "before all else"
    (held,) = (item for item in found.items if item["object"] == "identities")
    assert (held["kind"], held["planned_state"]) == ("deletion", "held")
    assert held["reason"].startswith("customer deleted")
    assert found.before["dataFields"].keys() == found.after["dataFields"].keys()
    assert found.after["unsubscribedChannelIds"] == sorted(CHANNELS.values())


def test_product_price_changed(story: Story) -> None:
    found = consequences(story, "product_price_changed")
    product = found.report["product_id"]
    lines = [line for order in story.documents.values() for line in order["lineItems"] if line["productId"] == product]
    paid = {line["totalPrice"]["centAmount"] // line["quantity"] for line in lines}
    told = {
        int(money(item["price"]).scaleb(DIGITS[item["dataFields"]["currency"]]))
        for sent in day_of(story)
        for item in sent.row.get("items", ())
        if item["id"] == product
    }
    assert told
    assert told <= paid, "orders and carts keep their prices"
    assert not [sent for sent in day_of(story) if sent.call.startswith("catalogs")]


def test_malformed_records(story: Story) -> None:
    found = consequences(story, "malformed_records")
    reasons = {row["reason"]: f"{row['resource']}/{row['id']}" for row in story.rejected_documents}
    _, without_money, bad_time = found.report["touched"]
    assert reasons.pop("the record is not a JSON object").startswith("customers/")
    assert reasons == {
        "totalPrice.centAmount is missing or not a whole number": without_money,
        "createdAt is missing or not a time": bad_time,
    }
    assert MALFORMED_EMAIL not in {sent.person for sent in day_of(story)}
    assert story.chapters["shop day"].report.attention == (), "everything else goes on"


def test_every_row_of_the_table_has_its_test() -> None:
    assert {f"test_{scenario}" for scenario in expectations()} <= globals().keys() | vars(test_scenarios_of_orders).keys()


def _fields_but_times(user: Row) -> Row:
    return {name: value for name, value in user["dataFields"].items() if name not in ("email", "profileUpdatedAt")}
