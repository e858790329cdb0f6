"""SQL of our macros, rendered by dbt and run on a warehouse of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from cartwire.person import key_blocks
from tests.property.dbt_project import dbt, nodes_of


def render(template: str, folder: Path) -> str:
    """The SQL that dbt makes of a template with macros in it."""
    (node,) = nodes_of(dbt(folder / "warehouse.duckdb", "compile", "--inline", template))
    sql: str = node.compiled_code
    return sql


def open_with_secret(folder: Path, secret: bytes, *, project_key: str) -> duckdb.DuckDBPyConnection:
    """A warehouse in which `control.run` holds the key blocks of the secret, as a run writes them."""
    connection = duckdb.connect(str(folder / "warehouse.duckdb"))
    connection.execute("set timezone = 'UTC'; create schema if not exists control")
    connection.execute("create table control.run (project_key varchar, as_of timestamp, key_inner blob, key_outer blob)")
    blocks = key_blocks(secret)
    connection.execute("insert into control.run values (?, timestamp '2026-11-01 10:00:00', ?, ?)", [project_key, *blocks])
    return connection


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    """Rows as dictionaries."""
    result = connection.execute(sql)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
