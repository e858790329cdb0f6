"""No model compares every person with every other: DuckDB can look up only what a join says by equality, and not alternatives of it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.e2e.story import Story
from tests.property.dbt_project import dbt

pytestmark = pytest.mark.xdist_group("story")

_NAMES = "email|user_id|person_key|profile_id|customer_id"
_QUADRATIC = re.compile(rf"\b({_NAMES}) = \1\b.* OR .*\b({_NAMES}) = \2\b|\b({_NAMES}) = .*SUBQUERY|^\b({_NAMES}) != \4$")
"""Alternatives of two names of people; a key computed from what is asked elsewhere; nothing but that they differ."""


def _nested_loops(plan: Any) -> Iterator[str]:
    if plan["name"] in ("BLOCKWISE_NL_JOIN", "NESTED_LOOP_JOIN"):
        said = plan["extra_info"].get("Condition") or plan["extra_info"].get("Conditions") or ""
        yield " AND ".join(said) if isinstance(said, list) else said
    for child in plan["children"]:
        yield from _nested_loops(child)


def _plan(connection: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    [(_, told)] = connection.execute(f"explain (format json) {query}").fetchall()
    return [condition for root in json.loads(told) for condition in _nested_loops(root)]


def test_no_model_joins_people_by_nested_loops(story: Story, tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    shutil.copyfile(story.settings.warehouse, warehouse)
    results = dbt(warehouse, "compile").result.results
    models = {one.node.name: one.node.compiled_code for one in results if one.node.resource_type == "model"}
    assert {"recipients", "changed_identities", "int_subscriptions__current"} <= models.keys()
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        found = {name: [each for each in _plan(connection, code) if _QUADRATIC.search(each)] for name, code in models.items()}
    assert {name: conditions for name, conditions in found.items() if conditions} == {}


def test_such_a_join_would_be_found() -> None:
    with duckdb.connect() as connection:
        connection.execute("create table people as select range as email, range as user_id from range(1000)")
        query = "from people semi join people as others on people.email = others.email or people.user_id = others.user_id"
        assert [each for each in _plan(connection, query) if _QUADRATIC.search(each)]
