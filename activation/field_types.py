"""Iterable fixes a field's type by the first value it ever saw. Before the first write our types are compared with its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from activation.contracts import Contract, FieldType

_ACCEPTED: Mapping[FieldType, frozenset[str]] = {
    FieldType.STRING: frozenset({"string"}),
    FieldType.LONG: frozenset({"long"}),
    FieldType.DOUBLE: frozenset({"double"}),
    FieldType.BOOLEAN: frozenset({"boolean"}),
    FieldType.DATE: frozenset({"date"}),
    FieldType.STRING_LIST: frozenset({"string", "string[]", "array"}),
}


def conflicts(
    contracts: Mapping[tuple[str, str], Contract],
    existing: Mapping[str, str],
    mapped: Iterable[tuple[str, str]] = (),
) -> Mapping[str, str]:
    """Objects whose contract contradicts the types that Iterable's profile fields already have.

    Args:
        contracts: by (object, kind). Only users write profile fields; events have a schema of their own that
            `getFields` does not show.
        existing: Iterable's profile fields and their types, e.g. ``{"orderCount": "long"}``.
        mapped: (Iterable field, type) of attributes that come from `config/attribute_map.csv`.
    Returns: object to reason; the reason names every conflicting field with its expected and its existing type.
        Empty when nothing conflicts. A field that Iterable does not know yet conflicts with nothing.
    """
    held: dict[str, str] = {}
    for (object_name, _), contract in contracts.items():
        if object_name != "users":
            continue
        wanted = {column.field: column.type for column in contract.fields if column.field}
        wanted.update({field: FieldType(type_name) for field, type_name in mapped})
        found = [
            f"{field} is {existing[field]} at Iterable, the contract says {expected}"
            for field, expected in sorted(wanted.items())
            if field in existing and not _fits(existing[field], expected)
        ]
        if "consent" in existing and existing["consent"] not in ("object", "nested"):
            found.append(f"consent is {existing['consent']} at Iterable, it has to be an object")
        if found:
            held[object_name] = (
                "field types conflict: " + "; ".join(found) + ". A type cannot be changed at Iterable: "
                "give the field another name in the contract or in config/attribute_map.csv"
            )
    return held


def _fits(existing: str, expected: FieldType) -> bool:
    return existing in _ACCEPTED.get(expected, frozenset({existing}))
