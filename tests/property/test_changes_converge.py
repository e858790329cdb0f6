"""The diff as a whole: what changed is planned once, what did not change is not planned, whatever happens between two runs."""

from __future__ import annotations

import pytest

from tests.property.conftest import IDENTITIES
from tests.property.small_marts import SmallMarts
from tests.property.small_shop import shop_with_everything

every_type = pytest.mark.parametrize("identity", IDENTITIES)


@every_type
def test_after_a_run_that_settled_everything_nothing_is_planned(marts: SmallMarts) -> None:
    shop_with_everything(marts)
    marts.build()
    assert marts.changed() == {
        "changed_users": 4, "changed_purchases": 3, "changed_carts": 2, "changed_events": 3, "new_held_history": 1,
    }  # fmt: skip
    marts.fold()
    marts.build()
    assert marts.changed() == {}


@every_type
def test_a_year_passing_sends_no_old_fact_and_makes_history_of_what_was_held(marts: SmallMarts) -> None:
    shop_with_everything(marts)
    marts.build()
    marts.fold()
    held = marts.rows("delivered.outcomes", "object in ('purchases', 'events') and state in ('held', 'suppressed')")
    marts.execute("update control.run set as_of = as_of + interval 400 days")
    marts.build()
    assert marts.changed().keys() <= {"new_held_history"}
    assert {row["subject"] for row in marts.rows("changes.new_held_history")} == {row["subject"] for row in held}
    marts.fold()
    marts.build()
    assert marts.changed() == {}


@every_type
def test_versions_and_reading_times_are_no_change(marts: SmallMarts) -> None:
    shop_with_everything(marts)
    marts.build()
    marts.fold()
    for table in ("marts.profiles", "marts.orders", "marts.carts", "marts.refunds"):
        marts.execute(f"update {table} set source_modified_at = source_modified_at + interval 1 hour")
    marts.build()
    assert marts.changed() == {}


def test_a_kind_switched_off_plans_nothing(marts: SmallMarts) -> None:
    shop_with_everything(marts)
    marts.configure("objects", "kind = 'order_refunded'", "is_enabled = false")
    marts.build()
    assert {row["kind"] for row in marts.rows("changes.changed_events")} == {"order_cancelled", "consent_changed"}
