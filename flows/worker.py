"""The long-lived worker: waits for what is due, runs it in threads of this process, writes down how it ended.

Being one process keeps dbt's parsed project and great-expectations loaded between runs; no warehouse connection outlives a run.
The main thread only waits, so that a signal is heard at once, whatever library a run is in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from importlib import import_module
from typing import Any, Protocol

from cartwire import clock, stopping
from cartwire.errors import CartwireError
from cartwire.health import Health, LastRun
from cartwire.masking import mask
from cartwire.settings import Settings
from flows.schedules import Schedule

LOG = logging.getLogger(__name__)
POLL_S = 5.0
LOOK_S = 0.2


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended. `error`: kind and masked message of what stopped it, None for a run with a report."""

    run_id: str | None
    exit_code: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """Something to run now. `run` raises what the run raises."""

    schedule: str
    run: Callable[[], Ended]


class Source(Protocol):
    """Says what is due."""

    def due(self, now: datetime, busy: Collection[str]) -> list[Due]:
        """What to run at once, at most one of each schedule and none of the busy ones. Raises: ServerUnreachable."""


class ServerUnreachable(Exception):
    """The Prefect server does not answer; the worker's own clock goes on."""


class OwnClock:
    """The schedule table, against the last runs of the health file."""

    def __init__(self, settings: Settings, schedules: Sequence[Schedule], health: Health) -> None:
        self._settings, self._schedules, self._health = settings, schedules, health

    def due(self, now: datetime, busy: Collection[str]) -> list[Due]:
        """The rows of the table whose time has come."""
        rows = [row for row in self._schedules if row.name not in busy and self.next_due_at(row, now) <= now]
        return [Due(row.name, partial(self._run, row)) for row in rows]

    def next_due_at(self, schedule: Schedule, now: datetime) -> datetime:
        """When a row is due, aware UTC; in the past if it is overdue."""
        last = self._health.runs.get(schedule.name)
        return schedule.next_due(last.started_at if last else None, now)

    def _run(self, schedule: Schedule) -> Ended:
        report = imported(schedule.function)(self._settings, trigger="schedule")
        return Ended(getattr(report, "run_id", None), getattr(report, "exit_code", 0))


class Worker:
    """Runs what is due until asked to stop: one run of each schedule at a time, different schedules side by side.

    The lease keeps those apart that must be; a sweep reads for long before it needs it, and holds no sync up meanwhile.

    Args:
        own: the clock that goes on when no server answers.
        server: a Prefect server's idea of what is due, or None.
        say: receives one line per run, for the supervisor's log.
    """

    def __init__(
        self,
        health: Health,
        schedules: Sequence[Schedule],
        own: OwnClock,
        server: Source | None = None,
        *,
        say: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._health, self._schedules, self._own, self._server, self._say = health, schedules, own, server, say
        self._running: dict[str, Future[Ended]] = {}
        self._ask_at = clock.now()

    def run_until_stopped(self, warm_up: Callable[[], None] = lambda: None) -> None:
        """Loop. A run that fails is written down and said, and ends nothing else. `warm_up` goes first."""
        with ThreadPoolExecutor(len(self._schedules), thread_name_prefix="run") as pool:
            self._write("starting")
            ended = self._outcome(pool.submit(_warmed, warm_up))
            if ended.error:
                self._say(f"could not prepare, the first run will tell more: {ended.error}")
            while not stopping.is_requested():
                self._collect()
                self._start(pool)
                self._write("running" if self._running else "waiting")
                stopping.wait(self._pause_s())
            self._write("stopping")
            wait(self._running.values())
            self._collect()
        self._write("stopped")

    def _start(self, pool: ThreadPoolExecutor) -> None:
        for due in self._due():
            self._health.runs[due.schedule] = LastRun(started_at=clock.now())
            self._running[due.schedule] = pool.submit(due.run)

    def _collect(self) -> None:
        """Write down what has ended."""
        for name in [name for name, future in self._running.items() if future.done()]:
            ended, last = self._outcome(self._running.pop(name)), self._health.runs[name]
            last.ended_at = clock.now()
            last.run_id, last.exit_code, last.error = ended.run_id, ended.exit_code, ended.error
            seconds = (last.ended_at - (last.started_at or last.ended_at)).total_seconds()
            ending = f": {ended.error}" if ended.error else ""
            self._say(f"{name} {ended.run_id or '-'} exit {ended.exit_code} after {seconds:.1f} s{ending}")

    def _outcome(self, future: Future[Ended]) -> Ended:
        try:
            return future.result()
        except CartwireError as error:
            return Ended(None, error.exit_code, f"{type(error).__name__}: {mask(str(error))}")
        except Exception as error:  # a fault of ours must not end the schedule; its text may quote a row
            LOG.exception("a run failed")
            return Ended(None, 1, type(error).__name__)

    def _due(self) -> list[Due]:
        now = clock.now()
        if self._server is None:
            return self._own.due(now, self._running)
        if now < self._ask_at:
            return []
        self._ask_at = now + timedelta(seconds=POLL_S)
        try:
            due = self._server.due(now, self._running)
        except ServerUnreachable as error:
            if self._health.prefect != "unreachable":
                self._say(f"the Prefect server does not answer ({error}); running by the worker's own clock")
            self._health.prefect = "unreachable"
            return self._own.due(now, self._running)
        self._health.prefect = "connected"
        return due

    def _write(self, state: str) -> None:
        now = clock.now()
        for schedule in self._schedules:
            last = self._health.runs.setdefault(schedule.name, LastRun())
            last.next_due_at = self._own.next_due_at(schedule, now)
        self._health.state = state
        self._health.write()

    def _pause_s(self) -> float:
        """Until the next due time by our own clock, the next look at the server, or the end of what runs."""
        now = clock.now()
        waits = [(run.next_due_at - now).total_seconds() for run in self._health.runs.values() if run.next_due_at]
        if self._server is not None:
            waits = [(self._ask_at - now).total_seconds()]
        return max(0.05, min([POLL_S, *waits])) if not self._running else LOOK_S


def _warmed(warm_up: Callable[[], None]) -> Ended:
    warm_up()
    return Ended(None, 0)


def imported(path: str) -> Any:
    """What `module:name` names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
