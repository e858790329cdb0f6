"""`cartwire plan`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from cartwire.cli.output import as_json, emit_json, owners_file, progress, table
from cartwire.settings import REPOSITORY, load_settings

if TYPE_CHECKING:
    from flows.context import Run
    from flows.plan import Plan
    from flows.plan_file import Totals

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("plan")
@click.option(
    "--out", type=_FILE, metavar="FILE", help="Write every request to the byte, for `cartwire apply`. It holds personal data."
)
@click.option("--page", type=_FILE, metavar="FILE.html", help="Write what each person would get, before and after, as a page.")
@click.option(
    "--show-addresses", is_flag=True, help="Show e-mail addresses in clear, here and on the page. They are masked otherwise."
)
@click.option("--show-values", is_flag=True, help="Show on the page what fields hold before and after: people's own data.")
@click.option(
    "--wait", "wait_s", type=click.IntRange(0), default=0, metavar="SECONDS", help="Wait for a running sync to end first."
)
@as_json
def command(out: Path | None, page: Path | None, show_addresses: bool, show_values: bool, wait_s: int, as_json: bool) -> None:
    """Show what a sync would send now: people, requests, minutes, fields, and what may fire. Sends nothing, binds nothing.

    With --out the plan can be read line by line, kept, and applied as it is: `cartwire apply FILE`.
    """
    from flows.plan import plan

    written: list[Totals] = []

    def write(run: Run, found: Plan) -> None:
        if out or page:
            written.append(_write(run, found, out, page, show_addresses, show_values))

    with progress(as_json) as callback:
        found = plan(load_settings(), progress=callback, in_clear=show_addresses, wait_s=wait_s, then=write)
    if as_json:
        emit_json({**found.as_dict(), **(asdict(written[0]) if written else {})})
        return
    click.echo(text_of(found))
    for totals in written:
        click.echo(f"\n{totals.requests:,} requests in all; to send them takes about {_span(totals.seconds)}")
    if out:
        click.echo(f"to send exactly these: cartwire apply {out}")


def _write(run: Run, found: Plan, out: Path | None, page: Path | None, show_addresses: bool, show_values: bool) -> Totals:
    from activation.contracts import load_contracts
    from flows import plan_file, plan_page
    from flows.apply import header_of, trial_of

    header = header_of(run)
    models = {pair: contract.model for pair, contract in load_contracts(REPOSITORY / "models").items()}
    with trial_of(run) as trial:
        with _whole(out) if out else Path(os.devnull).open("w") as file:
            totals = plan_file.write(file, header, trial, models, run.settings)
        if page:
            with _whole(page) as file:
                made_at = str(header["made_at"])
                file.write(plan_page.page(found, trial, made_at, show_addresses=show_addresses, show_values=show_values))
    return totals


@contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    """A file for its owner only, that takes its name when it is complete."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with owners_file(partial, replaces=True) as file:
            yield file
        partial.rename(path)
    finally:
        partial.unlink(missing_ok=True)


def text_of(plan: Plan) -> str:
    """A plan for people: what would be sent, what may fire, what would not be sent and why."""
    rows = [
        {
            "object": kind.object,
            "kind": kind.kind if kind.kind != kind.object else "",
            "send": kind.states.get("staged", 0),
            "people": kind.people,
            "requests": kind.requests,
            "minutes": kind.minutes,
            "rejected": kind.states.get("rejected", 0),
            "held": kind.states.get("held", 0),
            "suppressed": kind.states.get("suppressed", 0),
        }
        for kind in plan.kinds
    ]
    columns = ("object", "kind", "send", "people", "requests", "minutes", "rejected", "held", "suppressed")
    lines = [table(rows, columns) if rows else "nothing changed: a sync would make no write request"]
    for kind in plan.kinds:
        title = kind.object if kind.kind == kind.object else f"{kind.object}/{kind.kind}"
        if kind.fields:
            lines.append(f"\n{title} fields: " + ", ".join(f"{name} ({people})" for name, people in kind.fields.items()))
        if kind.may_trigger:
            lines.append(f"{title} may fire journeys on: {', '.join(kind.may_trigger)}")
        if kind.examples:
            lines.append(f"{title} e.g.: {', '.join(kind.examples)}")
        lines += [f"{title}: {rows_held} not sent: {reason}" for reason, rows_held in kind.reasons.items()]
    lines += [f"! {model} is held: {reason}" for model, reason in plan.unbuilt.items()]
    if plan.looks_first:
        lines.append(
            "\nthe ledger was restored or lost: a sync looks for each row at Iterable, withdrawals and grants excepted, and sends what is not there"
        )
    if plan.is_first:
        lines.append("\nfirst contact with these projects: `cartwire adopt` shows what others keep there and what would conflict")
    if plan.due:
        due = (f"{one['count']} {kind} (first at {one['next_at']})" for kind, one in plan.due.items())
        lines.append("\nfalls due by time alone: " + ", ".join(due))
    if plan.history:
        lines.append("\nset aside as history: " + ", ".join(f"{rows} {kind}" for kind, rows in plan.history.items()))
    return "\n".join(lines)


def _span(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 60:.1f} minutes"
