"""`cartwire recover`."""

from __future__ import annotations

import click

from cartwire import clock
from cartwire.cli.output import as_json, emit_json, progress, summary
from cartwire.lock import lease
from cartwire.settings import load_settings


@click.command("recover")
@as_json
def command(as_json: bool) -> int:
    """Run a sync from a ledger that may not know all that was sent: one restored from a copy, or a new one for a lost one.

    Each row is looked for at Iterable before it is sent. What is there is accepted without a request; of a profile only the fields that
    differ are sent; a fact that cannot be told is held (`cartwire replay --outcome-unknown`). Withdrawals go at once, as always. Syncs look
    first until one has held nothing back. With a new ledger, what happened before now is history and is not sent.
    """
    settings = load_settings()
    from activation.ledger.store import Ledger

    with lease(settings.ledger), Ledger.open(settings.ledger, settings.secret_bytes) as ledger:
        ledger.look_first(clock.now())
    from flows.run import sync

    with progress(as_json) as callback:
        report = sync(settings, trigger="recover", progress=callback)
    emit_json(report.as_dict()) if as_json else click.echo(summary(report))
    return report.exit_code
