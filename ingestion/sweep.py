"""Deletes that leave no trace in a read by time: compares the ids commercetools has with those in `raw`.

Every resource is read to its end before anything is compared, and all findings are written in one transaction; a sweep that fails
marks nothing. Findings are rows of `control.sweep_findings` and are never changed: an id that comes back is a newer row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from cartwire.errors import CartwireError, SourceError
from cartwire.warehouse import transaction
from ingestion.ids import SeenIds
from ingestion.resources import Resource
from ingestion.source import newest

SHARE_MAX = 0.005
"""More than this share of a resource at once is more likely a fault of the read than a delete."""
ROWS_ALWAYS = 100
"""So many rows may vanish from a resource of any size."""
_SQL = Path(__file__).parent / "sql"


class TooManyVanished(CartwireError):
    """Implausibly much would be marked as deleted; facts: `resources`, each with what would be marked and what is allowed."""

    exit_code = 11


@dataclass(frozen=True, slots=True)
class Swept:
    """One resource.

    Attributes:
        ids: ids read. living: rows of `raw` held to be there before.
        vanished: rows marked as deleted. expired: of them such as commercetools deletes by itself after their time.
        reappeared: rows marked by an earlier sweep that are there after all.
    """

    resource: str
    ids: int
    living: int
    vanished: int
    expired: int
    reappeared: int

    @property
    def unexpected(self) -> int:
        """What the guard counts."""
        return self.vanished - self.expired

    @property
    def limit(self) -> int:
        """So many may vanish without anybody looking."""
        return max(ROWS_ALWAYS, int(self.living * SHARE_MAX))


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep found.

    Attributes:
        run_id: names it in the worker's health file; `exit_code` is what a worker writes beside it, for a sweep that refuses raises.
        started_at: the server's clock at the first answer, aware UTC.
        skipped: optional resource → why it was not read.
    """

    run_id: str
    started_at: datetime
    resources: tuple[Swept, ...]
    skipped: Mapping[str, str]

    exit_code = 0

    def as_dict(self) -> dict[str, Any]:
        """For `--json` and Prefect."""
        return asdict(self)


def mark_vanished(
    connection: duckdb.DuckDBPyConnection, seen: SeenIds, *, settle: timedelta, allowed: Mapping[str, int]
) -> SweepReport:
    """Compare and mark, all resources or none.

    Args:
        connection: the warehouse, with no transaction open; the caller holds the lease.
        settle: rows made this shortly before the sweep may not have been visible to it and are left alone.
        allowed: resource → rows that may vanish although the guard would refuse.
    Raises: TooManyVanished, SourceError when nothing was read.
    """
    if seen.started_at is None:
        raise SourceError("commercetools has not answered yet")
    with transaction(connection):
        connection.execute((_SQL / "sweep_tables.sql").read_text())
        swept = tuple(_compare(connection, resource, path, seen, seen.started_at, settle) for resource, path in seen.files)
        _refuse_too_many(swept, allowed)
        connection.execute((_SQL / "sweep_mark.sql").read_text(), {"started_at": seen.started_at})
    return SweepReport(f"sweep-{seen.started_at:%Y%m%dT%H%M%S}", seen.started_at, swept, dict(seen.skipped))


def _compare(
    connection: duckdb.DuckDBPyConnection, resource: Resource, path: Path, seen: SeenIds, started_at: datetime, settle: timedelta
) -> Swept:
    table = newest(resource)
    connection.execute(f"create schema if not exists {table.schema}")
    connection.execute(table.ddl())
    names = {"resource": resource.name, "table": f"{table.schema}.{table.name}"}
    facts = {
        "ids": str(path),
        "started_at": started_at,
        "made_before": started_at - settle,
        "lifetime_field": resource.lifetime_field,
    }
    connection.execute((_SQL / "sweep_compare.sql").read_text(), {**names, **facts})
    row = connection.execute((_SQL / "sweep_counts.sql").read_text(), names).fetchone() or (0, 0, 0, 0)
    living, vanished, expired, reappeared = row
    return Swept(resource.name, seen.counts[resource.name], living, vanished + expired, expired, reappeared)


def _refuse_too_many(swept: tuple[Swept, ...], allowed: Mapping[str, int]) -> None:
    over = [one for one in swept if one.unexpected > max(one.limit, allowed.get(one.resource, 0))]
    if not over:
        return
    found = "; ".join(f"{one.unexpected:,} of {one.living:,} {one.resource} ({one.limit:,} may)" for one in over)
    options = " ".join(f"--allow {one.resource}={one.unexpected}" for one in over)
    raise TooManyVanished(
        f"the sweep would mark {found} as deleted, and has marked nothing. Look whether they are gone in commercetools and whether "
        f"the API client still sees all of it; if that is right: cartwire sweep {options}",
        resources={one.resource: {"vanished": one.unexpected, "living": one.living, "limit": one.limit} for one in over},
    )
