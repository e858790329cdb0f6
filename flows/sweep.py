"""The Prefect flow `sweep`. Parameters and artifacts hold counts and names only: Prefect stores them."""

from __future__ import annotations

from typing import Any

from prefect import State, flow
from prefect.artifacts import create_table_artifact
from prefect.states import Cancelled, Completed

from cartwire import stopping
from cartwire.lock import LeaseTaken
from cartwire.masking import mask_handlers
from cartwire.settings import load_settings
from flows.sweep_run import WAIT_S, run_sweep


@flow(name="sweep", persist_result=False, log_prints=False)
def sweep(trigger: str = "schedule", wait_s: float = WAIT_S) -> dict[str, Any] | State[Any]:
    """One sweep, as `cartwire sweep` does it. One that cannot get the lease in time ends in the state `Skipped`.

    Returns: the counts per resource; never an id.
    """
    mask_handlers()
    try:
        report = run_sweep(load_settings(), trigger=trigger, wait_s=wait_s)
    except LeaseTaken as error:
        return Completed(name="Skipped", message=str(error))
    except stopping.RunStopped as error:
        return Cancelled(message=str(error))
    rows = list(report.as_dict()["resources"])
    create_table_artifact(key="sweep-counts", table=rows, description="ids read, and rows marked as deleted, per resource")
    return {"run_id": report.run_id, "exit_code": report.exit_code, "resources": rows, "skipped": dict(report.skipped)}
