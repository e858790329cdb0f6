"""Deletes: DELETE /{resource}/{id}?version=N[&dataErasure=true], and the Message a delete leaves, if it leaves one."""

from __future__ import annotations

from typing import Any

from sandbox.commercetools.errors import concurrent, malformed, not_found
from sandbox.commercetools.resources import Resource
from sandbox.commercetools.store import Document, Store

# Of the resources served, only these leave a Message when deleted; carts, payments, categories and others leave none.
_MESSAGE_TYPES = {"customers": "CustomerDeleted", "orders": "OrderDeleted", "stores": "StoreDeleted"}


def delete(store: Store, resource: Resource, resource_id: str, version: str | None, data_erasure: str | None) -> Document:
    """Remove a document and give it back.

    Args: version: the query parameter; data_erasure: "true" also removes the Messages about this resource.
    Raises: ApiError 400 without a version, 404, 409 with currentVersion.
    """
    if version is None:
        raise malformed("version", "Missing required parameter.")
    if not version.isdigit():
        raise malformed("version", f"The version parameter must be a number, not '{version}'.")
    if data_erasure not in (None, "true", "false"):
        raise malformed("dataErasure", f"The dataErasure parameter must be 'true' or 'false', not '{data_erasure}'.")
    if data_erasure is not None and not resource.can_erase:
        raise malformed("dataErasure", f"The parameter is not supported for {resource.path}.")
    current = store.version(resource.name, resource_id)
    if current is None:
        raise not_found(f"ID '{resource_id}'")
    if current != int(version):
        raise concurrent(resource_id, int(version), current)
    document = store.delete(resource.name, resource_id) or {"id": resource_id, "version": current}
    is_erasure = data_erasure == "true"
    if is_erasure:
        store.erase_messages(resource_id)
    if (message_type := _MESSAGE_TYPES.get(resource.name)) is not None:
        payload = {} if is_erasure else _payload(resource, document)
        store.add_message(message_type, resource.type_id, resource_id, current, **payload)
    return document


def _payload(resource: Resource, document: Document) -> dict[str, Any]:
    if resource.name == "customers":
        return {"email": document["email"]} if "email" in document else {}
    return {"order": document} if resource.name == "orders" else {}
