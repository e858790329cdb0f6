"""Paging, sorting and predicates of the commercetools stand-in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.commercetools_vendor import BINARY_ORDER, FIRST, SECOND, THIRD, Vendor, document, refusal, uuid_of

pytest_plugins = ("tests.contract.commercetools_vendor",)


def malformed(vendor: Vendor, path: str = "/orders", **parameters: Any) -> str:
    """The message of a query that must be refused as malformed."""
    status, code, message = refusal(vendor.get(path, **parameters))
    assert (status, code) == (400, "InvalidInput")
    return message


def test_a_page_has_20_results_unless_asked_otherwise(vendor: Vendor) -> None:
    page = vendor.get("/orders").json()
    assert {name: page[name] for name in ("limit", "offset", "count", "total")} == {
        "limit": 20,
        "offset": 0,
        "count": 20,
        "total": 25,
    }
    assert len(page["results"]) == 20


@pytest.mark.parametrize("limit", [-1, 501])
def test_a_limit_outside_0_to_500_is_refused(vendor: Vendor, limit: int) -> None:
    message = "Malformed parameter: limit: The limit parameter must be in the range of [0..500]."
    assert malformed(vendor, limit=limit) == message


@pytest.mark.parametrize("limit", [0, 500])
def test_a_limit_of_0_and_of_500_is_served(vendor: Vendor, limit: int) -> None:
    assert vendor.get("/orders", limit=limit).json()["count"] == min(limit, 25)


@pytest.mark.parametrize("offset", [-1, 10_001])
def test_an_offset_above_10000_is_refused(vendor: Vendor, offset: int) -> None:
    message = "Malformed parameter: offset: The offset parameter must be in the range of [0..10000]."
    assert malformed(vendor, offset=offset) == message


def test_an_offset_skips_rows_up_to_10000(vendor: Vendor) -> None:
    assert len(vendor.ids("/orders", offset=20)) == 5
    assert vendor.ids("/orders", offset=10_000) == []


@pytest.mark.parametrize("parameter", ["limit", "offset", "withTotal"])
def test_a_parameter_of_the_wrong_type_is_refused(vendor: Vendor, parameter: str) -> None:
    assert malformed(vendor, **{parameter: "many"}).startswith(f"Malformed parameter: {parameter}: ")


def test_without_total_there_is_none(vendor: Vendor) -> None:
    assert "total" not in vendor.get("/orders", withTotal="false").json()


def test_a_total_is_capped_at_10000_where_there_is_a_predicate(vendor: Vendor) -> None:
    for number in range(26, 10_101):
        vendor.store.put_new("orders", document(uuid_of(number), "2026-02-01T00:00:00.000Z"))
    assert vendor.get("/orders", limit=0).json()["total"] == 10_100
    assert vendor.get("/orders", limit=0, where="version = 1").json()["total"] == 10_000


def test_ids_are_ordered_as_binary_uuids_and_not_as_text(vendor: Vendor) -> None:
    assert vendor.ids("/customers", sort="id asc") == BINARY_ORDER
    assert vendor.ids("/customers", sort="id desc") == BINARY_ORDER[::-1]
    assert sorted(BINARY_ORDER) != BINARY_ORDER


@pytest.mark.parametrize("position", [0, 1, 2])
def test_id_comparisons_use_the_binary_order_too(vendor: Vendor, position: int) -> None:
    where = f'id > "{BINARY_ORDER[position]}"'
    assert vendor.ids("/customers", sort="id asc", where=where) == BINARY_ORDER[position + 1 :]


def test_sorts_may_be_repeated_and_settle_ties_in_order(vendor: Vendor) -> None:
    other = uuid_of(7)
    vendor.store.put("customers", document(other, "2026-01-02T00:00:00.000Z"))
    assert vendor.ids("/customers", sort=["lastModifiedAt asc", "id asc"]) == [FIRST, other, SECOND, THIRD]
    assert vendor.ids("/customers", sort=["lastModifiedAt desc", "id desc"]) == [THIRD, SECOND, other, FIRST]


def test_a_sort_by_a_field_that_does_not_exist_is_refused(vendor: Vendor) -> None:
    assert malformed(vendor, sort="modified asc") == "Malformed parameter: sort: The field 'modified' does not exist."
    assert malformed(vendor, sort="id upwards").startswith("Malformed parameter: sort: ")


def test_documents_with_one_timestamp_page_completely_by_timestamp_and_id(vendor: Vendor) -> None:
    found: list[str] = []
    where = "lastModifiedAt >= :from"
    after: dict[str, str] = {"var.from": "2026-02-01T00:00:00.000Z"}
    while True:
        page = vendor.ids("/orders", limit=7, sort=["lastModifiedAt asc", "id asc"], where=where, **after)
        found += page
        if len(page) < 7:
            break
        where = "(lastModifiedAt > :at or (lastModifiedAt = :at and id > :last))"
        after = {"var.at": "2026-02-01T00:00:00.000Z", "var.last": page[-1]}
    assert found == [uuid_of(number) for number in range(1, 26)]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ('lastModifiedAt > "2026-01-02T00:00:00.000Z"', [THIRD]),
        ('lastModifiedAt >= "2026-01-02T00:00:00.000Z" and lastModifiedAt < "2026-01-03T00:00:00.000Z"', [SECOND]),
        ('createdAt <= "2026-01-01T00:00:00Z"', [FIRST]),
        ('createdAt != "2026-01-01T00:00:00Z" and not(email = "bo@example.com")', [THIRD]),
        (f'id in ("{FIRST}", "{THIRD}")', [FIRST, THIRD]),
        ("version = 1", [FIRST, SECOND, THIRD]),
        ("version > 1", []),
        ('email = "bo@example.com"', [SECOND]),
        ('email = "ada@example.com"', []),
        ('email in ("bo@example.com", "cy@example.com")', [SECOND, THIRD]),
        ("locale is defined", [SECOND, THIRD]),
        ("locale is not defined", [FIRST]),
        ('locale != "de-DE"', [SECOND]),
        ('not(locale = "de-DE")', [FIRST, SECOND]),
        ("isEmailVerified = true", [FIRST]),
        ("custom(fields(newsletterOptIn = true))", [FIRST]),
        ("custom(fields(loyaltyPoints >= 12 and loyaltyPoints < 12.5))", [FIRST]),
        ('addresses(country = "GB")', [FIRST]),
        ('addresses(country = "GB" and city = "Jena")', []),
        ("addresses is empty", [THIRD]),
        ("addresses is not empty", [FIRST, SECOND]),
        ('key = "ada" or (locale = "de-DE" and version = 1)', [FIRST, THIRD]),
        ('key = "ada" OR locale = "de-DE"', [FIRST, THIRD]),
    ],
)
def test_a_predicate_selects_what_it_says(vendor: Vendor, where: str, expected: list[str]) -> None:
    assert set(vendor.ids("/customers", where=where)) == set(expected)


def test_predicates_open_arrays_and_names_in_backquotes(vendor: Vendor) -> None:
    assert len(vendor.ids("/product-projections", where='name(`en-GB` = "Tea")')) == 1
    assert len(vendor.ids("/channels", where='roles contains any ("ProductDistribution", "Primary")')) == 1
    assert vendor.ids("/channels", where='roles contains all ("ProductDistribution", "Primary")') == []


def test_repeated_predicates_must_all_hold(vendor: Vendor) -> None:
    assert vendor.ids("/customers", where=["locale is defined", 'email = "bo@example.com"']) == [SECOND]


def test_variables_take_the_type_of_their_field_and_repeat_as_lists(vendor: Vendor) -> None:
    assert set(vendor.ids("/customers", where="id in :wanted", **{"var.wanted": [FIRST, THIRD]})) == {FIRST, THIRD}
    assert vendor.ids("/customers", where="custom(fields(loyaltyPoints = :n))", **{"var.n": "12"}) == [FIRST]
    assert vendor.ids("/customers", where="email in (:a, :b)", **{"var.a": "x", "var.b": "bo@example.com"}) == [SECOND]


def test_a_variable_without_a_value_is_refused(vendor: Vendor) -> None:
    assert "'from'" in malformed(vendor, where="lastModifiedAt >= :from")


@pytest.mark.parametrize("where", ["foo = 1", 'orderNumbers in ("1")', "nothing is defined", "foo(bar = 1)"])
def test_a_field_that_does_not_exist_is_refused(vendor: Vendor, where: str) -> None:
    assert malformed(vendor, where=where).startswith("Malformed parameter: where: The field '")
    assert malformed(vendor, where=where).endswith("' does not exist.")


@pytest.mark.parametrize(
    "where",
    [
        "",
        "id",
        "id =",
        'id = "1',
        "id = 'x'",
        "(id is defined",
        "id is defined)",
        "id is blank",
        "and",
        'key = "a" key = "b"',
        'name(en-US = "Tea")',
        'key in "a"',
        'key in ("a" "b")',
    ],
)
def test_a_predicate_that_does_not_parse_is_refused_with_its_position(vendor: Vendor, where: str) -> None:
    message = malformed(vendor, "/product-projections", where=where)
    assert message.startswith("Malformed parameter: where: Syntax error while parsing 'where'. Invalid ")
    assert "(line 1, column " in message


def test_a_value_of_the_wrong_type_is_refused(vendor: Vendor) -> None:
    assert "not a date-time" in malformed(vendor, where='lastModifiedAt > "yesterday"')
    assert "is a number" in malformed(vendor, where='version > "x"')
    assert malformed(vendor, where='orderState = "open"') == "Malformed parameter: where: Invalid enum value for OrderState: open"


def test_a_plus_that_was_not_encoded_is_a_wrong_timestamp(vendor: Vendor) -> None:
    answer = vendor.call("GET", '/orders?where=lastModifiedAt>"2026-01-01T00:00:00.000+00:00"')
    assert refusal(answer)[0] == 400


def test_expansion_is_refused_because_it_is_not_served(vendor: Vendor) -> None:
    assert "does not expand" in malformed(vendor, expand="paymentInfo.payments[*]")


def test_a_document_is_found_by_id_key_and_order_number(vendor: Vendor) -> None:
    assert vendor.get(f"/customers/{FIRST}").json()["email"] == "Ada@example.com"
    assert vendor.get("/customers/key=ada").json()["id"] == FIRST
    assert vendor.get("/orders/order-number=n3").json()["id"] == uuid_of(3)
    for missing in (f"/customers/{uuid_of(99)}", "/customers/not-a-uuid", "/customers/key=bob", "/orders/order-number=0"):
        assert refusal(vendor.get(missing))[:2] == (404, "ResourceNotFound")


class TestUndocumented:
    """Points on which the documentation is silent: each the way most clients hope for, and the other way."""

    def test_without_a_sort_ties_come_in_another_order(self, vendor: Vendor, strict_vendor: Vendor) -> None:
        assert vendor.ids("/customers") == BINARY_ORDER
        assert strict_vendor.ids("/customers") != BINARY_ORDER
        assert set(strict_vendor.ids("/customers")) == set(BINARY_ORDER)

    def test_an_unknown_parameter_is_ignored_or_refused(self, vendor: Vendor, strict_vendor: Vendor) -> None:
        assert vendor.get("/orders", pageSize=5).status_code == 200
        assert malformed(strict_vendor, pageSize=5).startswith("Malformed parameter: pageSize: ")
        assert strict_vendor.get("/product-projections", staged="false").status_code == 200

    def test_and_beside_or_binds_tighter_or_is_refused(self, vendor: Vendor, strict_vendor: Vendor) -> None:
        where = 'key = "ada" or locale = "de-DE" and version = 2'
        assert vendor.ids("/customers", where=where) == [FIRST]
        assert "parentheses" in malformed(strict_vendor, "/customers", where=where)
        assert strict_vendor.ids("/customers", where='key = "ada" or (locale = "de-DE" and version = 2)') == [FIRST]

    @pytest.mark.parametrize("where", ['key <> "bob"', 'key not in ("bob")'])
    def test_operators_seen_only_elsewhere_are_served_or_refused(self, vendor: Vendor, strict_vendor: Vendor, where: str) -> None:
        assert FIRST in vendor.ids("/customers", where=where)
        assert "Syntax error" in malformed(strict_vendor, "/customers", where=where)

    def test_an_id_that_is_no_uuid_finds_nothing_or_is_refused(self, vendor: Vendor, strict_vendor: Vendor) -> None:
        assert vendor.ids("/customers", where='id = "ada"') == []
        assert "not a UUID" in malformed(strict_vendor, "/customers", where='id = "ada"')

    def test_messages_older_than_their_15_days_are_served_or_gone(self, vendor: Vendor, strict_vendor: Vendor) -> None:
        for each in (vendor, strict_vendor):
            each.update(f"/customers/{FIRST}", 1, {"action": "changeEmail", "email": "new@example.com"})
            assert len(each.ids("/messages")) == 1
            each.clock.offset_seconds = 16 * 86_400
            each.token = each.token_for(None)
            assert len(each.ids("/messages")) == (1 if each is vendor else 0)
            each.clock.offset_seconds = 0
