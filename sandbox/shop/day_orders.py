"""Scenarios of the shop day about orders, payments and carts. Each returns what a check wants to know about it."""

from sandbox.shop.day_lines import (
    SHIPPING_FEE_MINOR,
    copied_lines,
    paid_lines,
    set_total,
)
from sandbox.shop.documents import Document
from sandbox.shop.identifiers import resource_id
from sandbox.shop.returns import return_info
from sandbox.shop.stage import Stage

GUEST_EMAIL = "shop-day.guest@example.com"
_TRANSIENT = (
    "customerId",
    "customerGroup",
    "anonymousId",
    "completedAt",
    "returnInfo",
    "shipmentState",
    "custom",
    "discountCodes",
)

Facts = dict[str, object]


def new_registered_order(stage: Stage) -> Facts:
    """A customer orders two things, two of the first, and pays 4.99 (499 minor units) for delivery."""
    template = stage.document("orders", stage.role["order_id"])
    order = _new_order(stage, template, "new-registered-order") | {"customerId": stage.role["customer_id"]}
    if "customerGroup" in template:
        order["customerGroup"] = template["customerGroup"]
    return place(stage, order)


def new_guest_order(stage: Stage) -> Facts:
    """Somebody never seen before orders without an account and says nothing about newsletters."""
    template = stage.document("orders", stage.role["order_id"])
    order = _new_order(stage, template, "new-guest-order")
    order |= {"customerEmail": GUEST_EMAIL, "anonymousId": resource_id("anonymous", "shop-day")}
    for name in ("shippingAddress", "billingAddress"):
        if name in order:
            order[name] = {"firstName": "Shop", "lastName": "Guest", "country": order["country"]}
    return place(stage, order)


def order_cancelled(stage: Stage) -> Facts:
    """An order that was not shipped is cancelled and its authorisation given back."""
    before = stage.document("orders", stage.role["order_id"])
    states = {"orderState": "Cancelled", "oldOrderState": before["orderState"]}
    order = stage.change(
        "orders", before["id"], lambda document: document.update(orderState="Cancelled"), ("OrderStateChanged", states)
    )
    _pay(stage, "CancelAuthorization", order["totalPrice"])
    return amount_of(order["totalPrice"])


def partial_refund(stage: Stage) -> Facts:
    """The first paid line of a completed order is paid back."""
    order = stage.document("orders", stage.role["order_id"])
    return _pay(stage, "Refund", paid_lines(order)[0]["totalPrice"])


def full_refund(stage: Stage) -> Facts:
    """A completed order is paid back whole."""
    order = stage.document("orders", stage.role["order_id"])
    return _pay(stage, "Refund", order["totalPrice"])


def order_returned(stage: Stage) -> Facts:
    """One line of a completed order comes back; no money moves yet."""
    line = paid_lines(stage.document("orders", stage.role["order_id"]))[0]
    info = return_info(line["id"], key=f"shop-day:{line['id']}", quantity=line["quantity"], payment_state="Initial", at=stage.at)
    stage.change(
        "orders",
        stage.role["order_id"],
        lambda document: document.setdefault("returnInfo", []).append(info),
        ("ReturnInfoAdded", {"returnInfo": info}),
    )
    return {}


def order_shipped(stage: Stage) -> Facts:
    """An order leaves the warehouse."""
    order = stage.document("orders", stage.role["order_id"])
    delivery = _delivery(stage, order)
    stage.change(
        "orders",
        order["id"],
        lambda document: _deliver(document, delivery, "Shipped"),
        ("DeliveryAdded", {"delivery": delivery}),
        ("OrderShipmentStateChanged", {"shipmentState": "Shipped"}),
    )
    return {}


def order_delivered(stage: Stage) -> Facts:
    """A confirmed order is handed over in one parcel and complete with that; nobody had told that it was shipped."""
    order = stage.document("orders", stage.role["order_id"])
    delivery = _delivery(stage, order)
    tracking = {"trackingId": "T-SHOP-DAY", "carrier": "demo-post", "isReturn": False}
    parcel = {
        "id": resource_id("parcel", f"shop-day:{order['id']}"),
        "createdAt": stage.at,
        "trackingData": tracking,
        "items": [],
    }
    delivery["parcels"] = [parcel]

    def hand_over(document: Document) -> None:
        _deliver(document, delivery, "Delivered")
        document["orderState"] = "Complete"

    stage.change(
        "orders",
        order["id"],
        hand_over,
        ("DeliveryAdded", {"delivery": delivery}),
        ("OrderShipmentStateChanged", {"shipmentState": "Delivered"}),
        ("OrderStateChanged", {"orderState": "Complete", "oldOrderState": order["orderState"]}),
    )
    return {}


