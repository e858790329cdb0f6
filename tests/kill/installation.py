"""One installation in a folder: its commands as child processes, killed at a named point or from outside."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from activation.ledger.backfills import Backfill
from activation.ledger.machine import State
from activation.ledger.reading import read_only
from activation.ledger.refused import Which
from cartwire.settings import REPOSITORY
from tests.conftest import Sandbox

CARTWIRE = Path(sys.executable).with_name("cartwire")
SYNC = ("sync", "--json")
TIMEOUT_S = 900
Command = Sequence[str]


@dataclass(frozen=True)
class Ended:
    """How a process ended: its return code (-9: killed) and, for a failure's message, what it printed."""

    returncode: int
    output: str

    @property
    def was_killed(self) -> bool:
        """By SIGKILL, ours or its own at a crash point."""
        return self.returncode == -signal.SIGKILL


class Installation:
    """The command line against the worker's sandbox, in a process of its own."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        self.ledger = folder / "ledger.sqlite"
        self.warehouse = folder / "warehouse.duckdb"
        self.environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.environment |= sandbox.environment(folder)

    @contextmanager
    def started(self, crash_at: str = "", command: Command = SYNC) -> Iterator[subprocess.Popen[bytes]]:
        """`cartwire sync`, or another command, in a process group of its own; killed with the block if it is still there."""
        log = self.folder / "sync.log"
        with log.open("wb") as output:
            child = subprocess.Popen(
                [CARTWIRE, *command],
                cwd=REPOSITORY,
                env=self.environment | {"CARTWIRE_CRASH_AT": crash_at},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield child
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def sync(self, crash_at: str = "", command: Command = SYNC) -> Ended:
        """Run to the end, or to the crash point."""
        with self.started(crash_at, command) as child:
            child.wait(TIMEOUT_S)
        return self._ended(child)

    def sync_killed_after(self, seconds: float, command: Command = SYNC) -> Ended:
        """Kill from outside at an instant of wall time, whatever the sync is doing then."""
        with self.started(command=command) as child:
            try:
                child.wait(seconds)
            except subprocess.TimeoutExpired:
                child.kill()
        return self._ended(child)

    def sync_killed_while_writing(self, writes: int, random_source: random.Random, command: Command = SYNC) -> Ended:
        """Kill from outside a random moment after the sandbox has taken so many write requests of this sync."""
        before = self._writes()
        with self.started(command=command) as child:
            while child.poll() is None and self._writes() - before < writes:
                time.sleep(0.02)
            if child.poll() is None:
                time.sleep(random_source.random() * 0.3)
                child.kill()
        return self._ended(child)

    def lose_last_sync(self) -> None:
        """One more sync, and then the ledger of before it takes the ledger's place: what that sync sent it does not know."""
        backup = str(self.folder / f"backup-{time.time_ns()}.sqlite")
        for command in (("ledger", "backup", backup), SYNC, ("ledger", "restore", backup, "--yes")):
            ended = self.sync(command=command)
            assert ended.returncode == 0, ended.output

    def backfills(self) -> tuple[Backfill, ...]:
        """Of the ledger as it is now."""
        with read_only(self.ledger) as ledger:
            return ledger.backfills()

    def states(self, run_ids: Collection[str]) -> Counter[str]:
        """Rows of these runs per state they have now."""
        found: Counter[str] = Counter()
        with read_only(self.ledger) as ledger:
            for run_id in run_ids:
                found.update(
                    row["state"] for row in ledger.rejections(Which(run_id=run_id, states=tuple(State)), rows_max=100_000)
                )
        return found

    def newest_run(self) -> str:
        """The id of the run that started last."""
        with read_only(self.ledger) as ledger:
            return ledger.status(1).runs[0].run_id

    def _writes(self) -> int:
        return sum(self.sandbox.writes().values())

    def _ended(self, child: subprocess.Popen[bytes]) -> Ended:
        return Ended(child.returncode, self.said())

    def said(self) -> str:
        """The end of what the last command printed."""
        return (self.folder / "sync.log").read_text(errors="replace")[-2_000:]
