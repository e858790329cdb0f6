"""`cartwire reconcile`."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from cartwire import clock
from cartwire.cli.moments import Moment
from cartwire.cli.output import as_json, emit_json, progress, table
from cartwire.settings import Settings, load_settings

if TYPE_CHECKING:
    from activation.reconcile import Reconciled

DRIFT = 11
SHOWN_MAX = 50
DRAWN = 4  # places for each person wanted: several lead to the same one


@click.command("reconcile")
@click.option(
    "--sample", type=click.IntRange(1, 100_000), default=100, show_default=True, help="So many people, drawn at random."
)
@click.option(
    "--key", "who", metavar="EMAIL_OR_ID", help="This person instead: an address, a customer id, a userId or a person_key."
)
@click.option("--show-values", is_flag=True, help="Show what each side has: the person's own data.")
@click.option("--repair", is_flag=True, help="Show which of the differing fields are ours to send again; with --yes, do it.")
@click.option("--yes", is_flag=True, help="With --repair: note these fields and run a sync now, which sends them.")
@click.option(
    "--purchases", is_flag=True, help="Instead: purchases per day, market and currency: the shop, what was accepted, Iterable."
)
@click.option(
    "--since", type=Moment(), metavar="TIME", help="With --purchases: from then on (ISO 8601, UTC). [default: seven days ago]"
)
@click.option("--until", type=Moment(), metavar="TIME", help="With --purchases: before then. [default: now]")
@as_json
def command(
    sample: int,
    who: str | None,
    show_values: bool,
    repair: bool,
    yes: bool,
    purchases: bool,
    since: datetime | None,
    until: datetime | None,
    as_json: bool,
) -> int:
    """Read people at Iterable and compare, field by field, with what it accepted from us; tell each difference and its likely cause.

    Reads within Iterable's limits (100 people a second) and writes nothing; works while a sync runs. People whom something was sent to within
    the visibility delay are left out. Exit code 11 where something differs.

    A repair sends the fields that differ, and no others, as they should be by then: the newest data, by an ordinary sync with all its limits.
    A field that config/ leaves to Iterable, the consent object, and people whom Iterable does not have any more are told, not repaired.

    Purchases are compared one by one by id, from one export (Iterable allows four a minute), and added up exactly.
    """
    if yes and not repair:
        raise click.UsageError("--yes goes with --repair")
    if purchases and (repair or who):
        raise click.UsageError("--purchases goes with neither --repair nor --key")
    if (since or until) and not purchases:
        raise click.UsageError("--since and --until go with --purchases")
    settings = load_settings()
    if purchases:
        from cartwire.cli.purchases import show_purchases

        return show_purchases(settings, since, until, as_json)
    with progress(as_json) as callback:
        found = reconciled(settings, sample, who, lambda done, total: callback("people", done, total))
    if repair and found.drifts:
        from cartwire.cli.repairing import repair_drifts, show_repair

        return repair_drifts(settings, found, as_json) if yes else show_repair(settings, found, as_json)
    if as_json:
        emit_json(as_dict(found, show_values))
    else:
        click.echo(text_of(found, show_values))
    return DRIFT if found.drifts else 0


def reconciled(settings: Settings, sample: int, who: str | None, callback: Any) -> Reconciled:
    """Choose the people and compare them."""
    import random

    from activation.explain import keys_of
    from activation.ledger.reading import read_only
    from activation.reconcile import reconcile
    from clients.iterable import IterableClient

    client = IterableClient(settings, read_only=True)
    try:
        with read_only(settings.ledger) as ledger:
            places = random.Random()  # noqa: S311 - chooses people to look at
            keys = (
                keys_of(ledger, who, settings.secret_bytes)
                if who
                else ledger.sampled_people([places.random() for _ in range(DRAWN * sample)])[:sample]
            )
            return reconcile(ledger, client, keys, clock.now(), visibility_s=settings.visibility_seconds, progress=callback)
    finally:
        client.close()


def as_dict(found: Reconciled, show_values: bool) -> dict[str, Any]:
    """For machines."""
    rows = [_row(drift, show_values) for drift in found.drifts]
    return {"people": found.people, "fields": found.fields, "too_fresh": found.too_fresh, "drifts": rows}


def text_of(found: Reconciled, show_values: bool) -> str:
    """For people: counts by field and cause, then the first differences."""
    fresh = f"; {found.too_fresh} more were left out, something was sent to them just now" if found.too_fresh else ""
    lines = [f"{found.people} people read, {found.fields} fields compared, {len(found.drifts)} differ{fresh}"]
    if not found.drifts:
        return lines[0]
    counts = Counter((drift.field or "(user)", drift.cause) for drift in found.drifts)
    groups = [{"field": field, "people": people, "likely cause": cause} for (field, cause), people in counts.most_common()]
    columns = ("person_key", "field", "accepted_at", *(("expected", "shown") if show_values else ()))
    lines += ["", table(groups, ("field", "people", "likely cause")), ""]
    lines.append(table([_row(drift, show_values) for drift in found.drifts[:SHOWN_MAX]], columns))
    if len(found.drifts) > SHOWN_MAX:
        lines.append(f"and {len(found.drifts) - SHOWN_MAX} more; --json shows all")
    lines.append("\nwhat was sent to one of them, and when: cartwire explain PERSON_KEY")
    return "\n".join(lines)


def _row(drift: Any, show_values: bool) -> dict[str, Any]:
    values = {"expected": drift.expected, "shown": drift.shown} if show_values else {}
    at = f"{clock.from_ms(drift.accepted_at_ms):%Y-%m-%d %H:%M:%SZ}"
    return {"person_key": drift.person_key, "field": drift.field or "(user)", "cause": drift.cause, "accepted_at": at, **values}
