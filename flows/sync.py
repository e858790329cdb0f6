"""The Prefect flow `sync`: the steps of `flows.steps`, each a task, with artifacts of counts at the end.

Parameters and task inputs are run ids, step and object names only: Prefect stores them.
"""

from __future__ import annotations

from typing import Any

from prefect import State, flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Cancelled, Completed

from cartwire import stopping
from cartwire.errors import CartwireError
from cartwire.lock import LeaseTaken
from cartwire.masking import mask, mask_handlers
from cartwire.settings import Settings, load_settings
from cartwire.storage_faults import warehouse_fault
from flows.context import Progress, Run, no_progress
from flows.report import SKIPPED, RunReport
from flows.run import sync as run_sync
from flows.steps import STEPS, Step

_ACTIVE: dict[str, Run] = {}


@task(cache_policy=NO_CACHE, persist_result=False, task_run_name="{step_name}")
def walk_step(run_id: str, step_name: str) -> float:
    """Run one step of the active run; answers its seconds.

    Raises: CartwireError. Prefect keeps an exception's text as the state's message, so that of a library is masked here; the
    log has the traceback, masked like every record.
    """
    run = _ACTIVE[run_id]
    step = next(candidate for candidate in STEPS if candidate.name == step_name)
    try:
        with run.timed(step.name):
            step.do(run)
    except CartwireError:
        raise
    except Exception as error:
        if fault := warehouse_fault(error):
            raise fault from None
        get_run_logger().exception("step %s failed", step_name)
        raise CartwireError(f"step {step_name}: {type(error).__name__}: {mask(str(error))}") from None
    return run.seconds[step.name]


@flow(name="sync", persist_result=False, log_prints=False)
def sync(trigger: str = "schedule", only_test_profiles: bool = False, wait_s: float = 0.0) -> dict[str, Any] | State[Any]:
    """One sync, as `cartwire sync` does it. A run that finds the lease taken or sending paused ends in the state `Skipped`.

    Returns: the run report; never a row.
    """
    mask_handlers()
    try:
        report = _run(load_settings(), trigger, only_test_profiles, wait_s, no_progress)
    except LeaseTaken as error:
        return Completed(name="Skipped", message=str(error))
    except stopping.RunStopped as error:
        return Cancelled(message=str(error))
    if report.exit_code == SKIPPED:
        return Completed(name="Skipped", message="; ".join(report.attention))
    return report.as_dict()


def sync_as_flow(
    settings: Settings,
    *,
    trigger: str = "manual",
    only_test_profiles: bool = False,
    wait_s: float = 0.0,
    progress: Progress = no_progress,
) -> RunReport:
    """Like `flows.run.sync`, recorded in Prefect as a run of the flow `sync`."""

    @flow(name="sync", persist_result=False)
    def here(trigger: str, only_test_profiles: bool, wait_s: float) -> RunReport:
        mask_handlers()
        return _run(settings, trigger, only_test_profiles, wait_s, progress)

    return here(trigger, only_test_profiles, wait_s)


def _run(settings: Settings, trigger: str, only_test_profiles: bool, wait_s: float, progress: Progress) -> RunReport:
    report = run_sync(
        settings,
        trigger=trigger,
        only_test_profiles=only_test_profiles,
        wait_s=wait_s,
        progress=progress,
        walk=_walk_as_tasks,
    )
    _publish_artifact(report)
    return report


def _walk_as_tasks(run: Run) -> None:
    _ACTIVE[run.run_id] = run
    try:
        for step in STEPS:
            stopping.check()
            run.progress(step.name, 0, None)
            _as_task(step)(run.run_id, step.name)
    finally:
        del _ACTIVE[run.run_id]


def _as_task(step: Step) -> Any:
    """A step that may be repeated is, but not against somebody's wish to stop."""
    if not step.retries:
        return walk_step
    return walk_step.with_options(
        retries=step.retries, retry_delay_seconds=5, retry_condition_fn=lambda *_: not stopping.is_requested()
    )


def _publish_artifact(report: RunReport) -> None:
    create_table_artifact(
        key="sync-counts",
        table=[{"object": row.object, "kind": row.kind, **row.counts} for row in report.rows],
        description=f"Run {report.run_id}: planned = accepted + rejected + held + suppressed, per object and kind",
    )
    create_table_artifact(
        key="consent-counts",
        table=list(report.consent),
        description=f"Run {report.run_id}: profiles per market, channel, purpose and consent",
    )
