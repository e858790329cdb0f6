"""What a scenario of the shop day gets: the store, the time, its part of the cast, and the changes it may make."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sandbox.shop.documents import Document

TYPE_IDS = {
    "customers": "customer",
    "orders": "order",
    "payments": "payment",
    "product_projections": "product",
}


class DocumentStore(Protocol):
    """The part of the commercetools stand-in's store that the script needs."""

    def get(self, resource: str, resource_id: str) -> Document | None:
        """A copy of the document, None if there is none."""

    def put_new(self, resource: str, document: Document) -> Document:
        """Add a document."""

    def update(
        self,
        resource: str,
        resource_id: str,
        mutate: Callable[[Document], None],
        at: datetime | str | None = None,
        *,
        by: int = 1,
    ) -> Document:
        """Change a document and give it back; its version rises by `by`."""

    def delete(self, resource: str, resource_id: str) -> Document | None:
        """Remove a document."""

    def add_message(
        self,
        message_type: str,
        resource_type_id: str,
        resource_id: str,
        resource_version: int,
        at: datetime | str | None = None,
        **payload: Any,
    ) -> Document:
        """Add a Message about a resource."""

    def put_raw(
        self, resource: str, resource_id: str, version: int, last_modified_at: datetime | str | None, raw_text: str
    ) -> None:
        """Add a document by any text."""

    def meta(self) -> dict[str, str]:
        """What the builder noted."""


@dataclass(slots=True)
class Stage:
    """One scenario at work. Everything it does happens at the one instant `at` ("2026-11-23T12:00:00.000Z")."""

    store: DocumentStore
    at: str
    role: dict[str, str]
    touched: list[str] = field(default_factory=list)

    def document(self, resource: str, resource_id: str) -> Document:
        """A document that the cast promised. Raises: LookupError if it is gone."""
        document = self.store.get(resource, resource_id)
        if document is None:
            raise LookupError(f"the shop day needs {resource}/{resource_id}; reset the sandbox to its documents first")
        return document

    def create(self, resource: str, document: Document, *messages: tuple[str, Document]) -> Document:
        """Add a document and tell it by Messages of (type, payload)."""
        dated = document | {"version": 1, "createdAt": self.at, "lastModifiedAt": self.at}
        created = self.store.put_new(resource, dated)
        self._note(resource, created, messages)
        return created

    def change(
        self, resource: str, resource_id: str, mutate: Callable[[Document], None], *messages: tuple[str, Document]
    ) -> Document:
        """Change a document and tell it by Messages; each Message is one update action, so the version rises by as many."""
        changed = self.store.update(resource, resource_id, mutate, self.at, by=max(1, len(messages)))
        self._note(resource, changed, messages)
        return changed

    def remove(self, resource: str, document: Document, *messages: tuple[str, Document]) -> None:
        """Delete a document and tell it by Messages."""
        self.store.delete(resource, document["id"])
        self._note(resource, document, messages)

    def put_raw(self, resource: str, resource_id: str, text: str) -> None:
        """Add a document that no reader can make sense of."""
        self.store.put_raw(resource, resource_id, 1, self.at, text)
        self.touched.append(f"{resource}/{resource_id}")

    def _note(self, resource: str, document: Document, messages: tuple[tuple[str, Document], ...]) -> None:
        self.touched.append(f"{resource}/{document['id']}")
        first_version = document["version"] - len(messages) + 1
        for offset, (kind, payload) in enumerate(messages):
            version = max(1, first_version + offset)
            self.store.add_message(kind, TYPE_IDS[resource], document["id"], version, self.at, **payload)
