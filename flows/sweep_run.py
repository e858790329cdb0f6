"""One sweep from the first id to the marks."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import timedelta

from cartwire.errors import ConfigError
from cartwire.lock import LeaseTaken, lease, sweep_path
from cartwire.settings import Settings
from cartwire.warehouse import demand_project, open_warehouse
from clients.commercetools import CommercetoolsClient
from flows.context import Progress, no_progress
from ingestion.ids import read_ids
from ingestion.resources import RESOURCES
from ingestion.sweep import SweepReport, mark_vanished

WAIT_S = 600.0
"""A sync is shorter than this, and a sweep has read for long before it needs the lease."""


class SweepRunning(LeaseTaken):
    """Another process of this installation is sweeping; facts: holder_pid."""


def run_sweep(
    settings: Settings,
    *,
    trigger: str = "manual",
    allowed: Mapping[str, int] | None = None,
    wait_s: float = WAIT_S,
    progress: Progress = no_progress,
) -> SweepReport:
    """Read all ids, then compare and mark under the lease: reading takes long and must keep no sync, and no opt-out, waiting.

    Args: trigger: who started it; schedules pass theirs to all they run, and a sweep makes no difference.
    Raises: ConfigError (nothing loaded yet, another project, credentials, an unknown resource in `allowed`), SourceError,
        TooManyVanished, LeaseTaken, RunStopped. Then nothing is marked.
    """
    _check(settings, allowed or {})
    with ExitStack() as stack:
        try:
            stack.enter_context(lease(sweep_path(settings.ledger)))
        except LeaseTaken as error:
            pid = error.facts.get("holder_pid")
            raise SweepRunning(f"another sweep is running (process {pid})", holder_pid=pid) from None
        client = stack.enter_context(CommercetoolsClient.from_settings(settings))
        seen = stack.enter_context(read_ids(client, settings.state_dir, progress))
        progress("compare", 0, None)
        stack.enter_context(lease(settings.ledger, wait_s=wait_s))
        connection = open_warehouse(settings.warehouse)
        stack.callback(connection.close)
        demand_project(connection, settings.warehouse, settings.ctp_project_key)
        settle = timedelta(seconds=settings.settle_seconds)
        return mark_vanished(connection, seen, settle=settle, allowed=allowed or {})


def _check(settings: Settings, allowed: Mapping[str, int]) -> None:
    if not settings.warehouse.exists():
        raise ConfigError(
            f"there is no warehouse at {settings.warehouse} yet: nothing can have vanished. Run `cartwire sync` first."
        )
    known = [resource.name for resource in RESOURCES if resource.listed_as is not None]
    for name in allowed:
        if name not in known:
            raise ConfigError(f"--allow {name}: no such resource; known: {', '.join(known)}")
