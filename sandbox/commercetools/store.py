"""The stand-in's documents: those of the documents file, changed by updates, deletes and the shop day.

All changes happen in one open transaction that is never committed and whose pages stay in memory. So `reset()` is its rollback,
the file is never written, and any number of sandboxes serve one file at once, of any size, without copying it.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from sandbox.clock import Clock, from_iso, to_iso
from sandbox.commercetools.resources import RESOURCES
from sandbox.shop.store_schema import SCHEMA, id_bin

Document = dict[str, Any]
_MESSAGES_OF = (
    "resource = 'messages' and json_valid(cast(body as text)) and json_extract(cast(body as text), '$.resource.id') = ?"
)
"""Word for word the condition of an index."""
CACHE_KIB = 65_536


class NotFoundError(KeyError):
    """No such document; the arguments are resource and id."""


class Head(NamedTuple):
    """What every document has; times as in the document."""

    id: str
    version: int
    created_at: str
    last_modified_at: str


class Store:
    """Documents by resource ("product_projections") and id. Instants are aware datetimes or ISO texts; None means now."""

    def __init__(self, documents: Path | str | None, clock: Clock) -> None:
        """Open a documents file; None starts empty. Raises: OSError if it is not there or not ours to write, sqlite3.DatabaseError if it is none."""
        self.clock = clock
        self.messages_enabled = True
        if documents is None:
            address = ":memory:"
        elif not Path(documents).is_file():
            raise FileNotFoundError(f"there is no documents file at {documents}")
        elif not os.access(documents, os.W_OK):
            raise PermissionError("no right to write it, without which SQLite lets nothing be changed in memory either")
        else:
            # Without locks: nobody writes. https://sqlite.org/vfs.html, "unix-none"
            address = f"{Path(documents).resolve().as_uri()}?mode=rw&vfs=unix-none"
        self._db = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
        for pragma in (f"cache_size = -{CACHE_KIB}", "cache_spill = off", "journal_mode = memory"):
            self._db.execute(f"pragma {pragma}")
        self._begin()

    def _begin(self) -> None:
        self._db.execute("begin")
        for statement in SCHEMA.split(";"):
            self._db.execute(statement)

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def reset(self) -> None:
        """Back to the documents file."""
        self._db.execute("rollback")
        self._begin()
        self.messages_enabled = True

    def meta(self) -> dict[str, str]:
        """What the builder noted: anchor (ISO instant at which the data ends), weeks, households, generator_version."""
        return dict(self._db.execute("select key, value from meta"))

    def counts(self) -> dict[str, int]:
        """Documents by resource."""
        return dict(self._db.execute("select resource, count(*) from documents group by resource order by resource"))

    # -- reading -------------------------------------------------------------------------------------------------

    def get(self, resource: str, resource_id: str) -> Document | None:
        """A copy of the document, None if there is none."""
        raw = self.raw(resource, resource_id)
        document: Document | None = None if raw is None else orjson.loads(raw)
        return document

    def raw(self, resource: str, resource_id: str) -> bytes | None:
        """The document's bytes as served, valid JSON or not."""
        row = self._db.execute("select body from documents where resource = ? and id = ?", (resource, resource_id)).fetchone()
        return None if row is None else bytes(row[0])

    def version(self, resource: str, resource_id: str) -> int | None:
        """The document's version, None if there is none."""
        row = self._db.execute("select version from documents where resource = ? and id = ?", (resource, resource_id)).fetchone()
        return None if row is None else int(row[0])

    def find(self, resource: str, **equals: Any) -> list[Document]:
        """Documents whose top-level fields equal the given values, oldest first; malformed ones are never found."""
        clauses, parameters = ["resource = ?", "json_valid(cast(body as text))"], [resource]
        for name, value in equals.items():
            clauses.append("json_extract(cast(body as text), ?) = ?")
            parameters += [f'$."{name}"', value]
        where = " and ".join(clauses)
        rows = self._db.execute(
            f"select body from documents where {where} order by created_at, id_bin",  # noqa: S608
            parameters,
        )
        return [orjson.loads(row[0]) for row in rows]

    def page(self, resource: str, where: str, parameters: tuple[Any, ...], order: str, limit: int, offset: int) -> list[bytes]:
        """Bodies of the rows that satisfy a SQL condition, in a SQL order. Both come from `predicate_sql`."""
        # Rows are chosen on the indexes alone first; only the page's own bodies are read.
        chosen = f"select rowid from documents where resource = ? and {where} order by {order} limit ? offset ?"  # noqa: S608
        rows = self._db.execute(
            f"select body from documents where rowid in ({chosen}) order by {order}",  # noqa: S608
            (resource, *parameters, limit, offset),
        )
        return [row[0] if isinstance(row[0], bytes) else row[0].encode() for row in rows]

    def heads(self, resource: str, where: str, parameters: tuple[Any, ...], order: str, limit: int, offset: int) -> list[Head]:
        """As `page`, without opening the documents."""
        rows = self._db.execute(
            "select id, version, created_at, last_modified_at from documents"  # noqa: S608
            f" where resource = ? and {where} order by {order} limit ? offset ?",
            (resource, *parameters, limit, offset),
        )
        return [Head(*row) for row in rows]

    def count(self, resource: str, where: str, parameters: tuple[Any, ...], cap: int | None) -> int:
        """How many rows satisfy a SQL condition, at most `cap`."""
        chosen = f"select 1 from documents where resource = ? and {where} limit ?"  # noqa: S608
        row = self._db.execute(
            f"select count(*) from ({chosen})",  # noqa: S608
            (resource, *parameters, -1 if cap is None else cap),
        ).fetchone()
        return int(row[0])

    # -- changing ------------------------------------------------------------------------------------------------

    def put_new(self, resource: str, document: Document) -> Document:
        """Add a document; id, version, createdAt and lastModifiedAt are set if missing. Raises: ValueError if it exists."""
        now = self.clock.now_iso()
        created = document.get("createdAt", now)
        complete = {
            "id": document.get("id") or str(uuid.uuid4()),
            "version": document.get("version", 1),
            "createdAt": created,
            "lastModifiedAt": document.get("lastModifiedAt", created),
            **{name: value for name, value in document.items() if name not in ("id", "version")},
        }
        if self.version(resource, complete["id"]) is not None:
            raise ValueError(f"{resource} already has a document with this id")
        self._write(resource, complete)
        return complete

    def update(
        self,
        resource: str,
        resource_id: str,
        mutate: Callable[[Document], None],
        at: datetime | str | None = None,
        *,
        by: int = 1,
    ) -> Document:
        """Change a document in place: version rises by `by`, lastModifiedAt becomes `at`. Raises: NotFoundError."""
        document = self.get(resource, resource_id)
        if document is None:
            raise NotFoundError(resource, resource_id)
        version = document["version"]
        mutate(document)
        document |= {"id": resource_id, "version": version + by, "lastModifiedAt": self._instant(at)}
        self._write(resource, document)
        return document

    def delete(self, resource: str, resource_id: str) -> Document | None:
        """Remove a document and give it back; None if it was malformed. Raises: NotFoundError."""
        raw = self.raw(resource, resource_id)
        if raw is None:
            raise NotFoundError(resource, resource_id)
        self._db.execute("delete from documents where resource = ? and id = ?", (resource, resource_id))
        try:
            document: Document = orjson.loads(raw)
        except orjson.JSONDecodeError:
            return None
        return document

    def put_raw(
        self, resource: str, resource_id: str, version: int, last_modified_at: datetime | str | None, raw_text: str
    ) -> None:
        """Add or replace a document by any text, for malformed records; it is served as it is."""
        at = self._instant(last_modified_at)
        self._write_row(resource, resource_id, version, at, at, raw_text.encode())

    def put(self, resource: str, document: Document, at: datetime | str | None = None) -> Document:
        """Add a document or replace the one of the same id, whose version then rises.

        lastModifiedAt: `at` if given; else of a new document its own, of a replaced one now.
        """
        resource_id = document.get("id")
        current = self.version(resource, resource_id) if resource_id else None
        if resource_id is None or current is None:
            return self.put_new(resource, document if at is None else {**document, "lastModifiedAt": self._instant(at)})
        version = max(current + 1, int(document.get("version", 0)))
        replaced = {**document, "version": version, "lastModifiedAt": self._instant(at)}
        replaced.setdefault("createdAt", replaced["lastModifiedAt"])
        self._write(resource, replaced)
        return replaced

    def touch(self, resource: str | None = None, at: datetime | str | None = None, count: int | None = None) -> int:
        """Raise version and lastModifiedAt without any change of content, as commercetools sometimes does.

        Args: resource: None for all but Messages, which never change; count: only the least recently modified so many.
        Returns: how many documents were touched; they share one lastModifiedAt.
        """
        instant = self._instant(at)
        touched = 0
        for name in (resource,) if resource else tuple(name for name in RESOURCES if name != "messages"):
            cursor = self._db.execute(
                "update documents set version = version + 1, last_modified_at = ?1, body = cast(json_set(cast(body as text),"
                " '$.version', version + 1, '$.lastModifiedAt', ?1) as blob) where rowid in (select rowid from documents"
                " where resource = ?2 and json_valid(cast(body as text)) order by last_modified_at, id_bin limit ?3)",
                (instant, name, -1 if count is None else count),
            )
            touched += cursor.rowcount
        return touched

    def add_message(
        self,
        message_type: str,
        resource_type_id: str,
        resource_id: str,
        resource_version: int,
        at: datetime | str | None = None,
        **payload: Any,
    ) -> Document:
        """Add a Message with the next sequence number of its resource; its id follows from its content.

        While `messages_enabled` is false the Message is given back but not kept, as in a project with Messages off.
        """
        instant = self._instant(at)
        rows = self._db.execute(
            f"select max(json_extract(cast(body as text), '$.sequenceNumber')) from documents where {_MESSAGES_OF}",  # noqa: S608
            (resource_id,),
        )
        number = (rows.fetchone()[0] or 0) + 1
        digest = hashlib.sha256(f"{resource_type_id}/{resource_id}/{number}/{message_type}".encode()).digest()[:16]
        message = {
            "id": str(uuid.UUID(bytes=digest, version=4)),
            "version": 1,
            "createdAt": instant,
            "lastModifiedAt": instant,
            "sequenceNumber": number,
            "resource": {"typeId": resource_type_id, "id": resource_id},
            "resourceVersion": resource_version,
            "type": message_type,
            **payload,
        }
        return self.put_new("messages", message) if self.messages_enabled else message

    def erase_messages(self, resource_id: str) -> int:
        """Delete the Messages about a resource, as `dataErasure=true` does. Returns: how many."""
        cursor = self._db.execute(f"delete from documents where {_MESSAGES_OF}", (resource_id,))  # noqa: S608
        return cursor.rowcount

    def _instant(self, at: datetime | str | None) -> str:
        if at is None:
            return self.clock.now_iso()
        return to_iso(from_iso(at) if isinstance(at, str) else at)

    def _write(self, resource: str, document: Document) -> None:
        times = (document["createdAt"], document["lastModifiedAt"])
        self._write_row(resource, document["id"], document["version"], *times, orjson.dumps(document))

    def _write_row(
        self, resource: str, resource_id: str, version: int, created_at: str, last_modified_at: str, body: bytes
    ) -> None:
        if resource not in RESOURCES:
            raise ValueError(f"unknown resource {resource!r}; known: {', '.join(RESOURCES)}")
        self._db.execute(
            "insert or replace into documents (resource, id, id_bin, last_modified_at, created_at, version, body)"
            " values (?, ?, ?, ?, ?, ?, ?)",
            (resource, resource_id, id_bin(resource_id), last_modified_at, created_at, version, body),
        )
