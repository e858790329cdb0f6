"""Values as Iterable takes them: from canonical texts, typed columns and structs to JSON values. Pure.

Doubles always carry a fraction (Iterable fixes a field's type by its first value, and ``1200`` would make the field
``long`` for ever); dates are ``YYYY-MM-DDTHH:MM:SS.mmmZ`` in UTC.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from activation.contracts import FieldType

LIST_SEPARATOR = chr(31)
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_LONG_MIN, _LONG_MAX = -(2**63), 2**63 - 1
_ITEM_KEYS = frozenset({"id", "name", "price", "quantity", "sku", "description", "url", "imageUrl", "categories"})


class Unrenderable(ValueError):
    """A value has no JSON form under its contract type. The message names field and type, never the value."""


def from_canonical(field: str, type_name: str, text: str | None) -> Any:
    """The JSON value of a canonical text, as the diff in SQL writes it.

    string as is; long in digits; double in decimal digits; boolean 'true' or 'false'; date already in its sent form;
    string[] with elements joined by the unit separator, empty text for no elements. None stays None.
    Raises: Unrenderable where the text is not of that type.
    """
    if text is None or type_name == "string":
        return text
    if type_name == "date":
        if _DATE.fullmatch(text) is None:
            raise Unrenderable(f"field {field} is not a date")
        return text
    if type_name == "string[]":
        return text.split(LIST_SEPARATOR) if text else []
    if type_name == "boolean":
        if text not in ("true", "false"):
            raise Unrenderable(f"field {field} is not a boolean")
        return text == "true"
    try:
        return _long(field, int(text)) if type_name == "long" else _double(field, text)
    except (ValueError, OverflowError) as error:
        raise Unrenderable(f"field {field} is not a {type_name}") from error


def typed(field: str, field_type: FieldType, value: Any) -> Any:
    """The JSON value of a typed column; None stays None. Raises: Unrenderable."""
    if value is None:
        return None
    try:
        return _CONVERTERS[field_type](field, value)
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise Unrenderable(f"field {field} is not a {field_type}") from error


def timestamp(moment: date | datetime) -> str:
    """``2026-11-23T10:11:12.000Z``. A naive datetime is UTC; a date is its midnight."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='milliseconds')}Z"


def _long(field: str, value: Any) -> int:
    number = int(value)
    if number != value or not _LONG_MIN <= number <= _LONG_MAX:
        raise Unrenderable(f"field {field} is not a long")
    return number


def _double(field: str, value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise Unrenderable(f"field {field} is not a finite double")
    return number


def _boolean(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unrenderable(f"field {field} is not a boolean")
    return value


_CONVERTERS: Mapping[FieldType, Callable[[str, Any], Any]] = {
    FieldType.STRING: lambda _, value: str(value),
    FieldType.LONG: _long,
    FieldType.DOUBLE: _double,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: lambda _, value: timestamp(value),
    FieldType.STRING_LIST: lambda _, value: [str(element) for element in value if element is not None],
    FieldType.ITEMS: lambda _, value: [commerce_item(item) for item in value],
}


def commerce_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """A CommerceItem: its nine own keys at the top, everything else beneath ``dataFields``; nulls are left out.

    Struct members are named as in SQL (``image_url``) and sent as Iterable writes them (``imageUrl``).
    """
    document: dict[str, Any] = {}
    data: dict[str, Any] = {}
    for name, raw in item.items():
        key = camel_case(name)
        value: Any = _double(key, raw) if key == "price" and raw is not None else _untyped(key, raw)
        if value is None:
            continue
        if key == "dataFields":
            data.update(value)
        elif key in _ITEM_KEYS:
            document[key] = value
        else:
            data[key] = value
    if data:
        document["dataFields"] = data
    return document


def camel_case(name: str) -> str:
    """``unit_price`` becomes ``unitPrice``; a name already in camel case stays."""
    head, *tail = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)


def _untyped(key: str, value: Any) -> Any:
    """The JSON value of a struct member, by its Python type (which is its SQL type)."""
    if isinstance(value, Decimal | float):
        return _double(key, value)
    if isinstance(value, date):
        return timestamp(value)
    if isinstance(value, Mapping):
        members = {camel_case(name): _untyped(name, member) for name, member in value.items()}
        return {name: member for name, member in members.items() if member is not None}
    if isinstance(value, list | tuple):
        return [_untyped(key, element) for element in value]
    return value
