"""From the raw results of a page to typed rows. Documents are kept whole; only the key columns are read from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson

INTEGER_MAX = 2**63 - 1


class Document(NamedTuple):
    """A good record: its key columns (times aware UTC) and all of it as compact JSON text."""

    id: str
    version: int
    created_at: datetime | None
    last_modified_at: datetime
    document: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """A record that is no document. `position`: its id, else a digest of its body, which finds it again on every read."""

    position: str
    reason: str
    body: str


@dataclass(frozen=True, slots=True)
class Unparsed:
    """A record whose text is no JSON, as it was served."""

    text: str


def split(results: Iterable[Any]) -> tuple[list[Document], list[Malformed]]:
    """Good documents and broken records of a page, in its order; together they are all of it."""
    documents: list[Document] = []
    malformed: list[Malformed] = []
    for record in results:
        reason = _fault(record)
        if reason is None:
            try:
                documents.append(_document(record))
                continue
            except (TypeError, orjson.JSONEncodeError):
                reason = "the document holds text that is not valid Unicode"
        malformed.append(_malformed(record, reason))
    return documents, malformed


class Repeats:
    """Leaves out what the page before brought already, because an insert-only merge would keep both.

    By keyset, pages overlap only where broken records follow the last usable row; so one page is remembered, not the resource.
    """

    def __init__(self) -> None:
        self._before: set[tuple[object, ...]] = set()

    def left_out(self, documents: list[Document], malformed: list[Malformed]) -> tuple[list[Document], list[Malformed]]:
        """The records of a page that are new."""
        known, self._before = self._before, set()
        fresh = [record for record in documents if self._is_new((record.id, record.version), known)]
        broken = [record for record in malformed if self._is_new((record.position, record.body), known)]
        return fresh, broken

    def _is_new(self, key: tuple[object, ...], known: set[tuple[object, ...]]) -> bool:
        is_new = key not in known and key not in self._before
        self._before.add(key)
        return is_new


def _document(record: dict[str, Any]) -> Document:
    return Document(
        record["id"],
        record["version"],
        _moment(record.get("createdAt")),
        datetime.fromisoformat(record["lastModifiedAt"]),
        orjson.dumps(record).decode(),
    )


def _fault(record: Any) -> str | None:
    if isinstance(record, Unparsed):
        return "the record does not parse as JSON"
    if not isinstance(record, dict):
        return "the record is not a JSON object"
    row_id, version = record.get("id"), record.get("version")
    if not isinstance(row_id, str) or not row_id:
        return "id is missing or not text"
    if not isinstance(version, int) or isinstance(version, bool) or not 0 <= version <= INTEGER_MAX:
        return "version is missing or not a whole number"
    if _moment(record.get("lastModifiedAt")) is None:
        return "lastModifiedAt is missing or not a UTC timestamp"
    return None


def _moment(text: Any) -> datetime | None:
    """An aware datetime from the vendor's text, or None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _malformed(record: Any, reason: str) -> Malformed:
    body = record.text if isinstance(record, Unparsed) else json.dumps(record, ensure_ascii=True, separators=(",", ":"))
    row_id = record.get("id") if isinstance(record, dict) else None
    is_usable = isinstance(row_id, str) and row_id != "" and row_id.isprintable()
    position = str(row_id) if is_usable else f"sha256:{hashlib.sha256(body.encode()).hexdigest()[:32]}"
    return Malformed(position, reason, body)
