"""What the file itself holds: the state table, versions, the secret, durability, and no slow statement."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from activation.ledger import sending, staging
from activation.ledger.database import migrate, open_writer
from activation.ledger.machine import OPEN_STATES, TRANSITIONS, Event, State, target
from activation.ledger.store import Ledger
from cartwire.errors import IllegalTransition, LedgerError
from tests.unit.ledger.given import SECRET, alter, item


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


def test_another_secret_is_refused(path: Path) -> None:
    Ledger.open(path, SECRET).close()
    with pytest.raises(LedgerError, match="CARTWIRE_SECRET"):
        Ledger.open(path, b"t" * 32)


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
