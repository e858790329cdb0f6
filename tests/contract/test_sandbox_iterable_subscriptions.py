"""Subscriptions of the Iterable stand-in: what overwrites, what adds, and the events of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.iterable_vendor import Vendor

pytest_plugins = ("tests.contract.iterable_vendor",)

ANN = "ann@example.com"
CHANNEL = "/api/subscriptions/messageChannel/101"
OPT_IN = [{"id": 204, "name": "Tips", "channelId": 101, "subscriptionPolicy": "OptIn"}]


def left_channels(vendor: Vendor, email: str = ANN) -> list[int]:
    fields = vendor.fields(email)
    assert fields is not None
    ids: list[int] = fields["unsubscribedChannelIds"]
    return ids


def happened(vendor: Vendor, kind: str) -> list[dict[str, Any]]:
    return [event for event in vendor.events(ANN) if event["eventType"] == kind]


def test_update_subscriptions_overwrites_the_array_and_can_resubscribe(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN})
    iterable_vendor.ok("users/updateSubscriptions", {"email": ANN, "unsubscribedChannelIds": [101, 103]})
    iterable_vendor.ok("users/updateSubscriptions", {"email": ANN, "unsubscribedChannelIds": [104]})
    assert left_channels(iterable_vendor) == [104]
    assert iterable_vendor.notes()["unsubscribe_dropped"] == 1


def test_update_subscriptions_leaves_arrays_alone_that_it_is_not_given(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN})
    iterable_vendor.ok("users/updateSubscriptions", {"email": ANN, "unsubscribedChannelIds": [101]})
    body = {"email": ANN, "unsubscribedMessageTypeIds": [202], "unsubscribedChannelIds": None}
    iterable_vendor.ok("users/updateSubscriptions", body)
    assert left_channels(iterable_vendor) == [101]


def test_changes_write_unsubscribe_and_subscribe_events(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN})
    iterable_vendor.ok("users/updateSubscriptions", {"email": ANN, "unsubscribedChannelIds": [101, 103]})
    iterable_vendor.ok("users/updateSubscriptions", {"email": ANN, "unsubscribedChannelIds": [103]})
    assert [event["channelIds"] for event in happened(iterable_vendor, "emailUnSubscribe")] == [[101, 103]]
    assert [event["channelIds"] for event in happened(iterable_vendor, "emailSubscribe")] == [[101]]


@pytest.mark.parametrize(
    "ids",
    [{"unsubscribedChannelIds": [999]}, {"unsubscribedMessageTypeIds": [999]}, {"subscribedMessageTypeIds": [201]}],
)
def test_unknown_ids_and_opt_in_arrays_without_the_feature_are_refused(iterable_vendor: Vendor, ids: Any) -> None:
    iterable_vendor.bulk({"email": ANN})
    answer = iterable_vendor.post("users/updateSubscriptions", {"email": ANN, **ids})
    assert (answer.status_code, answer.json()["code"]) == (400, "BadParams")


def test_an_opt_in_subscription_under_a_left_channel_needs_the_alignment_check_off(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(opt_in_message_types=True, message_types=OPT_IN)
    iterable_vendor.bulk({"email": ANN})
    body = {"email": ANN, "unsubscribedChannelIds": [101], "subscribedMessageTypeIds": [204]}
    assert iterable_vendor.post("users/updateSubscriptions", body).status_code == 400
    iterable_vendor.ok("users/updateSubscriptions", {**body, "validateChannelAlignment": False})
    assert iterable_vendor.fields(ANN)["subscribedMessageTypeIds"] == [204]


def test_ids_must_be_integers(iterable_vendor: Vendor) -> None:
    answer = iterable_vendor.post("users/updateSubscriptions", {"email": ANN, "unsubscribedChannelIds": ["101"]})
    assert answer.json()["params"] == {"obj.unsubscribedChannelIds": "Array of integers expected"}


def test_a_subscription_update_of_two_people_is_409(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN, "userId": "u-1"}, {"email": "b@example.com", "userId": "u-2"})
    body = {"email": ANN, "userId": "u-2", "unsubscribedChannelIds": [101]}
    assert iterable_vendor.post("users/updateSubscriptions", body).status_code == 409


@pytest.mark.parametrize(("undocumented", "status"), [("lenient", 200), ("strict", 400)])
def test_a_subscription_update_of_an_unknown_person_is_open(iterable_vendor: Vendor, undocumented: str, status: int) -> None:
    iterable_vendor.settings(undocumented=undocumented)
    body = {"email": "new@example.com", "unsubscribedChannelIds": [101]}
    assert iterable_vendor.post("users/updateSubscriptions", body).status_code == status
    assert (iterable_vendor.fields("new@example.com") is not None) == (status == 200)


def test_bulk_subscription_updates_list_malformed_and_other_failures_apart(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN})
    iterable_vendor.admin("forget", {"email": "gone@example.com"})
    rows = [
        {"email": ANN, "unsubscribedChannelIds": [101]},
        {"email": "sayan", "unsubscribedChannelIds": [101]},
        {"userId": "x" * 60, "unsubscribedChannelIds": [101]},
        {"email": "gone@example.com", "unsubscribedChannelIds": [101]},
    ]
    answer = iterable_vendor.ok("users/bulkUpdateSubscriptions", {"updateSubscriptionsRequests": rows})
    assert answer == {
        "successCount": 1,
        "failCount": 3,
        "invalidEmails": ["sayan"],
        "invalidUserIds": ["x" * 60],
        "validEmailFailures": ["gone@example.com"],
        "validUserIdFailures": [],
    }
    assert left_channels(iterable_vendor) == [101]


def test_the_additive_endpoint_keeps_other_unsubscribes(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN, "userId": "u-1"}, {"userId": "u-2"})
    iterable_vendor.ok("users/updateSubscriptions", {"email": ANN, "unsubscribedChannelIds": [103]})
    body = {"users": ["ANN@example.com"], "usersByUserId": ["u-2"]}
    answer = iterable_vendor.client.put(CHANNEL, params={"action": "unsubscribe"}, json=body)
    assert (answer.status_code, answer.json()["code"]) == (202, "Success")
    assert left_channels(iterable_vendor) == [101, 103]
    user = iterable_vendor.get("users/byUserId/u-2").json()["user"]
    assert user["dataFields"]["unsubscribedChannelIds"] == [101]


def test_repeating_an_unsubscribe_is_harmless(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN})
    for _ in range(2):
        iterable_vendor.client.put(CHANNEL, params={"action": "unsubscribe"}, json={"users": [ANN]})
    assert left_channels(iterable_vendor) == [101]
    assert len(happened(iterable_vendor, "emailUnSubscribe")) == 1
    assert iterable_vendor.admin("triggers")["duplicates"] == []


def test_the_action_defaults_to_subscribe(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN})
    iterable_vendor.ok("users/updateSubscriptions", {"email": ANN, "unsubscribedChannelIds": [101]})
    assert iterable_vendor.client.put(CHANNEL, json={"users": [ANN]}).status_code == 202
    assert left_channels(iterable_vendor) == []


@pytest.mark.parametrize("place", [f"user/{ANN}", "byUserId/u-1"])
def test_single_additive_calls_unsubscribe_and_subscribe(iterable_vendor: Vendor, place: str) -> None:
    iterable_vendor.bulk({"email": ANN, "userId": "u-1"})
    assert iterable_vendor.client.delete(f"{CHANNEL}/{place}").status_code == 202
    assert left_channels(iterable_vendor) == [101]
    assert iterable_vendor.client.patch(f"{CHANNEL}/{place}").status_code == 202
    assert left_channels(iterable_vendor) == []


def test_an_unknown_person_gets_202_but_nothing_is_stored(iterable_vendor: Vendor) -> None:
    answer = iterable_vendor.client.put(CHANNEL, params={"action": "unsubscribe"}, json={"users": [ANN]})
    assert answer.status_code == 202
    assert iterable_vendor.fields(ANN) is None
    assert iterable_vendor.notes() == {"person_unknown": 1}


def test_without_the_feature_the_additive_endpoints_are_404(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN})
    iterable_vendor.settings(subscriptions_feature=False)
    answer = iterable_vendor.client.put(CHANNEL, params={"action": "unsubscribe"}, json={"users": [ANN]})
    assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")
    assert iterable_vendor.client.delete(f"{CHANNEL}/user/{ANN}").status_code == 404
    assert left_channels(iterable_vendor) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("messageChannel/999?action=unsubscribe", {"users": [ANN]}),
        ("nothing/101?action=unsubscribe", {"users": [ANN]}),
        ("messageChannel/101?action=leave", {"users": [ANN]}),
        ("messageChannel/101?action=unsubscribe", {}),
    ],
)
def test_a_malformed_additive_call_is_refused(iterable_vendor: Vendor, path: str, body: Any) -> None:
    assert iterable_vendor.client.put(f"/api/subscriptions/{path}", json=body).status_code == 400


def test_message_types_and_lists_are_groups_too(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(
        opt_in_message_types=True, message_types=[*OPT_IN, {**OPT_IN[0], "id": 201, "subscriptionPolicy": "OptOut"}]
    )
    iterable_vendor.bulk({"email": ANN})
    for path, action in (("messageType/201", "unsubscribe"), ("messageType/204", "subscribe"), ("emailList/301", "subscribe")):
        answer = iterable_vendor.client.put(f"/api/subscriptions/{path}", params={"action": action}, json={"users": [ANN]})
        assert answer.status_code == 202
    fields = iterable_vendor.fields(ANN)
    assert fields["unsubscribedMessageTypeIds"] == [201]
    assert fields["subscribedMessageTypeIds"] == [204]
    assert fields["userListIds"] == [301]


def test_a_person_who_unsubscribes_is_in_the_profile_and_in_the_export(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN, "userId": "u-1"})
    iterable_vendor.admin("person-unsubscribes", {"email": "Ann@example.com", "channelId": 101})
    assert left_channels(iterable_vendor) == [101]
    [event] = happened(iterable_vendor, "emailUnSubscribe")
    assert (event["email"], event["userId"], event["channelIds"]) == (ANN, "u-1", [101])
    assert event["unsubSource"] == "EmailLink"
    exported = iterable_vendor.get("export/data.json", dataTypeName="emailUnSubscribe", range="All")
    assert exported.json() == event


def test_a_strict_project_writes_one_unsubscribe_event_per_channel(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN})
    iterable_vendor.settings(undocumented="strict")
    iterable_vendor.ok("users/updateSubscriptions", {"email": ANN, "unsubscribedChannelIds": [101, 103]})
    assert {event["channelId"] for event in happened(iterable_vendor, "emailUnSubscribe")} == {101, 103}


def test_a_person_may_act_between_a_reading_and_its_answer(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN})
    rule = {"match": {"path": "/api/users/getByEmail"}, "times": 1, "kind": "mutate", "body": {"email": ANN, "channelId": 101}}
    iterable_vendor.admin("faults", {"rules": [rule]})
    read = iterable_vendor.fields(ANN)
    assert read is not None
    assert read["unsubscribedChannelIds"] == []
    assert left_channels(iterable_vendor) == [101]
