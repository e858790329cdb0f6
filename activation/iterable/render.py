"""Rows into JSON fragments, one function per kind of object. Pure: same row, same bytes, on every machine.

A fragment is what stands for one row in a request: an element of ``users`` or ``events``, or the whole body where
Iterable has no bulk form (purchases, carts, identities). Deliver wraps fragments in an envelope; it never looks inside.
Keys are sorted; ``createdAt`` is in seconds; values are made in ``activation.iterable.values``.
Source: facts on Iterable's API, sections 2, 3 and 5; endpoints in docs/reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from activation import json_schemas
from activation.contracts import Contract, FieldType
from activation.iterable.values import Unrenderable, commerce_item, from_canonical, typed
from cartwire.clock import to_ms
from cartwire.errors import RowTooLarge
from clients.endpoints import BODY_BYTES_MAX

ENVELOPE_BYTES = 64  # {"users":[...]} and the like
FRAGMENT_BYTES_MAX = BODY_BYTES_MAX - ENVELOPE_BYTES
CONSENT_PREFIX = "consent."
_API_FIELDS = ("campaignId", "templateId")  # of events and purchases: beside the data fields, and what attribution reads
_RESERVED = frozenset({"email", "userId", "consent", "unsubscribedChannelIds"})

Row = Mapping[str, Any]
FieldValue = tuple[str, str, str | None]  # field, type, canonical text; None clears the field


def fragment(object_name: str, row: Row, contract: Contract | None = None, *, body_bytes_max: int = FRAGMENT_BYTES_MAX) -> bytes:
    """The JSON of one outbound row.

    Args:
        object_name: withdrawals, identities, users, purchases, carts, events, lists or grants.
        row: the columns of ``changes.changed_<object>`` as Python values (decimals, naive UTC datetimes, lists of dicts).
        contract: says which columns become data fields; needed for purchases, carts and events.
        body_bytes_max: the endpoint's limit for a body; a fragment alone may not exceed it.
    Returns: compact UTF-8 JSON with sorted keys.
    Raises:
        Unrenderable: a value does not fit its type, or the row is not what the JSON Schema of its contract says.
        RowTooLarge: facts carry object, subject and size_bytes.
    """
    document = _RENDERERS[object_name](row, contract)
    if said := json_schemas.fault(contract, document):
        raise Unrenderable(said)
    return encode(object_name, row.get("subject"), document, body_bytes_max=body_bytes_max)


def encode(
    object_name: str, subject: str | None, document: Mapping[str, Any], *, body_bytes_max: int = FRAGMENT_BYTES_MAX
) -> bytes:
    """Compact UTF-8 JSON of a document, keys sorted. Raises as `fragment` does."""
    try:
        rendered = orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise Unrenderable(f"a value of this {object_name} row has no JSON form") from error
    if len(rendered) > body_bytes_max:
        raise RowTooLarge(
            f"a row of {object_name} alone is larger than the {body_bytes_max} bytes its endpoint takes; shorten its fields",
            object=object_name,
            subject=subject,
            size_bytes=len(rendered),
        )
    return rendered


def identity(row: Row) -> dict[str, str]:
    """The one identifier of a person: the user id where the row carries one, else the e-mail.

    The models carry a user id only where the project's type identifies by it (macros/identity.sql). Both together could end
    as a conflict, or rename somebody as a side effect of a purchase.
    """
    if row.get("user_id"):
        return {"userId": row["user_id"]}
    if row.get("email"):
        return {"email": row["email"]}
    raise Unrenderable("the row has neither e-mail nor user id")


def user_document(
    email: str | None,
    user_id: str | None,
    fields: Iterable[FieldValue],
    consent: Iterable[tuple[str, Any]],
    unsubscribe_channel_ids: Sequence[int] | None,
) -> dict[str, Any]:
    """An element of ``users``: the identifiers of the row, the changed fields, and the consent object on every write.

    A field's None becomes null, which clears it. Fields named ``consent.<name>`` are the diff's view of the consent
    object, which is always sent whole, so they are passed over. ``unsubscribedChannelIds`` is there only where given: it replaces the
    person's whole array, so it may only be sent for people who are new to Iterable.
    """
    data: dict[str, Any] = {
        field: text if text is None or type_name == "string" else from_canonical(field, type_name, text)
        for field, type_name, text in fields
        if not field.startswith(CONSENT_PREFIX)
    }
    _refuse_reserved(data)
    data["consent"] = dict(consent)
    if unsubscribe_channel_ids:
        data["unsubscribedChannelIds"] = [int(channel_id) for channel_id in unsubscribe_channel_ids]
    document: dict[str, Any] = {"dataFields": data}
    if email:
        document["email"] = email
    if user_id:
        document["userId"] = user_id
    if len(document) == 1:
        raise Unrenderable("the row has neither e-mail nor user id")
    return document


def _seconds(moment: datetime | None) -> int:
    """Whole seconds since 1970; Iterable takes milliseconds in silence and stores another century."""
    if moment is None:
        raise Unrenderable("the row has no time of its own")
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return math.floor(aware.timestamp())


def _refuse_reserved(data: Mapping[str, Any]) -> None:
    """Reserved names inside ``dataFields`` would change who the person is, so no modelled field may have them."""
    if reserved := _RESERVED & data.keys():
        raise Unrenderable(f"field name {min(reserved)} is reserved")


def _fact_fields(row: Row, contract: Contract | None, envelope: frozenset[str]) -> dict[str, Any]:
    """`dataFields` and, beside them, the API's own fields, of a purchase or event.

    The contract's fields with a value; facts leave null out, since there is nothing to clear.
    """
    data: dict[str, Any] = {"schemaVersion": contract.version} if contract else {}
    for column in contract.fields if contract else ():
        field = column.field or ""
        if field not in envelope and (value := typed(field, column.type, row.get(column.name))) is not None:
            data[field] = value
    _refuse_reserved(data)
    beside = {name: data.pop(name) for name in _API_FIELDS if name in data}
    return {"dataFields": data, **beside}


def _items(row: Row) -> list[dict[str, Any]]:
    return [commerce_item(item) for item in row.get("items") or ()]


def _consent(row: Row) -> dict[str, Any]:
    return {entry["field"]: entry["value"] for entry in row.get("consent") or ()}


def _person(row: Row, _: Contract | None) -> dict[str, Any]:
    return dict(identity(row))


def _grant(row: Row, _: Contract | None) -> dict[str, Any]:
    """The person, and beside them what the reading before the request is compared with; it is not sent."""
    return {
        **identity(row),
        "channelId": row["iterable_channel_id"],
        "isChannelLeft": row["is_channel_left"],
        "policy": row["subscription_policy"],
        "consentScope": list(row["consent_scope"]),
        "statedAtMs": to_ms(row["stated_at"]),
    }


def _identity_change(row: Row, _: Contract | None) -> dict[str, Any]:
    """The body of the endpoint that the row names."""
    return _IDENTITY_RENDERERS[row["endpoint"]](row)


def _email_field(row: Row) -> dict[str, Any]:
    """``users/update``: on the user id, the new e-mail as a data field. The consent object goes along."""
    if not row.get("user_id") or not row.get("email"):
        raise Unrenderable("an e-mail change needs the user id and the new e-mail")
    return {"userId": row["user_id"], "dataFields": {"email": row["email"], "consent": _consent(row)}}


def _email_swap(row: Row) -> dict[str, Any]:
    """``users/updateEmail``: takes both addresses and nothing else."""
    if not row.get("previous_email") or not row.get("email"):
        raise Unrenderable("an e-mail change needs the old and the new e-mail")
    return {"currentEmail": row["previous_email"], "newEmail": row["email"]}


def _merge(row: Row) -> dict[str, Any]:
    """``users/merge``: source and destination by one identifier each; the person of the row is the destination."""
    source = identity({"email": row.get("source_email"), "user_id": row.get("source_user_id")})
    both = {"source": source, "destination": identity(row)}
    return {side + name[0].upper() + name[1:]: value for side, named in both.items() for name, value in named.items()}


def _user(row: Row, _: Contract | None) -> dict[str, Any]:
    return user_document(
        row.get("email"),
        row.get("user_id"),
        ((change["field"], change["type"], change["after"]) for change in row.get("changed_fields") or ()),
        _consent(row).items(),
        row.get("unsubscribe_channel_ids"),
    )


def _purchase(row: Row, contract: Contract | None) -> dict[str, Any]:
    return {
        "id": row["subject"],
        "user": identity(row),
        "items": _items(row),
        "total": typed("total", FieldType.DOUBLE, row["total"]),
        "createdAt": _seconds(row["occurred_at"]),
        **_fact_fields(row, contract, frozenset({"id", "items", "total", "createdAt"})),
    }


def _cart(row: Row, _: Contract | None) -> dict[str, Any]:
    """``updateCart`` has no id, time or data fields; an empty list empties the cart."""
    return {"user": identity(row), "items": _items(row)}


def _event(row: Row, contract: Contract | None) -> dict[str, Any]:
    return {
        "id": row["subject"],
        "eventName": row["kind"],
        **identity(row),
        "createdAt": _seconds(row["occurred_at"]),
        **_fact_fields(row, contract, frozenset({"id", "eventName", "createdAt"})),
    }


_IDENTITY_RENDERERS: Mapping[str, Callable[[Row], dict[str, Any]]] = {
    "users/update": _email_field,
    "users/updateEmail": _email_swap,
    "users/merge": _merge,
    "users/deleteByEmail": lambda row: {"email": row["email"]},
    "users/deleteByUserId": lambda row: {"userId": row["user_id"]},
}
_RENDERERS: Mapping[str, Callable[[Row, Contract | None], dict[str, Any]]] = {
    "withdrawals": _person,
    "lists": _person,
    "grants": _grant,
    "identities": _identity_change,
    "users": _user,
    "purchases": _purchase,
    "carts": _cart,
    "events": _event,
}
