"""What `cartwire reconcile --repair` shows and does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from cartwire.cli.output import emit_json, progress, summary, table
from cartwire.cli.pause import account
from cartwire.lock import lease
from cartwire.settings import Settings

if TYPE_CHECKING:
    from activation.reconcile import Drift, Reconciled
    from activation.repair import Repair

DIFFERS = 11


def show_repair(settings: Settings, found: Reconciled, as_json: bool) -> int:
    """What a repair would send, counted, and what it would leave."""
    from activation.ledger.reading import read_only

    with lease(settings.ledger), read_only(settings.ledger) as ledger:
        repair = _planned(settings, found, ledger)
    if as_json:
        emit_json(_as_dict(repair))
        return DIFFERS
    if repair.drifts:
        click.echo(f"to repair: {_count(len(repair.drifts), 'field')} of {_people(repair.people)}, about {_requests(repair)}\n")
        click.echo(table(_groups(repair.drifts), ("field", "people", "likely cause")))
    for line in _left(repair):
        click.echo(line)
    if repair.carts:
        click.echo(f"! {_count(repair.carts, 'cart')} sent again: a journey that a cart update starts will start")
    if repair.drifts:
        click.echo("\nto send them, as they should be by now: the same command with --yes")
    return DIFFERS


def repair_drifts(settings: Settings, found: Reconciled, as_json: bool) -> int:
    """Note what differs, then an ordinary sync."""
    from activation.ledger.store import Ledger

    with lease(settings.ledger), Ledger.open(settings.ledger, settings.secret_bytes) as ledger:
        repair = _planned(settings, found, ledger)
        noted = ledger.note_drifts(repair.fields, account(), found.read_at_ms) if repair.fields else 0
    if not noted:
        emit_json({**_as_dict(repair), "noted": 0}) if as_json else click.echo("\n".join(("nothing to repair", *_left(repair))))
        return DIFFERS
    from flows.run import sync

    with progress(as_json) as callback:
        report = sync(settings, trigger="repair", progress=callback)
    if as_json:
        emit_json({**_as_dict(repair), "noted": noted, **report.as_dict()})
    else:
        click.echo("\n".join((f"{_count(noted, 'field')} noted", summary(report), *_left(repair))))
    return report.exit_code or (DIFFERS if repair.told else 0)


def _planned(settings: Settings, found: Reconciled, ledger: Any) -> Repair:
    from activation.repair import fields_left_to_iterable, plan_repair
    from cartwire.warehouse import open_warehouse

    left: set[tuple[str, str]] = set()
    if settings.warehouse.exists():
        with closing(open_warehouse(settings.warehouse)) as warehouse:
            left = fields_left_to_iterable(warehouse)
    return plan_repair(found.drifts, ledger, left)


def _as_dict(repair: Repair) -> dict[str, Any]:
    return {
        "to_repair": {"people": repair.people, "requests": repair.requests, "fields": _groups(repair.drifts)},
        "not_repaired": [
            {
                "person_key": one.drift.person_key,
                "field": one.drift.field or "(user)",
                "cause": one.drift.cause,
                "advice": one.advice,
            }
            for one in repair.told
        ],
    }


def _groups(drifts: Iterable[Drift]) -> list[dict[str, Any]]:
    counts = Counter((drift.field, drift.cause) for drift in drifts)
    return [{"field": field, "people": people, "likely cause": cause} for (field, cause), people in counts.most_common()]


def _left(repair: Repair) -> list[str]:
    counts = Counter((one.drift.field or "(user)", one.drift.cause, one.advice) for one in repair.told)
    return [f"! not repaired, {_people(n)}: {field}: {cause}. {advice}" for (field, cause, advice), n in counts.most_common()]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number:,} people"


def _requests(repair: Repair) -> str:
    return _count(repair.requests, "request")
