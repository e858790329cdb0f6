"""Every id of a resource, by GraphQL: a page of the query endpoints would carry whole documents.

Ids lie in a file of their own until they are compared, so that a project's tens of millions need neither memory nor the warehouse.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from cartwire import stopping
from cartwire.errors import SourceError
from clients.commercetools import LIMIT_MAX, Answer
from clients.commercetools_errors import MissingScope
from ingestion.report import Progress
from ingestion.resources import RESOURCES, Resource

_SCHEMA = pa.schema([pa.field("id", pa.string(), nullable=False)])
_BATCH_ROWS = 50_000


class GraphQlClient(Protocol):
    """The part of `CommercetoolsClient` that reading ids needs."""

    def graphql(self, query: str, variables: Mapping[str, object]) -> Answer:
        """See `CommercetoolsClient.graphql`."""


@dataclass(slots=True)
class SeenIds:
    """What a project held while it was read.

    Attributes:
        started_at: the server's clock at the first answer, aware UTC; None when nothing could be read.
        files: resource and its Parquet file with the one column `id`.
        counts: resource → ids in its file.
        skipped: optional resource → why it was not read.
    """

    started_at: datetime | None = None
    files: list[tuple[Resource, Path]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)


@contextmanager
def read_ids(client: GraphQlClient, folder: Path, progress: Progress) -> Iterator[SeenIds]:
    """The ids of every resource that GraphQL lists, each read completely. The files are gone after the block.

    Args: folder: below which `sweep`, for this owner only, is made anew; one reader at a time.
    Raises: SourceError, ConfigError; a resource that cannot be read to its end ends all of it.
    """
    working = folder / "sweep"
    shutil.rmtree(working, ignore_errors=True)  # what a killed one left behind
    working.mkdir(parents=True, mode=0o700)
    seen = SeenIds()
    try:
        for resource in RESOURCES:
            if resource.listed_as is None:
                continue
            try:
                path = working / f"{resource.name}.parquet"
                seen.counts[resource.name] = _write(path, _pages(client, resource, seen), resource, progress)
                seen.files.append((resource, path))
            except MissingScope as refusal:
                if not resource.is_optional:
                    raise
                seen.skipped[resource.name] = str(refusal)
        yield seen
    finally:
        shutil.rmtree(working, ignore_errors=True)


def _write(path: Path, pages: Iterator[list[str]], resource: Resource, progress: Callable[[str, int, int | None], None]) -> int:
    count, waiting = 0, list[str]()
    with pq.ParquetWriter(path, _SCHEMA, use_dictionary=False) as file:  # no id comes twice
        for page in pages:
            count += len(page)
            waiting += page
            if len(waiting) >= _BATCH_ROWS:
                file.write_table(pa.table([waiting], schema=_SCHEMA))
                waiting = []
            progress(resource.name, count, None)
        file.write_table(pa.table([waiting], schema=_SCHEMA))
    progress(resource.name, count, count)
    return count


def _pages(client: GraphQlClient, resource: Resource, seen: SeenIds) -> Iterator[list[str]]:
    """By `id` ascending in the server's order, so the next page begins after the last row, never after the greatest text."""
    query = (
        "query ($where: String, $limit: Int!) "
        f'{{ page: {resource.listed_as}(where: $where, sort: ["id asc"], limit: $limit) {{ results {{ id }} }} }}'
    )
    last: str | None = None
    while True:
        stopping.check()
        where = None if last is None else f'id > "{last}"'
        answer = client.graphql(query, {"where": where, "limit": LIMIT_MAX})
        seen.started_at = seen.started_at or answer.server_time
        ids = [_id(row, resource) for row in _results(answer.document, resource)]
        if ids and ids[-1] == last:
            raise SourceError(
                f"commercetools repeats the same page of {resource.listed_as}: its keyset predicate is not honoured"
            )
        yield ids
        if len(ids) < LIMIT_MAX:
            return
        last = ids[-1]


def _results(data: Any, resource: Resource) -> list[Any]:
    page = data.get("page")
    results = page.get("results") if isinstance(page, dict) else None
    if not isinstance(results, list):
        raise SourceError(f"commercetools answered the ids of {resource.listed_as} without a list of results")
    return results


def _id(row: Any, resource: Resource) -> str:
    """The id, which becomes part of the next predicate. Raises: SourceError unless it is a UUID."""
    try:
        return str(uuid.UUID(row["id"]))
    except (TypeError, KeyError, ValueError, AttributeError):
        raise SourceError(f"commercetools answered the ids of {resource.listed_as} with a row without a UUID") from None
