"""`cartwire sync`."""

from __future__ import annotations

import os

import click

from cartwire.cli.output import as_json, emit_json, progress, summary
from cartwire.settings import load_settings


@click.command("sync")
@click.option(
    "--wait", "wait_s", type=click.IntRange(0), default=0, metavar="SECONDS", help="Wait for a running sync to end first."
)
@click.option("--test-profiles", is_flag=True, help="Only people of config/test_profiles.csv may leave; others wait.")
@click.option("--shadow", is_flag=True, help="Rehearse: everything but sending, with ledger and warehouse of its own.")
@as_json
def command(wait_s: int, test_profiles: bool, shadow: bool, as_json: bool) -> int:
    """Load, build, gate and send what changed since Iterable last accepted it.

    With PREFECT_API_URL set the same steps run as a Prefect flow; else one after the other in this process.
    """
    settings = load_settings(shadow=shadow)
    with progress(as_json) as callback:
        if os.environ.get("PREFECT_API_URL"):
            from flows.sync import sync_as_flow as run_sync
        else:
            from flows.run import sync as run_sync
        report = run_sync(settings, trigger="manual", only_test_profiles=test_profiles, wait_s=wait_s, progress=callback)
    emit_json(report.as_dict()) if as_json else click.echo(summary(report))
    return report.exit_code
