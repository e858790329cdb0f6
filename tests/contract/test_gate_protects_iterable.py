"""Rows that SQL lets pass and the shipped contracts refuse: what Iterable would have done with them without the gate."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa
import pytest

from activation.contracts import Contract, FieldType, load_contracts
from activation.gate import gate
from activation.iterable.render import fragment
from activation.iterable.values import commerce_item
from cartwire.settings import REPOSITORY
from sandbox.iterable.options import DEFAULT_API_KEY
from tests.contract.delivery_world import World
from tests.unit.changes_rows import MOMENT

pytest_plugins = ("tests.contract.delivery_world",)

CONTRACTS = load_contracts(REPOSITORY / "models" / "activation")
ITEM = {"id": "p-1", "name": "Tea", "price": Decimal("2.5000"), "quantity": 1}
ITEM_TYPE = {"id": pa.string(), "name": pa.string(), "price": pa.decimal128(28, 4), "quantity": pa.int64()}
ARROW = {
    FieldType.STRING: pa.string(),
    FieldType.LONG: pa.int64(),
    FieldType.DOUBLE: pa.decimal128(28, 4),
    FieldType.BOOLEAN: pa.bool_(),
    FieldType.DATE: pa.timestamp("us"),
    FieldType.STRING_LIST: pa.list_(pa.string()),
}
GOOD: dict[str, dict[str, Any]] = {
    "users": {"email": "ada@example.com", "user_id": "c-1", "profile_type": "registered"},
    "purchases": {
        "order_id": "o-1",
        "order_number": "1001",
        "total": Decimal("2.5000"),
        "currency_code": "EUR",
        "market_code": "de",
        "is_guest": False,
        "ordered_at": MOMENT,
        "occurred_at": MOMENT,
        "resource_type": "order",
        "resource_id": "o-1",
        "is_backfill": False,
        "items": [ITEM],
    },
}


def table(contract: Contract, row: dict[str, Any], item_type: dict[str, pa.DataType]) -> pa.Table:
    items = pa.list_(pa.struct(list(item_type.items())))
    schema = pa.schema([(column.name, ARROW.get(column.type, items)) for column in contract.columns])
    return pa.Table.from_pylist([row], schema=schema)


def refusals(kind: str, change: dict[str, Any], item_type: dict[str, pa.DataType] | None = None) -> str:
    contract = CONTRACTS[kind, kind]
    return gate(table(contract, {**GOOD[kind], **change}, item_type or ITEM_TYPE), contract).rejections.get(0, "")


def send(world: World, kind: str, change: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """What Iterable answers to the row as it would be rendered without gate and JSON Schema: status and body."""
    row = {**GOOD["users"], **GOOD[kind], "subject": f"purchase-{'0' * 32}", "occurred_at": MOMENT, "consent": []}
    row |= change if kind == "users" else {}
    row["changed_fields"] = [
        {"field": "profileType", "type": "string", "after": row.get("profile_type")},
        {"field": "orderCount", "type": "long", "after": row.get("order_count")},
    ]
    body = fragment(kind, row, CONTRACTS[kind, kind])
    path = "/api/commerce/trackPurchase" if kind == "purchases" else "/api/users/bulkUpdate"
    if kind == "purchases":
        items = [commerce_item(item) for item in change.get("items", row["items"])]
        content = orjson.dumps(orjson.loads(body) | {"items": items})
    else:
        content = b'{"users":[' + body + b"]}"
    headers = {"Api-Key": DEFAULT_API_KEY, "Content-Type": "application/json"}
    answer = world.vendor.post(path, content=content, headers=headers)
    return answer.status_code, orjson.loads(answer.content)


def test_unmutated_rows_pass_the_gate_and_iterable(world: World) -> None:
    for kind in GOOD:
        assert refusals(kind, {}) == ""
        status, body = send(world, kind, {})
        assert (status, body.get("failCount", 0)) == (200, 0)


@pytest.mark.parametrize(
    ("change", "reason", "failure"),
    [
        ({"email": "ada at example.com"}, "email must match the pattern", "invalidEmails"),
        ({"user_id": "x" * 53}, "user_id must have at most 52 characters", "invalidUserIds"),
        ({"user_id": "c 1 "}, "user_id must match the pattern", "invalidUserIds"),
    ],
)
def test_iterable_would_refuse_the_person_inside_a_200(world: World, change: dict[str, Any], reason: str, failure: str) -> None:
    assert refusals("users", change).startswith(reason)
    status, body = send(world, "users", change)
    assert (status, body["failCount"]) == (200, 1)
    assert len(body["failedUpdates"][failure]) == 1


@pytest.mark.parametrize(
    ("item", "item_type", "reason"),
    [
        ({"name": None}, {}, "items.name must not be null (expect_column_values_to_not_be_null)"),
        ({"price": None}, {}, "items.price must not be null (expect_column_values_to_not_be_null)"),
        (
            {"quantity": "1"},
            {"quantity": pa.string()},
            "items.quantity must be a long (expect_column_values_to_be_in_type_list)",
        ),
    ],
)
def test_iterable_would_refuse_the_purchase(
    world: World, item: dict[str, Any], item_type: dict[str, pa.DataType], reason: str
) -> None:
    change = {"items": [{**ITEM, **item}]}
    assert refusals("purchases", change, {**ITEM_TYPE, **item_type}) == reason
    status, _ = send(world, "purchases", change)
    assert status == 400


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"profile_type": "robot"}, "profile_type must be one of registered, guest (expect_column_values_to_be_in_set)"),
        ({"order_count": -1}, "order_count must be at least 0 (expect_column_values_to_be_between)"),
    ],
)
def test_iterable_would_take_a_meaningless_value_in_silence(world: World, change: dict[str, Any], reason: str) -> None:
    assert refusals("users", change) == reason
    status, body = send(world, "users", change)
    assert (status, body["failCount"]) == (200, 0)
