"""From the records of a page to typed rows. Documents are kept whole, as served; only the key columns are read from them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import orjson

INTEGER_MAX = 2**63 - 1


class Document(NamedTuple):
    """A good record: its key columns (times aware UTC) and all of it as JSON text."""

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


class Head(msgspec.Struct, rename="camel"):
    """What is read of a record; of any type, because nothing is known of a broken one."""

    id: Any = None
    version: Any = None
    created_at: Any = None
    last_modified_at: Any = None


Record = msgspec.Raw | Unparsed
_HEADS = msgspec.json.Decoder(Head)
_NOT_UNICODE = "the document holds text that is not valid Unicode"


def split(records: Iterable[Record]) -> tuple[list[Document], list[Malformed]]:
    """Good documents and broken records of a page, in its order; together they are all of it."""
    documents: list[Document] = []
    malformed: list[Malformed] = []
    for record in records:
        one = _document(record)
        if isinstance(one, Document):
            documents.append(one)
        else:
            malformed.append(one)
    return documents, malformed


def head(record: Record) -> Head | None:
    """The key members of a record; None where it is no JSON object."""
    try:
        return None if isinstance(record, Unparsed) else _HEADS.decode(record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


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


def _document(record: Record) -> Document | Malformed:
    if isinstance(record, Unparsed):
        return _malformed(record.text, None, "the record does not parse as JSON")
    members = head(record)
    try:
        text = str(record, "utf-8")
    except UnicodeDecodeError:
        return _malformed(str(record, "utf-8", "backslashreplace"), members, _NOT_UNICODE)
    if _has_half_pair(text):
        return _malformed(text, members, _NOT_UNICODE)
    if members is None:
        return _malformed(text, None, "the record is not a JSON object")
    if reason := _fault(members):
        return _malformed(text, members, reason)
    modified = datetime.fromisoformat(members.last_modified_at)
    return Document(members.id, members.version, _moment(members.created_at), modified, text)


def _has_half_pair(text: str) -> bool:
    """Whether an escape is half of a surrogate pair: JSON allows that, and no Unicode text can hold it."""
    if "\\u" not in text:
        return False
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return True
    return False


def _fault(members: Head) -> str | None:
    if not isinstance(members.id, str) or not members.id:
        return "id is missing or not text"
    version = members.version
    if not isinstance(version, int) or isinstance(version, bool) or not 0 <= version <= INTEGER_MAX:
        return "version is missing or not a whole number"
    if _moment(members.last_modified_at) is None:
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


def _malformed(body: str, members: Head | None, reason: str) -> Malformed:
    row_id = members.id if members else None
    is_usable = isinstance(row_id, str) and row_id != "" and row_id.isprintable()
    position = str(row_id) if is_usable else f"sha256:{hashlib.sha256(body.encode()).hexdigest()[:32]}"
    return Malformed(position, reason, body)
