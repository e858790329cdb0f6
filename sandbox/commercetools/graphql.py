"""POST /{projectKey}/graphql: list queries of the GraphQL API, as far as what every resource has (id, version, times) goes.

Field, argument and type names are those of the public schema (api-specs/graphql/schema.sdl of the API reference). Only the
transport differs from the query endpoints: predicates, order, limits and scopes are the same code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import GraphQLError, GraphQLResolveInfo, build_schema, execute_sync, parse, validate

from sandbox.clock import Clock
from sandbox.commercetools.errors import ApiError, invalid_json
from sandbox.commercetools.options import Options
from sandbox.commercetools.predicate_sql import Translator
from sandbox.commercetools.query import LIMIT_DEFAULT, LIMIT_MAX, OFFSET_MAX, TOTAL_MAX_WITH_WHERE, check_range, condition, order
from sandbox.commercetools.resources import RESOURCES, Resource
from sandbox.commercetools.store import Head, Store

# Query field → the resource behind it, and its type in the public schema. Custom objects need a container, so they have none.
QUERIES: dict[str, tuple[str, str]] = {
    "customers": ("customers", "Customer"),
    "orders": ("orders", "Order"),
    "carts": ("carts", "Cart"),
    "payments": ("payments", "Payment"),
    "products": ("product_projections", "Product"),
    "categories": ("categories", "Category"),
    "stores": ("stores", "Store"),
    "customerGroups": ("customer_groups", "CustomerGroup"),
    "channels": ("channels", "Channel"),
    "typeDefinitions": ("types", "TypeDefinition"),
    "inventoryEntries": ("inventory", "InventoryEntry"),
    "discountCodes": ("discount_codes", "DiscountCode"),
    "productTypes": ("product_types", "ProductTypeDefinition"),
    "states": ("states", "State"),
}
_TYPE = """
type {name} {{ id: String! version: Long! createdAt: DateTime! lastModifiedAt: DateTime! }}
type {name}QueryResult {{ offset: Int! count: Int! total: Long! results: [{name}!]! }}
"""
_QUERY = "{field}(where: String, sort: [String!], limit: Int, offset: Int): {name}QueryResult!"
_SCHEMA = build_schema(
    "scalar Long\nscalar DateTime\n"
    + "".join(_TYPE.format(name=name) for _, name in QUERIES.values())
    + "type Query {\n"
    + "\n".join(_QUERY.format(field=field, name=name) for field, (_, name) in QUERIES.items())
    + "\n}"
)


@dataclass(slots=True)
class Caller:
    """Who asks: checks the scopes of a resource, raising ApiError; `refusals` collects what was refused."""

    allowed: Any
    refusals: list[ApiError] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer: body and HTTP status, the resources read and the rows in it."""

    body: dict[str, Any]
    status: int
    row_count: int


class GraphQl:
    """Answers queries over a store."""

    def __init__(self, store: Store, clock: Clock, options: Options) -> None:
        self.store, self.clock, self.options = store, clock, options

    def answer(self, body: bytes, caller: Caller) -> Outcome:
        """Parse, validate and run one request.

        A refusal (scope, predicate, limit) is an `errors` entry of a 200 answer with `data` null; where the options are strict
        it is the answer that the query endpoints give. A query that does not parse or validate is 400.
        Raises: ApiError for a body that is no GraphQL request, and for refusals in strict mode.
        """
        query, variables, operation_name = _request(body)
        try:
            document = parse(query)
        except GraphQLError as error:
            return Outcome({"errors": [_formatted(error, "SyntaxError")]}, 400, 0)
        if errors := validate(_SCHEMA, document):
            return Outcome({"errors": [_formatted(error, "InvalidInput") for error in errors]}, 400, 0)
        rows: list[int] = []
        root = {name: self._resolver(RESOURCES[resource], caller, rows) for name, (resource, _) in QUERIES.items()}
        result = execute_sync(_SCHEMA, document, root, variable_values=variables, operation_name=operation_name)
        if caller.refusals and self.options.is_strict:
            raise caller.refusals[0]
        answered: dict[str, Any] = {"data": result.data}
        if result.errors:
            answered["errors"] = [_formatted(error, "InvalidInput") for error in result.errors]
        return Outcome(answered, 200, sum(rows))

    def _resolver(self, resource: Resource, caller: Caller, rows: list[int]) -> Any:
        def resolve(
            _info: GraphQLResolveInfo[Any],
            where: str | None = None,
            sort: Sequence[str] | None = None,
            limit: int | None = None,
            offset: int | None = None,
        ) -> Mapping[str, Any]:
            try:
                caller.allowed(resource)
                page = self._page(resource, where, sort or (), LIMIT_DEFAULT if limit is None else limit, offset or 0)
            except ApiError as refusal:
                caller.refusals.append(refusal)
                raise GraphQLError(refusal.message, extensions={"code": refusal.code}) from None
            rows.append(page["count"])
            return page

        return resolve

    def _page(self, resource: Resource, where: str | None, sort: Sequence[str], limit: int, offset: int) -> dict[str, Any]:
        check_range("limit", limit, LIMIT_MAX)
        check_range("offset", offset, OFFSET_MAX)
        translator = Translator(resource, is_strict=self.options.is_strict)
        text, values = condition([where] if where else [], {}, translator, self.options)
        by = order(sort, translator, self.options)
        heads = self.store.heads(resource.name, text, values, by, limit, offset) if limit else []
        cap = TOTAL_MAX_WITH_WHERE if where else None
        return {
            "offset": offset,
            "count": len(heads),
            "total": lambda _info: self.store.count(resource.name, text, values, cap),
            "results": [_versioned(head) for head in heads],
        }


def _versioned(head: Head) -> dict[str, Any]:
    return {
        "id": head.id,
        "version": head.version,
        "createdAt": head.created_at,
        "lastModifiedAt": head.last_modified_at,
    }


def _request(body: bytes) -> tuple[str, dict[str, Any], str | None]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid_json(str(error)) from None
    match content:
        case {"query": str() as query}:
            variables, operation_name = content.get("variables") or {}, content.get("operationName")
        case _:
            raise invalid_json("query: Missing required value")
    if not isinstance(variables, dict):
        raise invalid_json("variables: must be an object")
    return query, variables, operation_name


def _formatted(error: GraphQLError, code: str) -> dict[str, Any]:
    shown = dict(error.formatted)
    shown["extensions"] = {"code": code, **(error.extensions or {})}
    return shown
