"""The gate: for each kind of expectation a mutated row that SQL types let pass and the suite refuses with its reason."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from activation.contracts import Column, Contract, FieldType
from activation.data_docs import build_data_docs
from activation.gate import gate, gate_together
from activation.rules import missing_columns

SECRET_VALUE = "ada.lovelace@example.org"
ITEM = pa.struct([("id", pa.string()), ("name", pa.string()), ("price", pa.float64()), ("quantity", pa.int64())])

CONTRACT = Contract(
    model="iterable_purchases",
    object="purchases",
    kind="purchase",
    columns=(
        Column(name="email", required=True, pattern=r"[^@\s]+@[^@\s]+\.com", personal=True),
        Column(name="market_code", field="marketCode", enum=("us", "de")),
        Column(name="order_number", field="orderNumber", max_length=5),
        Column(name="total", field="total", type=FieldType.DOUBLE, required=True, minimum=Decimal(0)),
        Column(name="points", field="points", type=FieldType.LONG, minimum=Decimal(0), maximum=Decimal(10)),
        Column(name="ratio", field="ratio", type=FieldType.DOUBLE),
        Column(name="tags", field="tags", type=FieldType.STRING_LIST, max_length=4),
        Column(name="items", type=FieldType.ITEMS, required=True),
        Column(name="ordered_at", field="orderedAt", type=FieldType.DATE),
    ),
)
SCHEMA = pa.schema(
    [
        ("email", pa.string()),
        ("market_code", pa.string()),
        ("order_number", pa.string()),
        ("total", pa.decimal128(28, 4)),
        ("points", pa.int64()),
        ("ratio", pa.float64()),
        ("tags", pa.list_(pa.string())),
        ("items", pa.list_(ITEM)),
        ("ordered_at", pa.timestamp("us")),
    ]
)
GOOD = {
    "email": "a@example.com",
    "market_code": "us",
    "order_number": "12345",
    "total": Decimal("12.5"),
    "points": 3,
    "ratio": 0.5,
    "tags": ["a", "b"],
    "items": [{"id": "i", "name": "Milk", "price": 1.0, "quantity": 2}],
    "ordered_at": datetime(2026, 1, 1),
}


def rows(*changes: dict[str, object]) -> pa.Table:
    return pa.Table.from_pylist([{**GOOD, **change} for change in changes], schema=SCHEMA)


def item(**change: object) -> dict[str, object]:
    return {"items": [GOOD["items"][0], {**GOOD["items"][0], **change}]}  # type: ignore[index]


@pytest.mark.parametrize(
    ("mutation", "reason"),
    [
        ({"email": None}, "email must not be null (expect_column_values_to_not_be_null)"),
        ({"email": SECRET_VALUE}, "email must match the pattern of its contract (expect_column_values_to_match_regex)"),
        ({"market_code": "fr"}, "market_code must be one of us, de (expect_column_values_to_be_in_set)"),
        (
            {"order_number": "123456"},
            "order_number must have at most 5 characters (expect_column_value_lengths_to_be_between)",
        ),
        ({"total": Decimal("-0.01")}, "total must be at least 0 (expect_column_values_to_be_between)"),
        ({"points": 11}, "points must be between 0 and 10 (expect_column_values_to_be_between)"),
        ({"ratio": float("inf")}, "ratio must be finite (expect_column_values_to_be_between)"),
        ({"tags": ["a", "abcde"]}, "tags must have at most 4 characters (expect_column_value_lengths_to_be_between)"),
        (item(name=None), "items.name must not be null (expect_column_values_to_not_be_null)"),
        (item(quantity=None), "items.quantity must not be null (expect_column_values_to_not_be_null)"),
    ],
)
def test_a_mutated_row_is_refused_with_its_reason_and_the_others_pass(mutation: dict[str, object], reason: str) -> None:
    result = gate(rows({}, mutation, {}), CONTRACT)
    assert result.rejections == {1: reason}


def test_a_column_of_the_wrong_type_refuses_every_row_that_has_a_value() -> None:
    table = rows({}, {"points": None})
    at = table.schema.get_field_index("points")
    table = table.set_column(at, "points", pa.array(["3", None], type=pa.string()))
    assert gate(table, CONTRACT).rejections == {
        0: "points must be a long (expect_column_values_to_be_in_type_list)",
    }


def test_two_broken_rules_are_both_named() -> None:
    result = gate(rows({"market_code": "fr", "points": -1}), CONTRACT)
    assert result.rejections[0] == (
        "market_code must be one of us, de (expect_column_values_to_be_in_set); "
        "points must be between 0 and 10 (expect_column_values_to_be_between)"
    )


def test_rejections_keep_their_row_across_chunks() -> None:
    table = rows({}, {}, {}, {"points": -1}, item(id=None), {})
    result = gate(table, CONTRACT, chunk_rows=2)
    assert sorted(result.rejections) == [3, 4]
    assert {check.rows for check in result.checks if not check.rule.frame} == {6}


def test_kinds_that_are_gated_together_are_each_judged_by_their_own_contract() -> None:
    """Rules in common are asked once for the rows of all: no row may be answered for by another kind's rule or position."""
    strict = replace(CONTRACT, kind="strict", columns=(*CONTRACT.columns[:2], replace(CONTRACT.columns[2], max_length=3)))
    bare = replace(CONTRACT, kind="bare", columns=CONTRACT.columns[3:8])
    texts = rows({}, {"order_number": "1"})
    points = texts.schema.get_field_index("points")
    kinds = [
        (rows({}, {"email": None}, item(name=None)), CONTRACT),
        (rows({"market_code": "fr"}, {"market_code": None}, {"order_number": "1"}), strict),
        (rows(), CONTRACT),
        (rows({"email": None}, {"points": 11}, {"tags": ["a", "abcde"]}, item(id=None), {}), bare),
        (texts.set_column(points, "points", pa.array(["3", None])), CONTRACT),
    ]
    together = gate_together(kinds, chunk_rows=2)
    assert together == [gate(table, contract) for table, contract in kinds]
    assert [sorted(result.rejections) for result in together] == [[1, 2], [0, 1], [], [1, 2, 3], [0]]


