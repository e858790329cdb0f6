"""The GraphQL endpoint of the commercetools stand-in: list queries with the rules of the query endpoints."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.commercetools.graphql import QUERIES
from tests.contract.commercetools_vendor import BINARY_ORDER, FIRST, KEY, SECOND, Vendor, refusal, uuid_of

pytest_plugins = ("tests.contract.commercetools_vendor",)

IDS = 'query ($where: String, $limit: Int) { %s(where: $where, sort: ["id asc"], limit: $limit) { results { id } } }'


def ask(vendor: Vendor, query: str, token: str | None = None, **variables: Any) -> httpx.Response:
    return vendor.call("POST", "/graphql", token, json={"query": query, "variables": variables})


def ids(vendor: Vendor, field: str, **variables: Any) -> list[str]:
    answer = ask(vendor, IDS % field, **variables)
    assert (answer.status_code, "errors" in answer.json()) == (200, False), answer.text
    return [row["id"] for row in answer.json()["data"][field]["results"]]


def error_of(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, code and message of the first error; what was asked for must not be answered in part."""
    body = answer.json()
    assert body.get("data") is None
    return answer.status_code, body["errors"][0]["extensions"]["code"], body["errors"][0]["message"]


@pytest.mark.parametrize("field", QUERIES)
def test_graphql_lists_every_resource_under_its_name_in_the_public_schema(vendor: Vendor, field: str) -> None:
    path = QUERIES[field][0].replace("_", "-")
    assert ids(vendor, field, limit=500) == vendor.ids(f"/{path}", limit=500, sort="id asc") != []


def test_graphql_pages_by_id_in_the_binary_order(vendor: Vendor) -> None:
    assert ids(vendor, "customers") == BINARY_ORDER
    assert ids(vendor, "customers", where=f'id > "{SECOND}"') == [FIRST]
    assert ids(vendor, "customers", limit=2) == BINARY_ORDER[:2]


def test_graphql_answers_20_rows_unless_asked_for_up_to_500(vendor: Vendor) -> None:
    assert len(ids(vendor, "orders")) == 20
    assert len(ids(vendor, "orders", limit=500)) == 25
    assert ids(vendor, "orders", limit=0) == []


@pytest.mark.parametrize("limit", [-1, 501])
def test_graphql_refuses_a_limit_out_of_range_in_its_errors(vendor: Vendor, limit: int) -> None:
    status, code, message = error_of(ask(vendor, IDS % "orders", limit=limit))
    assert (status, code) == (200, "InvalidInput")
    assert message == "Malformed parameter: limit: The limit parameter must be in the range of [0..500]."


def test_graphql_refuses_a_predicate_in_its_errors(vendor: Vendor) -> None:
    status, code, message = error_of(ask(vendor, IDS % "orders", where="colour = 1"))
    assert (status, code) == (200, "InvalidInput")
    assert "The field 'colour' does not exist." in message


def test_graphql_gives_versions_times_and_counts(vendor: Vendor) -> None:
    query = "{ orders(limit: 2, offset: 1) { offset count total results { id version createdAt lastModifiedAt } } }"
    page = ask(vendor, query).json()["data"]["orders"]
    assert (page["offset"], page["count"], page["total"]) == (1, 2, 25)
    at = "2026-02-01T00:00:00.000Z"
    assert page["results"][0] == {"id": uuid_of(2), "version": 1, "createdAt": at, "lastModifiedAt": at}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ orders(limit: 2 { results { id } } }", "SyntaxError"),
        ("{ unicorns { results { id } } }", "InvalidInput"),
        ("{ orders { results { colour } } }", "InvalidInput"),
        ('{ orders(limit: "2") { results { id } } }', "InvalidInput"),
        ("{ orders }", "InvalidInput"),
        ('mutation { deleteOrder(id: "1", version: 1) { id } }', "InvalidInput"),
    ],
)
def test_a_graphql_query_that_does_not_parse_or_fit_the_schema_is_400(vendor: Vendor, query: str, code: str) -> None:
    assert error_of(ask(vendor, query))[:2] == (400, code)


@pytest.mark.parametrize("content", [b"", b"{broken", b"[]", b'{"query": 5}', b'{"query": "{a}", "variables": [1]}'])
def test_a_body_that_is_no_graphql_request_is_400(vendor: Vendor, content: bytes) -> None:
    assert refusal(vendor.call("POST", "/graphql", content=content))[:2] == (400, "InvalidJsonInput")


def test_graphql_needs_a_valid_token(vendor: Vendor) -> None:
    answer = ask(vendor, IDS % "orders", token="nonsense")
    assert refusal(answer)[:2] == (401, "invalid_token")


def test_graphql_needs_the_scope_of_each_resource_and_says_so_either_way(vendor: Vendor, strict_vendor: Vendor) -> None:
    answer = ask(vendor, IDS % "payments", token=vendor.token_for("view_orders"))
    status, code, message = error_of(answer)
    assert (status, code) == (200, "insufficient_scope")
    assert message == f"Insufficient scope. One of the following scopes is missing: view_payments:{KEY}."
    refused = ask(strict_vendor, IDS % "payments", token=strict_vendor.token_for("view_orders"))
    assert refusal(refused) == (403, "insufficient_scope", message)
    assert ask(strict_vendor, IDS % "carts", token=strict_vendor.token_for("view_orders")).status_code == 200


def test_graphql_meets_the_same_faults(vendor: Vendor) -> None:
    vendor.fault("status", f"/{KEY}/graphql", times=1)
    vendor.fault("truncate", f"/{KEY}/graphql", nth=2, times=1)
    assert refusal(ask(vendor, IDS % "orders"))[0] == 503
    with pytest.raises(httpx.RemoteProtocolError):
        ask(vendor, IDS % "orders")
    assert len(ids(vendor, "orders")) == 20
