"""A table's stamp tells its rows from any others, whatever their order: DuckDB's own hash takes an empty list for null."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activation.standstill import rows_stamp

TYPES = {
    "number": "bigint",
    "amount": "decimal(28, 4)",
    "words": "varchar[]",
    "lists": "varchar[][]",
    "fields": "struct(field varchar, value varchar)[]",
}
texts = st.none() | st.sampled_from(["", "a", "b", "a, b", "null", "[a]", "'", "{"])
words = st.none() | st.lists(texts, max_size=2)
fields = st.none() | st.fixed_dictionaries({"field": texts, "value": texts})
row = st.fixed_dictionaries(
    {
        "number": st.none() | st.integers(0, 2),
        "amount": st.none() | st.sampled_from([Decimal("0.0001"), Decimal(1)]),
        "words": words,
        "lists": st.none() | st.lists(words, max_size=2),
        "fields": st.none() | st.lists(fields, max_size=2),
    }
)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def _stamp(connection: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]) -> str:
    columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
    connection.execute(f"create or replace table stamped ({columns})")
    for each in rows:
        connection.execute("insert into stamped values (?, ?, ?, ?, ?)", [each[name] for name in TYPES])
    return rows_stamp(connection, "main", "stamped")


@given(st.lists(row, max_size=3), st.lists(row, max_size=3), st.randoms())
def test_rows_and_no_others_have_their_stamp(connection: duckdb.DuckDBPyConnection, some: Any, others: Any, chance: Any) -> None:
    counted = [Counter(repr(sorted(one.items())) for one in rows) for rows in (some, others)]
    assert (_stamp(connection, some) == _stamp(connection, others)) is (counted[0] == counted[1])
    chance.shuffle(mixed := [*some])
    assert _stamp(connection, mixed) == _stamp(connection, some)


@pytest.mark.parametrize(
    ("column", "one", "other"), [("words", [], None), ("words", [None], []), ("lists", [["a"]], [["a"], []])]
)
def test_what_duckdb_hashes_alike_differs(connection: duckdb.DuckDBPyConnection, column: str, one: Any, other: Any) -> None:
    empty = dict.fromkeys(TYPES)
    assert _stamp(connection, [empty | {column: one}]) != _stamp(connection, [empty | {column: other}])
