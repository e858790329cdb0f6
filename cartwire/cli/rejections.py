"""`cartwire rejections`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from cartwire.cli.output import as_json, emit_json, of_shadow, owners_file, table
from cartwire.cli.refused_rows import shown, which_rows
from cartwire.errors import ConfigError
from cartwire.settings import load_settings

_COLUMNS = ("at", "object", "kind", "person", "state", "runs", "reason")


@click.command("rejections")
@which_rows
@click.option("--held", is_flag=True, help="Also rows that are held.")
@click.option("--all", "with_past", is_flag=True, help="Also rows whose place a newer row has taken.")
@click.option(
    "--limit", "rows_max", type=click.IntRange(1, 1000), default=50, show_default=True, help="How many rows, newest first."
)
@click.option("--show-addresses", is_flag=True, help="Addresses and payloads in clear. Addresses are masked otherwise.")
@click.option(
    "--export",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write all of them, without a limit, to a new FILE: CSV, or a JSON object a line where it ends in .jsonl.",
)
@of_shadow
@as_json
def command(
    chosen: dict[str, Any],
    held: bool,
    with_past: bool,
    rows_max: int,
    show_addresses: bool,
    export: Path | None,
    shadow: bool,
    as_json: bool,
) -> None:
    """Rows that were refused, by Iterable or by the gate, each with its reason, since when, and by how many runs.

    The newest row of each subject counts: what was accepted later is not shown. Works while a sync runs. `cartwire replay`, with the same
    options, lets rows go again.
    """
    from activation.ledger.reading import read_only
    from activation.ledger.refused import ALL_ROWS, Which

    settings = load_settings(shadow=shadow)
    if export and export.exists():
        raise ConfigError(f"{export.name} is there already; name a new file")
    which = Which(states=("rejected", "held") if held else ("rejected",), is_standing=not with_past, **chosen)
    found = []
    if settings.ledger.exists():
        with read_only(settings.ledger) as ledger:
            found = ledger.rejections(which, with_values=True, rows_max=ALL_ROWS if export else rows_max)
    rows = [shown(row, with_values=show_addresses) for row in found]
    if export:
        _write(export, rows)
    if as_json:
        emit_json({"exported": len(rows)} if export else {"rejections": rows})
    elif export:
        click.echo(f"{len(rows)} rows written to {export}")
    elif rows:
        click.echo(table(rows, _COLUMNS))
    else:
        click.echo("nothing was rejected")


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """For its owner only: with addresses it is personal data."""
    import orjson

    with owners_file(path, newline="") as file:
        if path.suffix == ".jsonl":
            file.writelines(f"{orjson.dumps(row, option=orjson.OPT_SORT_KEYS).decode()}\n" for row in rows)
            return
        writer = csv.DictWriter(file, list(rows[0]) if rows else list(_COLUMNS))
        writer.writeheader()
        writer.writerows(rows)
