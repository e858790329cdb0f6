"""The analysts' database: a symlink to a versioned, read-only DuckDB file, replaced whole.

Readers never wait and never see half a run: an open reader keeps its file, a new one gets the new file. The file is
written in the storage format that DuckDB 1.x reads, so that common BI tools open it. It holds marts and, after the fold,
what happened to every planned row, without payloads.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path

import duckdb

from activation.ledger_rows import Until, ledger_streams
from cartwire.clock import now
from cartwire.durable import make_durable
from cartwire.errors import CartwireError, ConfigError
from cartwire.warehouse import transaction

STORAGE_VERSION = "v1.0.0"
READ_ONLY = 0o444
_SQL = Path(__file__).parent / "sql"
_MARTS = """
create schema if not exists analyst.marts;
create table if not exists analyst.marts.published_marts (mart varchar, key varchar);
create or replace table analyst.marts.published (run_id varchar, published_at timestamp);
"""
_NEWLY_DELETED = "select 1 from (from marts.deletions except from analyst.marts.deletions) limit 1"


def publish_marts(conn: duckdb.DuckDBPyConnection, analyst_db: Path, run_id: str, keys: Mapping[str, str]) -> Path:
    """Write the marts into a new version of the analysts' database and make it the current one.

    Args:
        conn: the warehouse, with all marts built and no transaction open.
        analyst_db: the symlink that analysts open (CARTWIRE_ANALYST_DB).
        run_id: stands in `marts.published`, so that a report can say which run its figures are of.
        keys: mart to what its rows were built from. A mart that the current version has under the same key is taken from there.
    Returns: the new version's file.
    Raises: ConfigError where `analyst_db` is a file of its own; CartwireError where a mart is missing. The current version
        stays what it was.
    """
    try:
        return _publish(conn, analyst_db, run_id, keys, _current(analyst_db))
    except (_BeginAnew, duckdb.Error):  # a damaged version is no reason to stay without a new one
        return _publish(conn, analyst_db, run_id, keys, None)


class _BeginAnew(Exception):
    """The current version is not to be continued."""


def _publish(
    conn: duckdb.DuckDBPyConnection, analyst_db: Path, run_id: str, keys: Mapping[str, str], begins_with: Path | None
) -> Path:
    with _new_version(analyst_db, begins_with) as path, _attached(conn, path), transaction(conn):
        _copy_marts(conn, keys)
        conn.execute("insert into analyst.marts.published values (?, ?)", [run_id, now().replace(tzinfo=None)])
    return path


def _copy_marts(conn: duckdb.DuckDBPyConnection, keys: Mapping[str, str]) -> None:
    """Into a version that begins with what the one before holds: the marts that are new or other in it.

    Raises: _BeginAnew once somebody or something was deleted, because a replaced table's bytes stay in the file for a while;
        CartwireError where a mart is missing.
    """
    conn.execute(_MARTS)
    published = dict(conn.execute("select mart, key from analyst.marts.published_marts").fetchall())
    if "deletions" in published and conn.execute(_NEWLY_DELETED).fetchall():
        raise _BeginAnew
    for mart in sorted(published.keys() - keys.keys()):
        conn.execute(f"drop table analyst.marts.{mart}")
    for mart in sorted(mart for mart, key in keys.items() if published.get(mart) != key):
        try:
            conn.execute(f"create or replace table analyst.marts.{mart} as from marts.{mart}")
        except duckdb.CatalogException as error:
            raise CartwireError(f"the mart {mart} cannot be published: it was never built; run `dbt build`") from error
    conn.execute("delete from analyst.marts.published_marts")
    rows = {"marts": [*keys.keys()], "keys": [*keys.values()]}
    conn.execute("insert into analyst.marts.published_marts select unnest($marts), unnest($keys)", rows)


def publish_ledger_views(ledger: Path, analyst_db: Path) -> Path:
    """Add what the ledger knows to a copy of the current version and make that the current one.

    Only what is new or changed since that version is read: a ledger keeps every row for ever.

    Args:
        ledger: the ledger's SQLite file; read only, works beside a writer.
    Returns: the new version's file. Tables `ledger.runs`, `.items`, `.requests`, `.sent`, `.counts`; no addresses and no payloads.
    """
    with (
        _new_version(analyst_db, _current(analyst_db)) as path,
        duckdb.connect() as conn,
        _attached(conn, path),
        ledger_streams(ledger, _known_until(conn)) as told,
    ):
        for name, stream in told.streams.items():
            conn.register(name, stream)
        with transaction(conn):
            if told.is_whole:
                conn.execute((_SQL / "ledger_tables.sql").read_text())
            conn.execute((_SQL / "publish_ledger.sql").read_text())
            conn.execute("insert into analyst.ledger.published_until values (?, ?, ?, ?, ?, ?)", astuple(told.until))
    return path


def _known_until(conn: duckdb.DuckDBPyConnection) -> Until:
    """How far the version has followed the ledger; nowhere where it is none, or of an earlier release."""
    if not conn.execute((_SQL / "ledger_is_published.sql").read_text()).fetchall():
        return Until()
    rows = conn.execute("from analyst.ledger.published_until").fetchall()
    return Until(*rows[0]) if rows else Until()


@contextmanager
def _attached(conn: duckdb.DuckDBPyConnection, path: Path) -> Iterator[None]:
    """The file as catalog `analyst`; on leaving, everything is in the file itself and none in a write-ahead log."""
    quoted = str(path).replace("'", "''")
    conn.execute(f"attach '{quoted}' as analyst (storage_version '{STORAGE_VERSION}')")
    try:
        yield
        conn.execute("checkpoint analyst")
    finally:
        conn.execute("detach analyst")


@contextmanager
def _new_version(analyst_db: Path, begins_with: Path | None) -> Iterator[Path]:
    """The next version, a copy of `begins_with` or not there yet. On success it is made durable, read-only and current; on failure it is removed.

    The version before the current one is kept for readers that are just opening it; older ones and what a dead run left
    are removed.
    """
    analyst_db.parent.mkdir(parents=True, exist_ok=True)
    current = _current(analyst_db)
    versions = _versions(analyst_db)
    path = analyst_db.with_name(f"{analyst_db.stem}-{max([0, *versions]) + 1:06d}{analyst_db.suffix}")
    try:
        if begins_with is not None:
            shutil.copyfile(begins_with, path)
        yield path
        make_durable(path)
        path.chmod(READ_ONLY)
        link = analyst_db.with_name(f".{analyst_db.name}.next")
        link.unlink(missing_ok=True)
        link.symlink_to(path.name)
        link.replace(analyst_db)
        make_durable(analyst_db.parent)
    except BaseException:
        _remove(path)
        raise
    for version in versions.values():
        if version != current:
            _remove(version)


def _current(analyst_db: Path) -> Path | None:
    if analyst_db.is_symlink():
        target = analyst_db.parent / analyst_db.readlink()
        return target if target.exists() else None
    if analyst_db.exists():
        raise ConfigError(
            f"{analyst_db} (CARTWIRE_ANALYST_DB) is a file of its own; it has to be free, because it becomes a symlink "
            "to the newest version: move the file away"
        )
    return None


def _versions(analyst_db: Path) -> dict[int, Path]:
    pattern = re.compile(re.escape(analyst_db.stem) + r"-(\d{6,})" + re.escape(analyst_db.suffix))
    found = ((pattern.fullmatch(path.name), path) for path in analyst_db.parent.iterdir())
    return {int(match[1]): path for match, path in found if match}


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)
