"""Events of all kinds share one changed table and one diff; what one kind does or suffers stays with that kind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from activation.contracts import load_contracts
from activation.event_fields import tables_of_kinds
from activation.gate import gate
from cartwire.errors import CartwireError
from cartwire.settings import REPOSITORY
from tests.property.compiled_marts import GO_LIVE, NOW, Project
from tests.property.dbt_project import dbt
from tests.property.small_marts import SmallMarts

CONTRACTS = load_contracts(REPOSITORY / "models")


@pytest.fixture
def marts(project: Project, tmp_path: Path) -> Iterator[SmallMarts]:
    """Ada has an order that was refunded once and then cancelled."""
    small = SmallMarts(tmp_path, project)
    small.put("raw_iterable.channels", id=101, name="Email Marketing", channel_type="Marketing", message_medium="Email")
    small.put("raw_iterable.channels", id=103, name="SMS Marketing", channel_type="Marketing", message_medium="SMS")
    small.registered("ada")
    small.order("ada", "1", total=1200)
    refund(small, "r1")
    small.put(
        "intermediate.int_orders__status_changes", order_id="order-1", from_status="open", to_status="cancelled",
        changed_at=NOW,
    )  # fmt: skip
    yield small
    small.close()


def refund(marts: SmallMarts, name: str, **values: object) -> None:
    row = {
        "refund_id": name, "order_id": "order-1", "payment_id": "pay-1", "transaction_id": name, "refund_amount": 2.5,
        "currency_code": "USD", "refunded_at": NOW, "source_modified_at": NOW, "is_full": False,
    }  # fmt: skip
    marts.put("marts.refunds", **(row | values))


def kinds(marts: SmallMarts) -> set[str]:
    return {row["kind"] for row in marts.rows("changes.changed_events")}


def arrow(marts: SmallMarts) -> pa.Table:
    return marts.arrow("changes.changed_events")


def test_an_event_lists_every_field_of_its_contract_in_order_and_absent_ones_as_null(marts: SmallMarts) -> None:
    marts.execute("update marts.orders set order_number = null")
    marts.build()
    (row,) = marts.rows("changes.changed_events", "kind = 'order_refunded'")
    contract = CONTRACTS["events", "order_refunded"]
    assert [(entry["field"], entry["type"]) for entry in row["fields"]] == [(c.field, str(c.type)) for c in contract.fields]
    said = {entry["field"]: entry["value"] for entry in row["fields"]}
    assert (said["refundAmount"], said["isFullRefund"], said["orderNumber"]) == ("2.5", "false", None)


def test_fields_come_back_as_the_columns_and_types_of_the_model(marts: SmallMarts) -> None:
    marts.build()
    tables = {table.column("kind")[0].as_py(): table for table in tables_of_kinds(arrow(marts), CONTRACTS)}
    assert tables.keys() == {"order_refunded", "order_cancelled"}
    for kind, table in tables.items():
        (model,) = marts.rows(f"activation.{kind}")
        (row,) = table.to_pylist()
        for column in CONTRACTS["events", kind].fields:
            assert row[column.name] == (float(model[column.name]) if str(column.type) == "double" else model[column.name])


def test_a_table_of_another_contract_is_refused(marts: SmallMarts) -> None:
    marts.build()
    marts.execute("update changes.changed_events set fields = fields[2:]")
    with pytest.raises(CartwireError, match="another contract of order_"):
        list(tables_of_kinds(arrow(marts), CONTRACTS))


def test_a_kind_that_cannot_be_built_takes_nothing_from_the_others(marts: SmallMarts) -> None:
    marts.build()
    marts.fold()
    refund(marts, "r2")
    marts.execute("alter table marts.refunds drop column payment_id")
    marts.put(
        "intermediate.int_orders__status_changes", order_id="order-1", from_status="cancelled", to_status="cancelled",
        changed_at=NOW - timedelta(hours=1),
    )  # fmt: skip
    marts.close()
    arguments = ["build", "--exclude-resource-type", "test", "unit_test", "seed", "--select", "activation", "changes"]
    outcome = dbt(marts.path, *arguments)
    assert [result.node.name for result in outcome.result.results if str(result.status) == "error"] == ["order_refunded"]
    marts.open()
    assert kinds(marts) == {"order_cancelled"}


def test_history_is_counted_per_kind_and_stays_history(marts: SmallMarts) -> None:
    refund(marts, "r0", refunded_at=GO_LIVE - timedelta(seconds=1))
    refund(marts, "r9", refunded_at=NOW - timedelta(hours=72))
    marts.build()
    found = {(row["kind"], row["reason"]) for row in marts.rows("changes.new_held_history")}
    assert found == {("order_refunded", "before go-live"), ("order_refunded", "over the maximum age")}
    marts.fold()
    marts.execute("update config.objects set max_age_hours = 10000")
    marts.build()
    assert marts.changed() == {}


def test_a_deleted_customer_is_told_while_iterable_has_the_user_and_nobody_is_told_afterwards(marts: SmallMarts) -> None:
    marts.configure("objects", "kind = 'customer_deleted'", "is_enabled = true")
    marts.registered("bob")
    marts.build()
    marts.fold()
    marts.registered("cyd")
    marts.execute("update marts.profiles set is_deleted = true where customer_id in ('c-bob', 'c-cyd')")
    for word in ("bob", "cyd"):
        marts.put("staging.stg_commercetools__customer_deletions", customer_id=f"c-{word}", deleted_at=NOW)
    marts.build()
    (row,) = marts.rows("changes.changed_events")
    assert (row["kind"], row["user_id"], row["verdict"]) == ("customer_deleted", "c-bob", "send")
    marts.fold()
    marts.build()
    assert not marts.rows("changes.changed_events")


def abandon(marts: SmallMarts, stage: str, *, due: object, content: str = "k") -> None:
    marts.put(
        "intermediate.int_carts__abandonments", cart_id="cart-ada", content_key=content, stage=stage, idle_minutes=60,
        idle_since=NOW - timedelta(hours=1), due_at=due, is_left_alone=True,
    )  # fmt: skip


def test_a_cart_is_abandoned_once_per_content_and_stage_when_its_time_has_come(marts: SmallMarts) -> None:
    marts.cart("ada")
    marts.build()
    marts.fold()
    abandon(marts, "first", due=NOW)
    abandon(marts, "second", due=NOW + timedelta(hours=1))
    marts.build()
    (row,) = marts.rows("changes.changed_events")
    assert (row["kind"], row["occurred_at"]) == ("cart_abandoned", NOW)
    assert [item["id"] for item in row["items"]] == ["p1"]
    marts.fold()
    marts.execute("update control.run set as_of = as_of + interval 1 hour")
    marts.execute("update intermediate.int_carts__abandonments set idle_since = idle_since + interval 30 minutes")
    marts.build()
    stages = {e["value"] for row in marts.rows("changes.changed_events") for e in row["fields"] if e["field"] == "stage"}
    assert stages == {"second"}
    marts.fold()
    abandon(marts, "first", due=NOW + timedelta(minutes=30), content="other lines")
    marts.build()
    assert len(marts.rows("changes.changed_events")) == 1


def test_a_kind_switched_on_later_takes_what_happened_before_as_history(marts: SmallMarts) -> None:
    marts.put("control.kinds", kind="order_refunded", on_since=NOW)
    refund(marts, "r2", refunded_at=NOW - timedelta(seconds=1))
    marts.build()
    (row,) = marts.rows("changes.new_held_history")
    assert (row["kind"], row["reason"]) == ("order_refunded", "before its kind was switched on")
    assert len(marts.rows("changes.changed_events", "kind = 'order_refunded'")) == 1
    marts.fold()
    marts.execute("update control.kinds set on_since = on_since - interval 1 day")
    marts.build()
    assert marts.changed() == {}, "what was history stays so"


def test_an_order_that_does_not_add_up_is_refused_with_the_reason(marts: SmallMarts) -> None:
    marts.order("ada", "2", unexplained_total=0.01)
    marts.build()
    table = marts.arrow("changes.changed_purchases")
    refused = gate(table, CONTRACTS["purchases", "purchases"]).rejections
    orders = table.column("order_id").to_pylist()
    assert {orders[row]: reason for row, reason in refused.items()} == {
        "order-2": "unexplained_total must be zero, because lines, shipping and discounts have to add up to the total"
        " (expect_column_values_to_be_between)"
    }
