"""Start, walk and end a run: lease, ledger, environment guard, steps, report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from activation.ledger.store import Ledger
from cartwire import stopping
from cartwire.errors import CartwireError
from cartwire.lock import lease
from cartwire.settings import Settings
from cartwire.storage_faults import warehouse_fault
from clients.iterable import IterableClient
from flows.context import Progress, Run, no_progress
from flows.report import RunReport, make_report
from flows.steps import STEPS, Step, check_before_start, project_binding

HELD_NOTHING = (0, 10)


@contextmanager
def open_run(
    settings: Settings,
    *,
    trigger: str = "manual",
    only_test_profiles: bool = False,
    wait_s: float = 0.0,
    progress: Progress = no_progress,
    bind: bool = True,
) -> Iterator[Run]:
    """A run that holds the lease and an open ledger for the block.

    Args:
        wait_s: seconds to wait for another run's lease.
        bind: the first load that reached both projects binds the ledger to them; `plan` looks without binding.
    Raises: LeaseTaken, LedgerError (another secret or project), ConfigError (a wrong row in `config/`), WarehouseError.
    """
    check_before_start(settings)
    with lease(settings.ledger, wait_s=wait_s):
        ledger = Ledger.open(settings.ledger, settings.secret_bytes)
        client = IterableClient(settings, read_only=settings.shadow)
        run = Run(settings, ledger, client, trigger=trigger, only_test_profiles=only_test_profiles, binds=bind, progress=progress)
        try:
            ledger.claim_mode("shadow" if settings.shadow else "live")
            ledger.check_binding(*project_binding(settings))
            yield run
        except Exception as error:
            if fault := warehouse_fault(error):
                raise fault from None
            raise
        finally:
            run.close_warehouse()
            client.close()
            ledger.close()


def sync(
    settings: Settings,
    *,
    trigger: str = "manual",
    only_test_profiles: bool = False,
    wait_s: float = 0.0,
    progress: Progress = no_progress,
    walk: Callable[[Run], None] | None = None,
) -> RunReport:
    """One complete sync, or its rehearsal where the settings say shadow.

    `walk` runs the steps (the Prefect flow passes its own); default: one after the other.

    Raises: CartwireError; the run is recorded as failed and the next one recovers.
    """
    with open_run(settings, trigger=trigger, only_test_profiles=only_test_profiles, wait_s=wait_s, progress=progress) as run:
        run.ledger.recover()
        return recorded(run, walk or walk_steps)


def recorded(run: Run, walk: Callable[[Run], None]) -> RunReport:
    """Walk, with the run in the ledger from its start to its report; failed where the walk raises."""
    run.ledger.start_run(run.run_id, "shadow" if run.settings.shadow else run.trigger)
    try:
        walk(run)
    except BaseException as error:
        code = error.exit_code if isinstance(error, CartwireError) else 1
        run.ledger.end_run(run.run_id, "failed", code, {"error": type(error).__name__})
        raise
    report = make_report(run)
    if report.exit_code in HELD_NOTHING and not run.only_test_profiles:
        run.ledger.has_looked()
    run.ledger.end_run(run.run_id, "done", report.exit_code, report.as_dict())
    return report


def walk_steps(run: Run, steps: Sequence[Step] = STEPS) -> None:
    """These steps in order, in this thread. Raises: RunStopped between two steps, if somebody asked."""
    for step in steps:
        stopping.check()
        run.progress(step.name, 0, None)
        with run.timed(step.name):
            step.do(run)
