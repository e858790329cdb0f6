"""A world that stands still: what the models read is as it was at a build that left nothing to do.

Then building again would make the same rows, and a sync leaves it out. The comparison is of what is stored, never of what a load
says it did, so a forgotten path of change cannot hide: whatever differs in a table that the models read ends the standstill.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import duckdb

from cartwire.warehouse import transaction

AT_MOST = timedelta(hours=1)
"""A build is made at least this often: a model that depends on time and forgot to say when (`changes.next_due`) is late by no more."""
HASHED_ROWS_MAX = 10_000
_NOT_CONTENT = ("_dlt_load_id", "_dlt_id", "read_at", "run_id", "as_of")

_SETTLED = """
create schema if not exists control;
create table if not exists control.settled (
    run_id varchar, rules varchar, world varchar, built_at timestamp, next_due_at timestamp
);
"""
_TABLES = """
select
    schema_name,
    table_name,
    list({'name': column_name, 'type': data_type} order by column_index) as columns
from duckdb_tables() as tables
inner join duckdb_columns() as columns using (database_name, schema_name, table_name)
where
    database_name = current_database()
    and not starts_with(table_name, '_dlt')
    and (
        schema_name in ('raw', 'raw_iterable', 'raw_storefront', 'delivered')
        or (schema_name = 'control' and table_name not in ('built', 'built_nodes', 'build_epoch', 'settled'))
    )
group by all
order by all
"""
_COLUMNS = """
select column_name, data_type from duckdb_columns()
where database_name = current_database() and schema_name = ? and table_name = ?
order by column_index
"""
_NESTED = re.compile(r"\]$|^(STRUCT|MAP|UNION)\(")


def still_since(connection: duckdb.DuckDBPyConnection, rules: str, now: datetime) -> str | None:
    """Run id of the build that a new one would repeat; None if something moved, or may have.

    Args: rules: digest of models, macros and config. now: aware UTC.
    """
    connection.execute(_SETTLED)
    moment = now.replace(tzinfo=None)
    for run_id, rules_then, world_then, built_at, next_due_at in connection.execute("from control.settled").fetchall():
        is_fresh = built_at <= moment < built_at + AT_MOST and (next_due_at is None or moment < next_due_at)
        if is_fresh and rules_then == rules and world_then == world(connection):
            return str(run_id)
    return None


def note_settled(connection: duckdb.DuckDBPyConnection, run_id: str, rules: str, now: datetime) -> None:
    """Remember a complete build that left nothing to send, hold or mend, so that its repetition can be left out."""
    connection.execute(_SETTLED)
    [(next_due_at,)] = connection.execute("select min(next_due_at) from changes.next_due").fetchall()
    row = [run_id, rules, world(connection), now.replace(tzinfo=None), next_due_at]
    with transaction(connection):
        connection.execute("delete from control.settled")
        connection.execute("insert into control.settled values (?, ?, ?, ?, ?)", row)


def world(connection: duckdb.DuckDBPyConnection) -> str:
    """A digest of every table that loads, folds and runs write and models read."""
    return hashlib.sha256(repr(sorted(stamps(connection).items())).encode()).hexdigest()


def stamps(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], tuple[object, ...]]:
    """(schema, table) → what tells its present rows from any others; a table without rows is left out, as one that is not there.

    Tables by content, but large ones that dlt writes by their number of rows and the newest load, which every row it writes bears.
    """
    found: dict[tuple[str, str], tuple[object, ...]] = {}
    for schema, name, columns in connection.execute(_TABLES).fetchall():
        table = f'{schema}."{name}"'  # names of our own schemas
        [(rows,)] = connection.execute(f"select count(*) from {table}").fetchall()  # noqa: S608
        if not rows:
            continue
        if rows > HASHED_ROWS_MAX and any(column["name"] == "_dlt_load_id" for column in columns):
            stamp = connection.execute(f"select max(_dlt_load_id) from {table}").fetchall()  # noqa: S608
        else:
            content = [column for column in columns if column["name"] not in _NOT_CONTENT]
            stamp = connection.execute(_digest_of_rows(table, content)).fetchall()
        found[schema, name] = (rows, *stamp)
    return found


def rows_stamp(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> str:
    """What tells the rows of a table from any others."""
    columns = connection.execute(_COLUMNS, [schema, table]).fetchall()
    names = [{"name": name, "type": kind} for name, kind in columns]
    return repr(connection.execute(_digest_of_rows(f'{schema}."{table}"', names)).fetchall())


def _digest_of_rows(table: str, columns: Iterable[Mapping[str, str]]) -> str:
    """SQL over all rows, whatever their order. DuckDB's hash of a list without elements is that of null, and so on: nested values
    are hashed as text.
    """
    told = [
        f'cast("{column["name"]}" as varchar)' if _NESTED.search(column["type"]) else f'"{column["name"]}"' for column in columns
    ]
    return f"select count(*), bit_xor(hash({', '.join(told)})), sum(hash({', '.join(told)})) from {table}"  # noqa: S608
