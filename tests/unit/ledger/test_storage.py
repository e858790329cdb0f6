"""What the storage can do to a ledger: full, read-only, cut short, a torn log. Each time a clear message, and nothing lost."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from activation.ledger.database import transaction
from activation.ledger.keeping import check
from activation.ledger.store import Ledger
from cartwire.errors import LedgerError
from cartwire.settings import REPOSITORY
from tests.unit.ledger.given import SECRET, item

FILL = """
import resource, signal, sys
from pathlib import Path
from activation.ledger.store import Ledger
from tests.unit.ledger.given import SECRET, item
ledger = Ledger.open(Path(sys.argv[1]), SECRET)
ledger.start_run("r1", "test")
ledger.freeze("r1", "main", [item(1)], [])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
room = ledger.path.with_name(ledger.path.name + "-wal").stat().st_size + 200_000
resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
try:
    ledger.freeze("r1", "rest", [item(number) for number in range(2, 5_000)], [])
except Exception as error:
    print(type(error).__name__, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def test_a_full_disk_ends_the_transaction_whole_and_says_what_to_do(path: Path) -> None:
    command = [sys.executable, "-c", FILL.replace("(room, room)", "(room, resource.RLIM_INFINITY)"), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert done.stdout.startswith("LedgerError the ledger cannot be written"), done.stdout + done.stderr
    assert "make room" in done.stdout
    assert (check(path).rows, check(path).faults) == (1, ())
    with Ledger.open(path, SECRET) as ledger:
        ledger.recover()
        ledger.start_run("r2", "test")
        ledger.freeze("r2", "main", [item(2)], [])


def test_a_storage_that_takes_no_writes_is_no_fault_of_ours(path: Path) -> None:
    Ledger.open(path, SECRET).close()
    reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    with closing(reader) as db, pytest.raises(LedgerError, match="right to write"), transaction(db):
        db.execute("delete from meta")


def test_another_error_stays_what_it_is(path: Path) -> None:
    with (
        Ledger.open(path, SECRET) as ledger,
        pytest.raises(sqlite3.OperationalError, match="no such table"),
        transaction(ledger._db),
    ):
        ledger._db.execute("delete from no_table")


def test_a_file_that_lost_its_tail_is_refused_and_not_taken_for_empty(path: Path) -> None:
    with Ledger.open(path, SECRET) as ledger:
        ledger.start_run("r1", "test")
        ledger.freeze("r1", "main", [item(number) for number in range(500)], [])
        ledger.end_run("r1", "failed", 1)
    os.truncate(path, path.stat().st_size - 3 * 4096)
    with pytest.raises(LedgerError, match="cartwire ledger restore"):
        Ledger.open(path, SECRET)


def test_a_torn_log_costs_what_was_not_committed_and_no_more(path: Path) -> None:
    """A machine that loses power in the middle of a write leaves the last frames of the log torn."""
    commit = "insert into runs (run_id, trigger, state, started_at_ms, ended_at_ms) values ('r{0}', 't', 'done', 1, 1)"
    Ledger.open(path, SECRET).close()
    log = path.with_name(f"{path.name}-wal")
    steps = [commit.format(number) for number in range(3)]
    code = (
        "import sqlite3, os\n"
        f"db = sqlite3.connect({str(path)!r}, isolation_level=None)\n"
        f"for step in {steps!r}: db.execute(step); print(os.path.getsize({str(log)!r}), flush=True)\n"
        "os._exit(0)"
    )
    sizes = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    with log.open("r+b") as file:
        file.seek(int(sizes[1]) + 100)
        file.write(os.urandom(int(sizes[2]) - int(sizes[1]) - 200))
    with Ledger.open(path, SECRET) as ledger:
        assert [run_id for (run_id,) in ledger._db.execute("select run_id from runs order by 1")] == ["r0", "r1"]
    assert check(path).faults == ()
