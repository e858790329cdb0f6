"""Purchases: every one that the ledger and Iterable do not agree on is found, and the sums are exact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pytest

from activation.ledger.items import NewItem
from activation.ledger.reading import read_only
from activation.purchase_totals import SHOP, PurchaseTotals, compare_purchases
from cartwire.clock import now, to_ms
from sandbox.iterable.options import Options
from tests.contract.delivery_world import GOODS, VISIBILITY_S, World

pytest_plugins = ("tests.contract.delivery_world",)

DAY = datetime(2026, 11, 2, tzinfo=UTC)


def purchase_id(number: int) -> str:
    return f"purchase-{number:032x}"


def bought(number: int, total: float, *, currency: str = "EUR", market: str = "de", at: datetime = DAY) -> NewItem:
    """A purchase as the freeze hands it over."""
    document = {
        "id": purchase_id(number),
        "user": {"email": f"person{number}@example.com"},
        "items": [GOODS],
        "total": total,
        "createdAt": int(at.timestamp()),
        "dataFields": {"currency": currency, "market": market},
    }
    return NewItem(
        object="purchases",
        kind="purchases",
        subject=purchase_id(number),
        person_key=f"person-{number}",
        fingerprint="f",
        lane=4,
        market_code=market,
        email=f"person{number}@example.com",
        occurred_at_ms=to_ms(at),
        fragment=orjson.dumps(document),
    )


def other_tool(world: World, identifier: str, total: float, **fields: Any) -> None:
    body = {
        "id": identifier,
        "user": {"email": "person1@example.com"},
        "items": [GOODS],
        "total": total,
        "createdAt": int(DAY.timestamp()),
        "dataFields": fields,
    }
    headers = {"Api-Key": Options().api_key}
    world.vendor.post("/api/commerce/trackPurchase", json=body, headers=headers).raise_for_status()


def compared(world: World, shop: pa.Table | None = None) -> PurchaseTotals:
    table = SHOP.empty_table() if shop is None else shop
    with read_only(world.path) as ledger:
        return compare_purchases(table, ledger, world.client, DAY, DAY + timedelta(days=2), now(), visibility_s=VISIBILITY_S)


def settled(world: World, *items: NewItem) -> None:
    world.run(*items)
    world.sleep(2 * VISIBILITY_S)


def test_what_iterable_has_of_ours_adds_up_exactly_per_day_market_and_currency(world: World) -> None:
    tenths = [bought(number, 0.1) for number in range(1, 31)]
    others = [bought(40, 12.34, currency="CHF"), bought(41, 5.0, market="at"), bought(42, 1200.0, at=DAY + timedelta(days=1))]
    settled(world, *tenths, *others)
    found = compared(world)
    assert found.differences == []
    sums = {(row["day"].day, row["market"], row["currency"]): (row["accepted"], row["accepted_revenue"]) for row in found.days}
    assert sums == {
        (2, "at", "EUR"): (1, Decimal("5")),
        (2, "de", "CHF"): (1, Decimal("12.34")),
        (2, "de", "EUR"): (30, Decimal("3.0")),
        (3, "de", "EUR"): (1, Decimal("1200")),
    }
    assert all((row["at_iterable"], row["iterable_revenue"]) == (row["accepted"], row["accepted_revenue"]) for row in found.days)


def test_each_difference_is_told_by_its_id(world: World) -> None:
    settled(world, bought(1, 10.0), bought(2, 20.0))
    world.ledger.start_run("lost", "test")
    other_tool(world, purchase_id(2), 20.01, currency="EUR")
    other_tool(world, purchase_id(9), 3.0, currency="EUR", market="de")
    other_tool(world, "legacy-1", 99.5, currency="EUR")
    other_tool(world, "legacy-2", 1.0)
    world.ledger.end_run("lost", "done", 0)
    _accepted_but_never_there(world, bought(3, 30.0))
    world.sleep(2 * VISIBILITY_S)
    found = compared(world)
    assert {(row["purchase_id"], row["finding"]): (row["accepted"], row["shown"]) for row in found.differences} == {
        (purchase_id(2), "other total"): (Decimal("20"), Decimal("20.01")),
        (purchase_id(3), "missing"): (Decimal("30"), None),
        (purchase_id(9), "not accepted"): (None, Decimal("3")),
    }
    ours = next(row for row in found.days if row["market"] == "de")
    assert (ours["accepted"], ours["at_iterable"], ours["missing"], ours["not_accepted"], ours["other_total"]) == (3, 3, 1, 1, 1)
    assert (ours["accepted_revenue"], ours["iterable_revenue"]) == (Decimal("60"), Decimal("33.01"))
    apart = {row["currency"]: (row["others"], row["others_revenue"], row["at_iterable"]) for row in found.days if row["others"]}
    assert apart == {"EUR": (1, Decimal("99.5"), 0), None: (1, None, 0)}, "no sum over currencies nobody named"


def test_what_was_accepted_a_moment_ago_is_not_missing(world: World) -> None:
    world.run(bought(1, 10.0))
    found = compared(world)
    assert (found.differences, found.days[0]["too_fresh"]) == ([], 1)


def test_what_the_shop_counts_and_never_sent_has_its_reason_and_is_no_difference(world: World) -> None:
    settled(world, bought(1, 10.0))
    at = DAY.replace(tzinfo=None)
    values = [(1, Decimal("11"), "not planned yet"), (2, Decimal("7.5"), "before go-live"), (3, Decimal("1"), "held: no address")]
    rows = [(purchase_id(number), "de", "EUR", total, at, reason) for number, total, reason in values]
    shop = pa.Table.from_pylist([dict(zip(SHOP.names, row, strict=True)) for row in rows], schema=SHOP)
    found = compared(world, shop)
    assert found.differences == []
    assert found.not_sent == [{"reason": "before go-live", "purchases": 1}, {"reason": "held: no address", "purchases": 1}]
    [day] = found.days
    assert (day["shop"], day["shop_revenue"], day["accepted"], day["accepted_revenue"]) == (3, Decimal("19.5"), 1, Decimal("10"))


@pytest.mark.parametrize("hour", [0, 23])
def test_the_period_begins_at_its_first_instant_and_ends_before_its_last(world: World, hour: int) -> None:
    inside = DAY.replace(hour=hour, minute=59 if hour else 0, second=59 if hour else 0)
    outside = [bought(number, 1.0, at=at) for number, at in ((2, DAY - timedelta(seconds=1)), (3, DAY + timedelta(days=2)))]
    settled(world, bought(1, 1.0, at=inside), *outside)
    found = compared(world)
    assert (found.differences, sum(row["at_iterable"] for row in found.days)) == ([], 1)


def _accepted_but_never_there(world: World, item: NewItem) -> None:
    """Iterable acknowledged it and lost it."""
    world.fault("/api/commerce/trackPurchase", "status", body={"code": "Success", "msg": "", "params": {}}, status=200)
    world.run(item)
