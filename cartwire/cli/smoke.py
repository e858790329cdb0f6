"""`cartwire smoke`."""

from __future__ import annotations

import click

from cartwire.cli.output import as_json, emit_json, progress, table
from cartwire.errors import ConfigError
from cartwire.settings import load_settings


@click.command("smoke")
@click.option("--email", help="Address of a row of config/test_profiles.csv. [default: its first row]")
@click.option("--user-id", help="Customer id of a row of config/test_profiles.csv.")
@click.option(
    "--wait", "wait_s", type=click.IntRange(0), default=0, metavar="SECONDS", help="Wait for a running sync to end first."
)
@as_json
def command(email: str | None, user_id: str | None, wait_s: int, as_json: bool) -> int:
    """Try the whole way with one test profile: profile, cart, purchase and event are sent, marked isTest, and read back.

    Journeys fire for that person. Rows pass gate, ledger, pause and consent like any other. Exit 0 when every step was seen at Iterable.
    """
    settings = load_settings()
    if settings.shadow:
        raise ConfigError("a shadow sends nothing, so there is nothing to smoke-test: unset CARTWIRE_SHADOW")
    from flows.smoke import smoke

    with progress(as_json) as callback:
        report = smoke(settings, email=email, user_id=user_id, wait_s=wait_s, progress=callback)
    if as_json:
        emit_json(report.as_dict())
        return report.exit_code
    rows = [
        {
            "step": step.name,
            "": "ok" if step.is_ok else "failed",
            "state": step.state,
            "read back": "yes" if step.is_read_back else "no",
            "reason": step.reason,
        }
        for step in report.steps
    ]
    click.echo(table(rows, ("step", "", "state", "read back", "reason")))
    for step in report.steps:
        if step.to_do:
            click.echo(f"{step.name}: {step.to_do}")
    return report.exit_code
