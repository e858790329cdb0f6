"""`cartwire serve` as a supervisor meets it: a process with an exit code, a health file and lines on its output."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from activation.ledger.reading import read_only
from cartwire.errors import LedgerError
from cartwire.health import read_health
from cartwire.settings import REPOSITORY
from tests.kill.installation import CARTWIRE, Installation


@contextmanager
def served(
    installation: Installation, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The worker of an installation in a session of its own; killed with the block if it is still there."""
    with (installation.folder / "serve.log").open("ab") as output:
        worker = subprocess.Popen(
            [CARTWIRE, "serve", *options],
            cwd=REPOSITORY,
            env={**installation.environment, **(environment or {})},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield worker
    finally:
        kill(worker)


def kill(worker: subprocess.Popen[bytes]) -> None:
    """SIGKILL to everything the worker is."""
    if worker.poll() is None:
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def refused(installation: Installation, **environment: str) -> subprocess.CompletedProcess[str]:
    """A worker that does not start: how it ends."""
    return subprocess.run(
        [CARTWIRE, "serve", "--every", "5"],
        cwd=REPOSITORY,
        env={**installation.environment, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def health(folder: Path) -> dict[str, Any]:
    """The health file; every key empty before there is one."""
    return read_health(folder) or {"state": None, "runs": {"sync": {"exit_code": None}}}


def run_states(installation: Installation) -> list[tuple[str, int | None]]:
    """State and exit code of each run, oldest first; none while the first run is still making the ledger."""
    with suppress(LedgerError), read_only(installation.ledger) as ledger:
        return [(run.state, run.exit_code) for run in reversed(ledger.status(100).runs)]
    return []
