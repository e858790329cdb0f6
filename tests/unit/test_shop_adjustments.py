"""Everything added to the real purchases is a row of adjustments.csv, and every row is in the documents."""

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.shop import adjustments
from sandbox.shop.adjustments import KINDS, Adjustment
from sandbox.shop.build import build_documents
from sandbox.shop.identifiers import resource_id
from sandbox.shop.invention import invent

ANCHOR = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHIFT = ANCHOR.replace(tzinfo=None) - datetime(2018, 1, 1, 4, 1, 20)

Json = dict[str, object]
Get = Callable[[str, str], Json]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> sqlite3.Connection:
    path = tmp_path_factory.mktemp("shop") / "documents.sqlite"
    build_documents(path, weeks=6, households=40, anchor=ANCHOR)
    return sqlite3.connect(path)


@pytest.fixture(scope="module")
def rows(database: sqlite3.Connection) -> list[Adjustment]:
    return [Adjustment(*row) for row in database.execute(f"select {', '.join(adjustments.COLUMNS)} from adjustments")]


@pytest.fixture(scope="module")
def get(database: sqlite3.Connection) -> Get:
    def find(resource: str, key: str) -> Json:
        (body,) = database.execute("select body from documents where resource = ? and id = ?", (resource, key)).fetchone()
        document: Json = json.loads(body)
        return document

    return find


def moved(data_set_time: str | None) -> str:
    assert data_set_time is not None
    return (datetime.fromisoformat(data_set_time) + SHIFT).isoformat() + ".000Z"


def order_of(row: Adjustment, get: Get) -> Json:
    return get("orders", resource_id("order", row.basket_id))


def refunds_of(row: Adjustment, get: Get) -> list[tuple[int, str]]:
    payment = get("payments", resource_id("payment", row.basket_id))
    return [
        (transaction["amount"]["centAmount"], transaction["timestamp"])
        for transaction in payment["transactions"]
        if (transaction["type"], transaction["state"]) == ("Refund", "Success")
    ]


def test_the_committed_file_is_what_the_command_writes() -> None:
    assert invent() == adjustments.read(), "run `python -m sandbox.shop adjustments`"


def test_a_small_shop_has_every_kind(rows: list[Adjustment]) -> None:
    assert {row.kind for row in rows} == set(KINDS)


def test_cancellations_are_cancelled_orders_that_were_never_charged(
    rows: list[Adjustment], get: Get, database: sqlite3.Connection
) -> None:
    cancelled = [row for row in rows if row.kind == "cancellation"]
    for row in cancelled:
        assert order_of(row, get)["orderState"] == "Cancelled"
    (count,) = database.execute(
        "select count(*) from documents where resource = 'orders' and json_extract(cast(body as text), '$.orderState') = 'Cancelled'"
    ).fetchone()
    assert count == len(cancelled)
    payment = get("payments", resource_id("payment", cancelled[0].basket_id))
    assert {transaction["type"] for transaction in payment["transactions"]} == {"Authorization", "CancelAuthorization"}


def test_refund_rows_are_successful_refund_transactions_and_there_are_no_others(
    rows: list[Adjustment], get: Get, database: sqlite3.Connection
) -> None:
    refunds = [row for row in rows if row.kind in ("full_refund", "partial_refund")]
    for row in refunds:
        assert (row.amount_minor, moved(row.occurred_at)) in refunds_of(row, get)
        if row.kind == "full_refund":
            assert order_of(row, get)["totalPrice"]["centAmount"] == row.amount_minor
    bodies = database.execute("select body from documents where resource = 'payments'")
    made = sum(
        (transaction["type"], transaction["state"]) == ("Refund", "Success")
        for (body,) in bodies
        for transaction in json.loads(body)["transactions"]
    )
    assert made == len(refunds)


def test_return_rows_are_returned_items(rows: list[Adjustment], get: Get) -> None:
    for row in (row for row in rows if row.kind == "return"):
        order = order_of(row, get)
        (item,) = order["returnInfo"][0]["items"]
        (line,) = [line for line in order["lineItems"] if line["id"] == item["lineItemId"]]
        assert (line["productKey"], item["quantity"]) == (str(row.product_id), row.quantity)
        assert item["createdAt"] == moved(row.occurred_at)
        assert item["paymentState"] == ("Refunded" if refunds_of(row, get) else "Initial")


def test_guest_rows_are_orders_without_customer_and_there_are_no_others(
    rows: list[Adjustment], get: Get, database: sqlite3.Connection
) -> None:
    guests = [row for row in rows if row.kind in ("guest_order", "guest_order_shared")]
    verified = set()
    for row in guests:
        order = order_of(row, get)
        customer = get("customers", resource_id("customer", row.household_id))
        assert "customerId" not in order
        if row.email:
            assert order["customerEmail"] == row.email != customer["email"]
        else:
            assert order["customerEmail"].lower() == customer["email"].lower()
            verified.add(customer["isEmailVerified"])
            assert customer["isEmailVerified"] == (row.household_id % 5 != 3)
    assert verified == {True, False}
    bodies = database.execute("select body from documents where resource = 'orders'")
    assert sum("customerId" not in json.loads(body) for (body,) in bodies) == len(guests)


def test_guest_carts_and_shared_addresses_are_in_the_documents(rows: list[Adjustment], get: Get) -> None:
    for row in rows:
        if row.kind == "guest_cart":
            cart = get("carts", resource_id("cart", f"{row.basket_id}:guest"))
            assert (cart["customerEmail"], cart["lastModifiedAt"]) == (row.email, moved(row.occurred_at))
            assert "customerId" not in cart
        if row.kind == "shared_email":
            one, other = (
                get("customers", resource_id("customer", number)) for number in (row.household_id, row.other_household_id)
            )
            assert one["email"] == other["email"].lower() != other["email"]


def test_nothing_is_adjusted_after_the_end_of_the_data() -> None:
    times = [datetime.fromisoformat(row.occurred_at) for row in adjustments.read() if row.occurred_at]
    assert max(times) <= datetime(2018, 1, 1, 4, 1, 20)
    assert max(times) > datetime(2018, 1, 1) - timedelta(days=2)


def test_a_file_with_another_header_or_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "adjustments.csv"
    path.write_text("kind,basket\n", encoding="utf-8")
    with pytest.raises(ValueError, match="expected the columns"):
        adjustments.read(path)
    path.write_text(",".join(adjustments.COLUMNS) + "\nmystery,1,2,,,,,,\n", encoding="utf-8")
    with pytest.raises(ValueError, match="line 2: unknown kind 'mystery'"):
        adjustments.read(path)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "adjustments.csv"
    rows = [
        Adjustment("return", 7, 8, 9, quantity=2, occurred_at="2017-05-01T10:00:00"),
        Adjustment("shared_email", 7, other_household_id=1),
    ]
    adjustments.write(path, rows)
    assert adjustments.read(path) == rows