def test_a_reason_never_holds_the_value() -> None:
    result = gate(rows({"email": SECRET_VALUE}), CONTRACT)
    assert SECRET_VALUE not in repr(result)


def test_no_rows_do_not_load_great_expectations() -> None:
    script = (
        "import sys, pyarrow as pa; from activation.gate import gate; from activation.data_docs import build_data_docs;"
        "from activation.contracts import Contract, Column;"
        "c = Contract(model='m', object='o', kind='k', columns=(Column(name='a', required=True),));"
        "r = gate(pa.table({'a': pa.array([], pa.string())}), c); assert not r.rejections;"
        "sys.exit('great_expectations' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", script], cwd=root, check=False).returncode == 0


def test_data_docs_show_counts_and_no_values(tmp_path: Path) -> None:
    result = gate(rows({"email": SECRET_VALUE}, {}), CONTRACT)
    index = build_data_docs(
        [result, gate(rows({"points": 11}), CONTRACT)], tmp_path, run_id="run-1", at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert index is not None
    assert "3 rows checked, 2 rejected" in index.read_text()
    page = (tmp_path / "run-1" / "purchases-purchase.html").read_text()
    assert "unexpected" in page
    assert SECRET_VALUE not in page
    assert "a@example.com" not in page


def test_a_run_id_that_reads_like_a_time_with_an_impossible_zone_has_its_page(tmp_path: Path) -> None:
    run_id = "20261124T204500-2961ad"
    build_data_docs([gate(rows({}), CONTRACT)], tmp_path, run_id=run_id, at=datetime(2026, 11, 24, 20, 45, tzinfo=UTC))
    assert run_id in (tmp_path / run_id / "purchases-purchase.html").read_text()


def test_data_docs_of_nothing_checked_are_not_written(tmp_path: Path) -> None:
    empty = gate(rows(), CONTRACT)
    assert build_data_docs([empty], tmp_path, run_id="run-1", at=datetime(2026, 1, 1, tzinfo=UTC)) is None
    assert list(tmp_path.iterdir()) == []


def test_columns_the_contract_sends_but_the_rows_lack_are_named() -> None:
    assert missing_columns(CONTRACT, pa.schema([("email", pa.string())])) == [
        "market_code",
        "order_number",
        "total",
        "points",
        "ratio",
        "tags",
        "items",
        "ordered_at",
    ]
