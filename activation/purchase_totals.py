"""Purchases of a period, one by one and added up: the shop, what Iterable accepted, what Iterable shows. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from activation.ledger.queries import Queries
from cartwire.clock import to_ms
from clients.iterable import IterableClient
from clients.iterable_events import moment, text

Row = dict[str, Any]
AHEAD = timedelta(seconds=1)
"""Iterable takes whole seconds."""
CHUNK_ROWS = 5_000
_SQL = Path(__file__).parent / "sql"
_TEXT, _NUMBER = pa.string(), pa.int64()
SHOP = pa.schema(
    [
        ("purchase_id", _TEXT),
        ("market_code", _TEXT),
        ("currency_code", _TEXT),
        ("total", pa.decimal128(28, 4)),
        ("purchased_at", pa.timestamp("us")),
        ("not_sent_reason", _TEXT),
    ]
)
SENT = pa.schema(
    [
        ("purchase_id", _TEXT),
        ("market_code", _TEXT),
        ("currency_code", _TEXT),
        ("total", _TEXT),
        ("occurred_at_ms", _NUMBER),
        ("settled_at_ms", _NUMBER),
        ("state", _TEXT),
    ]
)
SHOWN = pa.schema(
    [
        ("position", _NUMBER),
        ("purchase_id", _TEXT),
        ("market_code", _TEXT),
        ("currency_code", _TEXT),
        ("total", _TEXT),
        ("purchased_at_ms", _NUMBER),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseTotals:
    """Per day (UTC), market and currency; money is exact.

    Attributes:
        days: counts and revenue of the shop, of what was accepted, of what Iterable shows of ours, and of others; and the differences.
        differences: each purchase that is missing there, there but not accepted by this ledger, or there with another total.
        not_sent: reason and number of purchases of the shop that were never sent; no difference.
    """

    days: Sequence[Row]
    differences: Sequence[Row]
    not_sent: Sequence[Row]


def shop_purchases(conn: duckdb.DuckDBPyConnection, since: datetime, until: datetime) -> pa.Table:
    """The shop's purchases from `since` to before `until` (aware), as the last build has them; none before the first."""
    period = {"since": _naive(since), "until": _naive(until)}
    try:
        found = conn.sql((_SQL / "purchases_of_shop.sql").read_text(), params=period).to_arrow_table()
    except duckdb.CatalogException:
        return SHOP.empty_table()
    return found.cast(SHOP)


def compare_purchases(
    shop: pa.Table,
    reader: Queries,
    client: IterableClient,
    since: datetime,
    until: datetime,
    now: datetime,
    *,
    visibility_s: float,
    progress: Callable[[int], None] = lambda done: None,
) -> PurchaseTotals:
    """One export of the period, compared by id with what the ledger says was accepted.

    Raises: DeliveryError where Iterable cannot be read, or broke off.
    """
    sent = pa.Table.from_pylist(reader.sent_purchases(to_ms(since), to_ms(until)), schema=SENT)
    shown = pa.Table.from_batches(_shown(client.export("purchase", since, until + AHEAD), progress), schema=SHOWN)
    values = {
        "since": _naive(since),
        "until": _naive(until),
        "settled_before_ms": to_ms(now) - round(visibility_s * 1000),
    }
    with duckdb.connect() as conn:
        for name, table in (("shop_purchases", shop), ("sent_purchases", sent), ("shown_purchases", shown)):
            conn.register(name, table)
        conn.execute((_SQL / "compare_purchases.sql").read_text(), values)
        days, differences, not_sent = (
            conn.sql((_SQL / name).read_text()).to_arrow_table().to_pylist()
            for name in ("purchase_days.sql", "purchase_differences.sql", "purchases_not_sent.sql")
        )
    return PurchaseTotals(days=days, differences=differences, not_sent=not_sent)


def _shown(events: Iterable[Mapping[str, Any]], progress: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    rows = enumerate(events)
    done = 0
    while chunk := [_row(position, event) for position, event in islice(rows, CHUNK_ROWS)]:
        done += len(chunk)
        progress(done)
        yield pa.RecordBatch.from_pylist(chunk, schema=SHOWN)


def _row(position: int, event: Mapping[str, Any]) -> Row:
    """`repr` of a double is the shortest text that means it, so a sum of money comes back as it was written."""
    total, at = event.get("total"), moment(event.get("createdAt"))
    return {
        "position": position,
        "purchase_id": text(event.get("id")),
        "market_code": text(event.get("market")),
        "currency_code": text(event.get("currency")),
        "total": repr(total) if isinstance(total, int | float) and not isinstance(total, bool) else None,
        "purchased_at_ms": None if at is None else to_ms(at),
    }


def _naive(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
