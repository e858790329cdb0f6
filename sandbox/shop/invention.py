"""Chooses the adjustments: deterministic in the package's data alone, so the CSV can be written again at any time.

The households of the smallest builds (numbers up to 49) have ten times as many adjustments in their last six weeks, so that a shop
of 20 households over 6 weeks shows every kind.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd
from faker import Faker

from sandbox.shop.adjustments import Adjustment
from sandbox.shop.chance import draw
from sandbox.shop.markets import market_of
from sandbox.shop.moments import DATA_END
from sandbox.shop.purchases import HOUSEHOLDS_MAX, WEEKS_MAX, Purchases, read_purchases

SMALL_SHOP_HOUSEHOLD_MAX = 49
SMALL_SHOP_FACTOR = 10
_SMALL_SHOP_FROM = DATA_END - pd.Timedelta(weeks=6)

_CANCEL, _FULL, _PARTIAL, _RETURN, _RETURN_REFUNDED, _GUEST, _DELAY = range(7)

Mask = npt.NDArray[np.bool_]


def invent() -> list[Adjustment]:
    """All adjustments of the year, sorted by kind, household, basket and product."""
    purchases = read_purchases(weeks=WEEKS_MAX, households=HOUSEHOLDS_MAX)
    baskets = purchases.baskets
    rate = np.where(
        (baskets["household_id"] <= SMALL_SHOP_HOUSEHOLD_MAX) & (baskets["at"] > _SMALL_SHOP_FROM), SMALL_SHOP_FACTOR, 1
    )
    rows = [*_guests(purchases, rate), *_guest_carts(purchases), *_shared_emails(purchases)]
    rows += _cancellations_and_money(purchases, rate)
    return sorted(rows, key=_order)


def guest_email(household_id: int, purpose: int) -> str:
    """The address of the guest that belongs to a household; invented by Faker, at a domain reserved for examples."""
    fake = Faker(market_of(household_id).faker_locale if household_id % 20 < 17 else "en_US")
    fake.seed_instance(household_id * 10 + purpose)
    return f"{fake.user_name()}.g{household_id}@{fake.safe_domain_name()}"


def _order(row: Adjustment) -> tuple[str, int, int, int]:
    return row.kind, row.household_id, row.basket_id or 0, row.product_id or 0


def _cancellations_and_money(purchases: Purchases, rate: npt.NDArray[np.int64]) -> list[Adjustment]:
    baskets = purchases.baskets
    ids = baskets["basket_id"].to_numpy()
    paid = (baskets["minor"] > 0).to_numpy()
    delay = draw(ids, _DELAY)
    cancel_at = baskets["at"] + pd.to_timedelta((20 + 90 * delay).round(), unit="min")
    refund_at = baskets["at"] + pd.to_timedelta((2 * 1440 + 7 * 1440 * delay).round(), unit="min")
    return_at = refund_at - pd.Timedelta(hours=5)

    cancelled = (draw(ids, _CANCEL) < 0.006 * rate) & (cancel_at <= DATA_END).to_numpy()
    settled = paid & ~cancelled & (refund_at <= DATA_END).to_numpy()
    full = settled & (draw(ids, _FULL) < 0.003 * rate)
    several = settled & ~full & (baskets["line_count"] > 2).to_numpy()
    partial = several & (draw(ids, _PARTIAL) < 0.006 * rate)
    returned = several & ~partial & (draw(ids, _RETURN) < 0.004 * rate)
    return_refunded = returned & (draw(ids, _RETURN_REFUNDED) < 0.5)

    rows = _per_basket(baskets, cancelled, "cancellation", cancel_at)
    rows += _per_basket(baskets, full, "full_refund", refund_at, with_amount=True)
    rows += _per_line(purchases, partial | return_refunded, "partial_refund", refund_at)
    rows += _per_line(purchases, returned, "return", return_at)
    return rows


def _per_basket(baskets: pd.DataFrame, chosen: Mask, kind: str, at: pd.Series, *, with_amount: bool = False) -> list[Adjustment]:
    picked = baskets[chosen]
    return [
        Adjustment(kind, household, basket, amount_minor=minor if with_amount else None, occurred_at=when)
        for household, basket, minor, when in zip(
            picked["household_id"].tolist(),
            picked["basket_id"].tolist(),
            picked["minor"].tolist(),
            _text(at[chosen]),
            strict=True,
        )
    ]


def _per_line(purchases: Purchases, chosen: Mask, kind: str, at: pd.Series) -> list[Adjustment]:
    """The dearest line of each chosen basket, and of every fourth basket with a partial refund also the second dearest."""
    baskets = purchases.baskets
    times = dict(zip(baskets["basket_id"][chosen].tolist(), _text(at[chosen]), strict=True))
    lines = purchases.lines[purchases.lines["basket_id"].isin(times)]
    ranked = lines.sort_values(["basket_id", "minor", "product_id"], ascending=[True, False, True])
    place = ranked.groupby("basket_id").cumcount()
    second = (place == 1) & (ranked["basket_id"] % 4 == 0) & (ranked["minor"] > 0) & (kind == "partial_refund")
    picked = ranked[(place == 0) | second]
    columns = ("household_id", "basket_id", "product_id", "quantity", "minor")
    return [
        Adjustment(
            kind,
            household,
            basket,
            product,
            quantity if kind == "return" else None,
            minor if kind == "partial_refund" else None,
            times[basket],
        )
        for household, basket, product, quantity, minor in zip(*(picked[name].tolist() for name in columns), strict=True)
    ]


def _guests(purchases: Purchases, rate: npt.NDArray[np.int64]) -> list[Adjustment]:
    """Guests of their own (household number ends in 3), guests with a verified (6) or unverified (8) customer's address."""
    baskets = purchases.baskets
    ids = baskets["basket_id"].to_numpy()
    digit = (baskets["household_id"] % 10).to_numpy()
    chance = draw(ids, _GUEST)
    own = (digit == 3) & (chance < 0.08 * np.minimum(rate, 5))
    shared = np.isin(digit, (6, 8)) & (chance < 0.03 * rate)
    emails = {number: guest_email(number, 0) for number in sorted(baskets["household_id"][own].unique().tolist())}
    rows = [
        Adjustment("guest_order", household, basket, email=emails[household])
        for household, basket in zip(baskets["household_id"][own].tolist(), ids[own].tolist(), strict=True)
    ]
    rows += [
        Adjustment("guest_order_shared", household, basket)
        for household, basket in zip(baskets["household_id"][shared].tolist(), ids[shared].tolist(), strict=True)
    ]
    return rows


