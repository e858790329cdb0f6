"""What becomes of rows: one freeze, one claim, one settle, and nothing unaccounted for."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from activation.ledger import reasons
from activation.ledger.items import FieldChange
from activation.ledger.machine import Event
from activation.ledger.reading import read_only
from activation.ledger.refused import Which
from activation.ledger.sending import Outcome
from activation.ledger.store import Ledger
from cartwire.errors import IllegalTransition, LeaseLost, LedgerError
from tests.unit.ledger.given import alter, claim, consent, item, settle


def test_a_freeze_is_all_or_nothing(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="cannot be frozen"):
        ledger.freeze("r1", "main", [item(1), item(2), item(1)], [])
    assert ledger.counts("r1") == []
    assert ledger.freeze("r1", "main", [item(1)], []) == {("users", "users"): 1}


def test_a_stage_is_frozen_once(ledger: Ledger) -> None:
    ledger.freeze("r1", "main", [item(1)], [])
    with pytest.raises(LedgerError):
        ledger.freeze("r1", "main", [item(2)], [])


def test_a_verdict_without_a_reason_cannot_be_frozen(ledger: Ledger) -> None:
    with pytest.raises(LedgerError):
        ledger.freeze("r1", "main", [item(1, state="rejected")], [])


def test_one_claim_sends_whom_consent_and_age_let_pass_and_decides_the_others(ledger: Ledger) -> None:
    rows = [
        item(1, "carts", consent_requirement="any"),
        item(2, "carts", consent_requirement="any"),
        item(3, "carts", consent_requirement="any"),
        item(4, "carts"),
        item(5, "carts", send_before_at_ms=999),
    ]
    ledger.freeze("r1", "main", rows, [consent(1, messageable=True), consent(2, messageable=False)])
    request = claim(ledger, "q1", [5, 4, 3, 2, 1], at_ms=1_000)
    assert [one.item_id for one in request.items] == [4, 1]
    assert (request.suppressed, request.held) == (2, 1)
    found = {row["item_id"]: row["reason"] for row in ledger.rejections(Which(states=("held", "suppressed")))}
    assert found == {2: reasons.NOT_MESSAGEABLE, 3: reasons.NOT_MESSAGEABLE, 5: reasons.HISTORY_OVER_AGE}


def test_a_claim_that_leaves_nobody_makes_no_request(ledger: Ledger) -> None:
    ledger.freeze("r1", "main", [item(1, consent_requirement="any")], [])
    assert claim(ledger, "q1", [1]).items == ()
    assert ledger.request_counts("r1") == []


def test_consent_can_only_be_tightened_during_a_run(ledger: Ledger) -> None:
    ledger.freeze(
        "r1",
        "main",
        [item(1, consent_requirement="any"), item(2, consent_requirement="any")],
        [consent(1, messageable=True), consent(2, messageable=False)],
    )
    assert ledger.tighten_consent([consent(1, messageable=False), consent(2, messageable=True)]) == 1
    assert claim(ledger, "q1", [1, 2]).suppressed == 2


def test_the_hash_of_the_body_is_on_disk_before_the_request_leaves(ledger: Ledger, path: Path) -> None:
    ledger.freeze("r1", "main", [item(1), item(2)], [])
    claim(ledger, "q1", [2, 1])
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("select rows, length(body_hash), settled_at_ms from requests").fetchall() == [(2, 64, None)]
        assert db.execute("select item_id from attempts order by position").fetchall() == [(2,), (1,)]


def test_a_second_verdict_on_a_request_is_refused(ledger: Ledger) -> None:
    ledger.freeze("r1", "main", [item(1)], [])
    request = claim(ledger, "q1", [1])
    settle(ledger, request, Event.accept)
    with pytest.raises(LeaseLost):
        settle(ledger, request, Event.reject)


def test_a_verdict_that_forgets_a_row_is_refused_whole(ledger: Ledger) -> None:
    ledger.freeze("r1", "main", [item(1), item(2)], [])
    request = claim(ledger, "q1", [1, 2])
    with pytest.raises(LeaseLost):
        ledger.settle("q1", [Outcome(item_id=request.items[0].item_id, event=Event.accept)])
    assert ledger.counts("r1")[0].open == 2


def test_an_event_that_no_row_in_flight_can_have_is_a_bug(ledger: Ledger) -> None:
    ledger.freeze("r1", "main", [item(1)], [])
    request = claim(ledger, "q1", [1])
    with pytest.raises(IllegalTransition):
        settle(ledger, request, Event.supersede)


def test_deleting_one_row_of_the_ledger_is_found_out(ledger: Ledger, path: Path) -> None:
    ledger.freeze("r1", "main", [item(number) for number in range(1, 6)], [])
    settle(ledger, claim(ledger, "q1", [1, 2, 3, 4, 5]), Event.accept)
    assert ledger.prove_conservation("r1")[0].accepted == 5
    alter(path, "delete from items where item_id = 3")
    with pytest.raises(LedgerError, match="planned 5, ended 4"):
        ledger.prove_conservation("r1")


def test_a_state_changed_behind_the_ledgers_back_is_found_out(ledger: Ledger, path: Path) -> None:
    ledger.freeze("r1", "main", [item(1)], [])
    settle(ledger, claim(ledger, "q1", [1]), Event.reject)
    alter(path, "delete from transitions where to_state = 'rejected'")
    with pytest.raises(LedgerError, match="history does not explain"):
        ledger.prove_conservation("r1")


def test_a_row_still_open_is_not_accounted_for(ledger: Ledger) -> None:
    ledger.freeze("r1", "main", [item(1)], [])
    with pytest.raises(LedgerError, match="open 1"):
        ledger.prove_conservation("r1")


def test_rows_decided_at_the_freeze_count_and_fold_like_the_others(ledger: Ledger) -> None:
    rows = [item(1, state="rejected", reason="gate: too long", is_sticky=True), item(2, state="held", reason="guard"), item(3)]
    ledger.freeze("r1", "main", rows, [])
    settle(ledger, claim(ledger, "q1", [3]), Event.accept)
    [counts] = ledger.prove_conservation("r1")
    assert (counts.planned, counts.rejected, counts.held, counts.accepted) == (3, 1, 1, 1)
    [unfolded] = ledger.unfolded_settlements(set())
    assert sorted(unfolded.items.column("state").to_pylist()) == ["accepted", "held", "rejected"]


def test_a_folded_settlement_is_not_given_again_and_fields_come_with_accepted_rows_only(ledger: Ledger) -> None:
    change = FieldChange(field="firstName", type="string", before=None, after="Ann", fingerprint="1")
    ledger.freeze("r1", "main", [item(1, fields=(change,)), item(2, fields=(change,))], [])
    settle(ledger, claim(ledger, "q1", [1]), Event.accept)
    [first] = ledger.unfolded_settlements(set())
    settle(ledger, claim(ledger, "q2", [2]), Event.reject)
    [second] = ledger.unfolded_settlements(set(first.settlement_ids))
    assert first.fields.column("value").to_pylist() == ["Ann"]
    assert second.items.column("subject").to_pylist() == ["s2"]
    assert second.fields.num_rows == 0


def test_settlements_come_oldest_first_in_chunks_that_divide_none(ledger: Ledger) -> None:
    ledger.freeze("r1", "main", [item(number) for number in range(1, 6)], [])
    for request, numbers in (("q1", [1, 2]), ("q2", [3]), ("q3", [4]), ("q4", [5])):
        settle(ledger, claim(ledger, request, numbers), Event.accept)
    chunks = list(ledger.unfolded_settlements(set(), chunk_items=2))
    assert [chunk.items.column("subject").to_pylist() for chunk in chunks] == [["s1", "s2"], ["s3", "s4"], ["s5"]]


def test_a_row_of_a_dead_run_is_in_flight_nowhere_else(ledger: Ledger) -> None:
    ledger.freeze("r1", "main", [item(1), item(2)], [])
    claim(ledger, "q1", [1])
    recovery = ledger.recover()
    assert (recovery.crashed_runs, recovery.superseded, recovery.unknown) == (("r1",), 1, 1)
    ledger.start_run("r2", "test")
    ledger.freeze("r2", "main", [item(1)], [])
    assert claim(ledger, "q2", [3]).held == 1
    assert ledger.rejections(Which(run_id="r2"))[0]["reason"] == reasons.STILL_UNKNOWN


def test_a_fact_accepted_once_is_refused_by_the_file_itself(ledger: Ledger, path: Path) -> None:
    ledger.freeze("r1", "main", [item(1, "purchases")], [])
    settle(ledger, claim(ledger, "q1", [1]), Event.accept)
    ledger.freeze("r1", "again", [item(1, "purchases")], [])
    with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
        alter(path, "update items set state = 'sending', last_event = 'claim', request_id = 'q1' where item_id = 2")
    assert claim(ledger, "q2", [2]).suppressed == 1


def test_status_and_rejections_answer_while_a_run_writes(ledger: Ledger, path: Path) -> None:
    ledger.freeze("r1", "main", [item(1), item(2, state="rejected", reason="gate")], [])
    ledger._db.execute("begin immediate")
    ledger._db.execute("update runs set trigger = 'changed'")
    with read_only(path) as reader:
        status = reader.status()
        assert (status.runs[0].run_id, status.runs[0].trigger, status.open_rows) == ("r1", "test", {"staged": 1})
        assert [row["reason"] for row in reader.rejections()] == ["gate"]
        with pytest.raises(sqlite3.OperationalError):
            reader._db.execute("delete from items")
    ledger._db.execute("rollback")


def test_rejections_show_no_address_unless_asked(ledger: Ledger) -> None:
    ledger.freeze("r1", "main", [item(1, state="rejected", reason="gate")], [])
    assert "@" not in str(ledger.rejections())
    assert ledger.rejections(with_values=True)[0]["email"] == "p1@example.com"


def test_latencies_are_nearest_rank(ledger: Ledger) -> None:
    ledger.freeze("r1", "main", [item(number, source_modified_at_ms=10_000 - 100 * number) for number in range(1, 21)], [])
    request = claim(ledger, "q1", list(range(1, 21)))
    ledger.settle("q1", [Outcome(item_id=one.item_id, event=Event.accept) for one in request.items], at_ms=10_000)
    [latency] = ledger.latencies("r1")
    assert (latency.rows, latency.p50_s, latency.p95_s) == (20, 1.0, 1.9)
