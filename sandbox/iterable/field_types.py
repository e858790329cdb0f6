"""Field types: fixed for ever by the first value a field ever had, per project."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.iterable.dates import stored_date
from sandbox.iterable.limits import VALUE_CHARS_MAX

LONG_MAX = 2**63

# Types that a value may be stored as, its own first. A long fits a double field; a date text fits a string field.
FITS: dict[str, tuple[str, ...]] = {
    "string": ("string", "keyword"),
    "date": ("date", "string", "keyword"),
    "long": ("long", "double"),
    "double": ("double",),
    "boolean": ("boolean",),
    "object": ("object",),
    "nested": ("nested",),
    "geo_location": ("geo_location",),
}

BUILT_IN: dict[str, str] = {
    "email": "string",
    "userId": "string",
    "signupDate": "date",
    "signupSource": "string",
    "profileUpdatedAt": "date",
    "phoneNumber": "string",
    "locale": "string",
    "userListIds": "long",
    "unsubscribedChannelIds": "long",
    "unsubscribedMessageTypeIds": "long",
    "subscribedMessageTypeIds": "long",
    "shoppingCartItems": "nested",
}


def type_of(name: str, value: Any, strict: bool) -> str | None:
    """The type a first value gives its field; None for null and for an empty array, which fix nothing.

    An array has the type of its elements; an array of objects is `nested`.
    """
    kind = type(value)
    if kind is str:
        return "string" if stored_date(value, strict) is None else "date"
    if kind is bool:
        return "boolean"
    if kind is int:
        return "long" if -LONG_MAX <= value < LONG_MAX else "double"
    if kind is float:
        return "double"
    if kind is list:
        first = next((element for element in value if element is not None), None)
        if isinstance(first, dict):
            return "nested"
        return None if first is None else type_of(name, first, strict)
    if kind is dict:
        if name.endswith("_geo_location"):
            return "geo_location" if value.keys() == {"lat", "lon"} else "object"
        return "object"
    return None


@dataclass(slots=True)
class TypeCheck:
    """Checks the documents of one request against the known types, and collects what the request would fix.

    Nothing is kept until `commit()`: one ill-typed value kills the whole request.

    Args:
        known: dotted field path → type, as fixed so far.
        category: the word the vendor puts in the mismatch ("user", "customEvent", "purchase").
        allow_new: whether unknown fields are created; if not they are dropped into `filtered`.
    """

    known: dict[str, str]
    category: str
    allow_new: bool = True
    strict: bool = False
    fresh: dict[str, str] = field(default_factory=dict)
    faults: dict[str, Any] = field(default_factory=dict)
    filtered: dict[str, None] = field(default_factory=dict)
    truncated: dict[str, None] = field(default_factory=dict)
    oversized: bool = False

    def document(self, data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
        """The stored form of `data`: dates normalised, unknown fields dropped if they may not be created.

        Sets `oversized` when a text is longer than a value may be; the caller refuses that row and clears it.
        """
        stored: dict[str, Any] = {}
        known, fresh = self.known, self.fresh
        for name, value in data.items():
            path = prefix + name if prefix else name
            if value is None:
                stored[name] = None
                continue
            fixed = known.get(path) or fresh.get(path)
            if fixed is None:
                fixed = type_of(name, value, self.strict)
                if not self.allow_new:
                    self.filtered[path] = None
                    continue
                if fixed is not None:
                    fresh[path] = fixed
            stored[name] = self._value(path, value, fixed)
        return stored

    def commit(self) -> list[str]:
        """Fix the types this request brought; returns the created fields in order."""
        self.known.update(self.fresh)
        return list(self.fresh)

    def _value(self, path: str, value: Any, fixed: str | None) -> Any:
        if type(value) is str:
            if len(value) > VALUE_CHARS_MAX:
                self.oversized = True
            if fixed == "string":
                return value
            date = stored_date(value, self.strict) if fixed == "date" else None
            return self._mismatch(path, value, fixed) if date is None else date
        if type(value) is list:
            return [None if element is None else self._element(path, element, fixed) for element in value]
        return self._scalar(path, value, fixed)

    def _element(self, path: str, element: Any, fixed: str | None) -> Any:
        if isinstance(element, dict):
            if fixed != "nested":
                return self._mismatch(path, element, fixed, incoming="nested")
            return self.document(element, f"{path}.")
        return self._value(path, element, fixed)

    def _scalar(self, path: str, value: Any, fixed: str | None) -> Any:
        incoming = type_of(path, value, self.strict)
        if incoming == "object" and fixed == "object":
            return self.document(value, f"{path}.")
        if incoming is None or fixed in FITS[incoming]:
            return float(value) if fixed == "double" and incoming == "long" else value
        if incoming == "double" and fixed == "long" and not self.strict:
            self.truncated[path] = None
            return int(value)
        return self._mismatch(path, value, fixed)

    def _mismatch(self, path: str, value: Any, fixed: str | None, incoming: str | None = None) -> Any:
        found = incoming or type_of(path, value, self.strict) or "string"
        self.faults.setdefault(
            path,
            {
                "incomingTypes": list(FITS[found]),
                "expectedType": fixed,
                "category": self.category,
                "offendingValue": value,
                "_type": "UnexpectedType",
            },
        )
        return value
