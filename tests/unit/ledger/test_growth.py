"""What a request costs does not grow with the ledger: SQLite's own steps are counted, not time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from activation.ledger.drifting import DriftedField
from activation.ledger.machine import Event
from activation.ledger.sending import Outcome
from activation.ledger.store import Ledger
from tests.unit.ledger.given import SECRET, claim, consent, item, settle

FEW, MANY = 100, 10_000
LATER_MS = 4_000_000_000_000
Act = Callable[[Ledger, int], object]


def sends(ledger: Ledger, first: int) -> None:
    settle(ledger, claim(ledger, "sends", [first]), Event.accept)


def suppresses(ledger: Ledger, first: int) -> None:
    assert claim(ledger, "suppresses", [first + 1]).suppressed == 1


def loses_and_finds(ledger: Ledger, first: int) -> None:
    request = claim(ledger, "loses", [first])
    settle(ledger, request, Event.lose)
    ledger.settle_unknown([Outcome(item_id=one.item_id, event=Event.accept) for one in request.items])


def holds(ledger: Ledger, first: int) -> None:
    assert ledger.hold_staged([first], "why") == 1


def notes_a_drift(ledger: Ledger, first: int) -> None:
    drift = DriftedField(person_key="p1", field="city", type="string", cause="why")
    assert ledger.note_drifts([drift], "somebody", read_at_ms=LATER_MS, at_ms=LATER_MS) == 1


@pytest.mark.parametrize("act", [sends, suppresses, loses_and_finds, holds, notes_a_drift])
def test_an_act_takes_the_same_steps_among_a_hundred_times_as_many_rows(tmp_path: Path, act: Act) -> None:
    few, many = (_steps(tmp_path / f"{rows}.sqlite", rows, act) for rows in (FEW, MANY))
    assert few > 10
    assert many < 1.5 * few


def _steps(path: Path, rows: int, act: Act) -> int:
    """SQLite's steps, in tens, of an act on the next rows of a ledger in which so many were accepted."""
    with Ledger.open(path, SECRET) as ledger:
        ledger.start_run("r1", "test")
        ledger.freeze("r1", "main", [item(number) for number in range(1, rows + 1)], [])
        settle(ledger, claim(ledger, "earlier", range(1, rows + 1)), Event.accept)
        fresh = [item(rows + 1), item(rows + 2, "carts", consent_requirement="any")]
        ledger.freeze("r1", "rest", fresh, [consent(rows + 2, messageable=False)])
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return sqlite3.SQLITE_OK

        ledger._db.set_progress_handler(count, 10)
        act(ledger, rows + 1)
        ledger._db.set_progress_handler(None, 0)
        return steps
