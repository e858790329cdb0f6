"""Updates, deletes and Messages of the commercetools stand-in."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.commercetools_vendor import FIRST, SECOND, Vendor, refusal, uuid_of

pytest_plugins = ("tests.contract.commercetools_vendor",)

CUSTOMER = f"/customers/{FIRST}"
ORDER = f"/orders/{uuid_of(1)}"


def delete(vendor: Vendor, path: str, **parameters: Any) -> httpx.Response:
    return vendor.call("DELETE", path, params=parameters)


def test_an_update_raises_version_and_last_modified(vendor: Vendor) -> None:
    before = vendor.get(CUSTOMER).json()
    changed = vendor.update(CUSTOMER, 1, {"action": "setLocale", "locale": "de-DE"}).json()
    assert (changed["locale"], changed["version"]) == ("de-DE", 2)
    assert changed["lastModifiedAt"] > before["lastModifiedAt"]
    assert changed["createdAt"] == before["createdAt"]
    assert vendor.get(CUSTOMER).json() == changed
    assert vendor.ids("/customers", sort="lastModifiedAt desc", limit=1) == [FIRST]


def test_one_update_with_several_actions_raises_the_version_by_more_than_one(vendor: Vendor) -> None:
    actions = [{"action": "setLocale", "locale": "ja-JP"}, {"action": "setFirstName", "firstName": "Ada"}]
    assert vendor.update(CUSTOMER, 1, *actions).json()["version"] == 3


def test_an_update_of_an_older_version_is_409_with_the_current_one(vendor: Vendor) -> None:
    vendor.update(CUSTOMER, 1, {"action": "setLocale", "locale": "de-DE"})
    answer = vendor.update(CUSTOMER, 1, {"action": "setLocale", "locale": "en-GB"})
    assert refusal(answer)[:2] == (409, "ConcurrentModification")
    assert answer.json()["errors"][0]["currentVersion"] == 2
    assert vendor.get(CUSTOMER).json()["locale"] == "de-DE"


@pytest.mark.parametrize(
    ("path", "body", "detail"),
    [
        (CUSTOMER, {"actions": []}, "version"),
        (CUSTOMER, {"version": 1}, "actions"),
        (CUSTOMER, {"version": 1, "actions": [{}]}, "action"),
        (CUSTOMER, {"version": 1, "actions": [{"action": "setUnicorn"}]}, "setUnicorn"),
        (CUSTOMER, {"version": 1, "actions": [{"action": "changeEmail"}]}, "email"),
        (CUSTOMER, {"version": 1, "actions": [{"action": "changeOrderState", "orderState": "Open"}]}, "changeOrderState"),
        (ORDER, {"version": 1, "actions": [{"action": "setKey", "key": "x"}]}, "setKey"),
        (ORDER, {"version": 1, "actions": [{"action": "changeOrderState", "orderState": "Canceled"}]}, "Canceled"),
        (CUSTOMER, ["not", "an", "object"], "object"),
    ],
)
def test_a_wrong_update_is_refused_and_changes_nothing(vendor: Vendor, path: str, body: Any, detail: str) -> None:
    before = vendor.get(path).json()
    answer = vendor.call("POST", path, json=body)
    assert refusal(answer)[:2] == (400, "InvalidJsonInput")
    assert detail in answer.json()["errors"][0]["detailedErrorMessage"]
    assert vendor.get(path).json() == before


def test_a_body_that_is_no_json_is_refused(vendor: Vendor) -> None:
    assert refusal(vendor.call("POST", CUSTOMER, content=b"{"))[:2] == (400, "InvalidJsonInput")


def test_an_update_of_what_is_not_there_is_404(vendor: Vendor) -> None:
    assert refusal(vendor.update(f"/customers/{uuid_of(99)}", 1))[:2] == (404, "ResourceNotFound")


def test_a_changed_email_is_unverified_and_leaves_a_message(vendor: Vendor) -> None:
    changed = vendor.update(CUSTOMER, 1, {"action": "changeEmail", "email": "new@example.com"}).json()
    assert (changed["email"], changed["isEmailVerified"]) == ("new@example.com", False)
    (message,) = vendor.messages(FIRST)
    assert message["type"] == "CustomerEmailChanged"
    assert (message["email"], message["oldEmail"]) == ("new@example.com", "Ada@example.com")
    assert message["resource"] == {"typeId": "customer", "id": FIRST}
    assert (message["resourceVersion"], message["version"]) == (2, 1)
    assert message["lastModifiedAt"] == message["createdAt"] == changed["lastModifiedAt"]


def test_sequence_numbers_rise_by_one_within_each_resource(vendor: Vendor) -> None:
    vendor.update(CUSTOMER, 1, {"action": "setFirstName", "firstName": "A"}, {"action": "setLastName", "lastName": "B"})
    vendor.update(CUSTOMER, 3, {"action": "setFirstName", "firstName": "C"})
    vendor.update(f"/customers/{SECOND}", 1, {"action": "setFirstName", "firstName": "D"})
    assert [message["sequenceNumber"] for message in vendor.messages(FIRST)] == [1, 2, 3]
    assert [message["sequenceNumber"] for message in vendor.messages(SECOND)] == [1]


def test_a_custom_field_is_added_changed_and_removed_with_a_message_each(vendor: Vendor) -> None:
    def set_field(version: int, value: Any) -> None:
        answer = vendor.update(CUSTOMER, version, {"action": "setCustomField", "name": "smsConsent", "value": value})
        assert answer.status_code == 200

    set_field(1, "granted")
    set_field(2, "withdrawn")
    set_field(3, None)
    assert [message["type"].removeprefix("CustomerCustomField") for message in vendor.messages(FIRST)] == [
        "Added",
        "Changed",
        "Removed",
    ]
    changed = vendor.messages(FIRST)[1]
    assert (changed["name"], changed["previousValue"], changed["value"]) == ("smsConsent", "granted", "withdrawn")
    assert "smsConsent" not in vendor.get(CUSTOMER).json()["custom"]["fields"]


def test_a_custom_field_needs_a_custom_type(vendor: Vendor) -> None:
    action = {"action": "setCustomField", "name": "smsConsent", "value": "granted"}
    assert refusal(vendor.update(f"/customers/{SECOND}", 1, action))[:2] == (400, "InvalidOperation")
    kind = {"action": "setCustomType", "type": {"typeId": "type", "id": uuid_of(900)}, "fields": {}}
    assert vendor.update(f"/customers/{SECOND}", 1, kind, action).json()["custom"]["fields"] == {"smsConsent": "granted"}


def test_an_order_state_change_leaves_a_message_with_both_states(vendor: Vendor) -> None:
    vendor.update(ORDER, 1, {"action": "changeOrderState", "orderState": "Cancelled"})
    (message,) = vendor.messages(uuid_of(1))
    assert message["type"] == "OrderStateChanged"
    assert (message["oldOrderState"], message["orderState"]) == ("Open", "Cancelled")


def test_a_locale_change_leaves_no_message(vendor: Vendor) -> None:
    vendor.update(CUSTOMER, 1, {"action": "setLocale", "locale": "de-DE"})
    assert vendor.messages(FIRST) == []


def test_with_messages_off_changes_leave_none(vendor: Vendor) -> None:
    vendor.admin("POST", "settings", {"messages_enabled": False})
    vendor.update(CUSTOMER, 1, {"action": "changeEmail", "email": "new@example.com"})
    assert vendor.messages(FIRST) == []


def test_a_delete_needs_the_current_version(vendor: Vendor) -> None:
    assert refusal(delete(vendor, CUSTOMER))[:2] == (400, "InvalidInput")
    assert refusal(delete(vendor, CUSTOMER, version="x"))[:2] == (400, "InvalidInput")
    answer = delete(vendor, CUSTOMER, version=7)
    assert refusal(answer)[:2] == (409, "ConcurrentModification")
    assert answer.json()["errors"][0]["currentVersion"] == 1
    assert delete(vendor, CUSTOMER, version=1).json()["id"] == FIRST
    assert refusal(vendor.get(CUSTOMER))[0] == 404
    assert FIRST not in vendor.ids("/customers")
    assert refusal(delete(vendor, CUSTOMER, version=1))[0] == 404


@pytest.mark.parametrize(
    ("path", "resource_id", "message_type"),
    [("customers", FIRST, "CustomerDeleted"), ("orders", uuid_of(1), "OrderDeleted"), ("stores", uuid_of(1), "StoreDeleted")],
)
def test_customers_orders_and_stores_leave_a_message_when_deleted(
    vendor: Vendor, path: str, resource_id: str, message_type: str
) -> None:
    delete(vendor, f"/{path}/{resource_id}", version=1)
    assert [message["type"] for message in vendor.messages(resource_id)] == [message_type]


@pytest.mark.parametrize("path", ["carts", "payments", "categories", "customer-groups", "channels", "types"])
def test_other_resources_leave_no_message_when_deleted(vendor: Vendor, path: str) -> None:
    assert delete(vendor, f"/{path}/{uuid_of(1)}", version=1).status_code == 200
    assert vendor.messages(uuid_of(1)) == []


def test_messages_of_deleted_resources_hold_personal_data(vendor: Vendor) -> None:
    delete(vendor, CUSTOMER, version=1)
    delete(vendor, ORDER, version=1)
    assert vendor.messages(FIRST)[0]["email"] == "Ada@example.com"
    assert vendor.messages(uuid_of(1))[0]["order"]["customerEmail"] == "p1@example.com"


def test_data_erasure_takes_the_messages_of_that_resource_along(vendor: Vendor) -> None:
    vendor.update(CUSTOMER, 1, {"action": "changeEmail", "email": "new@example.com"})
    delete(vendor, CUSTOMER, version=2, dataErasure="true")
    (message,) = vendor.messages(FIRST)
    assert message["type"] == "CustomerDeleted"
    assert "email" not in message


def test_data_erasure_is_refused_where_it_does_not_exist(vendor: Vendor) -> None:
    assert refusal(delete(vendor, f"/stores/{uuid_of(1)}", version=1, dataErasure="true"))[:2] == (400, "InvalidInput")
    assert refusal(delete(vendor, CUSTOMER, version=1, dataErasure="yes"))[:2] == (400, "InvalidInput")
