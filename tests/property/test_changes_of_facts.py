"""The diff of purchases and events: once per id, never as history."""

from __future__ import annotations

from datetime import timedelta

from tests.property.compiled_marts import GO_LIVE, NOW
from tests.property.small_marts import SmallMarts
from tests.property.small_shop import only


def test_lines_come_in_order_and_each_says_where_it_was_bought(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.order("ada", "1", market_code="jp", store_key="jp", channel_key="app-jp", currency_code="JPY", locale="ja-JP")
    marts.put("marts.order_lines", order_id="order-1", line_number=0, product_id="p0", quantity=1, unit_price=600)
    marts.build()
    items = only(marts.rows("changes.changed_purchases"))["items"]
    assert [item["id"] for item in items] == ["p0", "p1"]  # type: ignore[attr-defined]
    envelope = {"market": "jp", "store": "jp", "channel": "app-jp", "currency": "JPY", "locale": "ja-JP"}
    assert all(item.items() >= envelope.items() for item in items)  # type: ignore[attr-defined]


def test_a_fact_is_sent_once_whatever_becomes_of_its_content(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.order("ada", "1")
    marts.order("ada", "2")
    marts.build()
    marts.fold()
    unknown = only(
        marts.rows(
            "delivered.outcomes",
            "kind = 'purchases' and subject <> (select min(subject) from delivered.outcomes where kind = 'purchases')",
        )
    )
    marts.execute(
        "update delivered.outcomes set state = 'held', reason = 'outcome unknown' where subject = ?", unknown["subject"]
    )
    marts.execute("update marts.orders set order_total = 99")
    marts.build()
    assert marts.changed() == {}


def test_facts_before_go_live_or_over_age_are_history_and_counted_once(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.order("ada", "1", at=GO_LIVE - timedelta(seconds=1))
    marts.order("ada", "2", at=NOW - timedelta(hours=168))
    marts.order("ada", "3", at=NOW - timedelta(hours=167))
    marts.build()
    reasons = {row["reason"] for row in marts.rows("changes.new_held_history")}
    assert reasons == {"before go-live", "over the maximum age"}
    fresh = only(marts.rows("changes.changed_purchases"))
    assert fresh["send_before_at"] == NOW + timedelta(hours=1)
    marts.fold()
    marts.build()
    assert marts.changed() == {}


def test_a_fact_of_somebody_refused_at_iterable_is_held_until_the_person_is_there(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.build()
    marts.settle(only(marts.rows("changes.changed_users")), "rejected", reason="invalid address")
    marts.order("ada", "1")
    marts.build()
    row = only(marts.rows("changes.changed_purchases"))
    assert (row["verdict"], row["verdict_reason"]) == ("held", "the person is not at Iterable")
    marts.fold()
    marts.execute("update marts.profiles set first_name = 'Augusta'")
    marts.build()
    assert only(marts.rows("changes.changed_purchases"))["verdict"] == "send"
