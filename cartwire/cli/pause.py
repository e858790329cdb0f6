"""`cartwire pause`."""

from __future__ import annotations

import csv
import getpass
from collections.abc import Sequence
from pathlib import Path

import click

from cartwire.cli.output import as_json, emit_json
from cartwire.errors import ConfigError
from cartwire.masking import mask
from cartwire.settings import load_settings

WITHDRAWALS = "withdrawals"


@click.command("pause")
@click.argument("names", nargs=-1, metavar="[OBJECT|KIND]...")
@click.option("--reason", default="no reason given", help="Why; shown by status, in the run report and on each held row.")
@as_json
def command(names: tuple[str, ...], reason: str, as_json: bool) -> None:
    """Stop sending until `cartwire resume`: everything, or the objects and kinds named (carts, order_refunded ...).

    Takes effect at the next request, also of a sync that is running. Withdrawals are never paused: an opt-out may not wait.
    Loading, building and publishing for analysts go on. What a pause of single objects keeps back is counted as held.
    """
    settings = load_settings()
    check_names(settings.config, names)
    from activation.ledger.store import Ledger

    with Ledger.open(settings.ledger, settings.secret_bytes) as ledger:
        fresh = ledger.pause(names or ("",), reason=mask(reason), by=account())
        standing = ledger.pauses()
    if as_json:
        emit_json({"paused": [shown(name) for name in fresh], "standing": [pause.sentence for pause in standing]})
        return
    for name in names or ("",):
        click.echo(f"{shown(name)} {'is paused' if name in fresh else 'was paused already'}")
    click.echo("lift it with: cartwire resume" + "".join(f" {name}" for name in names))


def check_names(config: Path, names: Sequence[str]) -> None:
    """Refuse what is no object or kind of `objects.csv`. Raises: ConfigError that lists the allowed names."""
    if WITHDRAWALS in names:
        raise ConfigError("withdrawals cannot be paused: an opt-out may not wait")
    with (config / "objects.csv").open(newline="", encoding="utf-8-sig") as file:
        known = {row[column] for row in csv.DictReader(file) for column in ("object", "kind")} - {WITHDRAWALS}
    for name in names:
        if name not in known:
            raise ConfigError(f"{name} is no object or kind; allowed: {', '.join(sorted(known))}, or nothing for everything")


def shown(name: str) -> str:
    """A pause's name for people."""
    return name or "everything but withdrawals"


def account() -> str:
    """Who turns the switch: the account of this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's bare numeric user
        return "unknown account"
