"""Purchases and carts of the Iterable stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.iterable_vendor import Vendor

pytest_plugins = ("tests.contract.iterable_vendor",)

ANN = "ann@example.com"
ITEM: dict[str, Any] = {"id": "p-1", "name": "Tea", "price": 2.5, "quantity": 2}
PURCHASE: dict[str, Any] = {
    "id": "order_1",
    "user": {"email": ANN},
    "items": [ITEM],
    "total": 5.0,
    "createdAt": 1_700_000_000,
}
CART: dict[str, Any] = {"user": {"email": ANN}, "items": [ITEM]}


def test_a_purchase_answers_its_id_and_creates_the_person(iterable_vendor: Vendor) -> None:
    user = {"email": ANN, "userId": "u-1", "dataFields": {"firstName": "Ann"}}
    answer = iterable_vendor.ok("commerce/trackPurchase", {**PURCHASE, "user": user})
    assert answer["params"] == {"id": "order_1"}
    assert iterable_vendor.fields(ANN)["firstName"] == "Ann"
    [event] = iterable_vendor.events(ANN)
    assert (event["id"], event["eventType"], event["total"]) == ("order_1", "purchase", 5.0)
    assert event["shoppingCartItems"] == [ITEM]


def test_the_same_purchase_id_updates(iterable_vendor: Vendor) -> None:
    iterable_vendor.ok("commerce/trackPurchase", PURCHASE)
    iterable_vendor.ok("commerce/trackPurchase", {**PURCHASE, "total": 7.5})
    assert [event["total"] for event in iterable_vendor.events(ANN)] == [7.5]


def test_a_purchase_clears_the_cart(iterable_vendor: Vendor) -> None:
    iterable_vendor.ok("commerce/updateCart", CART)
    assert iterable_vendor.fields(ANN)["shoppingCartItems"] == [ITEM]
    iterable_vendor.ok("commerce/trackPurchase", PURCHASE)
    assert iterable_vendor.fields(ANN)["shoppingCartItems"] == []


def test_each_cart_update_replaces_the_cart_and_writes_an_event(iterable_vendor: Vendor) -> None:
    iterable_vendor.ok("commerce/updateCart", CART)
    other = {**ITEM, "id": "p-2"}
    iterable_vendor.ok("commerce/updateCart", {**CART, "items": [other]})
    assert iterable_vendor.fields(ANN)["shoppingCartItems"] == [other]
    events = iterable_vendor.events(ANN)
    assert [event["eventName"] for event in events] == ["updateCart", "updateCart"]
    assert events[0]["updatedShoppingCartItems"] == [other]


def test_an_empty_cart_empties(iterable_vendor: Vendor) -> None:
    iterable_vendor.ok("commerce/updateCart", CART)
    iterable_vendor.ok("commerce/updateCart", {**CART, "items": []})
    assert iterable_vendor.fields(ANN)["shoppingCartItems"] == []


@pytest.mark.parametrize(("path", "body"), [("trackPurchase", PURCHASE), ("updateCart", CART)])
@pytest.mark.parametrize(
    ("change", "place", "words"),
    [
        ({"price": "2.50"}, "price", "Number value expected"),
        ({"quantity": "2"}, "quantity", "Integer value expected"),
        ({"quantity": 1.5}, "quantity", "Integer value expected"),
        ({"quantity": None}, "quantity", "Required value missing"),
        ({"id": None}, "id", "Required value missing"),
        ({"name": 5}, "name", "String value expected"),
        ({"categories": "tea"}, "categories", "Array of strings expected"),
        ({"dataFields": "x"}, "dataFields", "Object value expected"),
    ],
)
def test_an_item_outside_its_schema_is_refused(
    iterable_vendor: Vendor, path: str, body: dict[str, Any], change: dict[str, Any], place: str, words: str
) -> None:
    answer = iterable_vendor.post(f"commerce/{path}", {**body, "items": [ITEM, {**ITEM, **change}]})
    assert (answer.status_code, answer.json()["code"]) == (400, "BadJsonBody")
    assert answer.json()["params"] == {f"obj.items[1].{place}": words}
    assert iterable_vendor.fields(ANN) is None


@pytest.mark.parametrize("missing", ["user", "items", "total"])
def test_a_purchase_needs_user_items_and_total(iterable_vendor: Vendor, missing: str) -> None:
    body = {name: value for name, value in PURCHASE.items() if name != missing}
    answer = iterable_vendor.post("commerce/trackPurchase", body)
    assert answer.json()["params"] == {f"obj.{missing}": "Required value missing"}


@pytest.mark.parametrize(("undocumented", "status"), [("lenient", 200), ("strict", 400)])
def test_another_top_level_key_of_an_item_is_open(iterable_vendor: Vendor, undocumented: str, status: int) -> None:
    iterable_vendor.settings(undocumented=undocumented)
    body = {**CART, "items": [{**ITEM, "currency": "EUR"}]}
    assert iterable_vendor.post("commerce/updateCart", body).status_code == status


@pytest.mark.parametrize(("undocumented", "status"), [("lenient", 200), ("strict", 400)])
def test_a_purchase_without_items_is_open(iterable_vendor: Vendor, undocumented: str, status: int) -> None:
    iterable_vendor.settings(undocumented=undocumented)
    assert iterable_vendor.post("commerce/trackPurchase", {**PURCHASE, "items": []}).status_code == status


def test_price_and_total_may_be_zero(iterable_vendor: Vendor) -> None:
    iterable_vendor.ok("commerce/trackPurchase", {**PURCHASE, "total": 0.0, "items": [{**ITEM, "price": 0.0}]})


def test_a_cart_has_no_id_and_no_data_fields(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(undocumented="strict")
    for extra in ({"id": "c-1"}, {"createdAt": 1}, {"dataFields": {}}):
        assert iterable_vendor.post("commerce/updateCart", {**CART, **extra}).status_code == 400


def test_a_purchase_id_over_512_bytes_is_refused(iterable_vendor: Vendor) -> None:
    assert iterable_vendor.post("commerce/trackPurchase", {**PURCHASE, "id": "ü" * 257}).status_code == 400
    iterable_vendor.ok("commerce/trackPurchase", {**PURCHASE, "id": "ü" * 256})


def test_a_purchase_for_two_people_is_409_and_has_no_effect(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN, "userId": "u-1"}, {"email": "b@example.com", "userId": "u-2"})
    answer = iterable_vendor.post("commerce/trackPurchase", {**PURCHASE, "user": {"email": ANN, "userId": "u-2"}})
    assert answer.status_code == 409
    assert iterable_vendor.events(ANN) == []


def test_a_purchase_of_a_forgotten_person_is_refused(iterable_vendor: Vendor) -> None:
    iterable_vendor.admin("forget", {"email": ANN})
    assert iterable_vendor.post("commerce/trackPurchase", PURCHASE).json()["code"] == "ForgottenUserError"
    assert iterable_vendor.post("commerce/updateCart", CART).json()["code"] == "ForgottenUserError"


def test_item_and_purchase_data_fields_share_the_types_of_purchases(iterable_vendor: Vendor) -> None:
    iterable_vendor.ok("commerce/trackPurchase", {**PURCHASE, "items": [{**ITEM, "dataFields": {"margin": 1.5}}]})
    clash = {**CART, "items": [{**ITEM, "dataFields": {"margin": "high"}}]}
    refused = iterable_vendor.post("commerce/updateCart", clash)
    assert refused.json()["code"] == "RequestFieldsTypesMismatched"
    assert list(refused.json()["params"]["validationErrors"]) == ["shoppingCartItems.dataFields.margin"]


def test_money_without_a_fraction_is_noted(iterable_vendor: Vendor) -> None:
    body = {**PURCHASE, "total": 1200, "items": [{**ITEM, "price": 600}], "dataFields": {"taxTotal": 100}}
    iterable_vendor.ok("commerce/trackPurchase", body)
    notes = iterable_vendor.admin("contract-notes")["notes"]
    assert {note["detail"] for note in notes if note["kind"] == "money_without_fraction"} == {
        "total",
        "items[0].price",
        "taxTotal",
    }
