"""Backfills in the ledger: durable, resumable, and honest about what stayed behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from activation.ledger import reasons
from activation.ledger.backfills import BackfillState, Criteria
from activation.ledger.reading import read_only
from activation.ledger.store import Ledger
from tests.unit.ledger.given import SECRET, alter, item

WANTED = Criteria(kinds=(("purchases", "purchases"), ("events", "order_refunded")), since_ms=1, until_ms=2, ids=("a", "b"))


def test_a_backfill_survives_its_process_with_all_it_was_asked(ledger: Ledger, path: Path) -> None:
    started = ledger.start_backfill(replace(WANTED, market_code="us", includes_live_carts=True), by="ada")
    ledger.advance_backfill(started.backfill_id, (5, "s5"), left_behind=2, is_over=False)
    with Ledger.open(path, SECRET) as again:
        found = again.backfill(started.backfill_id)
    assert found == replace(started, after=(5, "s5"), left_behind=2)
    with read_only(path) as reader:
        assert reader.backfills() == (found,)


def test_asking_for_the_same_again_goes_on_with_it(ledger: Ledger) -> None:
    first = ledger.start_backfill(WANTED, by="ada")
    ledger.advance_backfill(first.backfill_id, (5, "s5"), left_behind=0, is_over=False)
    ledger.steer_backfill(first.backfill_id, BackfillState.paused, by="bob")
    again = ledger.start_backfill(WANTED, by="cyd")
    assert (again.backfill_id, again.state, again.after) == (first.backfill_id, "open", (5, "s5"))
    other = ledger.start_backfill(replace(WANTED, ids=None), by="ada")
    assert other.backfill_id != first.backfill_id


def test_a_pass_that_left_nothing_behind_is_done_for_good(ledger: Ledger) -> None:
    number = ledger.start_backfill(WANTED, by="ada").backfill_id
    assert ledger.advance_backfill(number, None, left_behind=0, is_over=True).state == "done"
    assert ledger.steer_backfill(number, BackfillState.open, by="ada").state == "done"
    assert ledger.start_backfill(WANTED, by="ada").backfill_id != number


def test_what_was_left_behind_takes_another_pass_from_the_beginning(ledger: Ledger) -> None:
    number = ledger.start_backfill(WANTED, by="ada").backfill_id
    ledger.advance_backfill(number, (5, "s5"), left_behind=1, is_over=False)
    ended = ledger.advance_backfill(number, None, left_behind=2, is_over=True)
    assert (ended.state, ended.after, ended.left_behind) == ("waiting", (5, "s5"), 3)
    again = ledger.steer_backfill(number, BackfillState.open, by="ada")
    assert (again.state, again.after, again.left_behind) == ("open", None, 0)


def test_a_pause_that_came_during_the_last_chunk_stands(ledger: Ledger) -> None:
    number = ledger.start_backfill(WANTED, by="ada").backfill_id
    ledger.steer_backfill(number, BackfillState.paused, by="bob")
    assert ledger.advance_backfill(number, None, left_behind=0, is_over=True).state == "paused"


@pytest.mark.parametrize(
    ("reason", "left_behind", "is_blocked"),
    [
        (reasons.PERSON_NOT_ACCEPTED, 1, False),
        (reasons.TOO_LARGE, 1, False),
        ("paused: by ada since 2026-11-20 12:00:00Z, why", 0, True),
        (f"{reasons.HELD_BY_GUARD}: 2 rows", 0, True),
        ("test unique_grain failed", 0, True),
    ],
)
def test_a_row_held_for_its_own_sake_is_left_behind_and_a_held_kind_blocks(
    ledger: Ledger, reason: str, left_behind: int, is_blocked: bool
) -> None:
    held = item(1, "purchases", state="held", reason=reason)
    decided = item(2, "purchases", state="held", reason="identifier owned by another profile", is_sticky=True)
    elsewhere = item(3, "users", state="held", reason="paused: other")
    ledger.freeze("r1", "main", [held, decided, elsewhere], [])
    found = ledger.chunk_verdicts("r1", ["s1", "s2", "s3"])
    assert (found.states, found.left_behind, bool(found.blocked)) == ({"held": 2}, left_behind, is_blocked)


def test_a_ledger_of_an_earlier_version_has_no_backfills(ledger: Ledger, path: Path) -> None:
    alter(path, "pragma user_version = 7")
    with read_only(path) as reader:
        assert reader.backfills() == ()
