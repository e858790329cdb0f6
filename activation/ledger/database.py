"""Opening the ledger file: durability settings, migrations, transactions."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cartwire.errors import LedgerError

SCHEMA = Path(__file__).with_name("schema.sql")
MIGRATIONS = Path(__file__).with_name("migrations")
BUSY_TIMEOUT_S = 30.0
STORAGE_FAULTS = frozenset((sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT))


def open_writer(path: Path, migrations: Path = MIGRATIONS) -> sqlite3.Connection:
    """The one writing connection of a run, migrated to the newest version.

    Every commit is on disk when it returns (WAL, synchronous=FULL); deleted values are overwritten (secure_delete).
    Raises: LedgerError where the file is newer than this code, or is no ledger.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
    try:
        for pragma in ("journal_mode = wal", "synchronous = full", "foreign_keys = on", "secure_delete = on"):
            db.execute(f"pragma {pragma}")
        _demand_whole(db, path)
        migrate(db, migrations)
    except sqlite3.DatabaseError as error:
        db.close()
        raise _unreadable(error) from None
    except LedgerError:
        db.close()
        raise
    return db


def open_reader(path: Path) -> sqlite3.Connection:
    """A read-only connection; works while a run writes. Open, read, close: a long reader keeps the WAL growing.

    Raises: LedgerError where there is no ledger yet, or the file is none.
    """
    if not path.exists():
        raise LedgerError("there is no ledger yet: run `cartwire sync` first, or check CARTWIRE_LEDGER")
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_S)
    try:
        (version,) = db.execute("pragma user_version").fetchone()
        db.execute("pragma query_only = on")
    except sqlite3.DatabaseError as error:
        db.close()
        raise _unreadable(error) from None
    if version == 0:
        db.close()
        raise LedgerError("the ledger cannot be opened (it holds no ledger tables): check CARTWIRE_LEDGER")
    return db


def _demand_whole(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that lost its tail: SQLite would take the missing pages for empty ones. Its own log is taken in first."""
    busy, logged, moved = db.execute("pragma wal_checkpoint(passive)").fetchone()
    (pages,), (page_size,) = db.execute("pragma page_count").fetchone(), db.execute("pragma page_size").fetchone()
    if not busy and logged == moved and path.stat().st_size < pages * page_size:
        raise LedgerError(
            "the ledger is damaged: its file is shorter than it says. Put a backup in its place with `cartwire ledger restore`"
        )


def _unreadable(error: sqlite3.Error) -> LedgerError:
    return LedgerError(
        f"the ledger cannot be opened ({error}): check CARTWIRE_LEDGER, and disk and permissions of its folder, and put a backup in the"
        " place of a damaged file with `cartwire ledger restore`"
    )


def migrate(db: sqlite3.Connection, migrations: Path = MIGRATIONS) -> int:
    """Bring the file to the newest version, one transaction per step. Returns the version reached."""
    steps = {1: SCHEMA} | {int(re.split(r"\D", file.name)[0]): file for file in migrations.glob("[0-9]*.sql")}
    newest = max(steps)
    (version,) = db.execute("pragma user_version").fetchone()
    if version > newest:
        raise LedgerError(
            f"the ledger has version {version}, this cartwire knows {newest}: install the newer cartwire again",
            version=version,
        )
    for step in sorted(number for number in steps if number > version):
        text = steps[step].read_text(encoding="utf-8")
        db.executescript(f"begin immediate;\n{text}\npragma user_version = {step};\ncommit;")
    return newest


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of the block or nothing, durable at the end; within `undone` all or nothing until that undoes it.

    Raises: LedgerError where the storage takes nothing more: disk full, read-only, failing.
    """
    if db.in_transaction:
        with _savepoint(db):
            yield db
        return
    try:
        db.execute("begin immediate")
        yield db
        db.execute("commit")
    except sqlite3.DatabaseError as error:
        _roll_back(db)
        if _is_of_storage(error):
            raise LedgerError(
                f"the ledger cannot be written ({error}): nothing more is sent; make room on its disk, or give the account of this"
                " process the right to write there, then sync again. Nothing is lost"
            ) from None
        raise
    except BaseException:
        _roll_back(db)
        raise


@contextmanager
def undone(db: sqlite3.Connection) -> Iterator[None]:
    """Nothing of what the block writes is left afterwards, whatever happens. Other writers wait, readers do not."""
    db.execute("begin immediate")
    try:
        yield
    finally:
        _roll_back(db)


@contextmanager
def _savepoint(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("savepoint inner")
    try:
        yield
    except BaseException:
        if db.in_transaction:
            db.execute("rollback to inner")
        raise
    finally:
        if db.in_transaction:
            db.execute("release inner")


def _roll_back(db: sqlite3.Connection) -> None:
    if db.in_transaction:
        db.execute("rollback")


def _is_of_storage(error: sqlite3.Error) -> bool:
    """By SQLite's primary result code, the low byte of the extended one."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in STORAGE_FAULTS


class LedgerFile:
    """A connection with its path; the parts of the ledger build on it."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self.path = path

    def _dicts(self, query: str, parameters: Mapping[str, Any] | Sequence[Any]) -> list[dict[str, Any]]:
        cursor = self._db.execute(query, parameters)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def close(self) -> None:
        """Close; a writer first empties the WAL into the file, so that a damaged tail cannot cost commits."""
        if not self._db.execute("pragma query_only").fetchone()[0]:
            self._db.execute("pragma wal_checkpoint(truncate)")
        self._db.close()
