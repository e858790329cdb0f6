"""What documents have in common, and what a builder hands on: documents and the Messages about them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.shop.identifiers import resource_id
from sandbox.shop.moments import DAY_S, stamp

Document = dict[str, Any]

MESSAGE_RETENTION_S = 7 * DAY_S
"""This shop keeps Messages for a week; commercetools lets a project choose 1 to 90 days."""


def envelope(document_id: str, *, version: int, created_s: int, modified_s: int) -> Document:
    """The fields that every resource has; times in seconds since 1970."""
    return {"id": document_id, "version": version, "createdAt": stamp(created_s), "lastModifiedAt": stamp(modified_s)}


def reference(type_id: str, key: object) -> Document:
    """A reference to the document that this shop made for `key`."""
    return {"typeId": type_id, "id": resource_id(type_id, key)}


@dataclass(slots=True)
class Happening:
    """One thing that happened to a resource and that commercetools tells by a Message."""

    at_s: int
    type: str
    payload: Document


@dataclass(slots=True)
class Record:
    """A finished document with its resource (as in store_schema.RESOURCES) and what happened to it, oldest first."""

    resource: str
    document: Document
    happenings: list[Happening] = field(default_factory=list)

    def messages(self, type_id: str, *, since_s: int) -> Iterator["Record"]:
        """Messages not yet expired. The sequence counts expired ones too, as it would if they had been there."""
        resource_key = self.document["id"]
        version = self.document["version"]
        for number, happening in enumerate(self.happenings, start=1):
            if happening.at_s >= since_s:
                behind = len(self.happenings) - number
                yield message(happening, type_id, resource_key, number, max(1, version - behind))


def message(happening: Happening, type_id: str, resource_key: str, sequence: int, resource_version: int) -> Record:
    """The Message document about a happening."""
    document = envelope(
        resource_id("message", f"{resource_key}:{sequence}"), version=1, created_s=happening.at_s, modified_s=happening.at_s
    )
    document |= {
        "sequenceNumber": sequence,
        "resource": {"typeId": type_id, "id": resource_key},
        "resourceVersion": resource_version,
        "type": happening.type,
    }
    document |= happening.payload
    return Record("messages", document)
