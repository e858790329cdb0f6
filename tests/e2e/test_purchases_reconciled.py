"""`cartwire reconcile --purchases` over a shop of six weeks: the shop, the ledger and Iterable agree, until another tool joins in."""

from __future__ import annotations

import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from cartwire.clock import now
from tests.conftest import Sandbox
from tests.e2e.command import cartwire
from tests.e2e.first_sync import FirstSync
from tests.e2e.other_tool import OtherTool, recent_orders


@pytest.mark.identities
@pytest.mark.xdist_group("first sync")
def test_every_purchase_is_accounted_for_and_others_are_counted_apart(
    sandbox: Sandbox, first_sync: FirstSync, tmp_path: Path
) -> None:
    environment = first_sync.begin(tmp_path)
    sandbox.admin("commercetools", "POST", "shop-day", {})
    day = cartwire(environment, "sync", "--json")
    sent = next(row["counts"]["accepted"] for row in day.json()["rows"] if row["object"] == "purchases")
    time.sleep(1.1)

    agreed = cartwire(environment, "reconcile", "--purchases", "--json")
    orders, people = recent_orders(sandbox.settings(tmp_path), now() - timedelta(days=6))
    OtherTool(environment).bought(orders[0], people[orders[0]["customerId"]], "legacy-1")
    OtherTool(environment).bought(orders[0], people[orders[0]["customerId"]], f"purchase-{7:032x}")
    time.sleep(1.1)
    differs = cartwire(environment, "reconcile", "--purchases")

    days = agreed.json()["days"]
    assert (agreed.code, agreed.json()["differences"]) == (0, [])
    assert sum(row["accepted"] for row in days) == sum(row["at_iterable"] for row in days) == sent > 0
    assert all(Decimal(row["accepted_revenue"]) == Decimal(row["iterable_revenue"]) for row in days)
    assert sum(row["shop"] for row in days) == sent + sum(row["purchases"] for row in agreed.json()["not_sent"])
    assert {row["reason"] for row in agreed.json()["not_sent"]} == {"before go-live"}
    assert differs.code == 11
    assert "not accepted" in differs.out and f"purchase-{7:032x}" in differs.out
    assert "legacy-1" not in differs.out, "it is nobody's mistake"
