"""What can be read from the Iterable stand-in, and from when on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.iterable_vendor import Vendor

pytest_plugins = ("tests.contract.iterable_vendor",)

ANN = "ann@example.com"
EVENT = {"email": ANN, "eventName": "e", "id": "e-1", "createdAt": 1_700_000_000}


def lines(vendor: Vendor, **params: str) -> list[dict[str, Any]]:
    vendor.settings(rate_limits=False)
    answer = vendor.get("export/data.json", **params)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-json-stream")
    return [json.loads(line) for line in answer.text.splitlines()]


def test_an_unknown_person_is_200_with_an_empty_object(iterable_vendor: Vendor) -> None:
    for answer in (iterable_vendor.get("users/getByEmail", email=ANN), iterable_vendor.get("users/byUserId/u-1")):
        assert (answer.status_code, answer.json()) == (200, {})


def test_a_strict_project_answers_an_unknown_user_id_with_an_error_code(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(undocumented="strict")
    answer = iterable_vendor.get("users/byUserId", userId="u-1")
    assert (answer.status_code, answer.json()["code"]) == (400, "error.users.noUserWithIdExists")


def test_a_malformed_address_is_refused_by_reads(iterable_vendor: Vendor) -> None:
    for path in ("users/sayan", "events/sayan"):
        answer = iterable_vendor.get(path)
        assert (answer.status_code, answer.json()["code"]) == (400, "InvalidEmailAddressError")


def test_all_four_forms_of_the_user_read_agree(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "a+b@example.com", "userId": "u-1", "dataFields": {"n": 1}})
    answers = [
        iterable_vendor.get("users/getByEmail", email="A+B@example.com").json(),
        iterable_vendor.get("users/a%2Bb@example.com").json(),
        iterable_vendor.get("users/byUserId/u-1").json(),
        iterable_vendor.get("users/byUserId", userId="u-1").json(),
    ]
    assert all(answer == answers[0] for answer in answers)
    user = answers[0]["user"]
    assert (user["email"], user["userId"], user["dataFields"]["n"]) == ("a+b@example.com", "u-1", 1)


def test_reads_see_a_write_only_after_the_delay(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(visibility_seconds=60)
    iterable_vendor.bulk({"email": ANN, "dataFields": {"n": 1}})
    iterable_vendor.ok("events/track", EVENT)
    iterable_vendor.wait(55)
    assert iterable_vendor.fields(ANN) is None
    assert iterable_vendor.events(ANN) == []
    assert lines(iterable_vendor, dataTypeName="user", range="All") == []
    assert lines(iterable_vendor, dataTypeName="customEvent", range="All") == []
    iterable_vendor.wait(10)
    assert iterable_vendor.fields(ANN)["n"] == 1
    assert [event["id"] for event in iterable_vendor.events(ANN)] == ["e-1"]
    assert len(lines(iterable_vendor, dataTypeName="user", range="All")) == 1


def test_reads_see_the_older_version_until_the_newer_is_visible(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(visibility_seconds=60)
    iterable_vendor.bulk({"email": ANN, "userId": "u-1", "dataFields": {"n": 1}})
    iterable_vendor.wait(61)
    iterable_vendor.ok("users/update", {"userId": "u-1", "email": "new@example.com", "dataFields": {"n": 2}})
    assert iterable_vendor.fields(ANN)["n"] == 1
    assert iterable_vendor.fields("new@example.com") is None
    iterable_vendor.wait(61)
    assert iterable_vendor.fields(ANN) is None
    assert iterable_vendor.fields("new@example.com")["n"] == 2


def test_checks_see_a_write_at_once(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(visibility_seconds=60)
    iterable_vendor.bulk({"email": ANN, "userId": "u-1"}, {"email": "b@example.com", "userId": "u-2"})
    assert iterable_vendor.post("users/update", {"email": ANN, "userId": "u-2"}).status_code == 409
    iterable_vendor.bulk({"email": ANN, "dataFields": {"n": 1}})
    assert iterable_vendor.post("users/update", {"email": ANN, "dataFields": {"n": "x"}}).status_code == 400


def test_a_deleted_person_is_read_until_the_delay_has_passed(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(visibility_seconds=60)
    iterable_vendor.bulk({"email": ANN})
    iterable_vendor.wait(61)
    iterable_vendor.ok("users/forget", {"email": ANN})
    assert iterable_vendor.fields(ANN) is not None
    iterable_vendor.wait(61)
    assert iterable_vendor.fields(ANN) is None


def test_channels_message_types_and_lists_have_the_documented_shape(iterable_vendor: Vendor) -> None:
    [first, *_] = iterable_vendor.get("channels").json()["channels"]
    assert first == {"id": 101, "name": "Email Marketing", "channelType": "Marketing", "messageMedium": "Email"}
    [kind, *_] = iterable_vendor.get("messageTypes").json()["messageTypes"]
    assert kind.keys() == {"id", "name", "channelId", "subscriptionPolicy", "createdAt", "updatedAt"}
    [one] = iterable_vendor.get("lists").json()["lists"]
    assert one.keys() >= {"id", "name", "listType", "createdAt"}


def test_users_are_exported_flat_one_json_object_a_line(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN, "userId": "u-1", "dataFields": {"n": 1}}, {"userId": "u-2"})
    exported = lines(iterable_vendor, dataTypeName="user", range="All")
    assert [(row.get("email"), row["userId"], row.get("n")) for row in exported] == [(ANN, "u-1", 1), (None, "u-2", None)]
    assert exported[0]["unsubscribedChannelIds"] == []


def test_events_and_purchases_are_exported_by_type(iterable_vendor: Vendor) -> None:
    iterable_vendor.ok("events/track", EVENT)
    item = {"id": "p", "name": "Tea", "price": 1.5, "quantity": 1}
    purchase = {"id": "o-1", "user": {"email": ANN}, "items": [item], "total": 1.5, "createdAt": 1_700_000_001}
    iterable_vendor.ok("commerce/trackPurchase", purchase)
    assert [row["id"] for row in lines(iterable_vendor, dataTypeName="customEvent", range="All")] == ["e-1"]
    assert [row["id"] for row in lines(iterable_vendor, dataTypeName="purchase", range="All")] == ["o-1"]
    assert lines(iterable_vendor, dataTypeName="emailSend", range="All") == []


def test_an_export_window_is_by_created_at_from_start_to_before_end(iterable_vendor: Vendor) -> None:
    times = {"e-1": 1_700_000_000, "e-2": 1_700_000_060, "e-3": 1_700_000_120}
    rows = [{**EVENT, "id": name, "createdAt": at} for name, at in times.items()]
    iterable_vendor.ok("events/trackBulk", {"events": rows})
    window = {"startDateTime": "2023-11-14 22:13:20", "endDateTime": "2023-11-14 23:15:20 +01:00"}
    exported = lines(iterable_vendor, dataTypeName="customEvent", **window)
    assert [row["id"] for row in exported] == ["e-1", "e-2"]


def test_the_default_range_is_today(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN})
    iterable_vendor.ok("events/track", EVENT)
    assert len(lines(iterable_vendor, dataTypeName="user")) == 1
    assert lines(iterable_vendor, dataTypeName="customEvent") == []


def test_fields_can_be_chosen_or_left_out(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN, "dataFields": {"n": 1, "m": 2}})
    [only] = lines(iterable_vendor, dataTypeName="user", range="All", onlyFields="n")
    assert only == {"email": ANN, "n": 1}
    [without] = lines(iterable_vendor, dataTypeName="user", range="All", omitFields="n")
    assert "n" not in without
    assert without["m"] == 2


@pytest.mark.parametrize(
    "params",
    [
        {"dataTypeName": "nonsense"},
        {},
        {"dataTypeName": "user", "range": "Tomorrow"},
        {"dataTypeName": "user", "startDateTime": "2024-01-01T00:00:00Z"},
        {"dataTypeName": "user", "startDateTime": "2024-01-01 00:00:00", "endDateTime": "soon"},
        {"dataTypeName": "user", "endDateTime": "2024-01-01 00:00:00"},
    ],
)
def test_a_malformed_export_is_refused(iterable_vendor: Vendor, params: dict[str, str]) -> None:
    answer = iterable_vendor.get("export/data.json", **params)
    assert (answer.status_code, answer.json()["code"]) == (400, "BadParams")


def test_a_persons_export_has_custom_events_only_if_asked(iterable_vendor: Vendor) -> None:
    iterable_vendor.ok("events/track", EVENT)
    iterable_vendor.admin("person-unsubscribes", {"email": ANN, "channelId": 101})
    without = iterable_vendor.get("export/userEvents", email=ANN).text.splitlines()
    everything = iterable_vendor.get("export/userEvents", email=ANN, includeCustomEvents="true").text.splitlines()
    assert (len(without), len(everything)) == (1, 2)
