"""Scenarios of the shop day about carts, on their way to an order and after."""

from sandbox.shop.day_lines import copied_lines, market_of_document, set_quantity, set_total
from sandbox.shop.day_orders import Facts, amount_of, place
from sandbox.shop.documents import Document
from sandbox.shop.identifiers import resource_id
from sandbox.shop.stage import Stage

_OF_ORDERS = ("customerId", "customerEmail", "customerGroup", "store", "country", "locale", "taxMode", "inventoryMode")


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
    return {"cart_id": cart["id"], **amount_of(cart["totalPrice"])}


def cart_created(stage: Stage) -> Facts:
    """A logged-in customer without a cart starts one."""
    template = stage.document("orders", stage.role["order_id"])
    lines = copied_lines(template, "shop-day:cart", (1, 3))
    cart = {name: template[name] for name in _OF_ORDERS if name in template}
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
    return {"cart_id": created["id"], **amount_of(created["totalPrice"])}


def checkout_started(stage: Stage) -> Facts:
    """A customer says where the cart shall be sent."""
    address = {"firstName": "Shop", "lastName": "Day", "city": "Elsewhere"}
    cart = stage.change(
        "carts",
        stage.role["cart_id"],
        lambda document: document.update(shippingAddress=address | {"country": document["country"]}),
    )
    return {"cart_id": cart["id"], **amount_of(cart["totalPrice"])}


def cart_recovered(stage: Stage) -> Facts:
    """A cart that nobody had touched for hours or days becomes an order, as it is."""
    cart = stage.change("carts", stage.role["cart_id"], lambda document: document.update(cartState="Ordered"))
    order = {
        name: cart[name]
        for name in (*_OF_ORDERS, "lineItems", "customLineItems", "totalPrice", "shippingMode", "shipping")
        if name in cart
    }
    order |= {
        "id": resource_id("order", "shop-day:cart-recovered"),
        "orderNumber": "shop-day-cart-recovered",
        "orderState": "Open",
        "paymentState": "Pending",
        "origin": "Customer",
        "syncInfo": [],
        "directDiscounts": [],
        "refusedGifts": [],
        "taxRoundingMode": "HalfUp",
        "taxCalculationMode": "LineItemLevel",
        "cart": {"typeId": "cart", "id": cart["id"]},
        "paymentInfo": {"payments": [{"typeId": "payment", "id": resource_id("payment", "shop-day:cart-recovered")}]},
    }
    return {"cart_id": cart["id"], **place(stage, order)}
