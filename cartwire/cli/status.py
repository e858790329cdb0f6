"""`cartwire status`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click

from cartwire import clock
from cartwire.cli.durations import Duration
from cartwire.cli.output import SHADOW_BANNER, as_json, emit_json, of_shadow, table
from cartwire.health import read_health
from cartwire.lock import holder, worker_path
from cartwire.settings import Settings, load_settings
from cartwire.stopping import RunStopped

STALE = 1


@click.command("status")
@click.option("--runs", "runs_max", type=click.IntRange(1, 1000), default=5, show_default=True, help="How many runs.")
@click.option(
    "--max-age", type=Duration(), metavar="DURATION", help="Exit 1 if no sync came to its end within it: 90s, 15m, 2h, 1d."
)
@of_shadow
@as_json
def command(runs_max: int, max_age: timedelta | None, shadow: bool, as_json: bool) -> int:
    """Recent runs, what is paused, what is held and why, backfills that are not done, who holds the lease, what the worker does.

    Works while a sync runs.

    With --max-age it is the alarm for a dead scheduler: a sync that never started reports nothing by itself.
    """
    from activation.ledger.reading import read_only

    settings = load_settings(shadow=shadow)
    if not settings.ledger.exists():
        emit_json({"runs": [], "is_fresh": None if max_age is None else False}) if as_json else click.echo(
            "no sync has run yet; `cartwire plan` shows what a first one would send"
        )
        return 0 if max_age is None else STALE
    pid = holder(settings.ledger)
    with read_only(settings.ledger) as ledger:
        found = ledger.status(runs_max)
        pauses = [pause.sentence.replace("paused", pause.name or "everything but withdrawals", 1) for pause in ledger.pauses()]
        backfills = [_backfill(one) for one in ledger.backfills() if one.state != "done"]
        newest_done = ledger.newest_done()
        runs = [_run(run, pid) for run in found.runs]
        reasons = [
            {"object": name, "kind": kind, "state": state, "rows": rows, "reason": reason}
            for name, kind, state, reason, rows in (ledger.reason_counts(found.runs[0].run_id) if found.runs else [])
        ]
    age = None if newest_done is None else timedelta(milliseconds=clock.now_ms() - (newest_done.ended_at_ms or 0))
    is_fresh = None if max_age is None else age is not None and age <= max_age
    worker = _worker(settings)
    if as_json:
        emit_json(
            {
                "runs": runs,
                "open_rows": found.open_rows,
                "newest_run_not_sent": reasons,
                "paused": pauses,
                "backfills": backfills,
                "lease_holder_pid": pid,
                "worker": worker,
                "last_done_age_s": None if age is None else int(age.total_seconds()),
                "is_fresh": is_fresh,
            }
        )
    else:
        if settings.shadow:
            click.echo(SHADOW_BANNER)
        click.echo(table(runs, ("run", "trigger", "state", "started", "seconds", "exit")))
        if reasons:
            click.echo("\nnot sent by the newest run:\n" + table(reasons, ("object", "kind", "state", "rows", "reason")))
        if pauses:
            click.echo("\npaused:\n" + "\n".join(f"  {sentence}" for sentence in pauses))
        if backfills:
            click.echo("\nbackfills:\n" + table(backfills, ("id", "state", "kinds", "left_behind", "go_on")))
        if found.open_rows:
            click.echo("\nopen: " + ", ".join(f"{rows} {state}" for state, rows in found.open_rows.items()))
        click.echo(f"\nlease: {f'process {pid}' if pid else 'free'}")
        click.echo(f"worker: {_told(worker)}")
    if is_fresh is False:
        click.echo(f"cartwire: {_alarm(age, max_age)}", err=True)
        return STALE
    return 0


def _run(run: Any, holder_pid: int | None) -> dict[str, Any]:
    """A run still marked running without a lease holder died; the next sync recovers it."""
    state = "died: the next sync recovers it" if run.state == "running" and holder_pid is None else run.state
    if state == "failed" and run.exit_code == RunStopped.exit_code:
        state = "stopped: the next sync goes on"
    ended_at_ms = run.ended_at_ms or (clock.now_ms() if state == "running" else None)
    return {
        "run": run.run_id,
        "trigger": run.trigger,
        "state": state,
        "started": f"{clock.from_ms(run.started_at_ms):%Y-%m-%d %H:%M:%SZ}",
        "seconds": None if ended_at_ms is None else (ended_at_ms - run.started_at_ms) // 1000,
        "exit": run.exit_code,
    }


def _backfill(one: Any) -> dict[str, Any]:
    """History that was asked for and is not all sent."""
    return {
        "id": one.backfill_id,
        "state": str(one.state),
        "kinds": ", ".join(kind for _, kind in one.criteria.kinds),
        "left_behind": one.left_behind,
        "go_on": f"cartwire backfill resume {one.backfill_id}",
    }


def _worker(settings: Settings) -> dict[str, Any] | None:
    """The health file of `cartwire serve`, and whether its process is there; None if no worker ever ran here."""
    health = read_health(settings.state_dir)
    return None if health is None else {**health, "is_alive": holder(worker_path(settings.ledger)) is not None}


def _told(worker: dict[str, Any] | None) -> str:
    if worker is None:
        return "none has run here (`cartwire serve`)"
    if not worker["is_alive"]:
        return "stopped" if worker["state"] == "stopped" else f"process {worker['pid']} died"
    due = ", ".join(f"{name} {run['next_due_at']}" for name, run in sorted(worker["runs"].items()) if run["next_due_at"])
    return f"process {worker['pid']}, {worker['state']}; next due: {due}"


def _alarm(age: timedelta | None, max_age: timedelta | None) -> str:
    when = "no sync has come to its end yet" if age is None else f"the last complete sync ended {_span(age)} ago"
    return (
        f"{when}, --max-age is {_span(max_age or timedelta())}. Is `cartwire serve` running? The runs above say how they ended."
    )


def _span(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
