"""Put a worker together: checks that belong before the first run, the one-worker lock, health file, sources, signals."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from activation.ledger.database import open_reader
from activation.ledger.runs import Runs
from cartwire import stopping
from cartwire.errors import LedgerError
from cartwire.health import Health
from cartwire.lock import LeaseTaken, lease, worker_path
from cartwire.settings import Settings
from flows.schedules import Schedule
from flows.steps import check_before_start, project_binding
from flows.worker import OwnClock, Source, Worker, imported


class WorkerRunning(LedgerError):
    """Another process serves this installation already; facts: holder_pid."""

    exit_code = 12


def serve(settings: Settings, rows: Sequence[Schedule], installation: str, *, say: Callable[[str], None]) -> None:
    """Run the schedules until SIGTERM or SIGINT. A second signal ends the process at once.

    Args: installation: tells this one's deployments from others' at a shared Prefect server.
    Raises: before the first run only: ConfigError (a row of `config/`, another project than the ledger's), LedgerError (another
        secret), WorkerRunning.
    """
    check_before_start(settings)
    _check_ledger(settings)
    with _only_worker(settings), stopping.on_signals(lambda: say("asked to stop; ending the run at its next good place")):
        health = Health.resumed(settings.state_dir)
        own = OwnClock(settings, rows, health)
        server: Source | None = None
        if os.environ.get("PREFECT_API_URL"):
            from flows.prefect_server import PrefectServer

            server = PrefectServer(rows, installation)
        Worker(health, rows, own, server, say=say).run_until_stopped(lambda: warm_up(settings, rows))


def warm_up(settings: Settings, rows: Sequence[Schedule]) -> None:
    """Import and parse what every run needs, so that the first one is as quick as the others."""
    from flows.dbt import parsed_project

    for schedule in rows:
        imported(schedule.function)
    imported("great_expectations:__version__")
    parsed_project(settings)


def _check_ledger(settings: Settings) -> None:
    """What would make every run fail, told now. Only reads: a run may be writing."""
    if settings.ledger.exists():
        ledger = Runs(open_reader(settings.ledger), settings.ledger)
        try:
            ledger.check_secret(settings.secret_bytes)
            ledger.check_binding(*project_binding(settings))
        finally:
            ledger.close()


@contextmanager
def _only_worker(settings: Settings) -> Iterator[None]:
    try:
        with lease(worker_path(settings.ledger)):
            yield
    except LeaseTaken as error:
        pid = error.facts.get("holder_pid")
        raise WorkerRunning(f"another worker serves this installation (process {pid})", holder_pid=pid) from None
