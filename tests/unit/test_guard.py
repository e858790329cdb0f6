"""The volume guard: what is implausible, what never is, and what an approval covers."""

from __future__ import annotations

import pytest

from activation.guard import GuardRule, guard_rules, judge_volume
from tests.unit.changes_rows import open_small_warehouse

RULES = {"carts": GuardRule(share=0.5, rows_min=100), "withdrawals": GuardRule(share=0.0, rows_min=0)}


def held(rows: int, delivered: int, *, name: str = "carts", approved: int | None = None) -> bool:
    verdict = judge_volume({name: rows}, {name: delivered}, RULES, lambda _: approved)
    return name in verdict.held


@pytest.mark.parametrize(
    ("rows", "delivered", "is_held"),
    [
        (101, 200, True),
        (100, 200, False),  # not more than the share
        (100, 20, False),  # not more than the rows
        (101, 202, False),
        (1_000_000, 0, False),  # the first delivery of an object
        (0, 1_000, False),
    ],
)
def test_more_rows_than_both_limits_hold_an_object(rows: int, delivered: int, is_held: bool) -> None:
    assert held(rows, delivered) is is_held


def test_withdrawals_and_objects_without_a_rule_always_pass() -> None:
    assert not held(10_000, 10, name="withdrawals")
    assert not held(10_000, 10, name="purchases")


def test_an_approval_covers_as_many_rows_as_it_says() -> None:
    assert not held(150, 200, approved=150)
    assert held(151, 200, approved=150)


def test_an_approval_that_was_not_needed_is_not_used_up() -> None:
    assert judge_volume({"carts": 5}, {"carts": 200}, RULES, lambda _: 1_000).released == frozenset()
    assert judge_volume({"carts": 500}, {"carts": 200}, RULES, lambda _: 1_000).released == {"carts"}


def test_the_reason_gives_the_counts_and_the_way_out() -> None:
    verdict = judge_volume({"carts": 150}, {"carts": 200}, RULES, lambda _: None)
    assert verdict.held == {
        "carts": "held by volume guard: 150 rows of carts changed, 200 are delivered, limit 50% and 100 rows; "
        "look at the plan, then `cartwire release carts`"
    }


def test_the_strictest_kind_sets_an_objects_guard() -> None:
    with open_small_warehouse() as conn:
        conn.execute(
            "insert into config.objects values ('events', 'a', true, 72, 0.5, 100, 'hold'),"
            " ('events', 'b', true, 72, 0.2, 300, 'hold'), ('carts', 'carts', true, 72, null, null, 'hold')"
        )
        assert guard_rules(conn) == {"events": GuardRule(share=0.2, rows_min=100)}
