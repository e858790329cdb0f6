"""sandbox/shop/scenarios.csv, row by row, on the shared story: what the sync after the shop day sent, and what not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest

from cartwire.settings import REPOSITORY
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
    order = story.documents[found.report["order_id"]]
    event = found.row("events/trackBulk")
    _assert_event(found, event, order, "order_returned")
    back = order["returnInfo"][-1]["items"][0]
    (line,) = (line for line in order["lineItems"] if line["id"] == back["lineItemId"])
    (item,) = event["dataFields"]["items"]
    assert (item["id"], item["quantity"]) == (line["productId"], back["quantity"])
    assert event["dataFields"]["returnStatus"] == "returned"
    assert found.after["dataFields"] == found.before["dataFields"]


def test_order_shipped(story: Story) -> None:
    found = consequences(story, "order_shipped")
    order = story.documents[found.report["order_id"]]
    event = found.row("events/trackBulk")
    _assert_event(found, event, order, "shipment_created")
    delivery = order["shippingInfo"]["deliveries"][-1]
    assert event["dataFields"]["deliveryId"] == delivery["id"]
    assert "parcelId" not in event["dataFields"]
    assert [item["quantity"] for item in event["dataFields"]["items"]] == [item["quantity"] for item in delivery["items"]]
    assert found.after["dataFields"] == found.before["dataFields"]


def test_order_delivered(story: Story) -> None:
    found = consequences(story, "order_delivered")
    order = story.documents[found.report["order_id"]]
    events = found.events()
    assert events.keys() == {"order_status_changed", "shipment_created", "shipment_delivered"}
    for name, event in events.items():
        _assert_event(found, event, order, name)
    for name in ("shipment_created", "shipment_delivered"):
        data = events[name]["dataFields"]
        assert (data["carrier"], data["trackingId"]) == ("demo-post", "T-SHOP-DAY")
        assert len(data["items"]) == len(order["lineItems"])
    changed = events["order_status_changed"]["dataFields"]
    assert (changed["statusType"], changed["previousStatus"], changed["status"]) == ("order", "confirmed", "complete")


def test_order_edited(story: Story) -> None:
    found = consequences(story, "order_edited")
    order = story.documents[found.report["order_id"]]
    event = found.row("events/trackBulk")
    _assert_event(found, event, order, "order_updated")
    assert (event["dataFields"]["isAddressChanged"], event["dataFields"]["areLinesChanged"]) == (True, False)
    assert_items(event["dataFields"]["items"], order)
    assert "Shop Day Street" not in str(found.sent), "events carry no address"


def test_checkout_started(story: Story) -> None:
    found = consequences(story, "checkout_started")
    cart = story.documents[found.report["cart_id"]]
    event = found.row("events/trackBulk")
    _assert_about(found, event, "checkout_started")
    data = event["dataFields"]
    assert (data["cartId"], data["step"], data["isDerived"]) == (cart["id"], "shipping_address", True)
    assert money(data["cartTotal"]) == found.amount
    assert_items(data["items"], cart)


def test_cart_recovered(story: Story) -> None:
    found = consequences(story, "cart_recovered")
    order = story.documents[found.report["order_id"]]
    _assert_purchase(found, order, shipping=0.0)
    event = found.row("events/trackBulk")
    _assert_event(found, event, order, "cart_recovered")
    assert event["dataFields"]["cartId"] == found.report["cart_id"]
    assert event["dataFields"]["minutesToRecover"] > 60
    assert found.before["cart"] != []
    assert found.after["cart"] == []


def test_email_changed(story: Story) -> None:
    found = consequences(story, "email_changed")
    sent, event = found.sent
    _assert_about(found, event.row, "customer_email_changed")
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
    assert {other.call for other in _day(story) if other.position < sent.position} == {"subscriptions/messageChannel"}
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
    event = found.row("events/trackBulk")
    _assert_about(found, event, "customer_group_changed")
    assert event["dataFields"]["customerGroup"] == "premium"
    assert "previousCustomerGroup" not in event["dataFields"], "a Message names the new group only"


def test_loyalty_raised(story: Story) -> None:
    found = consequences(story, "loyalty_raised")
    points = found.before["dataFields"]["loyaltyPoints"]
    assert found.row("users/bulkUpdate")["dataFields"].keys() == {"loyaltyPoints", "consent"}
    event = found.row("events/trackBulk")
    _assert_about(found, event, "loyalty_changed")
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


def test_a_fact_has_one_id_whether_polls_messages_or_a_rebuild_from_nothing_told_of_it(whole_story: Story) -> None:
    """All but what only our own history of versions dates: it is gone with the warehouse, and says nothing of the past."""
    of_history = {"consent_changed", "loyalty_changed", "order_updated", "checkout_started", "cart_recovered"}
    sent = {(row.get("eventName", "purchases"), row["id"]) for row in (sent.row for sent in _day(whole_story)) if "id" in row}
    grown, rebuilt, without = (whole_story.fact_ids[name] for name in ("grown", "rebuilt", "rebuilt without Messages"))
    assert sent <= grown
    assert {fact for fact in sent if fact[0] not in of_history} <= rebuilt
    own = {"purchases", "order_refunded", "order_returned", "shipment_created"}
    ids = [{fact for fact in facts if fact[0] in own} for facts in (grown, rebuilt, without)]
    assert ids[0] == ids[1] == ids[2]
    assert {kind for kind, _ in ids[0]} == own
    accounts = [{fact for fact in facts if fact[0] == "customer_created"} for facts in (grown, rebuilt, without)]
    gone = [fact for fact in grown if fact[0] == "customer_deleted"]
    assert accounts[0] >= accounts[1] == accounts[2]
    assert len(accounts[0] - accounts[1]) == len(gone) > 0, "nobody can read when a deleted customer was made"
    assert {kind for kind, _ in sent} >= {*own, "customer_created", "order_cancelled"}
    transitions = {"order_cancelled", "order_status_changed", "customer_email_changed", "customer_group_changed"}
    assert {fact for fact in without if fact[0] not in transitions | of_history} <= grown


def test_every_event_name_occurs_in_the_shop_day_or_is_accounted_for(story: Story) -> None:
    """An abandoned cart falls due by time and not by what happens on a day; two kinds are switched off as shipped, one is no shop's."""
    named = {sent.row["eventName"] for sent in _day(story) if sent.call == "events/trackBulk"}
    events = {path.stem for path in (REPOSITORY / "models" / "activation" / "events").glob("*.sql")}
    assert events - named == {"cart_abandoned", "customer_deleted", "product_viewed", "smoke_tested"}


