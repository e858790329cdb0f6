"""Carts: of the last days' orders, active ones, idle ones, guests' with an address, anonymous ones without.

By household number: modulo 3 is 0 a cart in use during the last six days (modulo 12 is 0: two of them), modulo 3 is 1 one left idle
for 10 to 80 days, modulo 25 is 0 one merged at log-in, modulo 9 is 5 an anonymous one beside. They hold lines the household bought.
"""

from collections.abc import Iterator

from sandbox.shop.catalogue import Catalogue
from sandbox.shop.chance import draw_one
from sandbox.shop.documents import Document, Record, envelope, reference
from sandbox.shop.identifiers import resource_id
from sandbox.shop.line_items import Line, line_item
from sandbox.shop.moments import DAY_S, Calendar
from sandbox.shop.orders import Basket
from sandbox.shop.plan import Plan
from sandbox.shop.reference_data import CHECKOUT_TYPE, custom

ORDERED_CARTS_KEPT_S = 3 * DAY_S
_LINES_MAX = 6
_AGE = 70
_FROM_ORDER = (
    "customerId",
    "customerEmail",
    "customerGroup",
    "anonymousId",
    "store",
    "country",
    "locale",
    "lineItems",
    "customLineItems",
    "totalPrice",
    "taxedPrice",
    "shippingMode",
    "shipping",
    "shippingInfo",
    "shippingAddress",
    "billingAddress",
    "refusedGifts",
    "directDiscounts",
    "taxMode",
    "taxRoundingMode",
    "taxCalculationMode",
    "inventoryMode",
    "custom",
    "paymentInfo",
)


def ordered_cart(order: Document, basket: Basket) -> Record:
    """The cart that became this order."""
    made_s = basket.at_s
    document = envelope(order["cart"]["id"], version=7, created_s=made_s - 900, modified_s=made_s)
    document |= {name: order[name] for name in _FROM_ORDER if name in order}
    document |= {"cartState": "Ordered", "origin": "Customer", **_common(sum(line.quantity for line in basket.lines))}
    return Record("carts", document)


class Carts:
    """Makes the carts that nobody ordered. Feed it every household's last basket of the window."""

    def __init__(self, catalogue: Catalogue, plan: Plan, calendar: Calendar) -> None:
        self._products = catalogue.products
        self._plan = plan
        self._anchor_s = calendar.anchor_s

    def of_household(self, last: Basket) -> Iterator[Record]:
        """The carts of one household; none if its last basket has nothing worth putting into a cart."""
        lines = [line for line in last.lines if line.minor and line.quantity <= 20][:_LINES_MAX]
        number = last.customer.household_id
        owner = {"customerId": last.customer.id, "customerEmail": last.customer.email}
        if not lines:
            return
        chance = draw_one(number, _AGE)
        recent_s = self._anchor_s - int(1800 + chance * 6 * DAY_S)
        idle_s = self._anchor_s - int((10 + 70 * chance) * DAY_S)
        if number % 3 == 0:
            yield self._cart(f"{number}:active", last, lines, owner, recent_s)
        if number % 12 == 0:
            yield self._cart(f"{number}:second", last, lines[:1], owner, recent_s - 7200)
        if number % 3 == 1:
            yield self._cart(f"{number}:idle", last, lines, owner, idle_s)
        if number % 25 == 0:
            yield self._cart(f"{number}:merged", last, lines[:2], owner, idle_s, state="Merged")
        if number % 9 == 5:
            nobody = {"anonymousId": resource_id("anonymous", f"{number}:cart")}
            yield self._cart(f"{number}:anonymous", last, lines, nobody, recent_s)

    def of_guest(self, basket: Basket) -> Iterator[Record]:
        """The cart of somebody without account, if the adjustments know one for this basket."""
        guest = self._plan.guest_carts.get(basket.basket_id)
        if guest is None:
            return
        owner = {
            "customerEmail": guest.email,
            "anonymousId": resource_id("anonymous", f"{basket.customer.household_id}:{guest.email}"),
        }
        lines = [line for line in basket.lines if line.quantity <= 20][:_LINES_MAX]
        record = self._cart(f"{basket.basket_id}:guest", basket, lines, owner, guest.at_s)
        if basket.basket_id % 2:
            record.document["custom"] = custom(CHECKOUT_TYPE, {"newsletterOptIn": basket.basket_id % 4 == 1})
        yield record

    def _cart(self, key: str, basket: Basket, lines: list[Line], owner: Document, at_s: int, *, state: str = "Active") -> Record:
        market = basket.customer.market
        channel = reference("channel", f"web-{market.code}")
        document = envelope(resource_id("cart", key), version=3 + len(lines), created_s=at_s - 3600, modified_s=at_s)
        document |= owner
        document |= {
            "cartState": state,
            "origin": "Customer",
            "store": market.reference,
            "country": market.country_code,
            "locale": market.locale,
            "lineItems": [
                line_item(f"{key}:{line.product_id}", line, self._products[line.product_id], market, channel, taxed=False)
                for line in lines
            ],
            "customLineItems": [],
            "totalPrice": market.money(sum(line.minor for line in lines)),
            "shippingMode": "Single",
            "shipping": [],
            "refusedGifts": [],
            "directDiscounts": [],
            "taxMode": "Platform",
            "taxRoundingMode": "HalfUp",
            "taxCalculationMode": "LineItemLevel",
            "inventoryMode": "None",
            **_common(sum(line.quantity for line in lines)),
        }
        return Record("carts", document)


def _common(quantity: int) -> Document:
    return {
        "totalLineItemQuantity": quantity,
        "discountCodes": [],
        "itemShippingAddresses": [],
        "priceRoundingMode": "HalfEven",
        "deleteDaysAfterLastModification": 90,
    }
