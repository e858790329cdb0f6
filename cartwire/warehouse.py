"""Opening the warehouse. One plain connection per run: dlt, dbt and our code share the file only with identical settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import duckdb
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random_exponential

from cartwire.errors import ConfigError
from cartwire.person import key_blocks
from cartwire.storage_faults import fault_told

USE_OUR_CHECKPOINTS = "set global checkpoint_threshold = '256MB'"
"""At DuckDB's own 16 MB a build of small models writes the file a dozen times; what is in the log until then survives a kill."""
_CONTROL = """
create schema if not exists control;
create table if not exists control.run (
    run_id varchar, as_of timestamp, go_live_at timestamp, project_key varchar, identity varchar, key_inner blob, key_outer blob
);
create table if not exists control.authority (kind varchar, authority varchar);
create table if not exists control.kinds (kind varchar, on_since timestamp);
create table if not exists control.ledger (looks_first boolean);
"""


def open_warehouse(path: Path, *, wait_s: float = 300.0, memory_gib: float = 0.0, threads: int = 0) -> duckdb.DuckDBPyConnection:
    """A read-write connection, time zone UTC.

    Another process that holds the file (a person's `dbt run`) is waited for, up to `wait_s` seconds.
    memory_gib: what DuckDB may take before it spills to disk; threads: how many it works with. Both for every connection of this process; 0:
        as it likes.
    Raises: ConfigError naming CARTWIRE_WAREHOUSE when the file stays locked; WarehouseError where it is damaged or may not be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for attempt in Retrying(
            retry=retry_if_exception(_is_lock),
            stop=stop_after_delay(wait_s),
            wait=wait_random_exponential(multiplier=0.1, max=2.0),
            reraise=True,
        ):
            with attempt:
                connection = duckdb.connect(str(path))
    except (duckdb.Error, OSError) as error:
        if _is_lock(error):
            raise ConfigError(
                f"the warehouse {path} (CARTWIRE_WAREHOUSE) stayed locked by another process for {wait_s:.0f} s. "
                "Close the program that has it open; for queries use CARTWIRE_ANALYST_DB instead."
            ) from error
        if fault := fault_told(str(error)):
            raise fault from None
        raise ConfigError(
            f"the warehouse {path} (CARTWIRE_WAREHOUSE) cannot be opened as a DuckDB file. "
            "It is rebuildable: move it away and run `cartwire sync`."
        ) from error
    connection.execute("set timezone = 'UTC'")
    connection.execute(USE_OUR_CHECKPOINTS)
    if memory_gib:
        connection.execute("set global memory_limit = $limit", {"limit": f"{memory_gib}GiB"})
    if threads:
        connection.execute("set global threads = $threads", {"threads": threads})
    return connection


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All of the block's statements, or none of them."""
    connection.execute("begin")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        with suppress(duckdb.TransactionException):  # a commit that failed has ended it
            connection.execute("rollback")
        raise


def _is_lock(error: BaseException) -> bool:
    """Only a lock passes by itself; a file that is none of DuckDB's stays that."""
    return isinstance(error, duckdb.IOException) and "could not set lock" in str(error).lower()


def demand_project(connection: duckdb.DuckDBPyConnection, path: Path, project_key: str) -> None:
    """Refuse to mix two shops: what a run or a plan has loaded stays one project's.

    Raises: ConfigError naming both projects.
    """
    tables = connection.execute("select table_name from information_schema.tables where table_schema = 'control'").fetchall()
    rows = connection.execute("select project_key from control.run").fetchall() if ("run",) in tables else []
    for (known,) in rows:
        if known and known != project_key:
            raise ConfigError(
                f"the warehouse {path} holds data of the commercetools project {known}, CTP_PROJECT_KEY is {project_key}. "
                "Set CARTWIRE_WAREHOUSE and CARTWIRE_LEDGER to new files for another project."
            )


def write_control(
    connection: duckdb.DuckDBPyConnection,
    *,
    run_id: str,
    as_of: datetime,
    go_live_at: datetime,
    project_key: str,
    identity: str,
    secret: bytes,
    authority: Mapping[str, str],
    kinds_on_since: Mapping[str, datetime] | None = None,
    looks_first: bool = False,
) -> None:
    """Replace the one row of `control.run` and of `control.ledger`, and the rows of `control.authority` and `control.kinds`.

    Args: datetimes are aware UTC, stored naive UTC. looks_first: the ledger may not know all that was sent.
    """
    inner, outer = key_blocks(secret)
    row = [run_id, as_of.replace(tzinfo=None), go_live_at.replace(tzinfo=None), project_key, identity, inner, outer]
    connection.execute(_CONTROL)
    with transaction(connection):
        connection.execute("delete from control.run")
        connection.execute("insert into control.run values (?, ?, ?, ?, ?, ?, ?)", row)
        connection.execute("delete from control.authority")
        for kind, source in authority.items():
            connection.execute("insert into control.authority values (?, ?)", [kind, source])
        connection.execute("delete from control.kinds")
        for kind, since in (kinds_on_since or {}).items():
            connection.execute("insert into control.kinds values (?, ?)", [kind, since.replace(tzinfo=None)])
        connection.execute("delete from control.ledger")
        connection.execute("insert into control.ledger values (?)", [looks_first])
