"""The rows of sandbox/shop/scenarios.csv about orders and carts, on the shared story."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from sandbox.shop.day_orders import GUEST_EMAIL
from tests.e2e.consequences import (
    CHANNELS,
    Consequences,
    assert_about,
    assert_event,
    assert_items,
    assert_place,
    consequences,
    moment,
    money,
)
from tests.e2e.story import Row, Story

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
    assert moment(changed["lastPurchaseAt"]) == found.at.replace(microsecond=0)
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
    assert_event(found, event, order, "order_cancelled")
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
    assert_event(found, event, order, "order_returned")
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
    assert_event(found, event, order, "shipment_created")
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
        assert_event(found, event, order, name)
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
    assert_event(found, event, order, "order_updated")
    assert (event["dataFields"]["isAddressChanged"], event["dataFields"]["areLinesChanged"]) == (True, False)
    assert_items(event["dataFields"]["items"], order)
    assert "Shop Day Street" not in str(found.sent), "events carry no address"


def test_checkout_started(story: Story) -> None:
    found = consequences(story, "checkout_started")
    cart = story.documents[found.report["cart_id"]]
    event = found.row("events/trackBulk")
    assert_about(found, event, "checkout_started")
    data = event["dataFields"]
    assert (data["cartId"], data["step"], data["isDerived"]) == (cart["id"], "shipping_address", True)
    assert money(data["cartTotal"]) == found.amount
    assert_items(data["items"], cart)


def test_cart_recovered(story: Story) -> None:
    found = consequences(story, "cart_recovered")
    order = story.documents[found.report["order_id"]]
    _assert_purchase(found, order, shipping=0.0)
    event = found.row("events/trackBulk")
    assert_event(found, event, order, "cart_recovered")
    assert event["dataFields"]["cartId"] == found.report["cart_id"]
    assert event["dataFields"]["minutesToRecover"] > 60
    assert found.before["cart"] != []
    assert found.after["cart"] == []


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
    assert moment(changed["lastCartAt"]) == found.at.replace(microsecond=0)


def _assert_refund(found: Consequences, order: Row, *, is_full: bool) -> None:
    event = found.row("events/trackBulk")
    assert_event(found, event, order, "order_refunded")
    assert money(event["dataFields"]["refundAmount"]) == found.amount
    assert event["dataFields"]["isFullRefund"] is is_full
    assert (money(event["dataFields"]["orderTotal"]) == found.amount) is is_full
    assert found.row("users/bulkUpdate")["dataFields"].keys() == {"consent", "lifetimeValueNet"}
    assert found.gained("lifetimeValueNet") == -found.amount
