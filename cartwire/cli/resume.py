"""`cartwire resume`."""

from __future__ import annotations

import click

from cartwire.cli.output import as_json, emit_json
from cartwire.cli.pause import account, check_names, shown
from cartwire.settings import load_settings


@click.command("resume")
@click.argument("names", nargs=-1, metavar="[OBJECT|KIND]...")
@as_json
def command(names: tuple[str, ...], as_json: bool) -> None:
    """Lift the pauses of the objects and kinds named, or every pause. The next sync sends the newest data.

    Facts that became older than the maximum age of their kind meanwhile are held as history; the volume guard judges the rest.
    """
    settings = load_settings()
    check_names(settings.config, names)
    lifted: tuple[str, ...] = ()
    if settings.ledger.exists():
        from activation.ledger.store import Ledger

        with Ledger.open(settings.ledger, settings.secret_bytes) as ledger:
            lifted = ledger.resume(names or None, by=account())
    if as_json:
        emit_json({"resumed": [shown(name) for name in lifted]})
    elif lifted:
        click.echo("\n".join(f"{shown(name)} flows again with the next sync" for name in lifted))
    else:
        click.echo("nothing of that was paused")
