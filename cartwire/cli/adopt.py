"""`cartwire adopt`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cartwire.cli.output import as_json, emit_json, progress
from cartwire.settings import load_settings

if TYPE_CHECKING:
    from flows.adopt import Adoption

_ORDER = ("stop", "look", "fine")


@click.command("adopt")
@click.option(
    "--html",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the page goes. [default: adopt.html of the state folder]",
)
@click.option("--show-addresses", is_flag=True, help="Print e-mail addresses of examples in clear. They are masked otherwise.")
@click.option(
    "--wait", "wait_s", type=click.IntRange(0), default=0, metavar="SECONDS", help="Wait for a running sync to end first."
)
@as_json
def command(path: Path | None, show_addresses: bool, wait_s: int, as_json: bool) -> int:
    """Look at a living project before the first sync: who else writes there, what conflicts, what a sync would touch and fire.

    Writes a page and sends nothing. Exit 11 when something would be held until a person decides.
    """
    from flows.adopt import adopt
    from flows.adopt_page import page

    settings = load_settings()
    with progress(as_json) as callback:
        found = adopt(settings, progress=callback, in_clear=show_addresses, wait_s=wait_s)
    target = path or settings.state_dir / "adopt.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page(found), encoding="utf-8")
    emit_json({**found.as_dict(), "page": str(target)}) if as_json else click.echo(_summary(found, target))
    return 11 if found.stops else 0


def _summary(found: Adoption, target: Path) -> str:
    words = {"stop": "decide first", "look": "look at", "fine": "fine"}
    rows = sorted(found.findings, key=lambda finding: _ORDER.index(finding.weight))
    lines = [f"{words[row.weight]}: {row.text}" for row in rows]
    lines.append("people: " + ", ".join(f"{row['people']:,} {row['known_where']}" for row in found.people))
    staged = [kind for kind in found.plan.kinds if kind.states.get("staged")]
    sends = ", ".join(f"{kind.states['staged']:,} {kind.kind}" for kind in staged) or "nothing"
    requests, minutes = sum(kind.requests for kind in staged), sum(kind.minutes for kind in staged)
    lines.append(f"a sync would send {sends}: {requests:,} requests, {minutes:.1f} minutes")
    lines.append(f"all of it: {target}")
    return "\n".join(lines)
