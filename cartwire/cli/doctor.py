"""`cartwire doctor`."""

from __future__ import annotations

from dataclasses import asdict

import click

from cartwire.cli.output import as_json, emit_json


@click.command("doctor")
@as_json
def command(as_json: bool) -> int:
    """Check settings, both APIs, scopes, channels, fields, clock, disk and versions; say how to mend each. Writes nothing."""
    from flows.doctor import Verdict, examine

    checks = []
    for check in examine():
        checks.append(check)
        if not as_json:
            mark = {Verdict.ok: "ok  ", Verdict.warn: "warn", Verdict.fail: "FAIL"}[check.verdict]
            click.echo(
                f"{mark}  {check.name}: {check.found}"
                + ("\n      → " + check.mend.replace("\n", "\n      ") if check.mend else "")
            )
    failed = [check for check in checks if check.verdict is Verdict.fail]
    if as_json:
        emit_json({"ok": not failed, "checks": [asdict(check) for check in checks]})
    elif not failed:
        click.echo("\nready: `cartwire plan` shows what a first sync would send")
    return 2 if failed else 0
