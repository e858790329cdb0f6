"""Reading a resource completely, by keyset. Offsets stop at 10,000 and shift when a row changes while we read.

Ids are compared by the server, as binary UUIDs; so the next position is always the last row of the page, never a maximum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from cartwire.errors import SourceError
from clients.commercetools import LIMIT_MAX, OFFSET_MAX, Page
from clients.commercetools_errors import UnreadablePage
from ingestion.documents import Record, Unparsed, head


class QueryClient(Protocol):
    """The part of `CommercetoolsClient` that paging needs."""

    def query(
        self,
        path: str,
        *,
        where: str | None = None,
        variables: Mapping[str, str] | None = None,
        sort: tuple[str, ...] = (),
        limit: int = LIMIT_MAX,
        offset: int = 0,
        extra: Mapping[str, str] | None = None,
    ) -> Page:
        """One page; see `CommercetoolsClient.query`."""


@dataclass(slots=True)
class Horizon:
    """Server time of a load's first answer: the upper bound of increments, and the base of every new cursor."""

    server_time: datetime | None = None

    def see(self, server_time: datetime) -> None:
        """Keep the time of the first answer, ignore later ones."""
        self.server_time = self.server_time or server_time

    @property
    def bound(self) -> str | None:
        """The end of that second, as a predicate value: a `Date` header cuts the milliseconds that timestamps have."""
        return None if self.server_time is None else iso(self.server_time + timedelta(milliseconds=999))


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: id and `lastModifiedAt` of its last usable row, as the server wrote them."""

    id: str
    last_modified_at: str


Ask = Callable[[Position | None, int, int], Page]
"""Asks for the page after a position: (position, rows to step over, rows wanted)."""


def full_scan(
    client: QueryClient, path: str, horizon: Horizon, *, limit: int = LIMIT_MAX, parameters: Mapping[str, str] | None = None
) -> Iterator[list[Record]]:
    """Every row, by `id` ascending in the server's order.

    A row that changes meanwhile may come old or new; the next increment, from before this scan, brings it again.
    Yields: the raw results of each page, broken records included. Raises: as `CommercetoolsClient.query`.
    """

    def ask(after: Position | None, offset: int, rows: int) -> Page:
        return client.query(
            path,
            where="id > :last" if after else None,
            variables={"last": after.id} if after else None,
            sort=("id asc",),
            limit=rows,
            offset=offset,
            extra=parameters,
        )

    return _keyset(ask, horizon, limit, path)


def changes(
    client: QueryClient,
    path: str,
    since: datetime,
    horizon: Horizon,
    *,
    limit: int = LIMIT_MAX,
    parameters: Mapping[str, str] | None = None,
) -> Iterator[list[Record]]:
    """Every row with `since <= lastModifiedAt <= horizon`, oldest first.

    The upper bound keeps the read finite while the shop goes on; the very first page of a load, which gives the horizon, has none.
    A row that changes while we read moves behind the horizon and is left to the next load, or comes twice; it is never skipped.
    Yields and raises: as `full_scan`.
    """

    def ask(after: Position | None, offset: int, rows: int) -> Page:
        if after is None:
            where, variables = "lastModifiedAt >= :since", {"since": iso(since)}
        else:
            where = "(lastModifiedAt > :at or (lastModifiedAt = :at and id > :last))"
            variables = {"at": after.last_modified_at, "last": after.id}
        if (bound := horizon.bound) is not None:
            where, variables = f"{where} and lastModifiedAt <= :horizon", {**variables, "horizon": bound}
        return client.query(
            path,
            where=where,
            variables=variables,
            sort=("lastModifiedAt asc", "id asc"),
            limit=rows,
            offset=offset,
            extra=parameters,
        )

    return _keyset(ask, horizon, limit, path)


def iso(moment: datetime) -> str:
    """The vendor's form of an aware UTC datetime: milliseconds and `Z` (a `+` would arrive as a space)."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _keyset(ask: Ask, horizon: Horizon, limit: int, path: str) -> Iterator[list[Record]]:
    after: Position | None = None
    offset = 0
    while True:
        results = _page(ask, after, offset, limit, horizon)
        yield results
        if len(results) < limit:
            return
        last = next((position for row in reversed(results) if (position := _position(row))), None)
        if last is None:  # a whole page of broken records: step over it, from the same position
            offset += len(results)
        elif last == after:
            raise SourceError(f"commercetools repeats the same page of {path}: its keyset predicate is not honoured", path=path)
        else:
            after, offset = last, 0
        if offset > OFFSET_MAX:
            raise SourceError(
                f"more than {OFFSET_MAX:,} records of {path} in a row have no id; the load cannot pass them", path=path
            )


def _page(ask: Ask, after: Position | None, offset: int, limit: int, horizon: Horizon) -> list[Record]:
    """One page. Where a broken record makes the whole page unreadable, its rows are asked for one by one: up to `limit` requests."""
    try:
        page = ask(after, offset, limit)
        horizon.see(page.server_time)
        return [*page.records]
    except UnreadablePage as page_fault:
        horizon.see(page_fault.server_time)
    results: list[Record] = []
    while len(results) < limit:
        try:
            single: list[Record] = [*ask(after, offset, 1).records]
        except UnreadablePage as fault:
            single = [Unparsed(fault.results.decode(errors="backslashreplace"))]
        if not single:
            break
        results += single
        position = _position(single[0])
        after, offset = (position, 0) if position else (after, offset + 1)
    return results


def _position(record: Record) -> Position | None:
    members = head(record)
    row_id, modified = (members.id, members.last_modified_at) if members else (None, None)
    return Position(row_id, modified) if isinstance(row_id, str) and row_id and isinstance(modified, str) and modified else None
