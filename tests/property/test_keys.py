"""The data test `keys` against a count in Python, on random rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.macro_sql import render

CALL = """{{ test_keys(
    ref('refunds'), unique=[['refund_id'], ['order_id', 'payment_id']], found_in={'order_id': ref('orders')}
) }}"""
WORDS = st.sampled_from([None, "a", "b", "c"])


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    folder = tmp_path_factory.mktemp("keys")
    sql = render(CALL, folder)
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("create schema if not exists marts")
        connection.execute("create or replace table marts.refunds (refund_id varchar, order_id varchar, payment_id varchar)")
        connection.execute("create or replace table marts.orders (order_id varchar)")
        yield connection, sql


@settings(deadline=None)
@given(children=st.lists(st.tuples(WORDS, WORDS, WORDS), max_size=6), parents=st.sets(WORDS))
def test_what_is_repeated_and_what_is_nowhere_is_counted_key_by_key(
    question: tuple[duckdb.DuckDBPyConnection, str],
    children: list[tuple[str | None, str | None, str | None]],
    parents: set[str | None],
) -> None:
    connection, sql = question
    connection.execute("delete from marts.refunds; delete from marts.orders")
    if children:
        connection.executemany("insert into marts.refunds values (?, ?, ?)", children)
    if parents:
        connection.executemany("insert into marts.orders values (?)", [(parent,) for parent in parents])
    expected: Counter[tuple[str, int]] = Counter()
    for name, columns in (("refund_id", slice(0, 1)), ("order_id, payment_id", slice(1, 3))):
        counts = Counter(child[columns] for child in children)
        expected.update((f"{name} is not unique", count) for count in counts.values() if count > 1)
    orphans = sum(1 for child in children if child[1] is not None and child[1] not in parents)
    expected.update([("order_id is not in orders", orphans)] if orphans else [])
    assert Counter(connection.execute(sql).fetchall()) == expected
