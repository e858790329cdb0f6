"""Golden fragments: the bytes Iterable gets, written by hand from the vendor's description."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from activation.contracts import Column, Contract, FieldType
from activation.iterable.render import fragment
from activation.iterable.values import LIST_SEPARATOR, Unrenderable, from_canonical, timestamp, typed
from cartwire.errors import RowTooLarge

ADA = {"subject": "key-ada", "email": "ada@example.com", "user_id": "c-1"}
EVENT = Contract(
    model="order_refunded",
    object="events",
    kind="order_refunded",
    columns=(
        Column(name="order_id", field="orderId"),
        Column(name="refund_amount", field="refundAmount", type=FieldType.DOUBLE),
        Column(name="is_full_refund", field="isFullRefund", type=FieldType.BOOLEAN),
        Column(name="ordered_at", field="orderedAt", type=FieldType.DATE),
        Column(name="tags", field="tags", type=FieldType.STRING_LIST),
        Column(name="campaign_id", field="campaignId", type=FieldType.LONG),
        Column(name="internal_note"),
    ),
)
PURCHASE = Contract(
    model="iterable_purchases",
    object="purchases",
    kind="purchases",
    version=3,
    columns=(
        Column(name="total", field="total", type=FieldType.DOUBLE, required=True),
        Column(name="currency_code", field="currency"),
        Column(name="tax_total", field="taxTotal", type=FieldType.DOUBLE),
        Column(name="items", type=FieldType.ITEMS),
    ),
)


def field(name: str, kind: str, after: str | None) -> dict[str, str | None]:
    return {"field": name, "type": kind, "before": None, "after": after}


def test_a_user_holds_changed_fields_nulls_that_clear_and_the_consent_object() -> None:
    row = {
        **ADA,
        "changed_fields": [
            field("lifetimeValueGross", "double", "1200"),
            field("firstName", "string", "Zoë"),
            field("lastName", "string", None),
            field("orderCount", "long", "3"),
            field("emailVerified", "boolean", "false"),
            field("lastPurchaseAt", "date", "2026-11-01T10:00:00.000Z"),
            field("topCategories", "string[]", f"Wine{LIST_SEPARATOR}Beer"),
            field("consent.email_marketing", "string", "granted"),
        ],
        "consent": [{"field": "sms_marketing", "value": "unknown"}, {"field": "email_marketing", "value": "granted"}],
        "unsubscribe_channel_ids": None,
    }
    assert (
        fragment("users", row)
        == (
            '{"dataFields":{"consent":{"email_marketing":"granted","sms_marketing":"unknown"},"emailVerified":false,'
            '"firstName":"Zoë","lastName":null,"lastPurchaseAt":"2026-11-01T10:00:00.000Z","lifetimeValueGross":1200.0,'
            '"orderCount":3,"topCategories":["Wine","Beer"]},"email":"ada@example.com","userId":"c-1"}'
        ).encode()
    )


def test_a_new_guest_without_a_grant_is_created_unsubscribed() -> None:
    row = {"subject": "k", "email": "g@example.com", "user_id": None, "consent": [], "unsubscribe_channel_ids": [101, 103]}
    assert fragment("users", row) == (b'{"dataFields":{"consent":{},"unsubscribedChannelIds":[101,103]},"email":"g@example.com"}')


def test_no_channel_array_is_sent_where_none_is_given() -> None:
    row = {**ADA, "consent": [], "unsubscribe_channel_ids": []}
    assert b"unsubscribed" not in fragment("users", row)


def test_an_event_holds_id_name_seconds_and_only_fields_with_a_value() -> None:
    row = {
        **ADA,
        "subject": "order-refunded-0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a",
        "kind": "order_refunded",
        "occurred_at": datetime(2026, 11, 1, 10, 0, 0, 999000),
        "order_id": "o-1",
        "refund_amount": Decimal("1200.0000"),
        "is_full_refund": True,
        "ordered_at": datetime(2026, 10, 31, 23, 59, 59, 123456),
        "tags": ["a", "b"],
        "campaign_id": None,
        "internal_note": "not sent",
    }
    assert fragment("events", row, EVENT) == (
        b'{"createdAt":1793527200,"dataFields":{"isFullRefund":true,"orderId":"o-1",'
        b'"orderedAt":"2026-10-31T23:59:59.123Z","refundAmount":1200.0,"schemaVersion":1,"tags":["a","b"]},'
        b'"eventName":"order_refunded","id":"order-refunded-0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a","userId":"c-1"}'
    )


def test_attribution_goes_to_the_api_s_own_fields_as_whole_numbers() -> None:
    row = {
        **ADA,
        "subject": "order-refunded-0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a",
        "kind": "order_refunded",
        "occurred_at": datetime(2026, 11, 1),
        "campaign_id": 7,
    }
    document = json.loads(fragment("events", row, EVENT))
    assert document["campaignId"] == 7
    assert "campaignId" not in document["dataFields"]


def test_a_purchase_holds_commerce_items_with_everything_else_beneath_data_fields() -> None:
    item: dict[str, Any] = {
        "id": "p-1",
        "sku": None,
        "name": "牛乳",
        "price": Decimal("600"),
        "quantity": 2,
        "line_total": Decimal("1200"),
        "categories": ["Dairy > Milk"],
        "image_url": "https://img.example.com/1",
        "url": None,
        "is_gift": False,
        "market": "jp",
    }
    row = {
        **ADA,
        "subject": "purchase-0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a",
        "occurred_at": datetime(2026, 11, 1, 10),
        "total": Decimal("1200.0000"),
        "currency_code": "JPY",
        "tax_total": None,
        "items": [item],
    }
    assert (
        fragment("purchases", row, PURCHASE)
        == (
            '{"createdAt":1793527200,"dataFields":{"currency":"JPY","schemaVersion":3},"id":"purchase-0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a",'
            '"items":[{"categories":["Dairy > Milk"],'
            '"dataFields":{"isGift":false,"lineTotal":1200.0,"market":"jp"},"id":"p-1","imageUrl":"https://img.example.com/1",'
            '"name":"牛乳","price":600.0,"quantity":2}],"total":1200.0,"user":{"userId":"c-1"}}'
        ).encode()
    )


def test_an_emptied_cart_of_a_guest() -> None:
    assert fragment("carts", {"email": "g@example.com", "user_id": None, "items": []}) == (
        b'{"items":[],"user":{"email":"g@example.com"}}'
    )


def test_a_withdrawal_is_the_person_and_an_email_change_goes_by_the_user_id() -> None:
    assert fragment("withdrawals", ADA) == b'{"userId":"c-1"}'
    renamed = {**ADA, "endpoint": "users/update", "consent": [{"field": "email_marketing", "value": "granted"}]}
    assert fragment("identities", renamed) == (
        b'{"dataFields":{"consent":{"email_marketing":"granted"},"email":"ada@example.com"},"userId":"c-1"}'
    )


def test_identity_rows_are_what_their_endpoint_takes_and_no_more() -> None:
    by_email = {"email": "new@example.com", "user_id": None, "previous_email": "old@example.com", "consent": []}
    assert fragment("identities", {**by_email, "endpoint": "users/updateEmail"}) == (
        b'{"currentEmail":"old@example.com","newEmail":"new@example.com"}'
    )
    merged = {**ADA, "endpoint": "users/merge", "source_email": "old@example.com", "source_user_id": None}
    assert fragment("identities", merged) == b'{"destinationUserId":"c-1","sourceEmail":"old@example.com"}'
    assert fragment("identities", {**merged, "source_user_id": "g-1", "user_id": None}) == (
        b'{"destinationEmail":"ada@example.com","sourceUserId":"g-1"}'
    )
    assert fragment("identities", {**ADA, "endpoint": "users/deleteByUserId"}) == b'{"userId":"c-1"}'
    assert fragment("identities", {**by_email, "endpoint": "users/deleteByEmail"}) == b'{"email":"new@example.com"}'


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("long", "12.5"),
        ("long", "9223372036854775808"),
        ("double", "abc"),
        ("double", "nan"),
        ("double", "1e999"),
        ("boolean", "yes"),
        ("date", "2026-11-01 10:00:00"),
    ],
)
def test_a_text_that_is_not_of_its_type_is_refused_without_being_shown(kind: str, text: str) -> None:
    with pytest.raises(Unrenderable) as refused:
        from_canonical("points", kind, text)
    assert str(refused.value).startswith("field points is not a")
    assert text not in str(refused.value)


@pytest.mark.parametrize("name", ["email", "userId", "unsubscribedChannelIds", "consent"])
def test_a_field_name_that_would_change_the_person_or_the_subscriptions_is_refused(name: str) -> None:
    with pytest.raises(Unrenderable, match="reserved"):
        fragment("users", {**ADA, "changed_fields": [field(name, "string", "x")], "consent": []})


def test_a_row_without_any_identifier_is_refused() -> None:
    for object_name in ("users", "carts", "withdrawals"):
        with pytest.raises(Unrenderable):
            fragment(object_name, {"email": None, "user_id": "", "items": []})
    for endpoint in ("users/update", "users/updateEmail", "users/merge"):
        with pytest.raises(Unrenderable):
            fragment("identities", {"email": None, "user_id": "", "endpoint": endpoint})


def test_a_fragment_over_the_limit_names_size_and_subject_and_not_its_content() -> None:
    row = {**ADA, "changed_fields": [field("note", "string", "ü" * 100)], "consent": []}
    with pytest.raises(RowTooLarge) as refused:
        fragment("users", row, body_bytes_max=200)
    assert refused.value.facts == {"object": "users", "subject": "key-ada", "size_bytes": 280}
    assert "ü" not in str(refused.value)


def test_times_are_utc_with_milliseconds() -> None:
    assert timestamp(datetime(2026, 1, 2, 3, 4, 5)) == "2026-01-02T03:04:05.000Z"
    assert timestamp(datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=9)))) == "2026-01-01T18:04:05.000Z"
    assert timestamp(datetime(2026, 1, 2, 3, 4, 5, 678999, tzinfo=UTC)) == "2026-01-02T03:04:05.678Z"
    assert timestamp(date(2026, 1, 2)) == "2026-01-02T00:00:00.000Z"


def test_a_typed_value_that_does_not_fit_is_refused() -> None:
    for kind, value in ((FieldType.LONG, Decimal("1.5")), (FieldType.BOOLEAN, "true"), (FieldType.DATE, "today")):
        with pytest.raises(Unrenderable, match=f"field amount is not a {kind}"):
            typed("amount", kind, value)
