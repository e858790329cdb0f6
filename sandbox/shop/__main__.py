"""Command line of the demo shop: build the document file, write the adjustments anew, show the scenarios."""

from datetime import UTC, datetime
from pathlib import Path

import click

from sandbox.shop import adjustments
from sandbox.shop.build import build_documents
from sandbox.shop.day import expectations
from sandbox.shop.invention import invent


@click.group()
def main() -> None:
    """The demo's documents: real grocery shopping as commercetools resources."""


@main.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--weeks", default=13, show_default=True, help="Last weeks of the year, 1 to 52 (52: the whole year).")
@click.option("--households", default=801, show_default=True, help="How many households, 1 to 801.")
@click.option("--anchor", help="Instant at which the data ends, ISO 8601 with a time zone. Default: now.")
def build(path: Path, weeks: int, households: int, anchor: str | None) -> None:
    """Write the document file PATH, replacing it."""
    try:
        moment = datetime.fromisoformat(anchor) if anchor else datetime.now(UTC)
        counts = build_documents(
            path, weeks=weeks, households=households, anchor=moment, progress=lambda line: click.echo(line, err=True)
        )
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    for resource, count in sorted(counts.items()):
        click.echo(f"{resource:22}{count:>10,}")


@main.command(name="adjustments")
@click.option("--check", is_flag=True, help="Write nothing; fail if the file differs.")
def write_adjustments(check: bool) -> None:
    """Choose the adjustments anew and write adjustments.csv."""
    rows = invent()
    if not check:
        adjustments.write(adjustments.ADJUSTMENTS_CSV, rows)
    elif rows != adjustments.read():
        raise click.ClickException("adjustments.csv is stale; run `python -m sandbox.shop adjustments`")
    click.echo(f"{len(rows):,} adjustments")


@main.command()
def scenarios() -> None:
    """Show what each scenario of the shop day should lead to."""
    for row in expectations().values():
        click.echo(f"{row.scenario}: {'; '.join(row.requests) or 'none in this release'} ({row.outcome})")


if __name__ == "__main__":
    main(prog_name="python -m sandbox.shop")
