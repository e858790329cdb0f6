"""`cartwire ledger`: backup, check, restore, prune. The ledger is the only file that cannot be made again."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cartwire.cli.output import as_json, emit_json, of_shadow, progress
from cartwire.errors import ConfigError
from cartwire.lock import lease
from cartwire.settings import load_settings

if TYPE_CHECKING:
    from activation.ledger.keeping import Checked

UNSOUND = 6
HELD = 11


@click.group("ledger")
def command() -> None:
    """Back up, check, restore and prune the ledger: what was sent, to whom, and what was decided. Nothing else can tell it again."""


@command.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@of_shadow
@as_json
def backup_ledger(file: Path, shadow: bool, as_json: bool) -> None:
    """Copy the ledger into a new FILE, also beside a running sync, and check the copy. FILE holds personal data, like the ledger."""
    from activation.ledger.keeping import backup

    settings = load_settings(shadow=shadow)
    with progress(as_json) as callback:
        checked = backup(settings.ledger, file, lambda done, total: callback("pages", done, total))
    emit_json({**asdict(checked), "file": str(file)}) if as_json else click.echo(f"{file}: {_sentence(checked)}")


@command.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@of_shadow
@as_json
def check_ledger(file: Path | None, shadow: bool, as_json: bool) -> int:
    """Read all of the ledger (or of a backup, FILE): damage, references, and every planned row of every run accounted for."""
    from activation.ledger.keeping import check

    checked = check(file or load_settings(shadow=shadow).ledger)
    if as_json:
        emit_json(asdict(checked))
    else:
        click.echo(_sentence(checked))
        for fault in checked.faults:
            click.echo(f"! {fault}")
    return UNSOUND if checked.faults else 0


@command.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--yes", is_flag=True, help="Do it.")
@as_json
def restore_ledger(file: Path, yes: bool, as_json: bool) -> int:
    """Put a backup, FILE, in the place of the ledger, which is moved aside.

    What was sent after the backup the ledger does not know any more. So the next sync looks for each row at Iterable before it sends it,
    and accepts without a request what is there; the syncs after it do so too, until one has held nothing back.
    """
    from activation.ledger.keeping import check, restore

    settings = load_settings()
    if not yes:
        checked = check(file)
        text = f"{_sentence(checked)}\nto put it in the place of {settings.ledger.name}: the same command with --yes"
        emit_json({**asdict(checked), "restored": False}) if as_json else click.echo(text)
        return HELD
    with lease(settings.ledger), progress(as_json) as callback:
        done = restore(file, settings.ledger, settings.secret_bytes, lambda done, total: callback("pages", done, total))
    former = done.former
    if as_json:
        emit_json({**asdict(done.checked), "restored": True, "former": former and str(former)})
    else:
        click.echo(f"restored; {_sentence(done.checked)}")
        click.echo(f"the former ledger is {former}" if former else "there was no ledger before")
        click.echo("the next `cartwire sync` looks at Iterable before it sends anything")
    return 0


@command.command("prune")
@click.option("--days", type=click.IntRange(1), help="Instead of CARTWIRE_PAYLOAD_DAYS.")
@click.option("--yes", is_flag=True, help="Do it. What is erased cannot be brought back, but from a backup.")
@click.option(
    "--shrink", is_flag=True, help="Also give the room back to the disk: writes the file anew, which takes as much room again."
)
@as_json
def prune_ledger(days: int | None, yes: bool, shrink: bool, as_json: bool) -> int:
    """Erase payloads, and values of fields that others took the place of, once they are older than so many days.

    With CARTWIRE_PAYLOAD_DAYS each sync does so once a day for what became old since; this command looks at all of the ledger. What was decided,
    names of fields, fingerprints, and the newest value of each field stay, so the next sync plans what it would have planned.
    """
    from activation.ledger.reading import read_only
    from activation.ledger.store import Ledger
    from flows.steps import payloads_until_ms

    settings = load_settings()
    days = days or settings.payload_days
    if not days:
        raise ConfigError("nothing says how long payloads are kept: set CARTWIRE_PAYLOAD_DAYS, or give --days")
    before_ms = payloads_until_ms(days)
    with read_only(settings.ledger) as reader:
        payloads = reader.prunable(before_ms)
    if not yes:
        text = f"{payloads:,} payloads are older than {days} days\nto erase them: the same command with --yes"
        emit_json({"payloads": payloads, "days": days, "erased": False}) if as_json else click.echo(text)
        return HELD if payloads else 0
    with (
        lease(settings.ledger),
        Ledger.open(settings.ledger, settings.secret_bytes) as ledger,
        progress(as_json) as callback,
    ):
        done = ledger.prune(before_ms, progress=lambda done, total: callback("rows", done, total))
        if shrink:
            ledger.shrink()
    size = f"{settings.ledger.stat().st_size / 2**20:,.1f} MiB"
    if as_json:
        emit_json({**asdict(done), "days": days, "erased": True, "size_bytes": settings.ledger.stat().st_size})
    else:
        click.echo(f"{done.payloads:,} payloads and {done.values:,} values of fields erased; the ledger has {size}")
    return 0


def _sentence(checked: Checked) -> str:
    state = f"{len(checked.faults)} faults" if checked.faults else "sound"
    newest = f", the newest {checked.newest_run}" if checked.newest_run else ""
    return f"{state}; {checked.rows:,} rows of {checked.runs:,} runs{newest}; {checked.size_bytes / 2**20:,.1f} MiB"
