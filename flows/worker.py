"""The long-lived worker: waits for what is due, runs it in a thread of this process, writes down how it ended.

Being one process keeps dbt's parsed project and great-expectations loaded between runs; no warehouse connection outlives a run.
The main thread only waits, so that a signal is heard at once, whatever library a run is in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib import import_module
from typing import Any, Protocol

from cartwire import clock, stopping
from cartwire.errors import CartwireError
from cartwire.health import Health, LastRun
from cartwire.lock import LeaseTaken
from cartwire.masking import mask
from cartwire.settings import Settings
from flows.schedules import Schedule

LOG = logging.getLogger(__name__)
POLL_S = 5.0


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

    def due(self, now: datetime) -> Due | None:
        """The next thing to run at once, or None. Raises: ServerUnreachable."""


class ServerUnreachable(Exception):
    """The Prefect server does not answer; the worker's own clock goes on."""


class OwnClock:
    """The schedule table, against the last runs of the health file."""

    def __init__(self, settings: Settings, schedules: Sequence[Schedule], health: Health) -> None:
        self._settings, self._schedules, self._health = settings, schedules, health

    def due(self, now: datetime) -> Due | None:
        """The first row of the table whose time has come."""
        for schedule in self._schedules:
            if self.next_due_at(schedule, now) <= now:
                return Due(schedule.name, partial(self._run, schedule))
        return None

    def next_due_at(self, schedule: Schedule, now: datetime) -> datetime:
        """When a row is due, aware UTC; in the past if it is overdue."""
        last = self._health.runs.get(schedule.name)
        return schedule.next_due(last.started_at if last else None, now)

    def _run(self, schedule: Schedule) -> Ended:
        report = imported(schedule.function)(self._settings, trigger="schedule")
        return Ended(report.run_id, report.exit_code)


class Worker:
    """Runs what is due until asked to stop.

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

    def run_until_stopped(self, warm_up: Callable[[], None] = lambda: None) -> None:
        """Loop. A run that fails is written down and said, and ends nothing else. `warm_up` goes first, in the runs' thread."""
        with ThreadPoolExecutor(1, thread_name_prefix="run") as pool:
            self._write("running")
            self._outcome(pool.submit(_warmed, warm_up))
            while not stopping.is_requested():
                due = self._next_due()
                if due is None:
                    self._write("waiting")
                    stopping.wait(self._pause_s())
                else:
                    self._run(pool, due)
        self._write("stopped")

    def _run(self, pool: ThreadPoolExecutor, due: Due) -> None:
        last = self._health.runs[due.schedule] = LastRun(started_at=clock.now())
        self._write("running")
        ended = self._outcome(pool.submit(due.run))
        last.ended_at = clock.now()
        last.run_id, last.exit_code, last.error = ended.run_id, ended.exit_code, ended.error
        self._write("stopping" if stopping.is_requested() else "waiting")
        seconds = (last.ended_at - (last.started_at or last.ended_at)).total_seconds()
        ending = f": {ended.error}" if ended.error else ""
        self._say(f"{due.schedule} {ended.run_id or '-'} exit {ended.exit_code} after {seconds:.1f} s{ending}")

    def _outcome(self, future: Future[Ended]) -> Ended:
        try:
            return future.result()
        except (LeaseTaken, stopping.RunStopped) as error:
            return Ended(None, error.exit_code, f"{type(error).__name__}: {mask(str(error))}")
        except CartwireError as error:
            LOG.warning("a run failed: %s", mask(str(error)))
            return Ended(None, error.exit_code, f"{type(error).__name__}: {mask(str(error))}")
        except Exception as error:  # a fault of ours must not end the schedule; its text may quote a row
            LOG.exception("a run failed")
            return Ended(None, 1, type(error).__name__)

    def _next_due(self) -> Due | None:
        now = clock.now()
        if self._server is not None:
            try:
                due = self._server.due(now)
            except ServerUnreachable as error:
                if self._health.prefect != "unreachable":
                    self._say(f"the Prefect server does not answer ({error}); running by the worker's own clock")
                self._health.prefect = "unreachable"
            else:
                self._health.prefect = "connected"
                return due
        return self._own.due(now)

    def _write(self, state: str) -> None:
        now = clock.now()
        for schedule in self._schedules:
            last = self._health.runs.setdefault(schedule.name, LastRun())
            last.next_due_at = self._own.next_due_at(schedule, now)
        self._health.state = state
        self._health.write()

    def _pause_s(self) -> float:
        """Until the next due time by our own clock, or the next look at the server."""
        now = clock.now()
        waits = [(run.next_due_at - now).total_seconds() for run in self._health.runs.values() if run.next_due_at]
        return max(0.05, min([POLL_S, *waits]) if self._server is None else POLL_S)


def _warmed(warm_up: Callable[[], None]) -> Ended:
    warm_up()
    return Ended(None, 0)


def imported(path: str) -> Any:
    """What `module:name` names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
