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
        migrate(db, migrations)
    except sqlite3.DatabaseError as error:
        db.close()
        raise LedgerError(f"the ledger cannot be opened ({error}): check CARTWIRE_LEDGER") from None
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
        raise LedgerError(f"the ledger cannot be opened ({error}): check CARTWIRE_LEDGER") from None
    if version == 0:
        db.close()
        raise LedgerError("the ledger cannot be opened (it holds no ledger tables): check CARTWIRE_LEDGER")
    return db


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
    """All of the block or nothing, durable at the end."""
    db.execute("begin immediate")
    try:
        yield db
        db.execute("commit")
    except BaseException:
        if db.in_transaction:
            db.execute("rollback")
        raise


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
