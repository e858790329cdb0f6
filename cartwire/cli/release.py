"""`cartwire release`."""

from __future__ import annotations

from pathlib import Path

import click

from cartwire.cli.output import as_json, emit_json, progress, summary
from cartwire.lock import lease
from cartwire.masking import mask_email
from cartwire.settings import load_settings

EXAMPLES_MAX = 5
RUNS_MAX = ROWS_MAX = 100


@click.command("release")
@click.argument("object_name", metavar="OBJECT")
@click.option("--yes", is_flag=True, help="Approve this many rows and run a sync now.")
@as_json
def command(object_name: str, yes: bool, as_json: bool) -> int:
    """Let through what the volume guard held of OBJECT (users, purchases, carts, events), after showing counts and examples.

    The approval is bounded by the number of rows shown; the sync sends the newest data, never a stale payload. If more rows
    than that have changed by then, the guard holds them again.
    """
    settings = load_settings()
    rows, reason, examples = _held(settings.ledger, object_name)
    if not rows:
        emit_json({"held": 0}) if as_json else click.echo(f"the guard holds nothing of {object_name}")
        return 0
    if not yes:
        if as_json:
            emit_json({"held": rows, "reason": reason, "examples": examples})
        else:
            click.echo(f"{rows} rows of {object_name}: {reason}\ne.g. {', '.join(examples)}")
            click.echo(f"to send them: cartwire release {object_name} --yes")
        return 11
    from activation.ledger.store import Ledger

    with lease(settings.ledger), Ledger.open(settings.ledger, settings.secret_bytes) as ledger:
        ledger.approve_release(object_name, rows)
    from flows.run import sync

    with progress(as_json) as callback:
        report = sync(settings, trigger="release", progress=callback)
    emit_json(report.as_dict()) if as_json else click.echo(summary(report))
    return report.exit_code


def _held(path: Path, object_name: str) -> tuple[int, str, list[str]]:
    """Rows the guard held in the newest finished run, its reason, and a few masked addresses."""
    from activation.ledger.reading import read_only
    from activation.ledger.reasons import HELD_BY_GUARD
    from activation.ledger.refused import Which

    if not path.exists():
        return 0, "", []
    with read_only(path) as ledger:
        newest = [run.run_id for run in ledger.status(RUNS_MAX).runs if run.state == "done"][:1]
        held = [row for row in ledger.held_for_attention(newest[0]) if row[0] == object_name] if newest else []
        guarded = [row for row in held if row[2].startswith(HELD_BY_GUARD)]
        if not guarded:
            return 0, "", []
        which = Which(run_id=newest[0], object_name=object_name, states=("held",))
        found = ledger.rejections(which, with_values=True, rows_max=ROWS_MAX)
    emails = [row["email"] for row in found if row["email"] and row["reason"].startswith(HELD_BY_GUARD)]
    return sum(row[3] for row in guarded), guarded[0][2], [mask_email(email) for email in emails[:EXAMPLES_MAX]]
