"""What the Iterable stand-in counts: journey triggers, writes, contract notes; and its own routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.iterable_vendor import Vendor

pytest_plugins = ("tests.contract.iterable_vendor",)

ANN = "ann@example.com"
CONSENT = {"email_marketing": "granted"}
ITEM: dict[str, Any] = {"id": "p-1", "name": "Tea", "price": 2.5, "quantity": 1}
EVENT = {"email": ANN, "eventName": "e", "id": "e-1", "createdAt": 1}
PURCHASE = {"id": "o-1", "user": {"email": ANN}, "items": [ITEM], "total": 2.5, "createdAt": 1}


def test_a_profile_call_triggers_once_per_field_it_contains_but_not_for_consent(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN, "dataFields": {"a": 1, "b": 2, "consent": CONSENT}})
    triggers = iterable_vendor.admin("triggers")
    assert triggers["by_name"]["profile_field"] == {"a": 1, "b": 1}
    assert triggers["total"] == 2


def test_an_unchanged_field_triggers_all_the_same_and_is_a_duplicate(iterable_vendor: Vendor) -> None:
    for value in (1, 1, 2):
        iterable_vendor.bulk({"email": ANN, "dataFields": {"a": value, "consent": CONSENT}})
    triggers = iterable_vendor.admin("triggers")
    assert triggers["by_name"]["profile_field"] == {"a": 3}
    assert [repeat["name"] for repeat in triggers["duplicates"]] == ["a"]
    assert iterable_vendor.notes() == {"field_unchanged": 1}


def test_a_refused_row_triggers_nothing(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": "sayan", "dataFields": {"a": 1}})
    iterable_vendor.ok("events/trackBulk", {"events": [{**EVENT, "email": "sayan"}]})
    assert iterable_vendor.admin("triggers")["total"] == 0


def test_events_and_purchases_trigger_when_added_and_again_when_updated(iterable_vendor: Vendor) -> None:
    for _ in range(2):
        iterable_vendor.ok("events/track", EVENT)
        iterable_vendor.ok("commerce/trackPurchase", PURCHASE)
    triggers = iterable_vendor.admin("triggers")
    assert triggers["by_kind"] == {"custom_event": 2, "purchase": 2, "cart": 0, "profile_field": 0, "added_to_list": 0}
    assert [(repeat["kind"], repeat["id"]) for repeat in triggers["duplicates"]] == [
        ("custom_event", "e-1"),
        ("purchase", "o-1"),
    ]


def test_every_cart_update_triggers_and_the_same_cart_twice_is_a_duplicate(iterable_vendor: Vendor) -> None:
    cart = {"user": {"email": ANN}, "items": [ITEM]}
    iterable_vendor.ok("commerce/updateCart", cart)
    iterable_vendor.ok("commerce/updateCart", {**cart, "items": []})
    assert iterable_vendor.admin("triggers")["duplicates"] == []
    iterable_vendor.ok("commerce/updateCart", {**cart, "items": []})
    triggers = iterable_vendor.admin("triggers")
    assert triggers["by_kind"]["cart"] == 3
    assert [repeat["kind"] for repeat in triggers["duplicates"]] == ["cart"]


def test_profile_fields_of_a_commerce_call_trigger_too(iterable_vendor: Vendor) -> None:
    user = {"email": ANN, "dataFields": {"a": 1}}
    iterable_vendor.ok("commerce/updateCart", {"user": user, "items": []})
    assert iterable_vendor.admin("triggers")["by_name"]["profile_field"] == {"a": 1}


def test_triggers_are_counted_from_a_marker_on(iterable_vendor: Vendor) -> None:
    iterable_vendor.ok("events/track", EVENT)
    marker = iterable_vendor.admin("triggers")["marker"]
    assert iterable_vendor.admin(f"triggers?since={marker}")["total"] == 0
    iterable_vendor.ok("events/track", {**EVENT, "id": "e-2"})
    since = iterable_vendor.admin(f"triggers?since={marker}")
    assert [trigger["id"] for trigger in since["triggers"]] == ["e-2"]
    assert "triggers" not in iterable_vendor.admin("triggers?list=0")


def test_writes_are_counted_whatever_comes_of_them_and_reads_are_not(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN}, {"email": "sayan"})
    iterable_vendor.post("users/update", {})
    iterable_vendor.fields(ANN)
    iterable_vendor.client.put("/api/subscriptions/messageChannel/101?action=unsubscribe", json={"users": [ANN]})
    writes = iterable_vendor.admin("writes")
    assert (writes["total"], writes["accepted"]) == (3, 2)
    assert writes["by_endpoint"] == {"users.bulkUpdate": 1, "users.update": 1, "subscriptions.bulk": 1}
    assert writes["by_status"] == {"200": 1, "400": 1, "202": 1}
    assert writes["rows_accepted"] == {"users.bulkUpdate": 1, "subscriptions.bulk": 1}
    assert writes["rows_refused"] == {"users.bulkUpdate": 1}
    assert iterable_vendor.admin(f"writes?since={writes['marker']}")["total"] == 0


def test_a_profile_write_without_consent_is_noted(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN, "dataFields": {"a": 1}})
    iterable_vendor.bulk({"email": ANN, "dataFields": {"a": 2, "consent": CONSENT}})
    iterable_vendor.ok("users/update", {"email": ANN, "userId": "u-1"})
    assert iterable_vendor.notes() == {"consent_missing": 1}


def test_a_person_twice_in_a_batch_is_noted(iterable_vendor: Vendor) -> None:
    row = {"email": ANN, "dataFields": {"a": 1, "consent": CONSENT}}
    other = {"email": "ANN@example.com", "dataFields": {"a": 2, "consent": CONSENT}}
    iterable_vendor.bulk(row, other)
    assert iterable_vendor.notes() == {"person_repeated_in_batch": 1}


def test_a_money_field_typed_long_is_noted_once_at_its_first_write(iterable_vendor: Vendor) -> None:
    for value in (1200, 1300):
        iterable_vendor.bulk({"email": ANN, "dataFields": {"lifetimeValue": value, "orders": 1 + value, "consent": CONSENT}})
    notes = iterable_vendor.admin("contract-notes?kind=money_without_fraction")
    assert [note["detail"] for note in notes["notes"]] == ["lifetimeValue"]


def test_seeded_people_were_there_before(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(visibility_seconds=60)
    seed = {"email": "Old@example.com", "userId": "u-0", "dataFields": {"a": 1, "unsubscribedChannelIds": [103]}}
    assert iterable_vendor.admin("users", {"users": [seed]}) == {"seeded": 1}
    fields = iterable_vendor.fields("old@example.com")
    assert (fields["a"], fields["unsubscribedChannelIds"]) == (1, [103])
    assert iterable_vendor.admin("triggers")["total"] == iterable_vendor.admin("writes")["total"] == 0


def test_the_state_shows_everything_stored(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(visibility_seconds=60)
    iterable_vendor.bulk({"email": ANN, "dataFields": {"a": 1}})
    iterable_vendor.ok("events/track", EVENT)
    iterable_vendor.ok("commerce/trackPurchase", PURCHASE)
    iterable_vendor.ok("commerce/updateCart", {"user": {"email": ANN}, "items": [ITEM]})
    iterable_vendor.admin("person-unsubscribes", {"email": ANN, "channelId": 101})
    state = iterable_vendor.admin("state")
    [user] = state["users"]
    assert (user["email"], user["dataFields"]["a"], user["cart"]) == (ANN, 1, [ITEM])
    assert user["unsubscribedChannelIds"] == [101]
    assert [event["eventName"] for event in state["events"]] == ["e", "updateCart"]
    assert [(one["id"], one["createdAt"], one["versions"]) for one in state["purchases"]] == [("o-1", 1, 1)]
    assert [one["kind"] for one in state["subscriptionEvents"]] == ["emailUnSubscribe"]


def test_a_reset_empties_the_project_and_takes_settings_back(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(subscriptions_feature=False)
    iterable_vendor.bulk({"email": ANN, "dataFields": {"fresh": 1}})
    iterable_vendor.admin("reset", {})
    assert iterable_vendor.admin("state")["users"] == []
    assert "fresh" not in iterable_vendor.get("users/getFields").json()["fields"]
    assert iterable_vendor.admin("settings")["subscriptions_feature"] is True


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("settings", {"nonsense": 1}),
        ("settings", {"undocumented": "sometimes"}),
        ("users", {}),
        ("person-unsubscribes", {"email": "nobody@example.com", "channelId": 101}),
        ("forget", {}),
        ("fields", {"fields": {"a": "varchar"}}),
    ],
)
def test_a_wrong_admin_call_says_what_is_wrong(iterable_vendor: Vendor, path: str, body: dict[str, Any]) -> None:
    answer = iterable_vendor.client.post(f"/_sandbox/{path}", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_snapshot_is_brought_back_as_often_as_wanted_also_after_a_reset(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN, "dataFields": {"a": 1, "consent": CONSENT}})
    iterable_vendor.ok("events/track", EVENT)
    kept = iterable_vendor.admin("state"), iterable_vendor.admin("writes"), iterable_vendor.admin("triggers")
    iterable_vendor.admin("snapshot", {"name": "after ann"})
    for _ in range(2):
        iterable_vendor.bulk({"email": ANN, "dataFields": {"a": 2}}, {"email": "bo@example.com", "dataFields": {}})
        iterable_vendor.admin("reset", {})
        iterable_vendor.admin("restore", {"name": "after ann"})
        assert (iterable_vendor.admin("state"), iterable_vendor.admin("writes"), iterable_vendor.admin("triggers")) == kept
