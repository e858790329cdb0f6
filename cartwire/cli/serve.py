"""`cartwire serve`."""

from __future__ import annotations

from datetime import timedelta

import click

from cartwire import clock
from cartwire.settings import load_settings


@click.command("serve")
@click.option(
    "--every", "every_s", type=click.IntRange(5), default=300, show_default=True, metavar="SECONDS", help="Interval of the sync."
)
@click.option("--name", help="Name of this installation at the Prefect server. Default: CTP_PROJECT_KEY.")
def command(every_s: int, name: str | None) -> None:
    """Run the schedules until stopped: a long-lived worker that keeps everything loaded between runs.

    With PREFECT_API_URL set, deployments and runs are at that server, and runs started there are taken too; while it does not
    answer, the worker goes on by its own clock. Runs never overlap. CARTWIRE_STATE_DIR/health.json says what ran and what is due.

    SIGTERM or SIGINT: the run ends at its next good place, exit 0. A second signal ends the process at once; the ledger makes that
    safe. Exit 2 (settings), 6 (ledger) and 12 (another worker) mean that starting again does not help.
    """
    settings = load_settings()
    from flows.schedules import schedules
    from flows.serve import serve

    def say(line: str) -> None:
        click.echo(f"{clock.now():%Y-%m-%dT%H:%M:%SZ} {line}")

    say(f"serving {settings.ctp_project_key}; health: {settings.state_dir / 'health.json'}")
    serve(settings, schedules(sync_every=timedelta(seconds=every_s)), name or settings.ctp_project_key, say=say)
    say("stopped")
