"""users/merge of the Iterable stand-in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.iterable_vendor import Vendor

A, B = "a@example.com", "b@example.com"


def merge(vendor: Vendor, **body: Any) -> Any:
    return vendor.post("users/merge", body)


def two_people(vendor: Vendor) -> None:
    vendor.bulk({"email": A, "dataFields": {"both": "a", "onlyA": 1}}, {"email": B, "userId": "u-b", "dataFields": {"both": "b"}})
    vendor.ok("users/updateSubscriptions", {"email": A, "unsubscribedChannelIds": [101]})
    vendor.ok("users/updateSubscriptions", {"email": B, "unsubscribedChannelIds": [103]})
    vendor.ok("events/track", {"email": A, "eventName": "seen", "id": "e-1", "createdAt": 1_700_000_000})


@pytest.mark.parametrize(("undocumented", "both", "left"), [("lenient", "b", [103]), ("strict", "a", [101])])
def test_a_merge_keeps_one_sides_values_and_unsubscribes_and_both_histories(
    iterable_vendor: Vendor, undocumented: str, both: str, left: list[int]
) -> None:
    two_people(iterable_vendor)
    iterable_vendor.settings(undocumented=undocumented)
    assert merge(iterable_vendor, sourceEmail="A@example.com", destinationUserId="u-b").status_code == 200
    fields = iterable_vendor.fields(B) or {}
    assert (fields["both"], fields["onlyA"], fields["unsubscribedChannelIds"]) == (both, 1, left)
    assert iterable_vendor.fields(A) is None
    assert "e-1" in {event.get("id") for event in iterable_vendor.events(B)}
    fired = iterable_vendor.admin("triggers")["by_name"]["profile_field"]
    assert fired.get("both", 0) == (3 if undocumented == "strict" else 2)


def test_a_merge_without_its_source_is_refused(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": B})
    by_email = merge(iterable_vendor, sourceEmail=A, destinationEmail=B)
    by_id = merge(iterable_vendor, sourceUserId="u-a", destinationEmail=B)
    assert [(answer.status_code, answer.json()["code"]) for answer in (by_email, by_id)] == [
        (400, "UnknownEmailError"),
        (400, "UnknownUserIdError"),
    ]


def test_a_merge_without_its_destination_renames_the_source(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": A, "userId": "u-old", "dataFields": {"n": 1}})
    assert merge(iterable_vendor, sourceUserId="u-old", destinationUserId="u-new").status_code == 200
    user = iterable_vendor.get("users/byUserId/u-new").json()["user"]
    assert (user["email"], user["dataFields"]["n"]) == (A, 1)
    assert iterable_vendor.get("users/byUserId/u-old").json() == {}


def test_a_merge_shows_after_the_visibility_delay(iterable_vendor: Vendor) -> None:
    two_people(iterable_vendor)
    iterable_vendor.settings(visibility_seconds=30)
    assert merge(iterable_vendor, sourceEmail=A, destinationEmail=B).status_code == 200
    assert iterable_vendor.fields(A) is not None
    iterable_vendor.wait(31)
    assert iterable_vendor.fields(A) is None
    assert (iterable_vendor.fields(B) or {})["onlyA"] == 1


def test_a_merge_needs_a_server_side_key(iterable_vendor: Vendor) -> None:
    two_people(iterable_vendor)
    iterable_vendor.settings(api_key_type="client")
    answer = merge(iterable_vendor, sourceEmail=A, destinationEmail=B)
    assert (answer.status_code, answer.json()["code"]) == (403, "Forbidden")


def test_a_merge_with_a_forgotten_person_is_409(iterable_vendor: Vendor) -> None:
    two_people(iterable_vendor)
    iterable_vendor.ok("users/forget", {"email": B})
    answer = merge(iterable_vendor, sourceEmail=A, destinationEmail=B)
    assert (answer.status_code, answer.json()["code"]) == (409, "ForgottenUserError")


def test_a_merge_names_both_sides_and_they_differ(iterable_vendor: Vendor) -> None:
    two_people(iterable_vendor)
    assert merge(iterable_vendor, sourceEmail=A).status_code == 400
    assert merge(iterable_vendor, sourceEmail=B, destinationUserId="u-b").status_code == 400
    assert iterable_vendor.fields(A) is not None


def test_arrays_are_joined_where_asked_and_only_objects_can_be_deduplicated(iterable_vendor: Vendor) -> None:
    pets_a, pets_b = [{"id": 1, "name": "Rex"}, {"id": 2}], [{"id": 1, "name": "Max"}]
    iterable_vendor.bulk(
        {"email": A, "dataFields": {"pets": pets_a, "tags": ["x"]}}, {"email": B, "dataFields": {"pets": pets_b}}
    )
    body = {"sourceEmail": A, "destinationEmail": B}
    refused = merge(iterable_vendor, **body, arrayMerge=[{"field": "tags", "dedupeBy": "id"}])
    assert (refused.status_code, iterable_vendor.fields(A) is not None) == (400, True)
    assert merge(iterable_vendor, **body, arrayMerge=[{"field": "pets", "dedupeBy": "id"}]).status_code == 200
    assert (iterable_vendor.fields(B) or {})["pets"] == [{"id": 1, "name": "Max"}, {"id": 2}]


def test_a_user_id_based_project_merges_and_deletes_by_user_id_only(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(identity="user_id")
    iterable_vendor.bulk({"email": A, "userId": "u-1"}, {"email": A, "userId": "u-2"})
    assert merge(iterable_vendor, sourceEmail=A, destinationUserId="u-2").status_code == 400
    assert iterable_vendor.client.delete(f"/api/users/{A}").status_code == 400
    assert merge(iterable_vendor, sourceUserId="u-1", destinationUserId="u-2").status_code == 200
    assert iterable_vendor.get("users/byUserId/u-1").json() == {}
    assert iterable_vendor.client.delete("/api/users/byUserId/u-2").status_code == 200
