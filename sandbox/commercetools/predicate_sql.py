"""Query predicates and sort expressions as parameterised SQL over the store's `documents` table.

A comparison with a missing field is false, so that `not(...)` stays two-valued. SQL text is made of fixed words and of field
names that were checked; every value is a parameter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sandbox.clock import from_iso, to_iso
from sandbox.commercetools.errors import malformed
from sandbox.commercetools.predicate import Both, Comparison, Contains, Membership, Nested, Node, Not, Presence, Value
from sandbox.commercetools.resources import ENUM_VALUES, Resource
from sandbox.shop.store_schema import id_bin

_COLUMNS = {"id": "id_bin", "version": "version", "createdAt": "created_at", "lastModifiedAt": "last_modified_at"}
_DOCUMENT = "(case when json_valid(cast(body as text)) then cast(body as text) end)"
_TRUTH = {"true": 1, "false": 0}


@dataclass(frozen=True, slots=True)
class Sql:
    """An expression with its parameters, in order."""

    text: str
    parameters: tuple[Any, ...] = ()


class Translator:
    """Turns predicates and sorts of one resource into SQL. Unknown top-level fields are refused, nested ones are absent."""

    def __init__(self, resource: Resource, *, is_strict: bool = False) -> None:
        self.resource, self.is_strict = resource, is_strict
        self._aliases = 0

    def condition(self, node: Node) -> Sql:
        """Raises: ApiError 400 "Malformed parameter: where: ..."."""
        return self._condition(node, _DOCUMENT, is_top=True)

    def order(self, sort: str) -> tuple[str, str]:
        """SQL of one `sort` value, and the field it sorts by. Raises: ApiError 400 "Malformed parameter: sort: ..."."""
        field, _, direction = sort.strip().partition(" ")
        direction = direction.strip().lower() or "asc"
        if direction not in ("asc", "desc"):
            raise malformed("sort", f"Invalid sort direction '{direction}', expected 'asc' or 'desc'.")
        names = field.split(".")
        if names[0] not in self.resource.fields or not all(name.replace("-", "_").isidentifier() for name in names):
            raise malformed("sort", f"The field '{field}' does not exist.")
        if field in _COLUMNS:
            return f"{_COLUMNS[field]} {direction}", field
        path = ".".join(f'"{name}"' for name in names)
        return f"json_extract({_DOCUMENT}, '$.{path}') {direction}", field

    def _condition(self, node: Node, document: str, *, is_top: bool) -> Sql:
        if isinstance(node, Both):
            left = self._condition(node.left, document, is_top=is_top)
            right = self._condition(node.right, document, is_top=is_top)
            return Sql(f"({left.text} {node.word} {right.text})", left.parameters + right.parameters)
        if isinstance(node, Not):
            inner = self._condition(node.inner, document, is_top=is_top)
            return Sql(f"(not {inner.text})", inner.parameters)
        if is_top and node.field not in self.resource.fields:
            raise malformed("where", f"The field '{node.field}' does not exist.")
        if is_top and node.field in _COLUMNS:
            return self._on_column(node)
        path = _path(node.field)
        if isinstance(node, Comparison):
            if is_top:
                self._check_enum(node.field, (node.value,))
            return _compare(f"json_extract({document}, {path})", node.operator, node.value)
        if isinstance(node, Membership):
            if is_top:
                self._check_enum(node.field, node.values)
            return _any([_compare(f"json_extract({document}, {path})", "=", value) for value in node.values])
        if isinstance(node, Presence):
            return _presence(node, document, path)
        if isinstance(node, Contains):
            return _contains(node, document, path)
        return self._nested(node, document, path)

    def _nested(self, node: Nested, document: str, path: str) -> Sql:
        self._aliases += 1
        alias = f"nested_{self._aliases}"
        inner = self._condition(node.inner, f"{alias}.value", is_top=False)
        elements = (
            f"case json_type({document}, {path}) when 'array' then json_extract({document}, {path})"
            f" when 'object' then json_array(json(json_extract({document}, {path}))) else '[]' end"
        )
        found = f"select 1 from json_each({elements}) as {alias} where {alias}.type = 'object'"  # noqa: S608
        return Sql(f"exists ({found} and {inner.text})", inner.parameters)

    def _check_enum(self, field: str, values: tuple[Value, ...]) -> None:
        if (known := ENUM_VALUES.get((self.resource.name, field))) is None:
            return
        type_name, allowed = known
        for value in values:
            if value.content not in allowed:
                raise malformed("where", f"Invalid enum value for {type_name}: {value.content}")

    def _on_column(self, node: Node) -> Sql:
        if isinstance(node, Comparison):
            return self._column_compare(node.field, node.operator, node.value)
        if isinstance(node, Membership):
            return _any([self._column_compare(node.field, "=", value) for value in node.values])
        if isinstance(node, Presence) and node.word == "defined":
            return Sql("0" if node.is_negated else "1")
        raise malformed("where", f"The field '{getattr(node, 'field', '')}' holds a single value.")

    def _column_compare(self, field: str, operator: str, value: Value) -> Sql:
        text = str(value.content)
        if field == "version":
            if isinstance(value.content, bool) or not text.lstrip("-").isdigit():
                raise malformed("where", f"The field 'version' is a number, not '{text}'.")
            return Sql(f"version {operator} ?", (int(text),))
        if not isinstance(value.content, str):
            raise malformed("where", f"The field '{field}' is a string, not '{text}'.")
        if field == "id":
            try:
                return Sql(f"id_bin {operator} ?", (id_bin(text),))
            except ValueError:
                if self.is_strict:
                    raise malformed("where", f"The value '{text}' of the field 'id' is not a UUID.") from None
                return Sql("0")
        return Sql(f"{_COLUMNS[field]} {operator} ?", (timestamp(text),))


def timestamp(text: str) -> str:
    """A date-time of a predicate in the form the store keeps. Raises: ApiError 400."""
    try:
        return to_iso(from_iso(text))
    except ValueError:
        raise malformed("where", f"The value '{text}' is not a date-time in ISO 8601.") from None


def earliest_modified(node: Node) -> str | None:
    """A lastModifiedAt below which nothing can satisfy `node`; lets the database start in the middle of its index."""
    if isinstance(node, Comparison):
        if node.field == "lastModifiedAt" and node.operator in ("=", ">", ">=") and isinstance(node.value.content, str):
            return timestamp(node.value.content)
        return None
    if not isinstance(node, Both):
        return None
    bounds = [bound for side in (node.left, node.right) if (bound := earliest_modified(side)) is not None]
    if node.word == "and":
        return max(bounds, default=None)
    return min(bounds) if len(bounds) == 2 else None


def _path(field: str) -> str:
    if '"' in field or "'" in field:
        raise malformed("where", f"The field '{field}' does not exist.")
    return f"'$.\"{field}\"'"


def _any(parts: list[Sql]) -> Sql:
    text = " or ".join(part.text for part in parts)
    return Sql(f"({text})", tuple(parameter for part in parts for parameter in part.parameters))


def _compare(expression: str, operator: str, value: Value) -> Sql:
    """One comparison inside the document; order is compared within numbers or within texts only, as JSON has types."""
    content = value.content
    if not value.is_variable:
        is_text = isinstance(content, str)
        kinds = "('text')" if is_text else "('integer', 'real')"
        guard = "" if operator in ("=", "!=") else f" and typeof({expression}) in {kinds}"
        return Sql(f"coalesce({expression} {operator} ?{guard}, 0)", (content if is_text else content + 0,))  # type: ignore[operator]
    number = _number(str(content))
    as_text = f"when 'text' then {expression} {operator} ?"
    as_number = f"when 'integer' then {expression} {operator} ? when 'real' then {expression} {operator} ?"
    return Sql(f"coalesce(case typeof({expression}) {as_text} {as_number} end, 0)", (content, number, number))


def _number(text: str) -> float | int | None:
    if text in _TRUTH:
        return _TRUTH[text]
    try:
        return float(text)
    except ValueError:
        return None


def _presence(node: Presence, document: str, path: str) -> Sql:
    if node.word == "defined":
        found = f"coalesce(json_type({document}, {path}), 'null') <> 'null'"
        return Sql(f"(not {found})" if node.is_negated else f"({found})")
    size = f"coalesce(json_array_length({document}, {path}), 0)"
    return Sql(f"({size} {'>' if node.is_negated else '='} 0)")


def _contains(node: Contains, document: str, path: str) -> Sql:
    one = f"exists (select 1 from json_each({document}, {path}) as element where element.atom = ?)"  # noqa: S608
    word = " or " if node.quantifier == "any" else " and "
    return Sql(f"({word.join([one] * len(node.values))})", tuple(value.content for value in node.values))
