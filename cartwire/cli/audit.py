"""`cartwire audit`."""

from __future__ import annotations

from dataclasses import asdict

import click

from cartwire.cli.output import as_json, emit_json, progress
from cartwire.cli.reconcile import as_dict, reconciled, text_of
from cartwire.settings import load_settings

UNSOUND, DRIFT = 6, 11


@click.command("audit")
@click.option(
    "--sample", type=click.IntRange(0, 100_000), default=100, show_default=True, help="People to read back at Iterable; 0: none."
)
@as_json
def command(sample: int, as_json: bool) -> int:
    """Prove from the ledger that every row ever planned has one end and a history that explains it; then read a sample of people back.

    Exit code 6 where rows are not accounted for, 11 where Iterable shows something else than it accepted (`cartwire reconcile`).
    """
    from activation.ledger.keeping import check

    settings = load_settings()
    checked = check(settings.ledger)
    with progress(as_json) as callback:
        found = reconciled(settings, sample, None, lambda done, total: callback("people", done, total)) if sample else None
    if as_json:
        emit_json({"ledger": asdict(checked), "sample": as_dict(found, False) if found else None})
    else:
        verdict = "every one accounted for" if not checked.faults else f"{len(checked.faults)} faults"
        click.echo(f"{checked.rows:,} rows of {checked.runs:,} runs: {verdict}")
        for fault in checked.faults:
            click.echo(f"! {fault}")
        if found:
            click.echo(text_of(found, False))
    return UNSOUND if checked.faults else DRIFT if found and found.drifts else 0
