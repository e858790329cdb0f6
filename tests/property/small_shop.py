"""A shop with one of each thing that can be sent, and short words for reading the diff."""

from __future__ import annotations

from datetime import timedelta

from tests.property.compiled_marts import GO_LIVE, NOW
from tests.property.small_marts import SmallMarts


def shop_with_everything(marts: SmallMarts) -> None:
    """One of each: orders, refund, cancellation, carts, opt-outs, a shared address, a customer deleted later."""
    ada, bob = marts.registered("ada"), marts.guest("bob")
    marts.registered("dan", email="shared@example.com", last_activity_at=NOW - timedelta(days=3))
    marts.registered("eve", email="shared@example.com", last_activity_at=NOW - timedelta(days=2))
    marts.consent("ada", ada, sms="withdrawn")
    marts.statement("ada", "withdrawn", channel="sms")
    marts.statement("ada", "granted")
    marts.statement("bob", "denied", resource_type="orders", resource_id="order-3", customer_id=None)
    marts.consent("bob", bob, email="denied")
    marts.order("ada", "1", total=1200)
    marts.order("ada", "2", at=GO_LIVE - timedelta(seconds=1))
    marts.order("bob", "3", is_guest=True)
    marts.order("dan", "4")
    marts.cart("ada")
    marts.cart("bob")
    marts.put(
        "marts.refunds", refund_id="r1", order_id="order-1", payment_id="pay-1", transaction_id="t1", refund_amount=2,
        currency_code="USD", refunded_at=NOW, source_modified_at=NOW, is_full=False,
    )  # fmt: skip
    marts.put(
        "intermediate.int_orders__status_changes", order_id="order-3", from_status="open", to_status="cancelled",
        changed_at=NOW,
    )  # fmt: skip
    marts.put(
        "intermediate.int_consent__changes", profile_id="profile-ada", channel="sms", purpose="marketing",
        from_status="granted", to_status="withdrawn", changed_at=NOW,
    )  # fmt: skip
    marts.put(
        "intermediate.int_profiles__mapped_attributes", profile_id="profile-ada", iterable_field="loyaltyPoints",
        type="long", value="12",
    )  # fmt: skip


def only(rows: list[dict[str, object]]) -> dict[str, object]:
    assert len(rows) == 1, rows
    return rows[0]


def changes_of(row: dict[str, object]) -> dict[str, tuple[object, object]]:
    return {change["field"]: (change["before"], change["after"]) for change in row["changed_fields"]}  # type: ignore[attr-defined]
