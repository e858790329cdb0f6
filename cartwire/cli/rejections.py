"""`cartwire rejections`."""

from __future__ import annotations

import click

from cartwire import clock
from cartwire.cli.output import as_json, emit_json, of_shadow, table
from cartwire.masking import mask_email
from cartwire.settings import load_settings


@click.command("rejections")
@click.option("--run", "run_id", help="Only this run.")
@click.option(
    "--object", "object_name", help="Only this object: users, purchases, carts, events, lists, withdrawals, identities."
)
@click.option("--held", is_flag=True, help="Also rows that are held.")
@click.option(
    "--limit", "rows_max", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many rows, newest first."
)
@click.option("--show-addresses", is_flag=True, help="Print e-mail addresses in clear. They are masked otherwise.")
@of_shadow
@as_json
def command(
    run_id: str | None, object_name: str | None, held: bool, rows_max: int, show_addresses: bool, shadow: bool, as_json: bool
) -> None:
    """Rows that were refused, by Iterable or by the gate, each with its reason. Works while a sync runs."""
    from activation.ledger.reading import read_only

    settings = load_settings(shadow=shadow)
    states = ("rejected", "held") if held else ("rejected",)
    found = []
    if settings.ledger.exists():
        with read_only(settings.ledger) as ledger:
            found = ledger.rejections(
                run_id=run_id, object_name=object_name, states=states, with_addresses=True, rows_max=rows_max
            )
    rows = [
        {
            "run": row["run_id"],
            "object": row["object"],
            "kind": row["kind"],
            "person": _person(row["email"], row["user_id"], show_addresses),
            "person_key": row["person_key"],
            "state": row["state"],
            "reason": row["reason"],
            "at": f"{clock.from_ms(row['changed_at_ms']):%Y-%m-%d %H:%M:%SZ}",
        }
        for row in found
    ]
    if as_json:
        emit_json({"rejections": rows})
    elif rows:
        click.echo(table(rows, ("at", "object", "kind", "person", "state", "reason")))
    else:
        click.echo("nothing was rejected")


def _person(email: str | None, user_id: str | None, in_clear: bool) -> str:
    if in_clear:
        return email or user_id or ""
    return mask_email(email) if email else "(by user id)" if user_id else ""
