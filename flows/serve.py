"""The schedule in a long-lived process: Prefect starts the flow, in a process of its own, every interval."""

from __future__ import annotations

from datetime import timedelta

from flows.sync import sync


def serve(every: timedelta, name: str = "every-interval") -> None:
    """Register the deployment `sync/<name>` with the configured Prefect server and run its schedule until stopped.

    A run that meets a running one ends as skipped; the lease decides, Prefect's limit only keeps the queue short.
    """
    sync.serve(name=name, interval=every, parameters={"trigger": "schedule"}, limit=2, pause_on_shutdown=False)
