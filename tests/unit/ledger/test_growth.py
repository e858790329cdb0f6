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
from activation.ledger_rows import Until, ledger_streams
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
        return _counted(ledger, lambda: act(ledger, rows + 1))


def test_whether_a_cart_may_go_is_asked_of_its_own_persons_purchases_only(tmp_path: Path) -> None:
    few, many = (_steps_to_a_cart(tmp_path / f"{rows}.sqlite", rows) for rows in (FEW, MANY))
    assert few > 10
    assert many < 1.5 * few


def _steps_to_a_cart(path: Path, rows: int) -> int:
    """SQLite's steps, in tens, to find one cart that may be claimed in a stage with so many purchases that were accepted."""
    with Ledger.open(path, SECRET) as ledger:
        ledger.start_run("r1", "test")
        purchases = [item(number, "purchases", lane=4) for number in range(1, rows + 1)]
        cart = item(rows + 1, "carts", lane=5, person_key=f"p{rows}", depends_on=f"s{rows}")
        ledger.freeze("r1", "rest", [*purchases, cart], [])
        settle(ledger, claim(ledger, "earlier", range(1, rows + 1)), Event.accept)

        def look() -> None:
            [row] = ledger.staged_rows("r1", "rest", 5, "carts", visible_before_ms=0, rows_max=10)
            assert row.item_id == rows + 1

        return _counted(ledger, look)


def test_the_fold_looks_at_verdicts_of_since_only(tmp_path: Path) -> None:
    few, many = (_steps_to_unfolded(tmp_path / f"{rows}.sqlite", rows) for rows in (FEW // 10, MANY // 10))
    assert few > 10
    assert many < 1.5 * few


def _steps_to_unfolded(path: Path, settlements: int) -> int:
    """SQLite's steps, in tens, to read the verdict of one row after so many that were folded, each by itself."""
    with Ledger.open(path, SECRET) as ledger:
        ledger.start_run("r1", "test")
        ledger.freeze("r1", "main", [item(number) for number in range(1, settlements + 2)], [])
        for number in range(1, settlements + 1):
            settle(ledger, claim(ledger, f"earlier {number}", [number]), Event.accept)
        [folded] = ledger.unfolded_settlements(frozenset())
        settle(ledger, claim(ledger, "later", [settlements + 1]), Event.accept)

        def look() -> None:
            [fresh] = ledger.unfolded_settlements(frozenset(), after=folded.settlement_ids[-1])
            assert fresh.items.num_rows == 1

        return _counted(ledger, look)


def test_what_the_analysts_copy_lacks_is_found_without_a_walk_through_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many = (_steps_to_a_copy(tmp_path / f"{rows}.sqlite", rows, monkeypatch) for rows in (FEW, MANY))
    assert few > 10
    assert many < 1.5 * few


def _steps_to_a_copy(path: Path, rows: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """SQLite's steps, in tens, to read 20 rows that changed and 20 that are new since a copy of a ledger of so many."""
    first, last = rows + 1, rows + 20
    steps = _Steps()
    with Ledger.open(path, SECRET) as ledger:
        ledger.start_run("r1", "test")
        ledger.freeze("r1", "main", [item(number) for number in range(1, last + 1)], [])
        settle(ledger, claim(ledger, "earlier", range(1, rows + 1)), Event.accept)
        with ledger_streams(path, Until()) as told:
            known = told.until
        settle(ledger, claim(ledger, "later", range(first, last + 1)), Event.accept)
        ledger.freeze("r1", "rest", [item(number) for number in range(last + 1, last + 21)], [])
        with monkeypatch.context() as patched:
            patched.setattr("activation.ledger_rows.sqlite3.connect", steps.connect)
            with ledger_streams(path, known) as told:
                read = {name: stream.read_all().num_rows for name, stream in told.streams.items() if "planned" not in name}
    assert read == {"ledger_changed": 20, "ledger_runs": 1, "ledger_items": 40, "ledger_requests": 1, "ledger_sent": 20}
    return steps.count


def _counted(ledger: Ledger, act: Callable[[], object]) -> int:
    steps = _Steps()
    steps.follow(ledger._db)
    act()
    ledger._db.set_progress_handler(None, 0)
    return steps.count


class _Steps:
    """Counts what SQLite does, in tens of steps, on the connections it follows."""

    def __init__(self) -> None:
        self.count = 0
        self._connect = sqlite3.connect

    def connect(self, *arguments: object, **options: object) -> sqlite3.Connection:
        """`sqlite3.connect`, of a connection that is followed."""
        connection: sqlite3.Connection = self._connect(*arguments, **options)  # type: ignore[call-overload]
        self.follow(connection)
        return connection

    def follow(self, connection: sqlite3.Connection) -> None:
        connection.set_progress_handler(self._tick, 10)

    def _tick(self) -> int:
        self.count += 1
        return sqlite3.SQLITE_OK
