"""Rows that did not arrive: found by every part of them, quickly, and let go only where that can do no harm."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from activation.ledger import reasons
from activation.ledger.items import NewItem
from activation.ledger.machine import Event
from activation.ledger.refused import Which
from activation.ledger.sending import Outcome
from activation.ledger.store import Ledger
from tests.unit.ledger.given import claim, item


def run(ledger: Ledger, run_id: str, rows: Sequence[NewItem], at_ms: int, verdict: Event = Event.reject, **more: object) -> None:
    """A run in which Iterable has one verdict on every row."""
    if run_id != "r1":
        ledger.start_run(run_id, "test")
    ledger.freeze(run_id, "main", rows, [], at_ms)
    ids = [one for (one,) in ledger._db.execute("select item_id from items where state = 'staged'")]
    if ids:
        claim(ledger, f"q-{run_id}", ids, at_ms)
        values = {"reason": "why", "is_sticky": True, **more}
        ledger.settle(f"q-{run_id}", [Outcome(item_id=one, event=verdict, **values) for one in ids], at_ms=at_ms)  # type: ignore[arg-type]
    ledger.end_run(run_id, "done", 0)


def subjects(ledger: Ledger, **which: object) -> list[str]:
    return [row["subject"] for row in ledger.rejections(Which(**which))]  # type: ignore[arg-type]


@pytest.fixture
def two_runs(ledger: Ledger) -> Ledger:
    run(ledger, "r1", [item(1), item(2, "events", kind="order_refunded", market_code="de"), item(3)], 1_000)
    run(ledger, "r2", [item(1), item(4, state="held", reason="Guard: many")], 2_000)
    run(ledger, "r3", [item(3)], 3_000, Event.accept, reason="", is_sticky=False)
    return ledger


@pytest.mark.parametrize(
    ("which", "found"),
    [
        ({}, ["s4", "s1", "s3", "s2", "s1"]),
        ({"is_standing": True}, ["s4", "s1", "s2"]),
        ({"states": ("rejected",), "is_standing": True}, ["s1", "s2"]),
        ({"run_id": "r1"}, ["s3", "s2", "s1"]),
        ({"object_name": "events"}, ["s2"]),
        ({"kind": "order_refunded"}, ["s2"]),
        ({"market_code": "de"}, ["s2"]),
        ({"reason": "guard"}, ["s4"]),
        ({"since_ms": 2_000}, ["s4", "s1"]),
        ({"states": ("accepted",)}, ["s3"]),
    ],
)
def test_rows_are_found_by_every_part_of_them(two_runs: Ledger, which: dict[str, object], found: list[str]) -> None:
    assert sorted(subjects(two_runs, **which)) == sorted(found)


def test_a_row_tells_since_when_and_by_how_many_runs_it_was_refused_unchanged(two_runs: Ledger) -> None:
    [row] = two_runs.rejections(Which(object_name="users", states=("rejected",), is_standing=True))
    assert (row["first_at_ms"], row["changed_at_ms"], row["runs"]) == (1_000, 2_000, 2)


def test_values_come_only_when_asked_for(two_runs: Ledger) -> None:
    assert "@" not in str(two_runs.rejections())
    assert {row["fragment"] for row in two_runs.rejections(with_values=True)} == {'{"email":"x"}'}


def test_what_is_let_go_is_recorded_and_counted_once(two_runs: Ledger) -> None:
    ids = [row["item_id"] for row in two_runs.rejections(Which(states=("rejected",), is_standing=True))]
    assert two_runs.replay(ids, by="mira", at_ms=5_000) == 2
    assert two_runs.replay(ids, by="mira") == 0
    query = "select approved_by, approved_at_ms, rows from replays order by rows"
    assert two_runs._db.execute(query).fetchall() == [("mira", 5_000, 1), ("mira", 5_000, 1)]
    for run_id in ("r1", "r2", "r3"):
        two_runs.prove_conservation(run_id)


def test_what_may_not_be_let_go_stays(ledger: Ledger) -> None:
    run(ledger, "r1", [item(1)], 1_000, reason="forgottenEmails", is_forgotten=True)
    rows = [item(2, state="held", reason="identifier owned by another profile", is_sticky=True), item(3)]
    run(ledger, "r2", rows, 2_000, reason="notFoundEmails", is_sticky=False)
    assert ledger.replay([1, 2, 3], by="mira") == 0


def test_a_row_held_because_nobody_knows_can_be_let_go(ledger: Ledger) -> None:
    run(ledger, "r1", [item(1, "events")], 1_000, Event.lose)
    ledger.settle_unknown([Outcome(item_id=1, event=Event.hold, reason=reasons.OUTCOME_UNKNOWN, is_sticky=True)])
    assert ledger.replay([1], by="mira") == 1


def test_no_search_walks_through_all_rows_ever_planned(two_runs: Ledger) -> None:
    statements: list[str] = []
    for which in (Which(), Which(states=("rejected",), is_standing=True), Which(object_name="users", reason="x")):
        two_runs._db.set_trace_callback(statements.append)
        two_runs.rejections(which)
        two_runs._db.set_trace_callback(None)
    assert len(statements) == 3
    for statement in statements:
        steps = [step[3] for step in two_runs._db.execute(f"explain query plan {statement}")]
        assert any("items" in step and "not_arrived" in step for step in steps), steps
        assert not [step for step in steps if step.startswith(("SCAN earlier", "SCAN later"))], steps
