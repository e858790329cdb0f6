"""Scenarios of the shop day about people, products and documents that make no sense."""

from typing import Any

import orjson

from sandbox.shop.documents import Document, reference
from sandbox.shop.identifiers import resource_id
from sandbox.shop.stage import Stage

MALFORMED_EMAIL = "shop-day.malformed@example.com"

Facts = dict[str, object]


def email_changed(stage: Stage) -> Facts:
    """A customer changes the address and proves the new one at once, so that only the address differs."""
    before = stage.document("customers", stage.role["customer_id"])
    email = f"new.address.{before['customerNumber']}@example.com"
    stage.change(
        "customers",
        before["id"],
        lambda customer: customer.update(email=email, isEmailVerified=True),
        ("CustomerEmailChanged", {"email": email, "oldEmail": before["email"]}),
        ("CustomerEmailVerified", {}),
    )
    return {}


def consent_given(stage: Stage) -> Facts:
    """A customer who had refused the newsletter asks for it."""
    return _set_field(stage, "newsletterOptIn", True)


def consent_withdrawn(stage: Stage) -> Facts:
    """A customer who had asked for the newsletter wants it no more."""
    return _set_field(stage, "newsletterOptIn", False)


def group_changed(stage: Stage) -> Facts:
    """A regular customer becomes a premium customer."""
    group = reference("customer-group", "premium")

    def join(customer: Document) -> None:
        customer["customerGroup"] = group
        customer["customerGroupAssignments"] = [{"customerGroup": group}]

    stage.change("customers", stage.role["customer_id"], join, ("CustomerGroupSet", {"customerGroup": group}))
    return {}


def loyalty_raised(stage: Stage) -> Facts:
    """A customer gets a hundred points more."""
    customer_id = stage.role["customer_id"]
    before = stage.document("customers", customer_id)["custom"]["fields"]["loyaltyPoints"]
    payload = {"name": "loyaltyPoints", "value": before + 100, "previousValue": before}
    stage.change(
        "customers",
        customer_id,
        lambda customer: customer["custom"]["fields"].update(loyaltyPoints=before + 100),
        ("CustomerCustomFieldChanged", payload),
    )
    return {}


def guest_registered(stage: Stage) -> Facts:
    """A guest with orders makes an account with the same address and proves it; the orders stay as they were."""
    order = stage.document("orders", stage.role["order_id"])
    address = order.get("shippingAddress", {})
    customer: Document = {
        "id": resource_id("customer", "shop-day"),
        "customerNumber": "shop-day-1",
        "email": order["customerEmail"],
        "firstName": address.get("firstName", "Former"),
        "lastName": address.get("lastName", "Guest"),
        "addresses": [],
        "shippingAddressIds": [],
        "billingAddressIds": [],
        "customerGroupAssignments": [],
        "isEmailVerified": True,
        "authenticationMode": "Password",
        "locale": order["locale"],
        "stores": [order["store"]],
    }
    dated = {"version": 1, "createdAt": stage.at, "lastModifiedAt": stage.at}
    stage.create("customers", customer, ("CustomerCreated", {"customer": customer | dated}))
    return {"customer_id": customer["id"]}


def customer_deleted(stage: Stage) -> Facts:
    """A customer's account is deleted; the orders keep pointing to it."""
    customer = stage.document("customers", stage.role["customer_id"])
    stage.remove("customers", customer, ("CustomerDeleted", {"email": customer["email"]}))
    return {}


def product_price_changed(stage: Stage) -> Facts:
    """A product costs ten minor units more from now on."""
    order = stage.document("orders", stage.role["order_id"])
    product_id = order["lineItems"][0]["productId"]
    old = stage.document("product_projections", product_id)["masterVariant"]["prices"][0]
    new = old | {"value": old["value"] | {"centAmount": old["value"]["centAmount"] + 10}}

    def reprice(product: Document) -> None:
        product["masterVariant"]["prices"][0] = new

    payload = {"variantId": 1, "oldPrice": old, "newPrice": new, "staged": False}
    stage.change("product_projections", product_id, reprice, ("ProductPriceChanged", payload))
    return {"product_id": product_id}


def malformed_records(stage: Stage) -> Facts:
    """A customer that is a string, an order without any money, an order made 'yesterday'. No known person is concerned."""
    template = stage.document("orders", stage.role["order_id"])
    kept = ("store", "country", "locale", "origin", "orderState", "lineItems", "totalPrice", "shippingMode")
    order: dict[str, Any] = {name: template[name] for name in kept if name in template}
    order |= {"version": 1, "createdAt": stage.at, "lastModifiedAt": stage.at, "customerEmail": MALFORMED_EMAIL}
    without_money = order | {"id": resource_id("order", "shop-day:without-money"), "lineItems": []}
    del without_money["totalPrice"]
    bad_time = order | {"id": resource_id("order", "shop-day:bad-time"), "createdAt": "yesterday"}
    stage.put_raw("customers", resource_id("customer", "shop-day:not-an-object"), '"this is not an object"')
    for document in (without_money, bad_time):
        stage.put_raw("orders", document["id"], orjson.dumps(document).decode())
    return {}


def _set_field(stage: Stage, name: str, value: bool) -> Facts:
    customer_id = stage.role["customer_id"]
    before = stage.document("customers", customer_id)["custom"]["fields"].get(name)
    payload: Document = {"name": name, "value": value}
    if before is not None:
        payload["previousValue"] = before
    kind = "CustomerCustomFieldAdded" if before is None else "CustomerCustomFieldChanged"
    stage.change("customers", customer_id, lambda customer: customer["custom"]["fields"].update({name: value}), (kind, payload))
    return {}
