"""`cartwire authority`."""

from __future__ import annotations

import click

from cartwire import clock
from cartwire.cli.output import as_json, emit_json
from cartwire.lock import lease
from cartwire.settings import REPOSITORY, load_settings


@click.command("authority")
@click.argument("authority", required=False, type=click.Choice(["messages", "history"]))
@click.option("--yes", is_flag=True, help="Record it. What happened before counts as history of these kinds and is never sent.")
@as_json
def command(authority: str | None, yes: bool, as_json: bool) -> int:
    """Show who dates changes of a plain field (a status, a group), or confirm another one.

    A change has no id of its own: its id holds the time that commercetools' Messages or our own history of versions give it.
    Mixing them would tell one change twice. So it is chosen once, at go-live, and these kinds are held while Messages are the
    authority and are switched off in the shop, until they are on again or history is confirmed here.
    """
    from activation.contracts import load_contracts
    from activation.ledger.store import Ledger
    from flows.kinds import transition_kinds

    settings = load_settings()
    kinds = transition_kinds(load_contracts(REPOSITORY / "models"))
    with lease(settings.ledger), Ledger.open(settings.ledger, settings.secret_bytes) as ledger:
        standing = {kind: ledger.authority(kind) or "chosen by the first sync" for kind in kinds}
        changed = [kind for kind in kinds if authority and standing[kind] != authority]
        if yes and changed and authority:
            ledger.change_authority(authority, changed, clock.now())
            standing |= dict.fromkeys(changed, authority)
    is_open = bool(changed) and not yes
    if as_json:
        emit_json({"authority": standing, "would_change": changed if is_open else [], "changed": [] if is_open else changed})
    else:
        click.echo("\n".join(f"{kind}: {who}" for kind, who in standing.items()))
        if is_open:
            click.echo(f"to let {authority} date {', '.join(changed)}: cartwire authority {authority} --yes")
    return 11 if is_open else 0
