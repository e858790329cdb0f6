"""A shop as large as wanted, made up: the documents of `build`, of households that nobody surveyed, for measuring.

Customers, orders and payments are made one after the other from their number alone, so memory does not grow with the shop and the
same arguments give the same bytes. Ids ascend in the order of writing (within blocks of customers that is an order of chance), so
that serving the file in the order of ids reads it from front to back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from sandbox.shop.carts import Carts
from sandbox.shop.catalogue import Catalogue
from sandbox.shop.chance import draw, draw_one
from sandbox.shop.documents import MESSAGE_RETENTION_S, Record
from sandbox.shop.line_items import Line
from sandbox.shop.moments import DAY_S, Calendar, stamp
from sandbox.shop.orders import Basket, Orders
from sandbox.shop.payments import payment_record
from sandbox.shop.people import Customer, Household, customer_of
from sandbox.shop.plan import Plan
from sandbox.shop.reference_data import reference_records
from sandbox.shop.writing import DocumentWriter

PRODUCTS = 5_000
CART_EVERY = 50
BLOCK = 5_000
_LINES_MAX = 5
_SPAN_S = 365 * DAY_S
_DEPARTMENTS = ("GROCERY", "DRUG GM", "PRODUCE", "MEAT", "DELI", "PASTRY", "NUTRITION", "FLORAL")
_AGES = ("19-24", "25-34", "35-44", "45-54", "55-64", "65+")
_ORDERED_AT, _SHUFFLE, _LINES, _PRODUCT, _PRICE, _NOISE, _WHICH = range(100, 107)


@dataclass(frozen=True, slots=True)
class LargeShop:
    """How large. Every customer has `orders // customers` orders, the first ones one more; times end at the anchor."""

    customers: int
    orders: int
    anchor: datetime

    def write(self, path: Path) -> Counter[str]:
        """Write the document file to `path`, replacing it. Returns: documents per resource."""
        calendar = Calendar(self.anchor)
        catalogue = _catalogue(calendar)
        plan = Plan()
        orders, carts = Orders(catalogue, plan, calendar, {}), Carts(catalogue, plan, calendar)
        since_s = calendar.anchor_s - MESSAGE_RETENTION_S
        with DocumentWriter(path) as writer:
            for record in (*reference_records(calendar), *catalogue.categories, *catalogue.product_records()):
                writer.write(record)
            written = 0
            for block in self._blocks(calendar):
                people = {customer.household_id: customer for customer in block}
                for customer in block:
                    writer.write(customer.record)
                baskets = sorted(self._baskets(people, calendar), key=lambda basket: draw_one(basket.basket_id, _SHUFFLE))
                for basket in baskets:
                    written += 1
                    for record in self._purchase(basket, written, orders, plan, calendar):
                        writer.write(record)
                        if record.resource == "orders":
                            for told in record.messages("order", since_s=since_s):
                                writer.write(told)
                newest = {basket.customer.household_id: basket for basket in sorted(baskets, key=lambda each: each.at_s)}
                for number, basket in newest.items():
                    if number % CART_EVERY == 0:
                        for cart in carts.of_household(basket):
                            writer.write(cart)
            writer.write_meta({"anchor": stamp(calendar.anchor_s), "customers": str(self.customers), "orders": str(self.orders)})
        return writer.counts

    def _blocks(self, calendar: Calendar) -> Iterator[list[Customer]]:
        for start in range(1, self.customers + 1, BLOCK):
            numbers = range(start, min(start + BLOCK, self.customers + 1))
            yield [_customer(number, calendar) for number in numbers]

    def _baskets(self, people: dict[int, Customer], calendar: Calendar) -> Iterator[Basket]:
        each, more = divmod(self.orders, self.customers)
        for number, customer in people.items():
            for turn in range(each + (number <= more)):
                yield _basket(number * 1_000 + turn, customer, calendar)

    def _purchase(self, basket: Basket, position: int, orders: Orders, plan: Plan, calendar: Calendar) -> Iterator[Record]:
        order, payment = orders.record(basket), payment_record(basket, plan, calendar)
        order.document["id"] = ascending_id(position, 1)
        payment.document["id"] = ascending_id(position, 2)
        order.document["paymentInfo"] = {"payments": [{"typeId": "payment", "id": payment.document["id"]}]}
        yield order
        yield payment


def ascending_id(position: int, kind: int) -> str:
    """A UUID that commercetools sorts after those of lower positions (1..2**40); `kind` tells resources apart."""
    noise = int(draw_one(position * 4 + kind, _NOISE) * 2**53)
    high = position << 20 | noise & 0xFFFFF  # 60 bits, the four of the UUID's version lie between them
    ordered = (
        bytes([high >> 52, 0x40 | high >> 48 & 0xF]) + (high & 2**48 - 1).to_bytes(6) + noise.to_bytes(7) + bytes([0x80 | kind])
    )
    text = (ordered[7::-1] + ordered[:7:-1]).hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _customer(number: int, calendar: Calendar) -> Customer:
    first_s = calendar.anchor_s - int((0.2 + 0.8 * draw_one(number, _ORDERED_AT)) * _SPAN_S)
    age, size = _AGES[number % len(_AGES)], str(1 + number % 5)
    return customer_of(Household(number, age, size, first_s, calendar.anchor_s - DAY_S, number % 400_000), calendar)


def _basket(basket_id: int, customer: Customer, calendar: Calendar) -> Basket:
    at_s = calendar.anchor_s - 60 - int(draw_one(basket_id, _ORDERED_AT) * _SPAN_S)
    chances = draw([basket_id * 16 + place for place in range(_LINES_MAX * 2)], _PRODUCT).tolist()
    count = 1 + int(draw_one(basket_id, _LINES) * _LINES_MAX)
    products = dict.fromkeys(int(chance * PRODUCTS) for chance in chances[:count])
    lines = [Line(product_id, 1 + product_id % 3, (1 + product_id % 3) * _price(product_id), 0, 0) for product_id in products]
    return Basket(
        basket_id=basket_id,
        at_s=at_s,
        minor=sum(line.minor for line in lines),
        lines=lines,
        has_manufacturer_coupon=False,
        customer=customer,
        is_guest=False,
        email=customer.email,
        imported_s=None,
        cancelled_s=at_s + 3_600 if basket_id % 97 == 0 else None,
    )


def _price(product_id: int) -> int:
    return 99 + int(draw_one(product_id, _PRICE) * 2_000)


def _catalogue(calendar: Calendar) -> Catalogue:
    numbers = range(PRODUCTS)
    products = pd.DataFrame(
        {
            "product_id": list(numbers),
            "department": [_DEPARTMENTS[number % len(_DEPARTMENTS)] for number in numbers],
            "brand": ["National" if number % 3 else "Private" for number in numbers],
            "product_category": [f"AISLE {number % 120}" for number in numbers],
            "product_type": [f"ITEM {number}" for number in numbers],
            "package_size": ["1 LB" for _ in numbers],
        }
    )
    bought = [(market, number, _price(number), 1) for number in numbers for market in (0, 10, 14, 17, 19)]
    lines = pd.DataFrame(bought, columns=["household_id", "product_id", "minor", "quantity"])
    return Catalogue(products, lines, calendar)
