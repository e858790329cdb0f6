"""Static lists of the Iterable stand-in: made, filled, emptied, read, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.iterable_vendor import Vendor

pytest_plugins = ("tests.contract.iterable_vendor",)

ANN, BOB = "ann@example.com", "bob@example.com"
KNOWN = 301


def add(vendor: Vendor, *rows: dict[str, Any], **more: Any) -> Any:
    return vendor.ok("lists/subscribe", {"listId": KNOWN, "subscribers": list(rows), **more})


def remove(vendor: Vendor, *rows: dict[str, Any], **more: Any) -> Any:
    return vendor.ok("lists/unsubscribe", {"listId": KNOWN, "subscribers": list(rows), **more})


def members(vendor: Vendor, **more: Any) -> list[str]:
    answer = vendor.get("lists/getUsers", listId=KNOWN, **more)
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.text.splitlines()


def test_a_list_is_made_by_name_and_shown(iterable_vendor: Vendor) -> None:
    number = iterable_vendor.ok("lists", {"name": "VIP", "description": "Best customers"})["listId"]
    (made,) = [one for one in iterable_vendor.get("lists").json()["lists"] if one["id"] == number]
    assert (made["name"], made["description"], made["listType"]) == ("VIP", "Best customers", "Standard")
    assert iterable_vendor.post("lists", {}).json()["code"] == "BadJsonBody"


def test_two_lists_may_have_one_name(iterable_vendor: Vendor) -> None:
    first, second = (iterable_vendor.ok("lists", {"name": "VIP"})["listId"] for _ in range(2))
    assert first != second


def test_a_list_just_made_is_not_read_before_the_delay_and_its_id_is_refused_for_a_while(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(visibility_seconds=60, list_ready_seconds=20)
    number = iterable_vendor.ok("lists", {"name": "VIP"})["listId"]
    assert [one["id"] for one in iterable_vendor.get("lists").json()["lists"]] == [KNOWN]
    body = {"listId": number, "subscribers": [{"email": ANN}]}
    refused = iterable_vendor.post("lists/subscribe", body)
    assert refused.status_code == 400
    assert "invalidListId" in refused.json()["msg"]
    iterable_vendor.wait(21)
    iterable_vendor.ok("lists/subscribe", body)


def test_subscribing_creates_people_unless_only_existing_ones_are_wanted(iterable_vendor: Vendor) -> None:
    answer = add(iterable_vendor, {"email": ANN}, updateExistingUsersOnly=True)
    assert (answer["successCount"], answer["failCount"]) == (0, 1)
    assert answer["failedUpdates"]["notFoundEmails"] == [ANN]
    assert members(iterable_vendor) == []
    add(iterable_vendor, {"email": ANN})
    assert members(iterable_vendor) == [ANN]


def test_only_existing_is_not_honoured_in_email_based_projects(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(identity="email")
    assert add(iterable_vendor, {"email": ANN}, updateExistingUsersOnly=True)["successCount"] == 1


def test_members_are_in_the_profile_and_read_one_a_line(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN, "userId": "a-1"}, {"email": BOB})
    add(iterable_vendor, {"userId": "a-1"}, {"email": BOB})
    fields = iterable_vendor.fields(ANN)
    assert fields is not None
    assert fields["userListIds"] == [KNOWN]
    assert members(iterable_vendor) == [ANN, BOB]
    assert members(iterable_vendor, preferUserId="true") == ["a-1", BOB]
    assert iterable_vendor.get(f"lists/{KNOWN}/size").text == "2"


def test_unsubscribing_removes_from_the_list_alone(iterable_vendor: Vendor) -> None:
    add(iterable_vendor, {"email": ANN}, {"email": BOB})
    remove(iterable_vendor, {"email": ANN}, channelUnsubscribe=False)
    assert members(iterable_vendor) == [BOB]
    fields = iterable_vendor.fields(ANN)
    assert fields is not None
    assert fields["unsubscribedChannelIds"] == []
    (event,) = [one for one in iterable_vendor.events(ANN) if one["eventType"] == "emailUnSubscribe"]
    assert event["emailListIds"] == [KNOWN]
    assert "channelIds" not in event


def test_channel_unsubscribe_leaves_the_marketing_channels_too(iterable_vendor: Vendor) -> None:
    add(iterable_vendor, {"email": ANN})
    remove(iterable_vendor, {"email": ANN}, channelUnsubscribe=True)
    fields = iterable_vendor.fields(ANN)
    assert fields is not None
    assert fields["unsubscribedChannelIds"] == [101, 103, 104]


@pytest.mark.parametrize(("mode", "left"), [("lenient", []), ("strict", [101, 103, 104])])
def test_the_default_of_channel_unsubscribe_is_open(iterable_vendor: Vendor, mode: str, left: list[int]) -> None:
    iterable_vendor.settings(undocumented=mode)
    add(iterable_vendor, {"email": ANN})
    remove(iterable_vendor, {"email": ANN})
    fields = iterable_vendor.fields(ANN)
    assert fields is not None
    assert fields["unsubscribedChannelIds"] == left
    assert iterable_vendor.notes()["channel_unsubscribe_unsaid"] == 1


def test_refused_rows_are_listed_and_the_others_arrive(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN})
    iterable_vendor.admin("forget", {"email": BOB})
    answer = add(iterable_vendor, {"email": ANN}, {"email": BOB}, {"email": "no address"})
    assert (answer["successCount"], answer["failCount"]) == (1, 2)
    assert answer["failedUpdates"]["forgottenEmails"] == [BOB]
    assert answer["failedUpdates"]["invalidEmails"] == ["no address"]
    answer = remove(iterable_vendor, {"email": "nobody@example.com"}, {"userId": "nobody"}, channelUnsubscribe=False)
    assert answer["failedUpdates"]["notFoundEmails"] == ["nobody@example.com"]
    assert answer["failedUpdates"]["notFoundUserIds"] == ["nobody"]


@pytest.mark.parametrize("path", ["lists/subscribe", "lists/unsubscribe"])
def test_a_row_without_identifier_or_an_unknown_list_kills_the_call(iterable_vendor: Vendor, path: str) -> None:
    refused = iterable_vendor.post(path, {"listId": KNOWN, "subscribers": [{"email": ANN}, {}]})
    assert refused.json()["params"] == {"obj.subscribers[1]": "Required value missing"}
    assert iterable_vendor.post(path, {"listId": 999, "subscribers": [{"email": ANN}]}).status_code == 400
    assert iterable_vendor.post(path, {"subscribers": []}).json()["code"] == "BadJsonBody"
    assert members(iterable_vendor) == []


@pytest.mark.parametrize(("mode", "fired"), [("lenient", 1), ("strict", 2)])
def test_whether_adding_a_member_again_fires_is_open(iterable_vendor: Vendor, mode: str, fired: int) -> None:
    iterable_vendor.settings(undocumented=mode)
    for _ in range(2):
        add(iterable_vendor, {"email": ANN})
    triggers = iterable_vendor.admin("triggers")
    assert triggers["by_kind"]["added_to_list"] == fired
    assert len(triggers["duplicates"]) == fired - 1
    assert iterable_vendor.notes()["member_added_again"] == 1


def test_profile_fields_of_a_subscriber_are_written(iterable_vendor: Vendor) -> None:
    add(iterable_vendor, {"email": ANN, "dataFields": {"vip": True}})
    fields = iterable_vendor.fields(ANN)
    assert fields is not None
    assert fields["vip"] is True
    assert iterable_vendor.notes()["consent_missing"] == 1


def test_a_deleted_list_has_no_members_and_no_id(iterable_vendor: Vendor) -> None:
    add(iterable_vendor, {"email": ANN})
    assert iterable_vendor.client.delete(f"/api/lists/{KNOWN}").status_code == 200
    fields = iterable_vendor.fields(ANN)
    assert fields is not None
    assert fields["userListIds"] == []
    assert iterable_vendor.get("lists/getUsers", listId=KNOWN).status_code == 400
    assert iterable_vendor.client.delete(f"/api/lists/{KNOWN}").status_code == 400


def test_members_and_size_are_read_five_times_a_minute(iterable_vendor: Vendor) -> None:
    for path, more in (("lists/getUsers", {"listId": KNOWN}), (f"lists/{KNOWN}/size", {})):
        codes = [iterable_vendor.get(path, **more).status_code for _ in range(6)]
        assert codes == [200] * 5 + [429]