def _day(story: Story) -> Iterator[Sent]:
    return story.chapters["shop day"].sent()


def _fields_but_times(user: Row) -> Row:
    return {name: value for name, value in user["dataFields"].items() if name not in ("email", "profileUpdatedAt")}


def _assert_purchase(found: Consequences, order: Row, shipping: float = 4.99) -> None:
    row = found.row("commerce/trackPurchase")
    assert re.fullmatch(r"purchase-[0-9a-f]{32}", row["id"])
    assert row["createdAt"] == int(found.at.timestamp())
    assert money(row["total"]) == found.amount
    assert (row["dataFields"]["orderId"], row["dataFields"]["orderNumber"]) == (order["id"], order["orderNumber"])
    assert money(row["dataFields"]["shippingTotal"]) == money(shipping)
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


def _assert_about(found: Consequences, event: Row, name: str) -> None:
    assert event["eventName"] == name
    assert {key: event[key] for key in ("userId", "email") if key in event} == found.who
    assert re.fullmatch(rf"{name.replace('_', '-')}-[0-9a-f]{{32}}", event["id"])
    assert event["createdAt"] == int(found.at.timestamp())
    assert moment(event["dataFields"]["occurredAt"]) == found.at
    data = event["dataFields"]
    assert (data["schemaVersion"], data["isBackfill"], data["isTest"]) == (1, False, False)
    assert data["customerId"] == found.report["customer_id"]
    assert "guestId" not in data


def _assert_event(found: Consequences, event: Row, order: Row, name: str) -> None:
    _assert_about(found, event, name)
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
