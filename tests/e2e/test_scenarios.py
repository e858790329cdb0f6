"""sandbox/shop/scenarios.csv, row by row, on the shared story: what the sync after the shop day sent, and what not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from sandbox.shop.day import expectations
from sandbox.shop.day_orders import GUEST_EMAIL
from sandbox.shop.day_people import MALFORMED_EMAIL
from tests.e2e.consequences import CHANNELS, DIGITS, PLACE, Consequences, assert_items, assert_place, consequences, moment, money
from tests.e2e.story import Row, Sent, Story

pytestmark = pytest.mark.xdist_group("story")


def test_new_registered_order(story: Story) -> None:
    found = consequences(story, "new_registered_order")
    order = story.documents[found.report["order_id"]]
    _assert_purchase(found, order)
    assert found.row("commerce/trackPurchase")["user"] == found.who
    assert found.row("commerce/trackPurchase")["dataFields"]["isGuest"] is False
    changed = found.row("users/bulkUpdate")["dataFields"]
    assert {"orderCount", "lifetimeValueGross", "lifetimeValueNet", "lastPurchaseAt", "averageOrderValue"} <= changed.keys()
    assert found.after["dataFields"]["orderCount"] == found.before["dataFields"]["orderCount"] + 1
    assert found.gained("lifetimeValueGross") == found.gained("lifetimeValueNet") == found.amount
    assert moment(changed["lastPurchaseAt"]) == found.at
    assert "firstPurchaseAt" not in changed
    assert found.after["cart"] == []


def test_new_guest_order(story: Story) -> None:
    found = consequences(story, "new_guest_order")
    created, purchased = found.sent
    assert (created.row["email"], created.row.get("userId")) == (GUEST_EMAIL, found.who.get("userId"))
    assert GUEST_EMAIL not in str(found.who.get("userId"))
    assert created.row["dataFields"]["unsubscribedChannelIds"] == sorted(CHANNELS.values())
    assert created.row["dataFields"]["consent"] == dict.fromkeys(CHANNELS, "unknown")
    assert_place(created.row["dataFields"], story.documents[found.report["order_id"]])
    assert purchased.at - created.at >= timedelta(seconds=story.settings.visibility_seconds)
    assert purchased.row["user"] == found.who
    assert purchased.row["dataFields"]["isGuest"] is True
    _assert_purchase(found, story.documents[found.report["order_id"]])
    assert found.before == {}
    assert found.after["unsubscribedChannelIds"] == sorted(CHANNELS.values())


def test_cart_edited(story: Story) -> None:
    found = consequences(story, "cart_edited")
    _assert_cart(found, story.documents[found.report["cart_id"]])
    assert found.before["cart"] != found.after["cart"]


def test_cart_created(story: Story) -> None:
    found = consequences(story, "cart_created")
    _assert_cart(found, story.documents[found.report["cart_id"]])
    assert found.before["cart"] == []


def test_order_cancelled(story: Story) -> None:
    found = consequences(story, "order_cancelled")
    order = story.documents[found.report["order_id"]]
    event = found.row("events/trackBulk")
    _assert_event(found, event, order, "order_cancelled")
    assert money(event["dataFields"]["orderTotal"]) == found.amount
    assert event["dataFields"]["previousOrderStatus"] == "confirmed"
    assert found.after["dataFields"]["orderCount"] == found.before["dataFields"]["orderCount"] - 1
    assert found.gained("lifetimeValueGross") == found.gained("lifetimeValueNet") == -found.amount


def test_partial_refund(story: Story) -> None:
    found = consequences(story, "partial_refund")
    _assert_refund(found, story.documents[found.report["order_id"]], is_full=False)


def test_full_refund(story: Story) -> None:
    found = consequences(story, "full_refund")
    _assert_refund(found, story.documents[found.report["order_id"]], is_full=True)


def test_order_returned(story: Story) -> None:
    found = consequences(story, "order_returned")
    assert found.after == found.before != {}


def test_order_shipped(story: Story) -> None:
    found = consequences(story, "order_shipped")
    assert found.after == found.before != {}


def test_email_changed(story: Story) -> None:
    found = consequences(story, "email_changed")
    (sent,) = found.sent
    if story.identity == "email":
        new = sent.row["newEmail"]
        assert sent.row == {"currentEmail": found.before["email"], "newEmail": new}
    else:
        new = sent.row["dataFields"]["email"]
        assert sent.row["userId"] == found.report["customer_id"]
        assert sent.row["dataFields"].keys() == {"email", "consent"}
    assert [other.call for other in _day(story) if other.position < sent.position] == ["subscriptions/messageChannel"]
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
    assert found.after["unsubscribedChannelIds"] == found.before["unsubscribedChannelIds"], "grants are not sent yet"


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
    (held,) = found.items
    assert (held["object"], held["kind"], held["planned_state"]) == ("users", "deletion", "held")
    assert held["reason"].startswith("customer deleted")
    assert found.after == found.before != {}


def test_product_price_changed(story: Story) -> None:
    found = consequences(story, "product_price_changed")
    product = found.report["product_id"]
    lines = [line for order in story.documents.values() for line in order["lineItems"] if line["productId"] == product]
    paid = {line["totalPrice"]["centAmount"] // line["quantity"] for line in lines}
    told = {
        int(money(item["price"]).scaleb(DIGITS[item["dataFields"]["currency"]]))
        for sent in _day(story)
        for item in sent.row.get("items", ())
        if item["id"] == product
    }
    assert told
    assert told <= paid, "orders and carts keep their prices"
    assert not [sent for sent in _day(story) if sent.call.startswith("catalogs")]


def test_malformed_records(story: Story) -> None:
    found = consequences(story, "malformed_records")
    reasons = {row["reason"]: f"{row['resource']}/{row['id']}" for row in story.rejected_documents}
    _, without_money, bad_time = found.report["touched"]
    assert reasons.pop("the record is not a JSON object").startswith("customers/")
    assert reasons == {
        "totalPrice.centAmount is missing or not a whole number": without_money,
        "createdAt is missing or not a time": bad_time,
    }
    assert MALFORMED_EMAIL not in {sent.person for sent in _day(story)}
    assert story.chapters["shop day"].report.attention == (), "everything else goes on"


def test_every_row_of_the_table_has_its_test() -> None:
    assert {f"test_{scenario}" for scenario in expectations()} <= globals().keys()


def test_the_shop_day_concerns_nobody_but_its_players(story: Story) -> None:
    players = {name for report in story.day.values() for name in story.names_of(report.get("customer_id"))}
    assert {sent.person for sent in _day(story)} <= players | set(story.names_of(None, GUEST_EMAIL))


def test_requests_carry_only_identifiers_that_the_project_has(story: Story) -> None:
    rows = [sent.row.get("user", sent.row) for chapter in story.chapters.values() for sent in chapter.sent()]
    has_email, has_id = (sum(key in row for row in rows) for key in ("email", "userId"))
    if story.identity == "email":
        assert has_id == 0 < has_email
    elif story.identity == "user_id":
        assert has_id == len(rows)
    for row in rows:
        assert re.fullmatch(r"[!-~]{1,52}", row.get("userId", "absent"))
        assert "@" not in row.get("userId", "")


def test_every_write_about_a_person_carries_the_consent_object(story: Story) -> None:
    calls = ("users/bulkUpdate", "users/update")
    rows = [sent.row for chapter in story.chapters.values() for sent in chapter.sent() if sent.call in calls]
    assert len(rows) > 40
    for row in rows:
        assert row["dataFields"]["consent"].keys() == CHANNELS.keys()


def test_yen_and_dinars_go_out_exact_and_as_doubles(story: Story) -> None:
    people = [sent.row["dataFields"] for sent in story.chapters["first"].sent() if sent.call == "users/bulkUpdate"]
    yen = {money(data["lifetimeValueGross"]) for data in people if data["currency"] == "JPY" and "orderCount" in data}
    dinars = {money(data["lifetimeValueGross"]) for data in people if data["currency"] == "KWD" and "orderCount" in data}
    assert yen
    assert all(value == value.to_integral_value() for value in yen)
    assert any(value != round(value, 2) for value in dinars), "three decimals"


def test_ids_of_facts_are_the_same_in_a_warehouse_rebuilt_from_nothing(whole_story: Story) -> None:
    sent = {sent.row["id"] for sent in _day(whole_story) if "id" in sent.row and sent.row.get("eventName") != "consent_changed"}
    assert len(sent) == 5
    assert sent <= whole_story.rebuilt_fact_ids


def _day(story: Story) -> Iterator[Sent]:
    return story.chapters["shop day"].sent()


def _fields_but_times(user: Row) -> Row:
    return {name: value for name, value in user["dataFields"].items() if name not in ("email", "profileUpdatedAt")}


def _assert_purchase(found: Consequences, order: Row) -> None:
    row = found.row("commerce/trackPurchase")
    assert re.fullmatch(r"purchase-[0-9a-f]{32}", row["id"])
    assert row["createdAt"] == int(found.at.timestamp())
    assert money(row["total"]) == found.amount
    assert (row["dataFields"]["orderId"], row["dataFields"]["orderNumber"]) == (order["id"], order["orderNumber"])
    assert money(row["dataFields"]["shippingTotal"]) == money(4.99)
    assert_place(row["dataFields"], order)
    assert_items(row["items"], order)


def _assert_cart(found: Consequences, cart: Row) -> None:
    row = found.row("commerce/updateCart")
    assert row.keys() == {"user", "items"}
    assert row["user"] == found.who
    assert_items(row["items"], cart)
    assert sum(money(item["dataFields"]["lineTotal"]) for item in row["items"]) == found.amount
    assert [item["id"] for item in found.after["cart"]] == [item["id"] for item in row["items"]]
    changed = found.row("users/bulkUpdate")["dataFields"]
    assert changed.keys() == {"consent", "lastCartAt"}
    assert moment(changed["lastCartAt"]) == found.at


def _assert_event(found: Consequences, event: Row, order: Row, name: str) -> None:
    assert (event["eventName"], {key: event[key] for key in ("email", "userId") if key in event}) == (name, found.who)
    assert re.fullmatch(rf"{name.replace('_', '-')}-[0-9a-f]{{32}}", event["id"])
    assert event["createdAt"] == int(found.at.timestamp())
    assert (event["dataFields"]["orderId"], event["dataFields"]["orderNumber"]) == (order["id"], order["orderNumber"])
    assert_place(event["dataFields"], order)


def _assert_refund(found: Consequences, order: Row, *, is_full: bool) -> None:
    event = found.row("events/trackBulk")
    _assert_event(found, event, order, "order_refunded")
    assert money(event["dataFields"]["refundAmount"]) == found.amount
    assert event["dataFields"]["isFullRefund"] is is_full
    assert (money(event["dataFields"]["orderTotal"]) == found.amount) is is_full
    assert found.row("users/bulkUpdate")["dataFields"].keys() == {"consent", "lifetimeValueNet"}
    assert found.gained("lifetimeValueNet") == -found.amount
