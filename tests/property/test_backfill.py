"""History that a backfill lets go: oldest first, each fact once, marked, and never into a live cart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from activation.history import Chunk
from activation.ledger.backfills import Criteria
from cartwire.clock import to_ms
from tests.property.compiled_marts import GO_LIVE, NOW, Project
from tests.property.small_marts import SmallMarts
from tests.property.small_shop import only

LONG_AGO = GO_LIVE - timedelta(days=700)
PURCHASES = ("purchases", "purchases")
REFUNDS = ("events", "order_refunded")


@pytest.fixture
def marts(project: Project, tmp_path: Path) -> Iterator[SmallMarts]:
    """Ada, with six orders from before go-live, the odd ones refunded a day later; all of it is held as history."""
    small = SmallMarts(tmp_path, project)
    small.put("raw_iterable.channels", id=101, name="Email Marketing", channel_type="Marketing", message_medium="Email")
    small.put("raw_iterable.channels", id=103, name="SMS Marketing", channel_type="Marketing", message_medium="SMS")
    small.registered("ada")
    for number in range(6):
        at = LONG_AGO + timedelta(days=100 * number)
        market = {"market_code": "jp"} if number == 5 else {}
        small.order("ada", str(number), at=at, **market)
        if number % 2:
            refund(small, number, at + timedelta(days=1))
    small.build()
    small.fold()
    assert len(small.rows("delivered.held_history")) == 9
    yield small
    small.close()


def refund(marts: SmallMarts, number: int, at: datetime) -> None:
    marts.put(
        "marts.refunds", refund_id=f"r{number}", order_id=f"order-{number}", payment_id=f"pay-{number}", transaction_id="t",
        refund_amount=1, currency_code="USD", refunded_at=at, source_modified_at=at, is_full=True,
    )  # fmt: skip


def chunk(*kinds: tuple[str, str], rows_max: int = 100, after: tuple[int, str] | None = None, **criteria: Any) -> Chunk:
    period = {"since_ms": to_ms(LONG_AGO), "until_ms": to_ms(GO_LIVE)}
    return Chunk(backfill_id=1, criteria=Criteria(kinds=kinds, **{**period, **criteria}), after=after, rows_max=rows_max)


def planned(marts: SmallMarts) -> list[dict[str, Any]]:
    """Changed facts, oldest first."""
    rows = marts.rows("changes.changed_purchases") + marts.rows("changes.changed_events")
    return sorted(rows, key=lambda row: row["occurred_at"])


@pytest.mark.parametrize("rows_max", [1, 2, 4, 9, 100])
def test_chunks_let_go_the_oldest_first_and_everything_once(marts: SmallMarts, rows_max: int) -> None:
    sent: list[datetime] = []
    after = None
    while True:
        marts.ask_for_history(chunk(PURCHASES, REFUNDS, rows_max=rows_max, after=after))
        marts.build()
        found = planned(marts)
        gone = marts.let_go()
        assert [row["subject"] for row in found] == list(gone.subjects)
        assert len(found) <= rows_max
        if not found:
            break
        sent += [row["occurred_at"] for row in found]
        after = gone.last
        marts.fold()
        assert gone.is_all == (len(sent) == 9)
    assert sent == sorted(sent)
    assert len(sent) == 9


def test_what_is_let_go_is_marked_as_backfill_has_its_items_and_no_age(marts: SmallMarts) -> None:
    marts.ask_for_history(chunk(PURCHASES, REFUNDS))
    marts.build()
    purchases = marts.rows("changes.changed_purchases")
    assert [(row["is_backfill"], row["send_before_at"], len(row["items"])) for row in purchases] == [(True, None, 1)] * 6
    for event in marts.rows("changes.changed_events"):
        said = {entry["field"]: entry["value"] for entry in event["fields"]}
        assert (said["isBackfill"], event["send_before_at"]) == ("true", None)
    assert marts.rows("changes.new_held_history") == []


def test_what_was_over_age_after_go_live_is_marked_too_and_what_is_new_is_not(marts: SmallMarts) -> None:
    marts.order("ada", "late", at=GO_LIVE + timedelta(hours=1))
    marts.build()
    marts.fold()
    marts.order("ada", "new", at=NOW)
    marts.ask_for_history(chunk(PURCHASES, since_ms=to_ms(GO_LIVE), until_ms=to_ms(NOW)))
    marts.build()
    assert [(row["order_id"], row["is_backfill"]) for row in planned(marts)] == [("order-late", True), ("order-new", False)]


@pytest.mark.parametrize(
    ("state", "reason", "is_reached"),
    [
        ("held", "email not verified", True),
        ("suppressed", "no consent", True),
        ("held", "outcome unknown: 200 newer events", False),
        ("rejected", "400 BadParams", False),
    ],
)
def test_what_was_held_until_it_was_over_age_is_history_and_what_iterable_may_have_or_refused_is_none(
    marts: SmallMarts, state: str, reason: str, is_reached: bool
) -> None:
    marts.order("ada", "kept", at=NOW)
    marts.build()
    marts.settle({**only(planned(marts)), "fingerprint": f"as it was {state}"}, state, reason=reason)
    marts.execute("update control.run set as_of = ?", NOW + timedelta(days=400))
    marts.build()
    assert planned(marts) == []
    assert [row["reason"] for row in marts.rows("changes.new_held_history")] == ["over the maximum age"] * is_reached
    marts.fold()
    marts.build()
    assert marts.rows("changes.new_held_history") == [], "once"
    marts.ask_for_history(chunk(PURCHASES, since_ms=to_ms(NOW), until_ms=to_ms(NOW + timedelta(days=1))))
    marts.build()
    assert [row["order_id"] for row in planned(marts)] == ["order-kept"] * is_reached


def test_an_ordinary_run_after_a_backfill_that_died_lets_nothing_go(marts: SmallMarts) -> None:
    marts.ask_for_history(chunk(PURCHASES))
    marts.build()
    assert len(planned(marts)) == 6
    marts.ask_for_history(None)
    marts.build()
    assert marts.changed() == {}


def test_a_chunk_offered_again_has_only_what_was_not_accepted(marts: SmallMarts) -> None:
    marts.ask_for_history(chunk(PURCHASES))
    marts.build()
    for row in planned(marts)[:4]:
        marts.settle(row, "accepted")
    marts.build()
    assert [row["order_id"] for row in planned(marts)] == ["order-4", "order-5"]


def test_parcels_of_history_list_what_is_in_them(marts: SmallMarts) -> None:
    shipped = LONG_AGO + timedelta(days=1)
    marts.put("intermediate.int_orders__deliveries", order_id="order-0", delivery_id="d1", parcel_id="p1", shipped_at=shipped)
    marts.put(
        "staging.stg_commercetools__moved_items", order_id="order-0", delivery_id="d1", parcel_id="p1", line_id="l1", quantity=2
    )
    marts.execute("update marts.order_lines set order_line_id = order_id || '-l1'")
    marts.build()
    assert only(marts.rows("activation.shipment_created"))["items"] == []
    marts.fold()
    marts.ask_for_history(chunk(("events", "shipment_created")))
    marts.build()
    [item] = only(marts.rows("changes.changed_events"))["items"]
    assert (item["id"], item["quantity"]) == ("p1", 2)


def test_market_and_ids_narrow_a_backfill(marts: SmallMarts) -> None:
    marts.ask_for_history(chunk(PURCHASES, REFUNDS, market_code="jp"))
    marts.build()
    rows = planned(marts)
    assert [(row["kind"], row["market_code"]) for row in rows] == [("purchases", "jp"), ("order_refunded", "jp")]
    marts.ask_for_history(chunk(PURCHASES, REFUNDS, ids=(rows[1]["subject"],)))
    marts.build()
    assert [row["subject"] for row in planned(marts)] == [rows[1]["subject"]]


def test_purchases_wait_for_a_live_cart_and_go_when_it_is_gone(marts: SmallMarts) -> None:
    marts.cart("ada")
    marts.build()
    marts.fold()
    marts.ask_for_history(chunk(PURCHASES, REFUNDS))
    marts.build()
    assert {row["kind"] for row in planned(marts)} == {"order_refunded"}
    gone = marts.let_go()
    assert (gone.is_all, gone.passed_over, gone.waiting_ahead) == (True, 6, 0)
    marts.ask_for_history(chunk(PURCHASES, REFUNDS, rows_max=1))
    marts.build()
    gone = marts.let_go()
    assert (gone.is_all, gone.passed_over, gone.waiting_ahead) == (False, 2, 4)
    marts.ask_for_history(chunk(PURCHASES, REFUNDS))
    marts.execute("delete from marts.carts")
    marts.build()
    assert {row["kind"] for row in planned(marts)} == {"order_refunded"}, "Iterable shows the cart until it is emptied"
    marts.fold()
    marts.build()
    assert len(marts.rows("changes.changed_purchases")) == 6
    assert marts.changed() == {"changed_purchases": 6}


def test_including_live_carts_sends_the_cart_again_after_the_purchase(marts: SmallMarts) -> None:
    marts.cart("ada")
    marts.build()
    marts.fold()
    marts.ask_for_history(chunk(PURCHASES, includes_live_carts=True))
    marts.build()
    newest = planned(marts)[-1]
    assert only(marts.rows("changes.changed_carts"))["depends_on"] == newest["subject"]


def test_consent_decides_about_history_as_about_anything(marts: SmallMarts) -> None:
    marts.configure("consent_policies", "object = 'purchases'", "without_consent = 'suppress'")
    marts.consent("ada", marts.key("ada"), email="withdrawn")
    marts.ask_for_history(chunk(PURCHASES))
    marts.build()
    assert {row["verdict"] for row in marts.rows("changes.changed_purchases")} == {"suppressed"}


def test_what_iterable_refused_for_good_is_not_offered_again(marts: SmallMarts) -> None:
    marts.ask_for_history(chunk(PURCHASES))
    marts.build()
    marts.settle(planned(marts)[0], "rejected", reason="invalid")
    marts.build()
    assert [row["order_id"] for row in planned(marts)] == [f"order-{number}" for number in range(1, 6)]


def test_a_backfill_ends_also_where_consent_forbids_all_of_it(marts: SmallMarts) -> None:
    marts.configure("consent_policies", "object = 'purchases'", "without_consent = 'suppress'")
    marts.consent("ada", marts.key("ada"), email="withdrawn")
    after, ends = None, []
    for _ in range(3):
        marts.ask_for_history(chunk(PURCHASES, rows_max=2, after=after))
        marts.build()
        assert [row["verdict"] for row in planned(marts)] == ["suppressed"] * 2
        gone = marts.let_go()
        after = gone.last
        ends.append(gone.is_all)
        marts.fold()
    assert ends == [False, False, True]