def _guest_carts(purchases: Purchases) -> list[Adjustment]:
    """A guest with nothing but a cart in every household whose number ends in 7: its last basket, two hours later."""
    last = purchases.baskets.drop_duplicates("household_id", keep="last")
    recent = last["at"] > DATA_END - pd.Timedelta(days=80)  # an older cart would have expired
    last = last[(last["household_id"] % 10 == 7) & (last["minor"] > 0) & recent]
    at = last["at"] + pd.Timedelta(hours=2)
    return [
        Adjustment("guest_cart", household, basket, occurred_at=when, email=guest_email(household, 1))
        for household, basket, when, early in zip(
            last["household_id"].tolist(), last["basket_id"].tolist(), _text(at), at <= DATA_END, strict=True
        )
        if early
    ]


def _shared_emails(purchases: Purchases) -> list[Adjustment]:
    """Every hundredth pair of neighbouring households: the second one's customer uses the first one's address."""
    numbers = purchases.demographics["household_id"].tolist()
    return [
        Adjustment("shared_email", numbers[place + 1], other_household_id=numbers[place])
        for place in range(10, len(numbers) - 1, 100)
    ]


def _text(times: pd.Series) -> list[str]:
    return [str(text) for text in times.dt.strftime("%Y-%m-%dT%H:%M:%S")]