def order_edited(stage: Stage) -> Facts:
    """The goods shall go to another street; nothing else about the order changes."""
    address = {
        "country": stage.document("orders", stage.role["order_id"])["country"],
        "streetName": "Shop Day Street",
        "city": "Elsewhere",
    }
    order = stage.change(
        "orders",
        stage.role["order_id"],
        lambda document: document.update(shippingAddress=document.get("shippingAddress", {}) | address),
        ("OrderShippingAddressSet", {"address": address}),
    )
    return amount_of(order["totalPrice"])


def _delivery(stage: Stage, order: Document) -> Document:
    items = [{"id": line["id"], "quantity": line["quantity"]} for line in order["lineItems"]]
    return {"id": resource_id("delivery", f"shop-day:{order['id']}"), "createdAt": stage.at, "items": items, "parcels": []}


def _deliver(document: Document, delivery: Document, state: str) -> None:
    document["shipmentState"] = state
    document.setdefault("shippingInfo", {}).setdefault("deliveries", []).append(delivery)


def _new_order(stage: Stage, template: Document, key: str) -> Document:
    order = {name: value for name, value in template.items() if name not in _TRANSIENT}
    order |= {
        "id": resource_id("order", f"shop-day:{key}"),
        "orderNumber": f"shop-day-{key}",
        "orderState": "Open",
        "paymentState": "Pending",
        "origin": "Customer",
        "cart": {"typeId": "cart", "id": resource_id("cart", f"shop-day:{key}")},
        "paymentInfo": {"payments": [{"typeId": "payment", "id": resource_id("payment", f"shop-day:{key}")}]},
        "lineItems": copied_lines(template, f"shop-day:{key}", (2, 1)),
    }
    set_total(order, shipping_minor=SHIPPING_FEE_MINOR if "shippingInfo" in order else 0)
    return order


def place(stage: Stage, order: Document) -> Facts:
    payment_id = order["paymentInfo"]["payments"][0]["id"]
    payment = {
        "id": payment_id,
        "key": f"pay-{order['orderNumber']}",
        "amountPlanned": order["totalPrice"],
        "paymentMethodInfo": {"paymentInterface": "demo-pay", "method": "PAYPAL", "name": {"en": "PayPal"}},
        "paymentStatus": {},
        "transactions": [_transaction(stage, "Authorization", order["totalPrice"], payment_id)],
        "interfaceInteractions": [],
    }
    if "customerId" in order:
        payment["customer"] = {"typeId": "customer", "id": order["customerId"]}
    else:
        payment["anonymousId"] = order["anonymousId"]
    dated = {"version": 1, "createdAt": stage.at, "lastModifiedAt": stage.at}
    stage.create("payments", payment, ("PaymentCreated", {"payment": payment | dated}))
    stage.create("orders", order, ("OrderCreated", {"order": order | dated}))
    return {"order_id": order["id"], "payment_id": payment_id, **amount_of(order["totalPrice"])}


def _pay(stage: Stage, kind: str, amount: Document) -> Facts:
    payment_id = stage.role["payment_id"]
    transaction = _transaction(stage, kind, amount, payment_id)
    stage.change(
        "payments",
        payment_id,
        lambda payment: payment["transactions"].append(transaction),
        ("PaymentTransactionAdded", {"transaction": transaction}),
    )
    return {"transaction_id": transaction["id"], **amount_of(amount)}


def _transaction(stage: Stage, kind: str, amount: Document, payment_id: str) -> Document:
    return {
        "id": resource_id("transaction", f"shop-day:{payment_id}:{kind}"),
        "timestamp": stage.at,
        "type": kind,
        "amount": amount,
        "state": "Success",
    }


def amount_of(money: Document) -> Facts:
    return {"amount_minor": money["centAmount"], "currency_code": money["currencyCode"]}
