"""Query endpoints: parameters in, one page out. Bodies are spliced into the page as stored, never parsed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from starlette.datastructures import QueryParams

from sandbox.clock import Clock, to_iso
from sandbox.commercetools.errors import malformed
from sandbox.commercetools.options import Options
from sandbox.commercetools.predicate import Both, Node, parse
from sandbox.commercetools.predicate_sql import Translator, earliest_modified
from sandbox.commercetools.resources import Resource
from sandbox.commercetools.store import Store

LIMIT_MAX, LIMIT_DEFAULT, OFFSET_MAX = 500, 20, 10_000
TOTAL_MAX_WITH_WHERE = 10_000
MESSAGES_KEPT = timedelta(days=15)
_KNOWN = {"where", "sort", "limit", "offset", "withTotal"}
_PRICE_SELECTION = {
    "staged",
    "priceCurrency",
    "priceCountry",
    "priceCustomerGroup",
    "priceCustomerGroupAssignments",
    "priceChannel",
    "priceRecurrencePolicy",
    "localeProjection",
    "storeProjection",
    "filter[attributes]",
}


@dataclass(frozen=True, slots=True)
class Page:
    """An answer's body and how many results are in it."""

    body: bytes
    row_count: int


def query_page(store: Store, clock: Clock, options: Options, resource: Resource, parameters: QueryParams) -> Page:
    """One page of a resource, {"limit", "offset", "count", "total"?, "results"}.

    Raises: ApiError 400 "Malformed parameter: <name>: ...".
    """
    _refuse_unserved(parameters, resource, options)
    limit = _whole_number(parameters, "limit", LIMIT_DEFAULT, LIMIT_MAX)
    offset = _whole_number(parameters, "offset", 0, OFFSET_MAX)
    with_total = _boolean(parameters, "withTotal", default=True)
    translator = Translator(resource, is_strict=options.is_strict)
    by = order(parameters.getlist("sort"), translator, options)
    where, values = condition(parameters.getlist("where"), _variables(parameters), translator, options)
    if resource.name == "messages" and options.is_strict:
        where, values = f"created_at >= ? and {where}", (to_iso(clock.now() - MESSAGES_KEPT), *values)
    results = store.page(resource.name, where, values, by, limit, offset) if limit else []
    head = f'{{"limit":{limit},"offset":{offset},"count":{len(results)},'
    if with_total:
        cap = TOTAL_MAX_WITH_WHERE if parameters.get("where") else None
        head += f'"total":{store.count(resource.name, where, values, cap)},'
    return Page(b"".join((head.encode(), b'"results":[', b",".join(results), b"]}")), len(results))


def _refuse_unserved(parameters: QueryParams, resource: Resource, options: Options) -> None:
    if "expand" in parameters:
        raise malformed("expand", "The sandbox does not expand references; load the resource itself.")
    known = _KNOWN | (_PRICE_SELECTION if resource.name == "product_projections" else set())
    unknown = [name for name in parameters if name not in known and not name.startswith("var.")]
    if unknown and options.is_strict:
        raise malformed(unknown[0], "Unknown query parameter.")


def _whole_number(parameters: QueryParams, name: str, default: int, maximum: int) -> int:
    text = parameters.get(name)
    if text is None:
        return default
    try:
        number = int(text)
    except ValueError:
        raise malformed(name, f"The {name} parameter must be a number, not '{text}'.") from None
    check_range(name, number, maximum)
    return number


def check_range(name: str, number: int, maximum: int) -> None:
    """Raises: ApiError 400 unless 0 <= number <= maximum."""
    if not 0 <= number <= maximum:
        raise malformed(name, f"The {name} parameter must be in the range of [0..{maximum}].")


def _boolean(parameters: QueryParams, name: str, *, default: bool) -> bool:
    text = parameters.get(name)
    if text not in (None, "true", "false"):
        raise malformed(name, f"The {name} parameter must be 'true' or 'false', not '{text}'.")
    return default if text is None else text == "true"


def order(sorts: Sequence[str], translator: Translator, options: Options) -> str:
    """SQL order. Ties, and everything when there is no sort, come in an order that is not promised: in strict mode an odd one."""
    keys = [translator.order(sort) for sort in sorts]
    texts = [text for text, _ in keys]
    if not any(field == "id" for _, field in keys):
        texts.append("substr(id_bin, 9) desc, id_bin desc" if options.is_strict else "id_bin")
    return ", ".join(texts)


def condition(
    wheres: Sequence[str], variables: Mapping[str, Sequence[str]], translator: Translator, options: Options
) -> tuple[str, tuple[object, ...]]:
    """SQL and its values for predicates that must all hold. Raises: ApiError 400 "Malformed parameter: where: ..."."""
    tree: Node | None = None
    for text in wheres:
        node = parse(text, variables, is_strict=options.is_strict)
        tree = node if tree is None else Both("and", tree, node)
    if tree is None:
        return "1", ()
    sql = translator.condition(tree)
    if (bound := earliest_modified(tree)) is None:
        return sql.text, sql.parameters
    return f"last_modified_at >= ? and {sql.text}", (bound, *sql.parameters)


def _variables(parameters: QueryParams) -> dict[str, list[str]]:
    variables: dict[str, list[str]] = {}
    for name, value in parameters.multi_items():
        if name.startswith("var."):
            variables.setdefault(name.removeprefix("var."), []).append(value)
    return variables
