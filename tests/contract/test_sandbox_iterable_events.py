"""Custom events of the Iterable stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.iterable_vendor import Vendor

pytest_plugins = ("tests.contract.iterable_vendor",)

ANN = "ann@example.com"
EVENT = {"email": ANN, "eventName": "order_cancelled", "id": "oc-1", "createdAt": 1_700_000_000}


def test_a_tracked_event_answers_its_id_and_is_read_back(iterable_vendor: Vendor) -> None:
    answer = iterable_vendor.ok("events/track", {**EVENT, "dataFields": {"orderTotal": 12.5}})
    assert answer == {"msg": "Event with id: oc-1 tracked.", "code": "Success", "params": {"id": "oc-1"}}
    [event] = iterable_vendor.events(ANN)
    assert (event["id"], event["eventName"], event["eventType"]) == ("oc-1", "order_cancelled", "customEvent")
    assert (event["createdAt"], event["orderTotal"]) == ("2023-11-14 22:13:20 +00:00", 12.5)


def test_without_an_id_one_is_generated_and_returned(iterable_vendor: Vendor) -> None:
    answer = iterable_vendor.ok("events/track", {"email": ANN, "eventName": "seen", "createdAt": 1})
    assert [event["id"] for event in iterable_vendor.events(ANN)] == [answer["params"]["id"]]
    assert iterable_vendor.notes()["id_missing"] == 1


def test_the_same_id_updates_the_event(iterable_vendor: Vendor) -> None:
    for total in (1.5, 2.5):
        iterable_vendor.ok("events/trackBulk", {"events": [{**EVENT, "dataFields": {"orderTotal": total}}]})
    assert [event["orderTotal"] for event in iterable_vendor.events(ANN)] == [2.5]


@pytest.mark.parametrize("event_id", ["with_underscore", "dot.ted", "", "x" * 513, "ü"])
def test_an_id_of_other_characters_or_over_512_bytes_is_refused(iterable_vendor: Vendor, event_id: str) -> None:
    assert iterable_vendor.post("events/track", {**EVENT, "id": event_id}).json()["code"] == "BadParams"
    batch = {"events": [EVENT, {**EVENT, "id": event_id}]}
    assert iterable_vendor.post("events/trackBulk", batch).status_code == 400
    assert iterable_vendor.events(ANN) == []


def test_an_id_of_512_letters_digits_and_hyphens_passes(iterable_vendor: Vendor) -> None:
    iterable_vendor.ok("events/track", {**EVENT, "id": ("Ab0-" * 128)})


@pytest.mark.parametrize(("undocumented", "status"), [("lenient", 200), ("strict", 400)])
def test_ids_are_unique_over_all_event_names(iterable_vendor: Vendor, undocumented: str, status: int) -> None:
    iterable_vendor.ok("events/track", EVENT)
    iterable_vendor.settings(undocumented=undocumented)
    answer = iterable_vendor.post("events/track", {**EVENT, "eventName": "order_refunded"})
    assert answer.status_code == status
    assert len(iterable_vendor.events(ANN)) == 1
    assert ("id_shared_between_events" in iterable_vendor.notes()) == (status == 200)


def test_milliseconds_are_taken_in_silence_as_a_far_future(iterable_vendor: Vendor) -> None:
    iterable_vendor.ok("events/track", {**EVENT, "createdAt": 1_700_000_000_000})
    [event] = iterable_vendor.events(ANN)
    assert event["createdAt"] == "55840-01-01 00:00:00 +00:00"
    assert iterable_vendor.notes() == {"created_at_in_milliseconds": 1}


def test_milliseconds_are_refused_when_strict(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(undocumented="strict")
    assert iterable_vendor.post("events/track", {**EVENT, "createdAt": 1_700_000_000_000}).status_code == 400


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"createdAt": "2024-01-01"}, "createdAt"),
        ({"createdAt": 1.5}, "createdAt"),
        ({"dataFields": []}, "dataFields"),
        ({"eventName": None}, "eventName"),
        ({"campaignId": "1"}, "campaignId"),
    ],
)
def test_a_schema_fault_kills_the_batch(iterable_vendor: Vendor, change: dict[str, Any], place: str) -> None:
    answer = iterable_vendor.post("events/trackBulk", {"events": [EVENT, {**EVENT, "id": "oc-2", **change}]})
    assert (answer.status_code, answer.json()["code"]) == (400, "BadJsonBody")
    assert list(answer.json()["params"]) == [f"obj.events[1].{place}"]
    assert iterable_vendor.events(ANN) == []


def test_an_event_needs_an_identifier(iterable_vendor: Vendor) -> None:
    assert iterable_vendor.post("events/track", {"eventName": "e"}).json()["code"] == "BadParams"


def test_failures_are_named_by_person_not_by_event(iterable_vendor: Vendor) -> None:
    iterable_vendor.admin("forget", {"email": "gone@example.com"})
    rows = [
        EVENT,
        {**EVENT, "id": "oc-2", "email": "sayan"},
        {**EVENT, "id": "oc-3", "email": "gone@example.com"},
        {"userId": "x" * 60, "eventName": "e", "id": "oc-4", "createdAt": 1},
    ]
    answer = iterable_vendor.ok("events/trackBulk", {"events": rows})
    assert (answer["successCount"], answer["failCount"]) == (1, 3)
    named = {name: values for name, values in answer["failedUpdates"].items() if values}
    assert named == {
        "invalidEmails": ["sayan"],
        "forgottenEmails": ["gone@example.com"],
        "invalidUserIds": ["x" * 60],
    }
    assert answer["invalidEmails"] == ["sayan"]


def test_field_types_are_fixed_per_event_name(iterable_vendor: Vendor) -> None:
    iterable_vendor.ok("events/track", {**EVENT, "dataFields": {"n": 1}})
    other = {**EVENT, "id": "x-1", "eventName": "other", "dataFields": {"n": "text"}}
    iterable_vendor.ok("events/track", other)
    clash = {**EVENT, "id": "oc-2", "dataFields": {"n": "text"}}
    refused = iterable_vendor.post("events/trackBulk", {"events": [clash]})
    assert refused.json()["code"] == "RequestFieldsTypesMismatched"
    assert refused.json()["params"]["validationErrors"]["n"]["category"] == "customEvent"


def test_fields_that_may_not_be_created_are_filtered(iterable_vendor: Vendor) -> None:
    rows = [{**EVENT, "createNewFields": False, "dataFields": {"n": 1}}]
    answer = iterable_vendor.ok("events/trackBulk", {"events": rows})
    assert (answer["successCount"], answer["filteredOutFields"]) == (1, ["n"])
    assert "n" not in iterable_vendor.events(ANN)[0]


def test_a_disallowed_name_is_a_200_that_did_nothing(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(disallowed_event_names=["order_cancelled"])
    single = iterable_vendor.ok("events/track", EVENT)
    assert "is disallowed from tracking" in single["msg"]
    bulk = iterable_vendor.ok("events/trackBulk", {"events": [EVENT, {**EVENT, "id": "x", "eventName": "fine"}]})
    assert (bulk["successCount"], bulk["failCount"], bulk["disallowedEventNames"]) == (1, 1, ["order_cancelled"])
    assert [event["eventName"] for event in iterable_vendor.events(ANN)] == ["fine"]


@pytest.mark.parametrize(("undocumented", "counts"), [("lenient", (1, 1)), ("strict", (2, 0))])
def test_whether_a_disallowed_event_counts_as_failed_is_open(
    iterable_vendor: Vendor, undocumented: str, counts: tuple[int, int]
) -> None:
    iterable_vendor.settings(disallowed_event_names=["order_cancelled"], undocumented=undocumented)
    bulk = iterable_vendor.ok("events/trackBulk", {"events": [EVENT, {**EVENT, "id": "x", "eventName": "fine"}]})
    assert (bulk["successCount"], bulk["failCount"]) == counts


def test_an_event_creates_its_person_in_a_hybrid_project(iterable_vendor: Vendor) -> None:
    iterable_vendor.ok("events/track", {**EVENT, "userId": "u-1"})
    assert iterable_vendor.fields(ANN)["userId"] == "u-1"


def test_an_event_creates_no_profile_in_an_email_based_project(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(identity="email")
    iterable_vendor.ok("events/track", EVENT)
    assert iterable_vendor.fields(ANN) is None
    assert len(iterable_vendor.events(ANN)) == 1


def test_events_stay_with_a_person_whose_address_changes(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN, "userId": "u-1"})
    iterable_vendor.ok("events/track", EVENT)
    iterable_vendor.ok("users/update", {"userId": "u-1", "email": "new@example.com"})
    assert [event["id"] for event in iterable_vendor.events("new@example.com")] == ["oc-1"]
    assert iterable_vendor.events(ANN) == []


def test_an_event_read_gives_30_by_default_and_200_at_most(iterable_vendor: Vendor) -> None:
    rows = [{**EVENT, "id": f"e-{number}", "createdAt": number + 1} for number in range(205)]
    iterable_vendor.ok("events/trackBulk", {"events": rows})
    newest_first = iterable_vendor.get(f"events/{ANN}").json()["events"]
    assert [event["id"] for event in newest_first] == [f"e-{number}" for number in range(204, 174, -1)]
    assert len(iterable_vendor.get(f"events/{ANN}", limit=200).json()["events"]) == 200
    assert iterable_vendor.get(f"events/{ANN}", limit=201).status_code == 400
