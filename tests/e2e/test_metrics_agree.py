"""The metrics of every customer, against pandas on the package's own tables (see package_metrics.py), after the shop day."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.e2e.package_metrics import Metrics, Row, expected_metrics
from tests.e2e.story import Story

pytestmark = pytest.mark.xdist_group("story")

Everybody = dict[tuple[str, str], Metrics]


@pytest.fixture(scope="module")
def expected(whole_story: Story) -> Everybody:
    households = {row["id"]: row["household"] for row in whole_story.customers}
    return expected_metrics(whole_story.shop, whole_story.day, whole_story.documents, households)


@pytest.fixture(scope="module")
def found(whole_story: Story) -> Everybody:
    return found_metrics(whole_story.metrics, whole_story.customers)


def found_metrics(rows: Iterable[Row], customers: Iterable[Row]) -> Everybody:
    """The marts' metrics of everybody with an order that counts, people named as `expected_metrics` names them.

    Args:
        rows: customer_metrics with profile_type, customer_id and email of the profile.
        customers: id, household (externalId, None for who is no household) and email of every customer.
    """
    household = {row["id"]: row["household"] or f"customer {row['id']}" for row in customers}
    owner = {row["email"]: row["household"] for row in customers if row["household"]}

    def name(row: Row) -> str:
        if row["profile_type"] == "registered":
            return household[row["customer_id"]]
        return f"guest of {owner[row['email']]}" if row["email"] in owner else f"guest {row['email']}"

    return {(name(row), row["currency_code"]): _metrics(row) for row in rows if row["order_count"]}


def test_everybody_with_an_order_that_counts_has_metrics_and_nobody_else(expected: Everybody, found: Everybody) -> None:
    assert found.keys() == expected.keys()
    assert len(expected) > 40
    assert {currency for _, currency in expected} == {"USD", "EUR", "GBP", "JPY", "KWD"}
    assert {person.split(" ")[0].split("-")[0] for person, _ in expected} == {"household", "guest", "customer"}


def test_lifetime_values_agree_to_the_smallest_unit(expected: Everybody, found: Everybody) -> None:
    assert {key: (one.gross, one.net) for key, one in found.items()} == {
        key: (one.gross, one.net) for key, one in expected.items()
    }
    assert sum(one.net < one.gross for one in expected.values()) > 5


def test_order_counts_and_average_order_values_agree(expected: Everybody, found: Everybody) -> None:
    assert {key: (one.order_count, one.average) for key, one in found.items()} == {
        key: (one.order_count, one.average) for key, one in expected.items()
    }


def test_first_and_last_purchases_agree(expected: Everybody, found: Everybody) -> None:
    assert {key: (one.first_at, one.last_at) for key, one in found.items()} == {
        key: (one.first_at, one.last_at) for key, one in expected.items()
    }


def test_the_five_dearest_categories_agree_in_order_name_and_share(expected: Everybody, found: Everybody) -> None:
    assert {key: (one.affinity, one.categories) for key, one in found.items()} == {
        key: (one.affinity, one.categories) for key, one in expected.items()
    }
    assert max(len(one.affinity) for one in expected.values()) == 5


def test_who_bought_nothing_that_counts_has_zeros(whole_story: Story) -> None:
    idle = [row for row in whole_story.metrics if not row["order_count"]]
    assert idle
    for row in idle:
        assert (row["lifetime_value_gross"], row["lifetime_value_net"]) == (0, 0)
        assert row["average_order_value"] is row["first_purchase_at"] is row["last_purchase_at"] is None
        assert row["category_affinity"] == row["top_categories"] == []


def _metrics(row: Row) -> Metrics:
    return Metrics(
        order_count=row["order_count"],
        gross=row["lifetime_value_gross"],
        net=row["lifetime_value_net"],
        average=row["average_order_value"],
        first_at=row["first_purchase_at"],
        last_at=row["last_purchase_at"],
        affinity=tuple((entry["category_key"], entry["share"]) for entry in row["category_affinity"]),
        categories=tuple(row["top_categories"]),
    )
