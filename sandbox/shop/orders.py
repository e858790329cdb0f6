"""Baskets as commercetools orders.

orderNumber is the basket's number, createdAt its moved transaction_timestamp. An order is confirmed after half an hour, charged and
shipped after 20 hours, complete after 44, as far as the anchor allows. The orders of the window's first three days were imported
two days before the anchor: createdAt is then the import, completedAt the true moment.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.shop.catalogue import Catalogue
from sandbox.shop.chance import draw_one
from sandbox.shop.documents import Document, Happening, Record, envelope, reference
from sandbox.shop.identifiers import resource_id
from sandbox.shop.line_items import Line, line_item
from sandbox.shop.moments import DATA_END_S, DAY_S, Calendar, stamp
from sandbox.shop.people import Customer, seconds
from sandbox.shop.plan import Plan
from sandbox.shop.purchases import Purchases
from sandbox.shop.reference_data import BUSINESS_UNITS, CHECKOUT_TYPE, DISCOUNT_CODE, ORDER_STATES, custom
from sandbox.shop.returns import return_info

CONFIRMED_AFTER_S = 1800
SHIPPED_AFTER_S = 20 * 3600
COMPLETE_AFTER_S = 44 * 3600
_IMPORTED_SPAN_S = 3 * DAY_S
_IMPORTED_AGO_S = 2 * DAY_S
_GUEST_NEWSLETTER = 60


@dataclass(frozen=True, slots=True)
class Basket:
    """One basket with everything the documents about it need. `at_s` is the purchase, `imported_s` None unless imported."""

    basket_id: int
    at_s: int
    minor: int
    lines: list[Line]
    has_manufacturer_coupon: bool
    customer: Customer
    is_guest: bool
    email: str
    imported_s: int | None
    cancelled_s: int | None

    @property
    def created_s(self) -> int:
        """When commercetools made the order."""
        return self.at_s if self.imported_s is None else self.imported_s

    @property
    def anonymous_id(self) -> str:
        """The anonymousId of whoever bought without logging in."""
        return resource_id("anonymous", f"{self.customer.household_id}:{self.email}")


def iterate_baskets(
    purchases: Purchases, customers: dict[int, Customer], plan: Plan, calendar: Calendar, *, weeks: int
) -> Iterator[Basket]:
    """The baskets in order of time."""
    columns = ("product_id", "quantity", "minor", "product_discount_minor", "coupon_discount_minor")
    lines = list(map(Line, *(purchases.lines[name].tolist() for name in columns)))
    table = purchases.baskets
    window_start_s = DATA_END_S - weeks * 7 * DAY_S
    imported = 0
    for basket_id, household_id, at_s, minor, count, first, has_coupon in zip(
        table["basket_id"].tolist(),
        table["household_id"].tolist(),
        seconds(table["at"]),
        table["minor"].tolist(),
        table["line_count"].tolist(),
        table["first_line"].tolist(),
        table["has_manufacturer_coupon"].tolist(),
        strict=True,
    ):
        customer = customers[household_id]
        is_imported = at_s < window_start_s + _IMPORTED_SPAN_S
        imported += is_imported
        yield Basket(
            basket_id=basket_id,
            at_s=at_s + calendar.shift_s,
            minor=minor,
            lines=lines[first : first + count],
            has_manufacturer_coupon=has_coupon,
            customer=customer,
            is_guest=basket_id in plan.guests,
            email=_email(basket_id, customer, plan),
            imported_s=calendar.anchor_s - _IMPORTED_AGO_S + imported // 20 if is_imported else None,
            cancelled_s=plan.cancelled_s.get(basket_id),
        )


def _email(basket_id: int, customer: Customer, plan: Plan) -> str:
    """Guests who share a customer's address type it in capitals every other time."""
    if basket_id not in plan.guests:
        return customer.email
    return plan.guests[basket_id] or (customer.email.upper() if basket_id % 2 else customer.email)


