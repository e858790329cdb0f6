"""JSON Schemas of events and purchases, made from their contracts: what a rendered row has to look like. Pure.

The same schema is published in docs/reference/schemas/, judges every row before it may leave, and is what the stand-in's
journal compares with. `breaking_changes` says what a reader of the published one could stumble over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from activation.contracts import Column, Contract, FieldType

OBJECTS = ("events", "purchases")
SECONDS_MAX = 99_999_999_999  # createdAt: milliseconds would be stored as another century
_INTEGER_MAX = 2**31 - 1
_BESIDE = ("campaignId", "templateId")
_OWN = {"events": frozenset({"id", "eventName", "createdAt"}), "purchases": frozenset({"id", "items", "total", "createdAt"})}
_DATE = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"
_TYPES: Mapping[FieldType, dict[str, Any]] = {
    FieldType.STRING: {"type": "string"},
    FieldType.LONG: {"type": "integer"},
    FieldType.DOUBLE: {"type": "number"},
    FieldType.BOOLEAN: {"type": "boolean"},
    FieldType.DATE: {"type": "string", "pattern": _DATE},
    FieldType.STRING_LIST: {"type": "array", "items": {"type": "string"}},
}
ITEM: dict[str, Any] = {
    "type": "object",
    "required": ["id", "name", "price", "quantity"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "sku": {"type": "string"},
        "name": {"type": "string"},
        "description": {"type": "string"},
        "price": {"type": "number"},
        "quantity": {"type": "integer", "minimum": 1},
        "categories": {"type": "array", "items": {"type": "string"}},
        "imageUrl": {"type": "string"},
        "url": {"type": "string"},
        "dataFields": {"type": "object"},
    },
}
_PERSON: dict[str, Any] = {"email": {"type": "string", "minLength": 3}, "userId": {"type": "string", "minLength": 1}}
_NAMED = [{"required": ["email"]}, {"required": ["userId"]}]
_VALIDATORS: dict[int, tuple[Contract, Any]] = {}


def schema_of(contract: Contract) -> dict[str, Any]:
    """The schema of one row as it is sent: an element of ``events``, or the body of ``commerce/trackPurchase``."""
    data = _data_fields(contract)
    prefix = "purchase" if contract.object == "purchases" else contract.kind.replace("_", "-")
    properties: dict[str, Any] = {
        "id": {"type": "string", "pattern": f"^{prefix}-[0-9a-f]{{32}}$"},
        "createdAt": {"type": "integer", "minimum": 0, "maximum": SECONDS_MAX, "description": "Unix time in seconds."},
        "dataFields": data,
        **{name: {"type": "integer", "minimum": 1, "maximum": _INTEGER_MAX} for name in _BESIDE},
    }
    required = ["id", "createdAt", "dataFields"]
    if contract.object == "events":
        properties |= {"eventName": {"const": contract.kind}, **_PERSON}
        required.append("eventName")
    else:
        user = {"type": "object", "properties": _PERSON, "additionalProperties": False, "anyOf": _NAMED}
        total = next((_property(column) for column in contract.fields if column.field == "total"), {"type": "number"})
        properties |= {"user": user, "items": {"type": "array", "items": ITEM}, "total": total}
        required += ["user", "items", "total"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": contract.kind,
        "description": contract.description,
        "x-version": contract.version,
        "type": "object",
        "properties": properties,
        "required": sorted(required),
        "additionalProperties": False,
        **({"anyOf": _NAMED} if contract.object == "events" else {}),
    }


def fault(contract: Contract | None, document: Mapping[str, Any]) -> str:
    """Why a rendered row is not what its contract says, naming place and keyword and never a value; empty where it is."""
    if contract is None or contract.object not in OBJECTS:
        return ""
    validator = _validator(contract)
    if validator.is_valid(document):
        return ""
    error = next(iter(validator.iter_errors(document)))
    place = ".".join(str(part) for part in error.instance_path) or "the row"
    return f"{place} breaks the JSON Schema of {contract.kind} ({error.schema_path[-1]})"


def breaking_changes(before: Mapping[str, Any], after: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """What in `after` a reader of `before` was not told: a removed field, another type, newly optional, other values allowed.

    And what a sender was not: newly required, or fewer values allowed. Descriptions may change.
    """
    old, new = before.get("properties", {}), after.get("properties", {})
    for name in sorted(old):
        path = f"{place}.{name}".lstrip(".")
        if name not in new:
            yield f"{path} was removed"
        else:
            yield from breaking_changes(old[name], new[name], path)
    required, wanted = set(before.get("required", ())), set(after.get("required", ()))
    yield from (f"{place}.{name}".lstrip(".") + " is newly required" for name in sorted(wanted - required))
    yield from (f"{place}.{name}".lstrip(".") + " is no longer always there" for name in sorted(required - wanted))
    for key in ("type", "const", "pattern", "enum", "minimum", "maximum", "maxLength", "minLength"):
        if before.get(key) != after.get(key) and not _is_wider(key, before.get(key), after.get(key)):
            yield f"{place or 'the row'}: {key} is {after.get(key)!r} and was {before.get(key)!r}"
    if "items" in before or "items" in after:
        yield from breaking_changes(before.get("items", {}), after.get("items", {}), f"{place}[]")


def _is_wider(key: str, before: Any, after: Any) -> bool:
    if before is None:
        return False
    if after is None:
        return key != "type"
    if key == "enum":
        return set(before) <= set(after)
    if key in ("maximum", "maxLength"):
        return bool(after >= before)
    return bool(key in ("minimum", "minLength") and after <= before)


def _validator(contract: Contract) -> Any:
    """Compiled once per contract object: to hash a contract for each row would cost more than to validate the row."""
    held = _VALIDATORS.get(id(contract))
    if held is None or held[0] is not contract:
        held = _VALIDATORS[id(contract)] = (contract, jsonschema_rs.validator_for(schema_of(contract)))
    return held[1]


def _data_fields(contract: Contract) -> dict[str, Any]:
    columns = [column for column in contract.fields if column.field not in (*_OWN[contract.object], *_BESIDE)]
    properties = {str(column.field): _property(column) for column in columns}
    properties["schemaVersion"] = {"const": contract.version, "description": "Version of this schema."}
    return {
        "type": "object",
        "properties": dict(sorted(properties.items())),
        "required": sorted(["schemaVersion", *(str(column.field) for column in columns if column.required)]),
        "additionalProperties": False,
    }


def _property(column: Column) -> dict[str, Any]:
    if column.type is FieldType.ITEMS:
        return {"type": "array", "items": ITEM, "description": column.description}
    found = {**_TYPES[column.type], "description": column.description}
    rules: dict[str, Any] = {}
    if column.pattern is not None:
        rules["pattern"] = f"^(?:{column.pattern})$"
    if column.max_length is not None:
        rules["maxLength"] = column.max_length
    if column.enum:
        rules["enum"] = list(column.enum)
    if column.type is FieldType.STRING_LIST:
        return {**found, "items": {"type": "string", **rules}}
    bounds = {name: getattr(column, name) for name in ("minimum", "maximum")}
    numbers = {name: int(bound) if bound == int(bound) else float(bound) for name, bound in bounds.items() if bound is not None}
    return {**found, **rules, **numbers}
