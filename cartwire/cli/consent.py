"""`cartwire consent`: what people allow. Why somebody is or is not messaged, and files from elsewhere that say so."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cartwire.cli.consent_show import show
from cartwire.cli.output import as_json, emit_json, owners_file
from cartwire.errors import ConfigError
from cartwire.settings import Settings, load_settings

if TYPE_CHECKING:
    from ingestion.consent_file import Refused, Statement

SOME_REJECTED = 10
SHOWN_MAX = 20


class _OrAPerson(click.Group):
    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """A first word that is no command names a person to show."""
        return super().resolve_command(ctx, args if args[0] in self.commands else ["show", *args])


@click.group("consent", cls=_OrAPerson)
def command() -> None:
    """Why somebody is or is not messaged; consent that was given or withdrawn outside of the shop and Iterable.

    `cartwire consent ada@example.com` is short for `cartwire consent show ada@example.com`.
    """


command.add_command(show)


@command.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check the file; write nothing.")
@click.option(
    "--rejected",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="OUT.csv",
    help="Write rejected rows there, with line and reason, to be mended and imported. They hold personal data.",
)
@as_json
def import_file(file: Path, dry_run: bool, rejected: Path | None, as_json: bool) -> int:
    """Take statements of consent from FILE (CSV; docs/reference/consent-import.md), each with where and when it was made.

    Good rows go in, bad ones are rejected with line and reason; exit code 10 then. The same row again changes nothing. A withdrawal
    stops messages at once, also of a sync that is running; a grant counts from the next sync on.
    """
    settings = load_settings()
    from ingestion.consent_file import Refused, Statement, allowed_places, read_file

    if rejected and rejected.exists():
        raise ConfigError(f"{rejected.name} is there already; name a new file")
    header, rows = read_file(file, allowed_places(settings.config))
    read = list(rows)
    good = [row for row in read if isinstance(row, Statement)]
    refused = [row for row in read if isinstance(row, Refused)]
    imported, closed = (0, 0) if dry_run else _store(settings, good)
    if rejected and refused and not dry_run:
        _write(rejected, header, refused)
    if as_json:
        emit_json(
            {
                "read": len(read),
                "valid": len(good),
                "imported": imported,
                "known": 0 if dry_run else len(good) - imported,
                "channels_closed": closed,
                "rejected": [{"line": row.line, "reason": row.reason} for row in refused],
                "dry_run": dry_run,
            }
        )
    else:
        _tell(len(good), imported, closed, refused, dry_run=dry_run)
    return SOME_REJECTED if refused else 0


def _store(settings: Settings, statements: list[Statement]) -> tuple[int, int]:
    """All of them in one transaction of the ledger. Returns: how many are new, and how many channels of people closed."""
    if not statements:
        return 0, 0
    from activation.ledger.store import Ledger
    from activation.received import from_import
    from cartwire.clock import to_ms

    secret = settings.secret_bytes
    with Ledger.open(settings.ledger, secret) as ledger:
        return ledger.receive(from_import(one.event_key, one.row, to_ms(one.stated_at), one.body, secret) for one in statements)


def _write(path: Path, header: list[str], refused: list[Refused]) -> None:
    import csv

    from ingestion.consent_file import REFUSAL

    kept = [place for place, name in enumerate(header) if name not in REFUSAL]
    with owners_file(path, newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(header[place] for place in kept), *REFUSAL])
        for row in refused:
            values = [*row.values, *[""] * len(header)]
            writer.writerow([*(values[place] for place in kept), row.line, row.reason])


def _tell(valid: int, imported: int, closed: int, refused: list[Refused], *, dry_run: bool) -> None:
    if dry_run:
        click.echo(f"{valid} rows would be imported, {len(refused)} rejected; nothing was written")
    else:
        click.echo(
            f"{imported} rows imported, {valid - imported} known already, {len(refused)} rejected;"
            f" {closed} channels of people closed at once, grants count from the next sync on"
        )
    for row in refused[:SHOWN_MAX]:
        click.echo(f"line {row.line}: {row.reason}", err=True)
    if len(refused) > SHOWN_MAX:
        click.echo(f"and {len(refused) - SHOWN_MAX} more; --rejected OUT.csv writes all of them", err=True)
