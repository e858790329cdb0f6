"""`cartwire apply`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cartwire.cli.output import as_json, emit_json, progress, summary, table
from cartwire.settings import load_settings

if TYPE_CHECKING:
    from flows.apply import Applied

REFUSED = 4
SHOWN_MAX = 20


@click.command("apply")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True), metavar="FILE")
@click.option(
    "--wait", "wait_s", type=click.IntRange(0), default=0, metavar="SECONDS", help="Wait for a running sync to end first."
)
@as_json
def command(file: Path, wait_s: int, as_json: bool) -> int:
    """Send exactly the requests of FILE, which `cartwire plan --out` wrote; nothing at all where the world has moved since.

    Loads and builds first, so that it knows. A planned row that would now be another request, or none, for its data, its consent or a sync in
    between, makes it refuse (exit code 4) and say what moved. Rows that changed since and are not in the plan wait for the next sync.
    """
    from flows.apply import apply
    from flows.plan_file import read

    settings = load_settings()
    plan = read(file)
    with progress(as_json) as callback:
        found = apply(settings, plan, wait_s=wait_s, progress=callback)
    emit_json(found.as_dict()) if as_json else click.echo(text_of(found))
    return REFUSED if found.report is None else found.report.exit_code


def text_of(found: Applied) -> str:
    """For people: the run, or what moved."""
    others = f"{found.others:,} rows changed since the plan and are not in it: the next sync sends them" if found.others else ""
    if found.report:
        return "\n".join(filter(None, (summary(found.report), others)))
    counts = Counter((moved.object, moved.kind, moved.what) for moved in found.moved)
    groups = [
        dict(zip(("object", "kind", "rows", "what moved"), (*key[:2], rows, key[2]), strict=True))
        for key, rows in counts.most_common()
    ]
    lines = [
        f"refused, nothing was sent: {len(found.moved):,} planned rows are not as they were",
        table(groups[:SHOWN_MAX], ("object", "kind", "rows", "what moved")),
        others,
        "the newest state: cartwire plan --out FILE",
    ]
    return "\n".join(filter(None, lines))
