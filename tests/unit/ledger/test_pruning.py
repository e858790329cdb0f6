"""Old payloads go; what was decided, and what is still needed, stays."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from activation.explain import Explanation, explain
from activation.ledger import reasons
from activation.ledger.items import FieldChange, NewItem
from activation.ledger.keeping import check
from activation.ledger.machine import Event
from activation.ledger.pruning import DAY_MS, Pruned
from activation.ledger.sending import Outcome
from activation.ledger.store import Ledger
from cartwire.clock import from_ms
from tests.unit.ledger.given import SECRET, item

OLD, CUT, NEW = 1_000, 50_000, 100_000


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(tmp_path / "ledger.sqlite", SECRET)


def user(number: int, **values: str | None) -> NewItem:
    fields = tuple(
        FieldChange(field=name, type="string", before=f"old {name}", after=value, fingerprint=f"of {value}" if value else "")
        for name, value in values.items()
    )
    return item(
        number, "users", subject=f"key-{number}", person_key=f"key-{number}", fields=fields, fragment=b'{"dataFields":{}}'
    )


def run(
    ledger: Ledger,
    at_ms: int,
    *rows: NewItem,
    event: Event = Event.accept,
    reason: str = "",
    is_sticky: bool = False,
    undelivered: tuple[str, ...] = (),
) -> None:
    """A run of its own that ends at `at_ms` + 3."""
    run_id = f"run-{at_ms}"
    ledger.start_run(run_id, "test", at_ms)
    ledger.freeze(run_id, "rest", rows, [], at_ms)
    for lane, name in ledger.lanes(run_id, "rest"):
        for one in ledger.staged_rows(run_id, "rest", lane, name, visible_before_ms=0, rows_max=1_000):
            request_id = f"{run_id}-{one.item_id}"
            ledger.claim(request_id, "users/bulkUpdate", [one.item_id], lambda _: b"{}", at_ms + 1)
            outcome = Outcome(
                item_id=one.item_id, event=event, reason=reason, is_sticky=is_sticky, undelivered_fields=undelivered
            )
            ledger.settle(request_id, [outcome], status=200, at_ms=at_ms + 2)
    ledger.end_run(run_id, "done", 0, at_ms=at_ms + 3)


def fragments(ledger: Ledger) -> list[bytes | None]:
    return [value for (value,) in ledger._db.execute("select fragment from item_values order by item_id")]


def kept(ledger: Ledger) -> list[tuple[int, str, str | None, str | None]]:
    return ledger._db.execute("select item_id, field, before_value, after_value from item_fields order by 1, 2").fetchall()


def told(ledger: Ledger, key: str, at_ms: int = 10**9) -> Explanation:
    wide = key.removeprefix("key-").rjust(64, "0")
    ledger._db.execute("update items set person_key = ? where person_key = ?", (wide, key))
    (person,) = explain(wide, ledger.path, SECRET, from_ms(at_ms), with_values=True)
    return person


def test_a_payload_goes_and_the_newest_value_of_each_field_stays(ledger: Ledger) -> None:
    run(ledger, OLD, user(1, tier="silver", city="Bath"))
    run(ledger, OLD + 1_000, user(1, tier="gold"))
    run(ledger, NEW, user(1, city="Wells"))
    done = ledger.prune(CUT)
    assert (done.rows, done.payloads, done.values, done.is_complete) == (2, 2, 4, True)
    assert [bool(one) for one in fragments(ledger)] == [False, False, True]
    assert kept(ledger) == [
        (1, "city", None, "Bath"),
        (1, "tier", None, None),
        (2, "tier", None, "gold"),
        (3, "city", "old city", "Wells"),
    ]
    assert ledger.prune(CUT) == Pruned(rows=2, payloads=0, values=0, is_complete=True)


def test_what_was_decided_stays_and_explain_tells_what_is_erased(ledger: Ledger) -> None:
    run(ledger, OLD, user(1, tier="silver", gone=None))
    run(ledger, OLD + 1_000, user(1, tier="gold"))
    run(ledger, NEW, user(1, tier="platinum"))
    before = ledger._db.execute("select * from items, transitions using (item_id) order by seq").fetchall()
    ledger.prune(CUT + NEW)
    assert ledger._db.execute("select * from items, transitions using (item_id) order by seq").fetchall() == before
    prints = ledger._db.execute("select fingerprint from item_fields order by item_id, field").fetchall()
    assert prints == [("",), ("of silver",), ("of gold",), ("of platinum",)]
    person = told(ledger, "key-1", OLD + 500)
    assert {field["field"]: (field["is_removed"], field["is_erased"]) for field in person.fields} == {
        "gone": (True, False),
        "tier": (False, True),
    }
    assert [change["is_erased"] for change in person.requests[0]["changes"]] == [False, True]
    assert {field["field"]: field["value"] for field in told(ledger, "key-1").fields} == {"gone": None, "tier": "platinum"}
    assert check(ledger.path).faults == ()


def test_open_rows_and_refused_rows_that_may_be_let_go_keep_theirs(ledger: Ledger) -> None:
    run(ledger, OLD, user(1, tier="a"), event=Event.reject, reason="400", is_sticky=True)
    run(ledger, OLD + 100, user(2, tier="b"), event=Event.reject, reason="400", is_sticky=False)
    run(ledger, OLD + 200, user(3, tier="c"), event=Event.hold, reason=reasons.OUTCOME_UNKNOWN, is_sticky=True)
    run(ledger, OLD + 300, user(4, tier="d"), event=Event.lose)
    run(ledger, OLD + 400, user(5, tier="e"), event=Event.hold, reason="by a guard")
    ledger.prune(CUT)
    assert [bool(one) for one in fragments(ledger)] == [True, False, True, True, False]
    assert [after for *_, after in kept(ledger)] == ["a", None, "c", "d", None]
    run(ledger, OLD + 500, user(1, tier="f"))
    ledger.prune(CUT, begins_after=5)
    assert [bool(one) for one in fragments(ledger)] == [False, False, True, True, False, False], "its place was taken"


def test_a_value_that_iterable_left_out_takes_no_place(ledger: Ledger) -> None:
    run(ledger, OLD, user(1, tier="silver"))
    run(ledger, OLD + 1_000, user(1, tier="gold"), undelivered=("tier",))
    ledger.prune(CUT)
    assert [after for *_, after in kept(ledger)] == ["silver", None]


def test_a_row_whose_outcome_was_learned_late_is_as_old_as_that(ledger: Ledger) -> None:
    run(ledger, OLD, user(1, tier="silver"), event=Event.lose)
    ledger.settle_unknown([Outcome(item_id=1, event=Event.accept)], at_ms=NEW)
    ledger.prune(CUT)
    assert [bool(one) for one in fragments(ledger)] == [True]


def test_identities_keep_who_became_whom_and_creations_their_channels(ledger: Ledger) -> None:
    rename = b'{"currentEmail":"a@example.com","newEmail":"b@example.com"}'
    created = orjson.dumps({"email": "a@example.com", "dataFields": {"firstName": "Ada", "unsubscribedChannelIds": [101, 103]}})
    identity = item(1, "identities", subject="key-1", person_key="key-1", fragment=rename, bulk_key="users/updateEmail")
    run(ledger, OLD, identity, item(2, "users", subject="key-2", person_key="key-2", fragment=created))
    [before] = ledger.unfolded_settlements(set())
    assert ledger.prune(CUT).payloads == 1
    [after] = ledger.unfolded_settlements(set())
    assert (after.items, after.subscriptions) == (before.items, before.subscriptions)
    assert after.subscriptions.num_rows == 2
    assert fragments(ledger) == [rename, b'{"dataFields":{"unsubscribedChannelIds":[101,103]}}']
    assert ledger.prune(CUT).payloads == 0


@pytest.mark.parametrize("kind", ["deletion", "merge"])
def test_values_of_a_user_whom_iterable_took_away_for_us_go_altogether(ledger: Ledger, kind: str) -> None:
    run(ledger, OLD, user(1, tier="gold"))
    run(ledger, OLD + 1_000, item(1, "identities", kind=kind, subject="key-1", person_key="key-1"))
    ledger.prune(CUT)
    assert kept(ledger) == [(1, "tier", None, None)]


def test_it_goes_on_where_it_was_and_once_a_day(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(6):
        run(ledger, OLD + 100 * number, user(number, tier="gold"))
    monkeypatch.setattr("activation.ledger.pruning.ROWS_A_SYNC", 4)
    first, second = ledger.prune_daily(CUT, at_ms=2 * DAY_MS), ledger.prune_daily(CUT, at_ms=2 * DAY_MS + 1)
    assert [(one.rows, one.payloads, one.is_complete) for one in (first, second) if one] == [(4, 4, False), (2, 2, True)]
    run(ledger, OLD + 1_000, user(9, tier="gold"))
    assert ledger.prune_daily(CUT, at_ms=2 * DAY_MS + 2) is None
    again = ledger.prune_daily(CUT, at_ms=3 * DAY_MS + 1)
    assert again and (again.rows, again.payloads) == (1, 1)


def test_what_is_erased_is_not_in_the_file_any_more_and_shrinking_gives_the_room_back(ledger: Ledger) -> None:
    secret = b"a word that is said once " * 40
    rows = [item(number, "events", subject=f"e-{number}", person_key=f"key-{number}", fragment=secret) for number in range(500)]
    run(ledger, OLD, *rows)
    ledger.close()
    assert b"a word that is said once" in ledger.path.read_bytes()
    size = ledger.path.stat().st_size
    with Ledger.open(ledger.path, SECRET) as again:
        assert again.prunable(CUT) == again.prune(CUT, batch_rows=70).payloads == 500
    assert b"a word that is said once" not in ledger.path.read_bytes()
    with Ledger.open(ledger.path, SECRET) as again:
        again.shrink()
    assert ledger.path.stat().st_size < size - 400 * len(secret)
    with closing(sqlite3.connect(ledger.path)) as db:
        assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
