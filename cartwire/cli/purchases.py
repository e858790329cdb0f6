"""What `cartwire reconcile --purchases` shows."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from cartwire import clock
from cartwire.cli.output import emit_json, progress, table
from cartwire.errors import ConfigError
from cartwire.settings import Settings

if TYPE_CHECKING:
    from activation.purchase_totals import PurchaseTotals

DIFFERS = 11
SHOWN_MAX = 50
DAYS = 7
ALWAYS = ("day", "market", "currency", "shop", "shop_revenue", "accepted", "accepted_revenue", "at_iterable", "iterable_revenue")
WHERE_ANY = ("missing", "not_accepted", "other_total", "too_fresh", "others", "others_revenue")


def show_purchases(settings: Settings, since: datetime | None, until: datetime | None, as_json: bool) -> int:
    """Compare and tell."""
    today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    start, end = since or today - timedelta(days=DAYS), until or clock.now()
    if start >= end:
        raise ConfigError("the period is empty: --since has to be before --until")
    with progress(as_json) as callback:
        found = _compared(settings, start, end, lambda done: callback("purchases", done, None))
    if as_json:
        period = {"since": start.isoformat(), "until": end.isoformat()}
        emit_json({**period, "days": found.days, "differences": found.differences, "not_sent": found.not_sent})
    else:
        click.echo(_text(found, start, end))
    return DIFFERS if found.differences else 0


def _compared(settings: Settings, since: datetime, until: datetime, callback: Any) -> PurchaseTotals:
    from activation.ledger.reading import read_only
    from activation.purchase_totals import SHOP, compare_purchases, shop_purchases
    from cartwire.warehouse import open_warehouse
    from clients.iterable import IterableClient

    shop = SHOP.empty_table()
    if settings.warehouse.exists():
        with closing(open_warehouse(settings.warehouse)) as warehouse:
            shop = shop_purchases(warehouse, since, until)
    with read_only(settings.ledger) as ledger, closing(IterableClient(settings, read_only=True)) as client:
        return compare_purchases(
            shop, ledger, client, since, until, clock.now(), visibility_s=settings.visibility_seconds, progress=callback
        )


def _text(found: PurchaseTotals, since: datetime, until: datetime) -> str:
    total = sum(row["at_iterable"] for row in found.days)
    period = f"{since:%Y-%m-%d %H:%M}Z to {until:%Y-%m-%d %H:%M}Z"
    lines = [f"{period}: {total:,} purchases of ours at Iterable, {len(found.differences):,} differ"]
    if found.days:
        columns = (*ALWAYS, *(name for name in WHERE_ANY if any(row[name] for row in found.days)))
        lines += ["", table([_plain(row) for row in found.days], columns)]
    if found.not_sent:
        lines += ["", "of the shop, never sent:", table(found.not_sent, ("purchases", "reason"))]
    if found.differences:
        rows = [_plain(row) for row in found.differences[:SHOWN_MAX]]
        lines += ["", table(rows, ("purchase_id", "day", "market", "currency", "finding", "accepted", "shown"))]
        if len(found.differences) > SHOWN_MAX:
            lines.append(f"and {len(found.differences) - SHOWN_MAX:,} more; --json shows all")
    return "\n".join(lines)


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Money with two digits, or all four where it has more."""
    return {name: f"{value:,.4f}".removesuffix("00") if isinstance(value, Decimal) else value for name, value in row.items()}