class Orders:
    """Makes order documents out of baskets."""

    def __init__(self, catalogue: Catalogue, plan: Plan, calendar: Calendar, campaigns: dict[tuple[int, int], int]) -> None:
        self._products = catalogue.products
        self._plan = plan
        self._calendar = calendar
        self._campaigns = campaigns

    def record(self, basket: Basket) -> Record:
        """The order of a basket with what happened to it."""
        market = basket.customer.market
        has_address = basket.basket_id % 12 != 5
        document = self._head(basket) | {
            "store": market.reference,
            "country": market.country_code,
            "locale": market.locale,
            "origin": "Customer" if basket.imported_s is None else "Merchant",
            "lineItems": self._lines(basket, taxed=has_address),
            "customLineItems": [],
            "totalPrice": market.money(basket.minor),
            "shippingMode": "Single",
            "shipping": [],
            "refusedGifts": [],
            "syncInfo": [],
            "directDiscounts": [],
            "taxMode": "Platform",
            "taxRoundingMode": "HalfUp",
            "taxCalculationMode": "LineItemLevel",
            "inventoryMode": "None",
            "cart": reference("cart", basket.basket_id),
        }
        if has_address:
            net_minor = sum(market.net(line.minor) for line in basket.lines)
            document["taxedPrice"] = market.taxed_price(basket.minor, net_minor)
            document["shippingAddress"] = document["billingAddress"] = basket.customer.address
            document["shippingInfo"] = _shipping(basket)
        if basket.minor:
            document["paymentInfo"] = {"payments": [reference("payment", basket.basket_id)]}
        if basket.has_manufacturer_coupon:
            code = reference("discount-code", DISCOUNT_CODE)
            document["discountCodes"] = [{"discountCode": code, "state": "MatchesCart"}]
        self._custom(document, basket)
        document |= _workflow(basket)
        return self._through_time(document, basket)

    def _head(self, basket: Basket) -> Document:
        head = envelope(
            resource_id("order", basket.basket_id), version=1, created_s=basket.created_s, modified_s=basket.created_s
        )
        head["orderNumber"] = str(basket.basket_id)
        head["customerEmail"] = basket.email
        if basket.is_guest:
            head["anonymousId"] = basket.anonymous_id
        else:
            head["customerId"] = basket.customer.id
            if basket.customer.group:
                head["customerGroup"] = reference("customer-group", basket.customer.group)
        if basket.imported_s is not None:
            head["completedAt"] = stamp(basket.at_s)
        return head

    def _lines(self, basket: Basket, *, taxed: bool) -> list[Document]:
        market = basket.customer.market
        channel = channel_of(basket)
        return [
            line_item(
                f"{basket.basket_id}:{line.product_id}", line, self._products[line.product_id], market, channel, taxed=taxed
            )
            for line in basket.lines
        ]

    def _custom(self, document: Document, basket: Basket) -> None:
        fields: Document = {}
        newsletter = _newsletter(basket)
        if newsletter is not None:
            fields["newsletterOptIn"] = newsletter
        if basket.basket_id % 50 == 7:
            fields["giftWrap"] = True
        data_day = (basket.at_s - self._calendar.shift_s) // DAY_S
        campaign = self._campaigns.get((basket.customer.household_id, data_day))
        if campaign is not None:
            fields["campaignId"] = campaign
        if fields or basket.basket_id % 3 == 0:
            document["custom"] = custom(CHECKOUT_TYPE, fields)

    def _through_time(self, document: Document, basket: Basket) -> Record:
        """Bring the order to its state at the anchor and list what happened on the way."""
        document |= {"orderState": "Open", "paymentState": "Pending" if basket.minor else "Paid"}
        created = "OrderCreated" if basket.imported_s is None else "OrderImported"
        if basket.imported_s is not None:
            document |= _settled(basket)
        happenings = [Happening(basket.created_s, created, {"order": dict(document)})]
        if basket.imported_s is None:
            happenings += self._steps(document, basket)
        happenings += self._return(document, basket)
        happenings.sort(key=lambda happening: happening.at_s)
        document["version"] = len(happenings)
        document["lastModifiedAt"] = stamp(max(happenings[-1].at_s, basket.created_s))
        return Record("orders", document, happenings)

    def _steps(self, document: Document, basket: Basket) -> Iterator[Happening]:
        now_s, end_s = self._calendar.anchor_s, basket.cancelled_s
        if basket.at_s + CONFIRMED_AFTER_S <= min(now_s, end_s or now_s):
            yield _becomes(document, "orderState", "Confirmed", basket.at_s + CONFIRMED_AFTER_S)
        if end_s is not None:
            yield _becomes(document, "orderState", "Cancelled", end_s)
            return
        if basket.at_s + SHIPPED_AFTER_S <= now_s:
            shipped_s = basket.at_s + SHIPPED_AFTER_S
            if basket.minor:
                yield _becomes(document, "paymentState", "Paid", shipped_s)
            yield _becomes(document, "shipmentState", "Shipped", shipped_s)
        if basket.at_s + COMPLETE_AFTER_S <= now_s:
            yield _becomes(document, "shipmentState", "Delivered", basket.at_s + COMPLETE_AFTER_S)
            yield _becomes(document, "orderState", "Complete", basket.at_s + COMPLETE_AFTER_S)

    def _return(self, document: Document, basket: Basket) -> Iterator[Happening]:
        back = self._plan.returns.get(basket.basket_id)
        if back is None:
            return
        info = return_info(
            resource_id("line-item", f"{basket.basket_id}:{back.product_id}"),
            key=str(basket.basket_id),
            quantity=back.quantity,
            payment_state="Refunded" if back.is_refunded else "Initial",
            at=stamp(back.at_s),
        )
        document["returnInfo"] = [info]
        yield Happening(back.at_s, "ReturnInfoAdded", {"returnInfo": info})


