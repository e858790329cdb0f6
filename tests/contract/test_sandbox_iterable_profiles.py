"""Profile writes of the Iterable stand-in: identity, what a row changes, and how it fails alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.iterable_vendor import Vendor

pytest_plugins = ("tests.contract.iterable_vendor",)


def failed(answer: dict[str, Any]) -> dict[str, list[str]]:
    return {name: values for name, values in answer["failedUpdates"].items() if values}


def test_an_address_is_stored_in_lower_case_and_found_in_any(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "Ann.Lee@Example.COM", "dataFields": {"n": 1}})
    user = iterable_vendor.get("users/getByEmail", email="ANN.LEE@example.com").json()["user"]
    assert user["email"] == "ann.lee@example.com"
    assert iterable_vendor.bulk({"email": "ann.lee@example.com", "dataFields": {"n": 2}})["successCount"] == 1
    assert len(iterable_vendor.admin("state")["users"]) == 1


@pytest.mark.parametrize("email", ["sayan", "a@b", "a@example.test", "a b@example.com", "a..b@example.com", "@example.com"])
def test_a_malformed_address_fails_alone_inside_the_200(iterable_vendor: Vendor, email: str) -> None:
    answer = iterable_vendor.bulk({"email": "good@example.com"}, {"email": email})
    assert (answer["successCount"], answer["failCount"]) == (1, 1)
    assert failed(answer) == {"invalidEmails": [email]}
    assert answer["invalidEmails"] == [email]
    assert iterable_vendor.fields("good@example.com") is not None


@pytest.mark.parametrize("email", ["o'hara+tag@example.co.uk", "a&b!c@example.com", "ü@exämple.de"])
def test_unusual_but_valid_addresses_pass(iterable_vendor: Vendor, email: str) -> None:
    assert iterable_vendor.bulk({"email": email})["failCount"] == 0


@pytest.mark.parametrize("user_id", ["x" * 53, "ends-with-space ", "naïve", "tab\there"])
def test_a_malformed_user_id_fails_alone_inside_the_200(iterable_vendor: Vendor, user_id: str) -> None:
    answer = iterable_vendor.bulk({"userId": user_id}, {"userId": "x" * 52})
    assert (answer["successCount"], failed(answer)) == (1, {"invalidUserIds": [user_id]})


def test_forgotten_people_are_listed_and_not_written(iterable_vendor: Vendor) -> None:
    iterable_vendor.admin("forget", {"email": "gone@example.com"})
    iterable_vendor.admin("forget", {"userId": "gone-1"})
    answer = iterable_vendor.bulk({"email": "Gone@example.com"}, {"userId": "gone-1"}, {"email": "here@example.com"})
    assert failed(answer) == {"forgottenEmails": ["gone@example.com"], "forgottenUserIds": ["gone-1"]}
    assert iterable_vendor.fields("gone@example.com") is None


@pytest.mark.parametrize(("undocumented", "status"), [("lenient", 409), ("strict", 400)])
def test_a_single_call_for_a_forgotten_person_is_refused(iterable_vendor: Vendor, undocumented: str, status: int) -> None:
    iterable_vendor.settings(undocumented=undocumented)
    iterable_vendor.admin("forget", {"email": "gone@example.com"})
    answer = iterable_vendor.post("users/update", {"email": "gone@example.com"})
    assert (answer.status_code, answer.json()["code"]) == (status, "ForgottenUserError")


def test_forget_deletes_blocks_and_is_listed_as_hashes(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "a@example.com", "userId": "u-1"})
    assert iterable_vendor.post("users/forget", {"email": "A@example.com"}).status_code == 200
    assert iterable_vendor.fields("a@example.com") is None
    hashes = iterable_vendor.get("users/forgotten").json()["hashedEmails"]
    assert len(hashes) == 1
    assert all(len(value) == 64 for value in hashes)
    assert failed(iterable_vendor.bulk({"userId": "u-1"})) == {"forgottenUserIds": ["u-1"]}
    iterable_vendor.ok("users/unforget", {"email": "a@example.com"})
    assert iterable_vendor.bulk({"email": "a@example.com"})["successCount"] == 1


def test_delete_removes_but_does_not_block(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "a@example.com"})
    assert iterable_vendor.client.delete("/api/users/a@example.com").status_code == 200
    assert iterable_vendor.fields("a@example.com") is None
    unknown = iterable_vendor.client.delete("/api/users/a@example.com")
    assert (unknown.status_code, unknown.json()["code"]) == (400, "BadParams")
    assert iterable_vendor.bulk({"email": "a@example.com"})["successCount"] == 1


@pytest.mark.parametrize(
    ("undocumented", "named"),
    [
        ("lenient", {"conflictEmails": ["a@example.com"]}),
        ("strict", {"conflictEmails": ["A@example.com"], "conflictUserIds": ["u-b"]}),
    ],
)
def test_two_identifiers_of_two_people_conflict(iterable_vendor: Vendor, undocumented: str, named: dict[str, list[str]]) -> None:
    iterable_vendor.bulk({"email": "a@example.com", "userId": "u-a"}, {"email": "b@example.com", "userId": "u-b"})
    iterable_vendor.settings(undocumented=undocumented)
    answer = iterable_vendor.bulk({"email": "A@example.com", "userId": "u-b"})
    assert (answer["failCount"], failed(answer)) == (1, named)
    single = iterable_vendor.post("users/update", {"email": "a@example.com", "userId": "u-b"})
    assert single.status_code == 409


def test_an_address_with_another_user_id_is_a_conflict(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "a@example.com", "userId": "u-a"})
    assert iterable_vendor.bulk({"email": "a@example.com", "userId": "u-new"})["failCount"] == 1


def test_a_guest_known_by_address_gains_a_user_id(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": {"n": 1}})
    iterable_vendor.bulk({"email": "a@example.com", "userId": "u-a"})
    user = iterable_vendor.get("users/byUserId/u-a").json()["user"]
    assert (user["email"], user["dataFields"]["n"]) == ("a@example.com", 1)


def test_users_update_changes_the_address_of_a_hybrid_user(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "old@example.com", "userId": "u-1", "dataFields": {"n": 1}})
    iterable_vendor.ok("users/update", {"userId": "u-1", "email": "new@example.com"})
    assert iterable_vendor.fields("old@example.com") is None
    assert iterable_vendor.fields("new@example.com")["n"] == 1
    assert iterable_vendor.get("users/byUserId", userId="u-1").json()["user"]["email"] == "new@example.com"


def test_an_email_among_the_data_fields_is_a_change_of_identity(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "old@example.com", "userId": "u-1"})
    iterable_vendor.bulk({"userId": "u-1", "dataFields": {"email": "New@example.com"}})
    assert iterable_vendor.fields("new@example.com") is not None
    assert iterable_vendor.fields("old@example.com") is None


def test_a_strict_bulk_update_does_not_rename(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "old@example.com", "userId": "u-1"})
    iterable_vendor.settings(undocumented="strict")
    assert iterable_vendor.bulk({"email": "new@example.com", "userId": "u-1"})["failCount"] == 1
    assert iterable_vendor.post("users/update", {"email": "new@example.com", "userId": "u-1"}).status_code == 200


def test_update_email_is_for_email_based_projects_only(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "old@example.com"}, {"email": "taken@example.com"})
    change = {"currentEmail": "old@example.com", "newEmail": "new@example.com"}
    assert iterable_vendor.post("users/updateEmail", change).json()["code"] == "BadParams"
    iterable_vendor.settings(identity="email")
    unknown = iterable_vendor.post("users/updateEmail", {"currentEmail": "sayan", "newEmail": "n@example.com"})
    assert (unknown.status_code, unknown.json()["code"]) == (400, "InvalidEmailAddressError")
    taken = iterable_vendor.post("users/updateEmail", {**change, "newEmail": "taken@example.com"})
    assert taken.json()["code"] == "EmailAlreadyExists"
    assert iterable_vendor.post("users/updateEmail", change).status_code == 200
    assert iterable_vendor.fields("new@example.com") is not None


def test_an_email_based_project_creates_by_user_id_only_when_preferred(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(identity="email")
    assert failed(iterable_vendor.bulk({"userId": "u-1"})) == {"invalidUserIds": ["u-1"]}
    assert iterable_vendor.bulk({"userId": "u-1", "preferUserId": True})["successCount"] == 1
    assert iterable_vendor.fields("u-1@placeholder.email")["userId"] == "u-1"


def test_a_user_id_based_project_needs_the_user_id_and_shares_addresses(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(identity="user_id")
    answer = iterable_vendor.bulk(
        {"email": "a@example.com"},
        {"email": "a@example.com", "userId": "u-1"},
        {"email": "a@example.com", "userId": "u-2"},
    )
    assert (answer["successCount"], failed(answer)) == (2, {"invalidEmails": ["a@example.com"]})


def test_a_row_without_identifier_kills_the_batch(iterable_vendor: Vendor) -> None:
    answer = iterable_vendor.post("users/bulkUpdate", {"users": [{"email": "a@example.com"}, {"dataFields": {}}]})
    assert (answer.status_code, list(answer.json()["params"])) == (400, ["obj.users[1]"])
    assert iterable_vendor.fields("a@example.com") is None


def test_a_schema_fault_kills_the_batch_and_names_its_place(iterable_vendor: Vendor) -> None:
    rows = [{"email": "a@example.com"}, {"email": "b@example.com", "preferUserId": "yes"}]
    answer = iterable_vendor.post("users/bulkUpdate", {"users": rows})
    assert (answer.status_code, answer.json()["code"]) == (400, "BadJsonBody")
    assert answer.json()["msg"] == "[/api/users/bulkUpdate] Invalid JSON body"
    assert answer.json()["params"] == {"obj.users[1].preferUserId": "Boolean value expected"}
    assert iterable_vendor.fields("a@example.com") is None


def test_a_bulk_update_needs_users(iterable_vendor: Vendor) -> None:
    assert iterable_vendor.post("users/bulkUpdate", {}).json()["params"] == {"obj.users": "Required value missing"}


def test_omitted_fields_stay_and_null_removes(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": {"x": 1, "y": "why", "z": True}})
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": {"x": 2, "y": None}})
    fields = iterable_vendor.fields("a@example.com")
    assert (fields["x"], fields["z"]) == (2, True)
    assert "y" not in fields


@pytest.mark.parametrize(("merge", "expected"), [(False, {"city": "Bonn"}), (True, {"city": "Bonn", "zip": "1"})])
def test_nested_objects_are_replaced_unless_merging_is_asked_for(
    iterable_vendor: Vendor, merge: bool, expected: dict[str, str]
) -> None:
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": {"home": {"city": "Ulm", "zip": "1"}}})
    row = {"email": "a@example.com", "mergeNestedObjects": merge, "dataFields": {"home": {"city": "Bonn"}}}
    iterable_vendor.bulk(row)
    assert iterable_vendor.fields("a@example.com")["home"] == expected


def test_a_nested_null_removes_when_merging(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": {"home": {"city": "Ulm", "zip": "1"}}})
    iterable_vendor.bulk({"email": "a@example.com", "mergeNestedObjects": True, "dataFields": {"home": {"zip": None}}})
    assert iterable_vendor.fields("a@example.com")["home"] == {"city": "Ulm"}


def test_a_value_over_32000_characters_fails_its_row_alone(iterable_vendor: Vendor) -> None:
    answer = iterable_vendor.bulk(
        {"email": "a@example.com", "dataFields": {"s": "x" * 32_001}},
        {"email": "b@example.com", "dataFields": {"s": "x" * 32_000}},
    )
    assert (answer["successCount"], failed(answer)) == (1, {"invalidDataEmails": ["a@example.com"]})
    assert iterable_vendor.fields("a@example.com") is None


def test_reserved_fields_are_ignored_with_a_note(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": {"signupSource": "me", "profileUpdatedAt": "2001-01-01"}})
    fields = iterable_vendor.fields("a@example.com")
    assert fields["signupSource"] == "API"
    assert not fields["profileUpdatedAt"].startswith("2001")
    assert iterable_vendor.notes()["reserved_field_written"] == 2


def test_a_person_can_be_created_unsubscribed_without_an_event(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "a@example.com", "dataFields": {"unsubscribedChannelIds": [101, 103]}})
    assert iterable_vendor.fields("a@example.com")["unsubscribedChannelIds"] == [101, 103]
    assert iterable_vendor.events("a@example.com") == []


def test_with_opt_in_message_types_nobody_can_be_created_unsubscribed(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(opt_in_message_types=True)
    row = {"email": "a@example.com", "dataFields": {"unsubscribedChannelIds": [101]}}
    answer = iterable_vendor.post("users/bulkUpdate", {"users": [row]})
    assert (answer.status_code, answer.json()["code"]) == (400, "BadParams")
    assert iterable_vendor.fields("a@example.com") is None


def test_every_refused_row_is_kept_with_its_cause(iterable_vendor: Vendor) -> None:
    iterable_vendor.admin("forget", {"email": "gone@example.com"})
    iterable_vendor.bulk({"email": "sayan"}, {"email": "gone@example.com"}, {"userId": "x" * 60}, {"email": "ok@example.com"})
    refused = iterable_vendor.admin("refused-rows")
    assert refused["counts"] == {"invalid": 2, "forgotten": 1}
    assert [row["email"] or row["userId"] for row in refused["rows"]] == ["sayan", "gone@example.com", "x" * 60]
