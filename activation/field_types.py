"""Iterable fixes a field's type by the first value it ever saw. Before the first write our types are compared with its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from activation.contracts import Contract, FieldType

CONSENT = "consent"
_OBJECTS = frozenset({"object", "nested"})
_ACCEPTED: Mapping[str, frozenset[str]] = {
    FieldType.STRING: frozenset({"string"}),
    FieldType.LONG: frozenset({"long"}),
    FieldType.DOUBLE: frozenset({"double"}),
    FieldType.BOOLEAN: frozenset({"boolean"}),
    FieldType.DATE: frozenset({"date"}),
    FieldType.STRING_LIST: frozenset({"string", "string[]", "array"}),
    "object": _OBJECTS,
}


def wanted_types(contracts: Mapping[tuple[str, str], Contract], mapped: Iterable[tuple[str, str]] = ()) -> dict[str, str]:
    """Profile fields we write and the type each has to have, the consent object included.

    Args:
        contracts: by (object, kind). Only users write profile fields; events have a schema of their own that
            `getFields` does not show.
        mapped: (Iterable field, type) of attributes that come from `config/attribute_map.csv`.
    """
    shipped = (column for (name, _), contract in contracts.items() if name == "users" for column in contract.fields)
    wanted = {column.field: str(column.type) for column in shipped if column.field}
    return {**wanted, **dict(mapped), CONSENT: "object"}


def field_conflicts(wanted: Mapping[str, str], existing: Mapping[str, str]) -> dict[str, str]:
    """Field to what is wrong with it, for fields whose type at Iterable cannot take what we write, in order of name.

    A field that Iterable does not know yet conflicts with nothing.
    """
    found = {}
    for field, expected in sorted(wanted.items()):
        if field not in existing or existing[field] in _ACCEPTED.get(expected, frozenset({existing[field]})):
            continue
        found[field] = (
            f"consent is {existing[field]} at Iterable, it has to be an object"
            if field == CONSENT
            else f"{field} is {existing[field]} at Iterable, the contract says {expected}"
        )
    return found


def conflicts(
    contracts: Mapping[tuple[str, str], Contract],
    existing: Mapping[str, str],
    mapped: Iterable[tuple[str, str]] = (),
) -> Mapping[str, str]:
    """Objects that must not be delivered because a field's type contradicts the contract.

    Args: existing: Iterable's profile fields and their types, e.g. ``{"orderCount": "long"}``. contracts, mapped: as `wanted_types`.
    Returns: object to reason; the reason names every conflicting field with its expected and its existing type.
    """
    found = field_conflicts(wanted_types(contracts, mapped), existing)
    if not found:
        return {}
    return {
        "users": "field types conflict: " + "; ".join(found.values()) + ". A type cannot be changed at Iterable: "
        "give the field another name in the contract or in config/attribute_map.csv"
    }
