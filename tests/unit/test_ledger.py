"""The ledger's own promises: constraints in the file, one claim, one settle, and nothing unaccounted for."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from activation.ledger import reasons, sending, staging
from activation.ledger.database import migrate, open_writer
from activation.ledger.items import ConsentRow, FieldChange, NewItem
from activation.ledger.machine import OPEN_STATES, TRANSITIONS, Event, State, target
from activation.ledger.reading import read_only
from activation.ledger.sending import Claim, LedgerItem, Outcome
from activation.ledger.store import Ledger
from cartwire.clock import from_ms
from cartwire.errors import ConfigError, IllegalTransition, LeaseLost, LedgerError

SECRET = b"s" * 32


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger.open(path, SECRET) as opened:
        opened.start_run("r1", "test")
        yield opened


def item(number: int, object_name: str = "users", **more: object) -> NewItem:
    given = {
        "object": object_name,
        "kind": object_name,
        "subject": f"s{number}",
        "person_key": f"p{number}",
        "fingerprint": f"f{number}",
        "lane": 3,
        "email": f"p{number}@example.com",
        "fragment": b'{"email":"x"}',
    }
    return NewItem(**{**given, **more})  # type: ignore[arg-type]


def consent(number: int, *, messageable: bool) -> ConsentRow:
    status = "granted" if messageable else "withdrawn"
    return ConsentRow(person_key=f"p{number}", channel="email", purpose="marketing", status=status, is_messageable=messageable)


def body(items: Sequence[LedgerItem]) -> bytes:
    return b",".join(one.fragment for one in items)


def claim(ledger: Ledger, request_id: str, ids: Sequence[int], at_ms: int = 1_000) -> Claim:
    return ledger.claim(request_id, "users/bulkUpdate", ids, body, at_ms)


def settle(ledger: Ledger, request: Claim, event: Event, reason: str = "why") -> None:
    ledger.settle(request.request_id, [Outcome(item_id=one.item_id, event=event, reason=reason) for one in request.items])


def alter(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement)


def test_the_state_table_in_the_file_is_the_one_in_the_code(path: Path) -> None:
    with closing(open_writer(path)) as db:
        moves = {(a, b): c for a, b, c in db.execute("select from_state, event, to_state from moves")}
        states = dict(db.execute("select state, is_open from states").fetchall())
    assert moves == {(str(a), str(b)): str(c) for (a, b), c in TRANSITIONS.items()}
    assert states == {str(state): int(state in OPEN_STATES) for state in State}


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("event", list(Event))
def test_every_pair_is_a_move_or_raises(state: State, event: Event) -> None:
    if (state, event) in TRANSITIONS:
        assert target(state, event) in State
    else:
        with pytest.raises(IllegalTransition):
            target(state, event)


def test_the_database_itself_refuses_a_move_the_table_lacks(ledger: Ledger, path: Path) -> None:
    ledger.freeze("r1", "main", [item(1)], [])
    with closing(sqlite3.connect(path)) as db, pytest.raises(sqlite3.IntegrityError):
        db.execute("pragma foreign_keys = on")
        db.execute("update items set state = 'superseded', last_event = 'reject', reason = 'x'")


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
    found = {row["item_id"]: row["reason"] for row in ledger.rejections(states=("held", "suppressed"))}
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
    unfolded = ledger.unfolded_settlements(set())
    assert sorted(unfolded.items.column("state").to_pylist()) == ["accepted", "held", "rejected"]


def test_a_folded_settlement_is_not_given_again_and_fields_come_with_accepted_rows_only(ledger: Ledger) -> None:
    change = FieldChange(field="firstName", type="string", before=None, after="Ann", fingerprint="1")
    ledger.freeze("r1", "main", [item(1, fields=(change,)), item(2, fields=(change,))], [])
    settle(ledger, claim(ledger, "q1", [1]), Event.accept)
    first = ledger.unfolded_settlements(set())
    settle(ledger, claim(ledger, "q2", [2]), Event.reject)
    second = ledger.unfolded_settlements(set(first.settlement_ids))
    assert first.fields.column("value").to_pylist() == ["Ann"]
    assert second.items.column("subject").to_pylist() == ["s2"]
    assert second.fields.num_rows == 0


def test_a_row_of_a_dead_run_is_in_flight_nowhere_else(ledger: Ledger) -> None:
    ledger.freeze("r1", "main", [item(1), item(2)], [])
    claim(ledger, "q1", [1])
    recovery = ledger.recover()
    assert (recovery.crashed_runs, recovery.superseded, recovery.unknown) == (("r1",), 1, 1)
    ledger.start_run("r2", "test")
    ledger.freeze("r2", "main", [item(1)], [])
    assert claim(ledger, "q2", [3]).held == 1
    assert ledger.rejections(run_id="r2")[0]["reason"] == reasons.STILL_UNKNOWN


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
    assert ledger.rejections(with_addresses=True)[0]["email"] == "p1@example.com"


def test_another_secret_is_refused(path: Path) -> None:
    Ledger.open(path, SECRET).close()
    with pytest.raises(LedgerError, match="CARTWIRE_SECRET"):
        Ledger.open(path, b"t" * 32)


def test_the_first_binding_is_the_go_live_and_another_project_is_refused(ledger: Ledger) -> None:
    assert ledger.go_live_at() is None
    ledger.bind("ctp-a", "itbl-a", "hybrid")
    went_live = ledger.go_live_at()
    assert went_live is not None
    with pytest.raises(ConfigError, match="iterable"):
        ledger.bind("ctp-a", "itbl-b", "hybrid")
    with pytest.raises(ConfigError, match="commercetools"):
        ledger.bind("ctp-b", "itbl-a", "hybrid")
    ledger.bind("ctp-a", "itbl-a", "hybrid")
    assert ledger.go_live_at() == went_live


def test_another_identity_than_the_ledger_was_made_for_is_refused_with_a_way_out(ledger: Ledger) -> None:
    ledger.bind("ctp-a", "itbl-a", "email")
    with pytest.raises(ConfigError, match=r"ITERABLE_IDENTITY=email, the setting says user_id.*set it back to email"):
        ledger.check_binding("ctp-a", "itbl-a", "user_id")


def test_an_authority_is_for_ever(ledger: Ledger) -> None:
    assert ledger.authority("order_cancelled") is None
    ledger.set_authority("order_cancelled", "history")
    ledger.set_authority("order_cancelled", "history")
    with pytest.raises(LedgerError):
        ledger.set_authority("order_cancelled", "messages")


def test_another_authority_that_a_person_confirmed_makes_the_past_history(ledger: Ledger) -> None:
    ledger.set_authority("order_cancelled", "messages")
    later = from_ms(5_000_000)
    ledger.change_authority("history", ["order_cancelled"], later)
    assert ledger.authority("order_cancelled") == "history"
    assert ledger.kinds_on_since(["order_cancelled"], from_ms(9_000_000)) == {"order_cancelled": later}


def test_a_kind_is_on_since_it_was_first_found_on_and_begins_anew_after_it_was_off(ledger: Ledger) -> None:
    start, second, third, fourth = (from_ms(hour * 3_600_000) for hour in (1, 2, 3, 4))
    ledger.bind("ctp", "itbl", "hybrid", start)
    always = from_ms(0)
    assert ledger.kinds_on_since(["purchases"], start) == {"purchases": always}
    both = ["purchases", "order_returned"]
    assert ledger.kinds_on_since(both, second, remember=False) == {"purchases": always, "order_returned": second}
    assert ledger.kinds_on_since(both, third) == {"purchases": always, "order_returned": third}, "a plan only looks"
    assert ledger.kinds_on_since(both, fourth)["order_returned"] == third
    assert ledger.kinds_on_since(["order_returned"], fourth) == {"order_returned": third}
    assert ledger.kinds_on_since(both, fourth) == {"purchases": fourth, "order_returned": third}


def test_a_release_is_used_once(ledger: Ledger) -> None:
    assert ledger.release_approved("users") is None
    ledger.approve_release("users", 7)
    assert ledger.release_approved("users") == 7
    ledger.use_release("users", "r1")
    assert ledger.release_approved("users") is None


def test_only_one_run_is_open_at_a_time(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="still open"):
        ledger.start_run("r2", "test")
    ledger.end_run("r1", "done", 0, {"users": 1})
    ledger.start_run("r2", "test")
    assert [run.state for run in ledger.status().runs] == ["running", "done"] or ledger.status().runs[0].run_id == "r2"


def test_latencies_are_nearest_rank(ledger: Ledger) -> None:
    ledger.freeze("r1", "main", [item(number, source_modified_at_ms=10_000 - 100 * number) for number in range(1, 21)], [])
    request = claim(ledger, "q1", list(range(1, 21)))
    ledger.settle("q1", [Outcome(item_id=one.item_id, event=Event.accept) for one in request.items], at_ms=10_000)
    [latency] = ledger.latencies("r1")
    assert (latency.rows, latency.p50_s, latency.p95_s) == (20, 1.0, 1.9)


def test_a_ledger_newer_than_the_code_is_refused(path: Path) -> None:
    Ledger.open(path, SECRET).close()
    alter(path, "pragma user_version = 99")
    with pytest.raises(LedgerError, match="version 99"):
        Ledger.open(path, SECRET)


def test_a_migration_is_applied_once_and_a_broken_one_leaves_the_file_as_it_was(path: Path, tmp_path: Path) -> None:
    steps = tmp_path / "steps"
    steps.mkdir()
    (steps / "0002_note.sql").write_text("create table note (line text) strict;")
    with closing(open_writer(path, steps)) as db:
        assert db.execute("pragma user_version").fetchone() == (2,)
        assert migrate(db, steps) == 2
    (steps / "0003_broken.sql").write_text("create table other (line text); create table note (line text);")
    with pytest.raises(LedgerError):
        open_writer(path, steps)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("pragma user_version").fetchone() == (2,)
        assert db.execute("select count(*) from sqlite_master where name = 'other'").fetchone() == (0,)


def test_a_file_that_is_no_ledger_is_said_so(path: Path) -> None:
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(LedgerError, match="CARTWIRE_LEDGER"):
        Ledger.open(path, SECRET)


def test_no_statement_of_the_delivery_scans_the_items_of_earlier_runs(ledger: Ledger) -> None:
    statements = (
        sending.CLAIM,
        sending.ADVANCE,
        staging.STAGED,
        staging.BLOCKED_BY_PERSON,
        staging.BLOCKED_BY_PURCHASE,
        staging.PERSONS_AWAITED,
    )
    for statement in statements:
        names = dict.fromkeys(re.findall(r":([a-z_]+)", statement))
        steps = [row[3] for row in ledger._db.execute(f"explain query plan {statement}", names)]
        assert [step for step in steps if re.match("SCAN (items|earlier|purchase|person|staged)", step)] == []


def test_durability_settings_are_on(ledger: Ledger) -> None:
    settings = {
        name: ledger._db.execute(f"pragma {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
    }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
