"""Scenarios of the shop day about orders, payments and carts. Each returns what a check wants to know about it."""

from sandbox.shop.day_lines import (
    SHIPPING_FEE_MINOR,
    copied_lines,
    market_of_document,
    paid_lines,
    set_quantity,
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
    return _place(stage, order)


def new_guest_order(stage: Stage) -> Facts:
    """Somebody never seen before orders without an account and says nothing about newsletters."""
    template = stage.document("orders", stage.role["order_id"])
    order = _new_order(stage, template, "new-guest-order")
    order |= {"customerEmail": GUEST_EMAIL, "anonymousId": resource_id("anonymous", "shop-day")}
    for name in ("shippingAddress", "billingAddress"):
        if name in order:
            order[name] = {"firstName": "Shop", "lastName": "Guest", "country": order["country"]}
    return _place(stage, order)


def cart_edited(stage: Stage) -> Facts:
    """Two more of the first thing in the cart, the last thing taken out if there are at least three."""

    def edit(cart: Document) -> None:
        lines = cart["lineItems"]
        set_quantity(lines[0], lines[0]["quantity"] + 2, market_of_document(cart))
        if len(lines) > 2:
            lines.pop()
        cart["totalLineItemQuantity"] = sum(line["quantity"] for line in lines)
        set_total(cart)

    cart = stage.change("carts", stage.role["cart_id"], edit)
    return {"cart_id": cart["id"], **_amount(cart["totalPrice"])}


def cart_created(stage: Stage) -> Facts:
    """A logged-in customer without a cart starts one."""
    template = stage.document("orders", stage.role["order_id"])
    lines = copied_lines(template, "shop-day:cart", (1, 3))
    kept = ("customerId", "customerEmail", "customerGroup", "store", "country", "locale", "taxMode", "inventoryMode")
    cart = {name: template[name] for name in kept if name in template}
    cart |= {
        "id": resource_id("cart", "shop-day"),
        "cartState": "Active",
        "origin": "Customer",
        "lineItems": lines,
        "customLineItems": [],
        "totalLineItemQuantity": sum(line["quantity"] for line in lines),
        "shippingMode": "Single",
        "shipping": [],
        "itemShippingAddresses": [],
        "discountCodes": [],
        "directDiscounts": [],
        "refusedGifts": [],
        "taxRoundingMode": "HalfUp",
        "taxCalculationMode": "LineItemLevel",
        "priceRoundingMode": "HalfEven",
        "deleteDaysAfterLastModification": 90,
    }
    set_total(cart)
    created = stage.create("carts", cart)
    return {"cart_id": created["id"], **_amount(created["totalPrice"])}


def order_cancelled(stage: Stage) -> Facts:
    """An order that was not shipped is cancelled and its authorisation given back."""
    before = stage.document("orders", stage.role["order_id"])
    states = {"orderState": "Cancelled", "oldOrderState": before["orderState"]}
    order = stage.change(
        "orders", before["id"], lambda document: document.update(orderState="Cancelled"), ("OrderStateChanged", states)
    )
    _pay(stage, "CancelAuthorization", order["totalPrice"])
    return _amount(order["totalPrice"])


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
    delivery = {
        "id": resource_id("delivery", f"shop-day:{order['id']}"),
        "createdAt": stage.at,
        "items": [{"id": line["id"], "quantity": line["quantity"]} for line in order["lineItems"]],
        "parcels": [],
    }

    def ship(document: Document) -> None:
        document["shipmentState"] = "Shipped"
        if "shippingInfo" in document:
            document["shippingInfo"]["deliveries"].append(delivery)

    stage.change(
        "orders",
        order["id"],
        ship,
        ("DeliveryAdded", {"delivery": delivery}),
        ("OrderShipmentStateChanged", {"shipmentState": "Shipped"}),
    )
    return {}


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


def _place(stage: Stage, order: Document) -> Facts:
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
    return {"order_id": order["id"], "payment_id": payment_id, **_amount(order["totalPrice"])}


def _pay(stage: Stage, kind: str, amount: Document) -> Facts:
    payment_id = stage.role["payment_id"]
    transaction = _transaction(stage, kind, amount, payment_id)
    stage.change(
        "payments",
        payment_id,
        lambda payment: payment["transactions"].append(transaction),
        ("PaymentTransactionAdded", {"transaction": transaction}),
    )
    return {"transaction_id": transaction["id"], **_amount(amount)}


def _transaction(stage: Stage, kind: str, amount: Document, payment_id: str) -> Document:
    return {
        "id": resource_id("transaction", f"shop-day:{payment_id}:{kind}"),
        "timestamp": stage.at,
        "type": kind,
        "amount": amount,
        "state": "Success",
    }


def _amount(money: Document) -> Facts:
    return {"amount_minor": money["centAmount"], "currency_code": money["currencyCode"]}