def _workflow(basket: Basket) -> Document:
    """A third of the orders is in a workflow of the shop's own, and those of a few households belong to a company."""
    found: Document = {}
    if basket.basket_id % 3 == 1:
        found["state"] = reference("state", list(ORDER_STATES)[basket.basket_id % 2])
    if basket.customer.household_id % 15 == 7:
        found["businessUnit"] = {"typeId": "business-unit", "key": list(BUSINESS_UNITS)[basket.customer.household_id % 2]}
    return found


def channel_of(basket: Basket) -> Document:
    """Every third basket was bought in the app, the others in the web shop."""
    kind = "app" if basket.basket_id % 3 == 0 else "web"
    return reference("channel", f"{kind}-{basket.customer.market.code}")


def _settled(basket: Basket) -> Document:
    if basket.cancelled_s is not None:
        return {"orderState": "Cancelled"}
    return {"orderState": "Complete", "paymentState": "Paid", "shipmentState": "Delivered"}


def _becomes(document: Document, field: str, value: str, at_s: int) -> Happening:
    """Change a state of the order and tell it the way commercetools names its Messages."""
    name = field[0].upper() + field[1:]
    payload = {field: value}
    if field in document:
        payload[f"old{name}"] = document[field]
    document[field] = value
    return Happening(at_s, f"{name if field == 'orderState' else 'Order' + name}Changed", payload)


def _newsletter(basket: Basket) -> bool | None:
    """At checkout only guests of their own say something new; a tenth of the customers' orders repeat what the customer said."""
    if not basket.is_guest:
        return basket.customer.newsletter if basket.basket_id % 10 == 0 else None
    if basket.email.lower() == basket.customer.email.lower():
        return None
    chance = draw_one(basket.customer.household_id, _GUEST_NEWSLETTER)
    return True if chance < 0.5 else False if chance < 0.7 else None


def _shipping(basket: Basket) -> Document:
    """Delivery costs nothing; one in eight orders had a fee that a discount took off again."""
    market = basket.customer.market
    fee = market.money(499 if basket.basket_id % 8 == 1 else 0)
    info: Document = {
        "shippingMethodName": "Standard delivery",
        "price": fee,
        "shippingRate": {"price": fee, "tiers": []},
        "shippingMethodState": "MatchesCart",
        "deliveries": [],
    }
    if fee["centAmount"]:
        portion = {"discount": reference("cart-discount", "free-delivery"), "discountedAmount": fee}
        info["discountedPrice"] = {"value": market.money(0), "includedDiscounts": [portion]}
    return info
