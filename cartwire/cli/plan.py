"""`cartwire plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cartwire.cli.output import as_json, emit_json, progress, table
from cartwire.settings import load_settings

if TYPE_CHECKING:
    from flows.plan import Plan


@click.command("plan")
@click.option("--show-addresses", is_flag=True, help="Print e-mail addresses in clear. They are masked otherwise.")
@click.option(
    "--wait", "wait_s", type=click.IntRange(0), default=0, metavar="SECONDS", help="Wait for a running sync to end first."
)
@as_json
def command(show_addresses: bool, wait_s: int, as_json: bool) -> None:
    """Show what a sync would send now: people, requests, minutes, fields, and what may fire. Sends nothing, binds nothing."""
    from flows.plan import plan

    with progress(as_json) as callback:
        found = plan(load_settings(), progress=callback, in_clear=show_addresses, wait_s=wait_s)
    emit_json(found.as_dict()) if as_json else click.echo(text_of(found))


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
    if plan.is_first:
        lines.append("\nfirst contact with these projects: `cartwire adopt` shows what others keep there and what would conflict")
    if plan.due:
        due = (f"{one['count']} {kind} (first at {one['next_at']})" for kind, one in plan.due.items())
        lines.append("\nfalls due by time alone: " + ", ".join(due))
    if plan.history:
        lines.append("\nset aside as history: " + ", ".join(f"{rows} {kind}" for kind, rows in plan.history.items()))
    return "\n".join(lines)
