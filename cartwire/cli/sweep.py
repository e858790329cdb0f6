"""`cartwire sweep`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cartwire.cli.output import as_json, emit_json, progress, table
from cartwire.settings import load_settings

if TYPE_CHECKING:
    from ingestion.sweep import SweepReport


def _pairs(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    found = {}
    for value in values:
        resource, sign, rows = value.partition("=")
        if not sign or not rows.isdigit():
            raise click.BadParameter(f"{value!r} is not RESOURCE=ROWS, such as orders=250")
        found[resource] = int(rows)
    return found


@click.command("sweep")
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    callback=_pairs,
    metavar="RESOURCE=ROWS",
    help="So many rows of the resource may vanish this once, after you looked. Repeatable.",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.IntRange(0),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="Wait for a running sync to end before marking.",
)
@as_json
def command(allowed: dict[str, int], wait_s: int, as_json: bool) -> None:
    """Find what was deleted in commercetools without a word, by reading every id, and mark it. Sends nothing.

    Rows that vanished are marked, never removed; the next sync acts on it. A sweep that fails, or would mark more than the larger of
    0.5 % and 100 rows of a resource, marks nothing (exit 11; it says how to go on after looking). Carts past their lifetime may go.
    """
    from flows.sweep_run import run_sweep

    settings = load_settings()
    with progress(as_json) as callback:
        report = run_sweep(settings, allowed=allowed, wait_s=wait_s, progress=callback)
    emit_json(report.as_dict()) if as_json else click.echo(_text(report))


def _text(report: SweepReport) -> str:
    columns = ("resource", "ids", "vanished", "expired", "reappeared")
    lines = [table(list(report.as_dict()["resources"]), columns)]
    lines += [f"! {name} was not read: {reason}" for name, reason in sorted(report.skipped.items())]
    return "\n".join(lines)
