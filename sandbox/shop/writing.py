"""Writes records into the document file: bulk, and the same bytes for the same records."""

import sqlite3
from collections import Counter
from pathlib import Path
from types import TracebackType

import orjson

from sandbox.shop.documents import Record
from sandbox.shop.store_schema import INDEXES, TABLES, id_bin

_BATCH = 2_000
_INSERT = "insert into documents values (?, ?, ?, ?, ?, ?, ?)"


class DocumentWriter:
    """Fills a new file beside its final place and moves it there at the end, so that a half-written file is never found."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unfinished = path.with_name(f"{path.name}.unfinished")
        self._unfinished.unlink(missing_ok=True)
        self._database = sqlite3.connect(self._unfinished, isolation_level=None)
        self._database.execute("pragma page_size = 8192")
        self._database.execute("pragma journal_mode = off")
        self._database.execute("pragma synchronous = off")
        self._database.executescript(TABLES)
        self._database.execute("begin")
        self._rows: list[tuple[str, str, bytes, str, str, int, bytes]] = []
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> "DocumentWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self._flush()
            self._database.execute("commit")
            self._database.executescript(INDEXES)
        self._database.close()
        if kind is None:
            self._unfinished.replace(self._path)
        else:
            self._unfinished.unlink(missing_ok=True)

    def write(self, record: Record) -> None:
        """Add one document."""
        document = record.document
        key = document["id"]
        self._rows.append(
            (
                record.resource,
                key,
                id_bin(key),
                document["lastModifiedAt"],
                document["createdAt"],
                document["version"],
                orjson.dumps(document),
            )
        )
        self.counts[record.resource] += 1
        if len(self._rows) >= _BATCH:
            self._flush()

    def write_meta(self, values: dict[str, str]) -> None:
        """Add rows to `meta`."""
        self._database.executemany("insert into meta values (?, ?)", sorted(values.items()))

    def write_adjustments(self, columns: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
        """Add the table `adjustments`."""
        self._database.execute(f"create table adjustments ({', '.join(columns)})")
        marks = ", ".join("?" * len(columns))
        self._database.executemany(f"insert into adjustments values ({marks})", rows)  # noqa: S608 - only question marks

    def _flush(self) -> None:
        self._database.executemany(_INSERT, self._rows)
        self._rows.clear()
