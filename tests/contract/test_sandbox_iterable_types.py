"""Field types of the Iterable stand-in: fixed at first write, and what an ill-typed value does to its batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.iterable_vendor import Vendor

pytest_plugins = ("tests.contract.iterable_vendor",)


@pytest.mark.parametrize(
    ("name", "value", "fixed"),
    [
        ("s", "text", "string"),
        ("n", 12, "long"),
        ("d", 12.5, "double"),
        ("b", True, "boolean"),
        ("at", "2024-02-03T10:11:12.000Z", "date"),
        ("o", {"k": 1}, "object"),
        ("list", ["a", "b"], "string"),
        ("things", [{"k": "v"}], "nested"),
        ("home_geo_location", {"lat": 1.5, "lon": 2.5}, "geo_location"),
        ("empty", [], None),
    ],
)
def test_the_first_value_fixes_the_type(iterable_vendor: Vendor, name: str, value: Any, fixed: str | None) -> None:
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": {name: value}})
    assert iterable_vendor.get("users/getFields").json()["fields"].get(name) == fixed


def test_nested_fields_are_typed_by_their_path(iterable_vendor: Vendor) -> None:
    answer = iterable_vendor.bulk({"email": "a@example.com", "dataFields": {"home": {"number": 7}}})
    assert answer["createdFields"] == ["home", "home.number"]
    assert iterable_vendor.get("users/getFields").json()["fields"]["home.number"] == "long"


def test_one_ill_typed_value_kills_the_batch_and_names_field_and_value_but_no_row(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": {"joinedAt": "2024-01-01"}})
    refused = iterable_vendor.post(
        "users/bulkUpdate",
        {
            "users": [
                {"email": "b@example.com", "dataFields": {"joinedAt": "2024-01-02"}},
                {"email": "c@example.com", "dataFields": {"joinedAt": "GGG"}},
            ]
        },
    )
    assert (refused.status_code, refused.json()["code"]) == (400, "RequestFieldsTypesMismatched")
    assert refused.json()["params"]["validationErrors"] == {
        "joinedAt": {
            "incomingTypes": ["string", "keyword"],
            "expectedType": "date",
            "category": "user",
            "offendingValue": "GGG",
            "_type": "UnexpectedType",
        }
    }
    assert "c@example.com" not in refused.text
    assert iterable_vendor.fields("b@example.com") is None


def test_a_refused_batch_fixes_no_types(iterable_vendor: Vendor) -> None:
    iterable_vendor.admin("fields", {"fields": {"n": "long"}})
    row = {"email": "a@example.com", "dataFields": {"brandNew": 1.5, "n": "text"}}
    assert iterable_vendor.post("users/bulkUpdate", {"users": [row]}).status_code == 400
    assert "brandNew" not in iterable_vendor.get("users/getFields").json()["fields"]


def test_rows_of_one_batch_must_agree_on_a_new_field(iterable_vendor: Vendor) -> None:
    rows = [{"email": f"{x}@example.com", "dataFields": {"f": value}} for x, value in (("a", True), ("b", "text"))]
    assert iterable_vendor.post("users/bulkUpdate", {"users": rows}).json()["code"] == "RequestFieldsTypesMismatched"


def test_a_long_fits_a_double_field(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": {"ltv": 1.5}})
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": {"ltv": 1200}})
    assert iterable_vendor.fields("a@example.com")["ltv"] == 1200.0


def test_a_fraction_for_a_long_field_is_dropped_with_a_note_or_refused(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": {"points": 12}})
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": {"points": 12.5}})
    assert iterable_vendor.fields("a@example.com")["points"] == 12
    assert iterable_vendor.notes()["fraction_dropped"] == 1
    iterable_vendor.settings(undocumented="strict")
    row = {"email": "a@example.com", "dataFields": {"points": 12.5}}
    assert iterable_vendor.post("users/bulkUpdate", {"users": [row]}).json()["code"] == "RequestFieldsTypesMismatched"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2023-02-05", "2023-02-05 00:00:00 +00:00"),
        ("2023-02-05 20:42:10", "2023-02-05 20:42:10 +00:00"),
        ("2023-02-05 20:42:10 +00:00", "2023-02-05 20:42:10 +00:00"),
        ("2023-02-05 20:42:10 +02:00", "2023-02-05 18:42:10 +00:00"),
        ("2024-02-03T10:11:12.000Z", "2024-02-03 10:11:12 +00:00"),
        ("2024-02-03T10:11:12.345+01:00", "2024-02-03 09:11:12 +00:00"),
    ],
)
def test_documented_date_forms_are_taken_and_read_back_in_utc(iterable_vendor: Vendor, sent: str, read: str) -> None:
    iterable_vendor.admin("fields", {"fields": {"at": "date"}})
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": {"at": sent}})
    assert iterable_vendor.fields("a@example.com")["at"] == read


@pytest.mark.parametrize("sent", ["2020-04-13 14:04:09.000", "13.04.2020", "2020-02-31", "2020-04-13T14:04", ""])
def test_other_date_forms_are_refused_by_a_date_field(iterable_vendor: Vendor, sent: str) -> None:
    iterable_vendor.admin("fields", {"fields": {"at": "date"}})
    row = {"email": "a@example.com", "dataFields": {"at": sent}}
    assert iterable_vendor.post("users/bulkUpdate", {"users": [row]}).json()["code"] == "RequestFieldsTypesMismatched"


@pytest.mark.parametrize(("undocumented", "status"), [("lenient", 200), ("strict", 400)])
def test_iso_without_milliseconds_is_open(iterable_vendor: Vendor, undocumented: str, status: int) -> None:
    iterable_vendor.admin("fields", {"fields": {"at": "date"}})
    iterable_vendor.settings(undocumented=undocumented)
    row = {"email": "a@example.com", "dataFields": {"at": "2024-02-03T10:11:12Z"}}
    assert iterable_vendor.post("users/bulkUpdate", {"users": [row]}).status_code == status


def test_a_string_field_keeps_a_date_text_as_it_is(iterable_vendor: Vendor) -> None:
    iterable_vendor.admin("fields", {"fields": {"s": "string"}})
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": {"s": "2024-01-01"}})
    assert iterable_vendor.fields("a@example.com")["s"] == "2024-01-01"


@pytest.mark.parametrize("value", [5, True, 1.5, {"k": "v"}, [1], [{"k": 1}]])
def test_a_string_field_refuses_other_types(iterable_vendor: Vendor, value: Any) -> None:
    iterable_vendor.admin("fields", {"fields": {"s": "string"}})
    row = {"email": "a@example.com", "dataFields": {"s": value}}
    assert iterable_vendor.post("users/bulkUpdate", {"users": [row]}).json()["code"] == "RequestFieldsTypesMismatched"


@pytest.mark.parametrize("name", ["email", "userId"])
def test_identifiers_among_the_data_fields_are_strings(iterable_vendor: Vendor, name: str) -> None:
    row = {"email": "a@example.com", "dataFields": {name: 5}}
    assert iterable_vendor.post("users/bulkUpdate", {"users": [row]}).json()["code"] == "RequestFieldsTypesMismatched"


def test_unknown_fields_are_filtered_in_silence_when_they_may_not_be_created(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": {"known": "x"}})
    row = {"email": "a@example.com", "dataFields": {"known": "y", "fresh": 1}}
    answer = iterable_vendor.bulk(row, createNewFields=False)
    assert (answer["successCount"], answer["filteredOutFields"]) == (1, ["fresh"])
    fields = iterable_vendor.fields("a@example.com")
    assert fields["known"] == "y"
    assert "fresh" not in fields


def test_the_projects_own_default_decides_whether_fields_are_created(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(create_new_fields=False)
    row = {"email": "a@example.com", "dataFields": {"fresh": 1}}
    assert iterable_vendor.bulk(row)["filteredOutFields"] == ["fresh"]
    assert iterable_vendor.bulk(row, createNewFields=True)["filteredOutFields"] == []


def test_more_than_a_thousand_profile_fields_are_refused(iterable_vendor: Vendor) -> None:
    fits = {f"f{number}": "x" for number in range(1_000)}
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": fits})
    refused = iterable_vendor.post("users/update", {"email": "a@example.com", "dataFields": {"one_more": "x"}})
    assert (refused.status_code, refused.json()["code"]) == (400, "UniqueFieldsLimitExceeded")
