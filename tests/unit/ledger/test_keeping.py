"""Backup beside a writer, check that finds what is missing, restore that changes nothing until the copy is known to be sound."""

from __future__ import annotations

import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from activation.ledger.keeping import backup, check, restore
from activation.ledger.machine import Event
from activation.ledger.store import Ledger
from cartwire.errors import CartwireError, LedgerError
from tests.unit.ledger.given import SECRET, alter, claim, item, settle


@pytest.fixture
def kept(path: Path) -> Iterator[Path]:
    """A ledger in which one run has ended."""
    with Ledger.open(path, SECRET) as ledger:
        ledger.start_run("r1", "test")
        ledger.freeze("r1", "main", [item(1), item(2)], [])
        settle(ledger, claim(ledger, "q1", [1, 2]), Event.accept)
        ledger.end_run("r1", "done", 0)
    yield path


def runs_of(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as db:
        return [run_id for (run_id,) in db.execute("select run_id from runs order by run_id")]


def test_a_backup_beside_a_writer_is_one_moment_complete_and_the_owners_only(kept: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup.sqlite"
    with Ledger.open(kept, SECRET) as ledger:
        ledger.start_run("r2", "test")
        ledger._db.execute("begin immediate")
        ledger._db.execute(
            "insert into runs (run_id, trigger, state, started_at_ms, ended_at_ms) values ('r3', 't', 'done', 1, 1)"
        )
        checked = backup(kept, target)
        ledger._db.execute("rollback")
    assert (checked.rows, checked.runs, checked.faults) == (2, 2, ())
    assert runs_of(target) == ["r1", "r2"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.glob("*backup*")) == ["backup.sqlite"]


def test_a_backup_overwrites_nothing_and_needs_a_ledger(kept: Path, tmp_path: Path) -> None:
    there = tmp_path / "notes.txt"
    there.write_text("mine")
    with pytest.raises(CartwireError, match="is there already"):
        backup(kept, there)
    assert there.read_text() == "mine"
    with pytest.raises(LedgerError, match="no ledger"):
        backup(tmp_path / "nothing.sqlite", tmp_path / "backup.sqlite")
    assert not (tmp_path / "backup.sqlite").exists()


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("delete from items where item_id = 2", "planned 2, has 1"),
        ("delete from planned", "planned 0, has 2"),
        ("update items set state = 'sending', settlement_id = null where item_id = 1", "of them 1 open"),
        ("delete from attempts", "2 rows have a state"),
        ("delete from transitions where item_id = 1", "1 rows have a state"),
        ("delete from runs", "references lead nowhere"),
    ],
)
def test_a_check_finds_each_row_that_is_not_accounted_for(kept: Path, statement: str, fault: str) -> None:
    assert check(kept).faults == ()
    alter(kept, statement)
    assert fault in "; ".join(check(kept).faults)


def test_damage_is_found_and_the_message_says_what_to_do(kept: Path, tmp_path: Path) -> None:
    content = bytearray(kept.read_bytes())
    for place in range(4096 * 3, len(content), 4096 * 2):
        content[place : place + 512] = b"\xff" * 512
    kept.write_bytes(content)
    try:
        faults = check(kept).faults
    except LedgerError as error:
        faults = (str(error),)
    assert "damaged" in faults[0] or "restore" in faults[0]
    with pytest.raises(LedgerError):
        restore(kept, tmp_path / "other.sqlite", SECRET)
    assert not (tmp_path / "other.sqlite").exists()


def test_a_restored_ledger_knows_what_the_backup_knew_and_that_it_has_to_look(kept: Path, tmp_path: Path) -> None:
    backup(kept, tmp_path / "backup.sqlite")
    with Ledger.open(kept, SECRET) as ledger:
        ledger.start_run("r2", "test")
        ledger.end_run("r2", "done", 0)
    former = restore(tmp_path / "backup.sqlite", kept, SECRET).former
    assert former is not None
    assert (runs_of(former), runs_of(kept)) == (["r1", "r2"], ["r1"])
    with Ledger.open(kept, SECRET) as ledger:
        assert ledger.looks_first()
        ledger.has_looked()
        assert not ledger.looks_first()


def test_commits_that_were_not_in_the_file_yet_are_set_aside_with_it(kept: Path, tmp_path: Path) -> None:
    backup(kept, tmp_path / "backup.sqlite")
    killed = "insert into runs (run_id, trigger, state, started_at_ms) values ('r2', 't', 'running', 1)"
    code = f"import sqlite3, os; db = sqlite3.connect({str(kept)!r}, isolation_level=None); db.execute({killed!r}); os._exit(0)"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert kept.with_name(f"{kept.name}-wal").stat().st_size > 0
    former = restore(tmp_path / "backup.sqlite", kept, SECRET).former
    assert former is not None
    assert (runs_of(former), runs_of(kept)) == (["r1", "r2"], ["r1"])


def test_a_restore_that_dies_at_the_last_moment_leaves_the_ledger_that_was_there(kept: Path, tmp_path: Path) -> None:
    backup(kept, tmp_path / "backup.sqlite")
    with Ledger.open(kept, SECRET) as ledger:
        ledger.start_run("r2", "test")
        ledger.end_run("r2", "done", 0)
    code = (
        "import os, signal; from pathlib import Path; from activation.ledger.keeping import restore\n"
        "Path.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"restore(Path({str(tmp_path / 'backup.sqlite')!r}), Path({str(kept)!r}), {SECRET!r})"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert runs_of(kept) == ["r1", "r2"]
    assert check(kept).faults == ()
    restored = restore(tmp_path / "backup.sqlite", kept, SECRET)
    assert (restored.checked.runs, runs_of(kept)) == (1, ["r1"])


def test_another_secrets_backup_changes_nothing(kept: Path, tmp_path: Path) -> None:
    backup(kept, tmp_path / "backup.sqlite")
    before = kept.read_bytes()
    with pytest.raises(LedgerError, match="CARTWIRE_SECRET"):
        restore(tmp_path / "backup.sqlite", kept, b"t" * 32)
    assert kept.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir() if "restored" in path.name or "before" in path.name] == []


def test_a_full_disk_leaves_no_half_backup_and_says_so(kept: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup.sqlite"
    code = f"from pathlib import Path; from activation.ledger.keeping import backup; backup(Path({str(kept)!r}), Path({str(target)!r}))"

    def no_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    done = subprocess.run([sys.executable, "-c", code], preexec_fn=no_room, capture_output=True, text=True, check=False)
    assert "LedgerError: the backup cannot be written" in done.stderr
    assert list(tmp_path.glob("*backup*")) == []
