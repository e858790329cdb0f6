"""`cartwire status`."""

from __future__ import annotations

from typing import Any

import click

from cartwire import clock
from cartwire.cli.output import SHADOW_BANNER, as_json, emit_json, of_shadow, table
from cartwire.lock import holder
from cartwire.settings import load_settings


@click.command("status")
@click.option("--runs", "runs_max", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many runs.")
@of_shadow
@as_json
def command(runs_max: int, shadow: bool, as_json: bool) -> None:
    """Recent runs, what is paused, what is held and why, and who holds the lease. Works while a sync runs."""
    from activation.ledger.reading import read_only

    settings = load_settings(shadow=shadow)
    if not settings.ledger.exists():
        emit_json({"runs": []}) if as_json else click.echo(
            "no sync has run yet; `cartwire plan` shows what a first one would send"
        )
        return
    pid = holder(settings.ledger)
    with read_only(settings.ledger) as ledger:
        found = ledger.status(runs_max)
        pauses = [pause.sentence.replace("paused", pause.name or "everything but withdrawals", 1) for pause in ledger.pauses()]
        runs = [_run(run, pid) for run in found.runs]
        reasons = [
            {"object": name, "kind": kind, "state": state, "rows": rows, "reason": reason}
            for name, kind, state, reason, rows in (ledger.reason_counts(found.runs[0].run_id) if found.runs else [])
        ]
    if as_json:
        emit_json(
            {
                "runs": runs,
                "open_rows": found.open_rows,
                "newest_run_not_sent": reasons,
                "paused": pauses,
                "lease_holder_pid": pid,
            }
        )
        return
    if settings.shadow:
        click.echo(SHADOW_BANNER)
    click.echo(table(runs, ("run", "trigger", "state", "started", "seconds", "exit")))
    if reasons:
        click.echo("\nnot sent by the newest run:\n" + table(reasons, ("object", "kind", "state", "rows", "reason")))
    if pauses:
        click.echo("\npaused:\n" + "\n".join(f"  {sentence}" for sentence in pauses))
    if found.open_rows:
        click.echo("\nopen: " + ", ".join(f"{rows} {state}" for state, rows in found.open_rows.items()))
    click.echo(f"\nlease: {f'process {pid}' if pid else 'free'}")


def _run(run: Any, holder_pid: int | None) -> dict[str, Any]:
    """A run still marked running without a lease holder died; the next sync recovers it."""
    state = "died: the next sync recovers it" if run.state == "running" and holder_pid is None else run.state
    ended_at_ms = run.ended_at_ms or (clock.now_ms() if state == "running" else None)
    return {
        "run": run.run_id,
        "trigger": run.trigger,
        "state": state,
        "started": f"{clock.from_ms(run.started_at_ms):%Y-%m-%d %H:%M:%SZ}",
        "seconds": None if ended_at_ms is None else (ended_at_ms - run.started_at_ms) // 1000,
        "exit": run.exit_code,
    }
