"""The worker's side of a Prefect server: deployments people can see and start, runs executed in the worker's own process.

Prefect's scheduler makes the runs of each deployment; the worker takes what is due. Of several overdue runs by schedule the newest
runs and the others end as `Skipped`: one sync catches up whatever happened. A run that somebody started by hand always runs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.responses import FlowRunResponse
from prefect.exceptions import PrefectException
from prefect.flow_engine import run_flow_sync
from prefect.states import Completed, Crashed

from cartwire.errors import CartwireError
from cartwire.masking import mask
from flows.schedules import Schedule
from flows.worker import Due, Ended, ServerUnreachable, imported

RUNS_MAX = 200
OVERDUE = "a later run of the same schedule catches up"
GONE = "the worker that ran it is gone; the next sync recovers it"


class PrefectServer:
    """One installation's deployments, named `<schedule>-<installation>`, at the server of PREFECT_API_URL."""

    def __init__(self, schedules: Sequence[Schedule], installation: str) -> None:
        self._schedules = schedules
        self._installation = installation
        self._names: dict[UUID, Schedule] = {}

    def register(self) -> None:
        """Make or update the deployments; what a worker before this one left running has crashed, for there is one worker.

        Raises: ServerUnreachable.
        """
        with _answering():
            for schedule in self._schedules:
                when: dict[str, Any] = {"cron": schedule.cron} if schedule.is_daily else {"interval": schedule.every}
                deployment = imported(schedule.flow).to_deployment(
                    f"{schedule.name}-{self._installation}", parameters={"trigger": "schedule"}, **when
                )
                self._names[deployment.apply()] = schedule
            with get_client(sync_client=True) as client:
                ours = {"deployment_id": {"any_": list(self._names)}, "state": {"type": {"any_": ["RUNNING", "PENDING"]}}}
                for run in client.read_flow_runs(flow_run_filter=FlowRunFilter.model_validate(ours), limit=RUNS_MAX):
                    client.set_flow_run_state(run.id, Crashed(message=GONE), force=True)

    def due(self, now: datetime, busy: Collection[str]) -> list[Due]:
        """Of each schedule that is not busy the oldest run that somebody started by hand, else the newest overdue one.

        Raises: ServerUnreachable. Registers first, if the server did not answer at the start.
        """
        if not self._names:
            self.register()
        chosen: dict[str, FlowRunResponse] = {}
        with _answering(), get_client(sync_client=True) as client:
            runs = client.get_scheduled_flow_runs_for_deployments(
                list(self._names), scheduled_before=now + timedelta(milliseconds=1), limit=RUNS_MAX
            )
            for run in sorted(runs, key=lambda run: (run.auto_scheduled, run.expected_start_time or now)):
                name = self._names[_deployment(run)].name
                before = chosen.get(name)
                if name in busy or (before is not None and not before.auto_scheduled):
                    continue
                if before is not None:
                    client.set_flow_run_state(before.id, Completed(name="Skipped", message=OVERDUE), force=True)
                chosen[name] = run
        return [self._due(run) for run in chosen.values()]

    def _due(self, run: FlowRunResponse) -> Due:
        schedule = self._names[_deployment(run)]
        return Due(schedule.name, lambda: _execute(schedule, run))


def _deployment(run: FlowRunResponse) -> UUID:
    assert run.deployment_id is not None  # asked for by deployment
    return run.deployment_id


def _execute(schedule: Schedule, run: FlowRunResponse) -> Ended:
    """Run the flow here, as this run of the server's. Raises: what the flow raised."""
    state: Any = run_flow_sync(imported(schedule.flow), flow_run=run, parameters=run.parameters, return_type="state")  # type: ignore[arg-type]
    if state.name == "Skipped":
        return Ended(None, 12, mask(state.message or "skipped"))
    result = state.result(raise_on_failure=False)
    if isinstance(result, BaseException):
        raise result
    if not isinstance(result, dict):
        raise CartwireError(f"the flow run ended as {state.name}")
    return Ended(result.get("run_id"), result.get("exit_code", 0))


@contextmanager
def _answering() -> Iterator[None]:
    """Every failure to talk to the server is one of its own, with its kind and no text."""
    try:
        yield
    except (httpx.HTTPError, PrefectException, OSError, RuntimeError) as error:
        raise ServerUnreachable(type(error).__name__) from error
