"""What orders and products refer to comes out under the names people know: checked against the documents themselves."""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing
from typing import Any

import duckdb
import pytest

from cartwire.settings import REPOSITORY
from tests.e2e.story import Story

pytestmark = pytest.mark.xdist_group("story")

Documents = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def served() -> dict[str, Documents]:
    """Documents of the file the sandbox was started with, by resource and id."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    found: dict[str, Documents] = {}
    with closing(sqlite3.connect(REPOSITORY / "var" / "documents" / f"tests-{worker}.sqlite")) as file:
        for resource, row_id, body in file.execute(
            "select resource, id, body from documents where json_valid(cast(body as text))"
        ):
            found.setdefault(resource, {})[row_id] = json.loads(body)
    return found


def rows(story: Story, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(story.settings.analyst_db), read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_orders_name_their_codes_workflow_state_and_company(whole_story: Story, served: dict[str, Documents]) -> None:
    marts = {
        row[0]: row[1:]
        for row in rows(
            whole_story,
            "select order_id, discount_codes, workflow_state_key, business_unit_key, business_unit_name from marts.orders",
        )
    }
    units = {unit["key"]: unit["name"] for unit in served["business_units"].values()}
    seen: set[tuple[bool, bool, bool]] = set()
    for order_id, order in served["orders"].items():
        codes = [served["discount_codes"][code["discountCode"]["id"]]["code"] for code in order.get("discountCodes", [])]
        state = served["states"][order["state"]["id"]]["key"] if "state" in order else None
        unit = order.get("businessUnit", {}).get("key")
        assert marts[order_id] == (codes, state, unit, units.get(unit))
        seen.add((bool(codes), state is not None, unit is not None))
    assert {any(one[place] for one in seen) for place in range(3)} == {True}


def test_products_have_their_type_and_stock_where_it_is_counted(whole_story: Story, served: dict[str, Documents]) -> None:
    stock = {entry["sku"]: entry["availableQuantity"] for entry in served["inventory"].values()}
    found = rows(
        whole_story, "select product_id, product_type_key, available_quantity, is_on_stock, is_deleted from marts.products"
    )
    kinds = set()
    for product_id, type_key, available, is_on_stock, is_deleted in found:
        product = served["product_projections"][product_id]
        assert type_key == served["product_types"][product["productType"]["id"]]["key"]
        assert available == stock.get(product["masterVariant"]["sku"])
        assert is_on_stock == (None if available is None else available > 0)
        assert is_deleted is False
        kinds.add(is_on_stock)
    assert kinds == {True, False, None}


def test_custom_objects_keep_container_key_and_value(whole_story: Story, served: dict[str, Documents]) -> None:
    found = {
        (container, key): json.loads(value)
        for container, key, value in rows(
            whole_story, "select container, custom_object_key, value_json from marts.custom_objects"
        )
    }
    assert found == {(one["container"], one["key"]): one["value"] for one in served["custom_objects"].values()}
    assert found
