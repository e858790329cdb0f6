"""`cartwire replay`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cartwire.cli.output import as_json, emit_json, progress, summary, table
from cartwire.cli.pause import account
from cartwire.cli.plan import text_of
from cartwire.cli.refused_rows import shown, which_rows
from cartwire.errors import CartwireError
from cartwire.lock import lease
from cartwire.settings import Settings, load_settings

if TYPE_CHECKING:
    from activation.ledger.refused import Which

HELD = 11
EXAMPLES_MAX = 5
WARNING = "Iterable may have these already: sending them again can fire their journeys a second time"


@click.command("replay")
@which_rows
@click.option(
    "--outcome-unknown",
    is_flag=True,
    help="Instead: rows held because nobody could find out whether they arrived. Sending them again can fire journeys twice.",
)
@click.option(
    "--dry-run", is_flag=True, help="Load, build and judge; show what would be sent of them and of all else. Sends nothing."
)
@click.option("--yes", is_flag=True, help="Let them go and run a sync now.")
@as_json
def command(chosen: dict[str, Any], outcome_unknown: bool, dry_run: bool, yes: bool, as_json: bool) -> int:
    """Let refused rows go again that wait for their data to change: shows them first, then with --dry-run what would be sent.

    It is the newest data that is gated and sent, never the payload that was refused, by an ordinary sync. What has become history in the
    meantime is held as such, and what consent forbids is suppressed. People whom Iterable has forgotten stay out.
    """
    if dry_run and yes:
        raise click.UsageError("--dry-run and --yes exclude each other")
    from activation.ledger.refused import Which

    settings = load_settings()
    which = Which(states=("held",) if outcome_unknown else ("rejected",), is_standing=True, **chosen)
    rows = _stuck(settings.ledger, which)
    if not rows:
        emit_json({"rows": 0}) if as_json else click.echo("nothing waits to be let go")
        return 0
    if dry_run:
        return _rehearse(settings, rows, as_json)
    if yes:
        return _let_go(settings, rows, as_json)
    _show(rows, outcome_unknown, as_json)
    return HELD


def _stuck(path: Path, which: Which) -> list[dict[str, Any]]:
    """Rows that only a change of their data, or a replay, would send."""
    from activation.ledger.reading import read_only
    from activation.ledger.reasons import OUTCOME_UNKNOWN, is_of_forgotten
    from activation.ledger.refused import ALL_ROWS

    if not path.exists():
        return []
    with read_only(path) as ledger:
        found = ledger.rejections(which, with_values=True, rows_max=ALL_ROWS)
    stuck = [row for row in found if row["is_sticky"] and not is_of_forgotten(row["reason"])]
    return [row for row in stuck if row["state"] == "rejected" or row["reason"] == OUTCOME_UNKNOWN]


def _show(rows: Sequence[dict[str, Any]], outcome_unknown: bool, as_json: bool) -> None:
    counts = Counter((row["object"], row["kind"], row["reason"]) for row in rows)
    groups = [dict(zip(("object", "kind", "reason", "rows"), (*key, found), strict=True)) for key, found in counts.most_common()]
    examples = [shown(row, with_values=False)["person"] for row in rows[:EXAMPLES_MAX]]
    if as_json:
        emit_json({"rows": len(rows), "groups": groups, "examples": examples, "warning": WARNING if outcome_unknown else None})
        return
    click.echo(table(groups, ("object", "kind", "rows", "reason")))
    click.echo(f"e.g. {', '.join(examples)}")
    if outcome_unknown:
        click.echo(f"! {WARNING}")
    click.echo("what would be sent: the same command with --dry-run; to send: with --yes")


def _rehearse(settings: Settings, rows: Sequence[dict[str, Any]], as_json: bool) -> int:
    from flows.plan import plan

    with progress(as_json) as callback:
        found = plan(settings, progress=callback, let_go=[(row["object"], row["subject"]) for row in rows])
    emit_json(found.as_dict()) if as_json else click.echo(text_of(found))
    return 0


def _let_go(settings: Settings, rows: Sequence[dict[str, Any]], as_json: bool) -> int:
    from activation.ledger.store import Ledger

    with lease(settings.ledger), Ledger.open(settings.ledger, settings.secret_bytes) as ledger:
        let_go = ledger.replay([row["item_id"] for row in rows], by=account())
    if not let_go:
        raise CartwireError("these rows have met another end in the meantime; look again")
    from flows.run import sync

    with progress(as_json) as callback:
        report = sync(settings, trigger="replay", progress=callback)
    emit_json({"let_go": let_go, **report.as_dict()}) if as_json else click.echo(f"{let_go} rows let go\n{summary(report)}")
    return report.exit_code
