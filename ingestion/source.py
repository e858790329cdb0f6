"""commercetools into `raw`: each page is fetched once and feeds the newest table and the history."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb

from cartwire.errors import ConfigError, SourceError
from cartwire.settings import Settings
from cartwire.warehouse import open_warehouse
from clients.commercetools import CommercetoolsClient
from clients.commercetools_errors import MissingScope
from ingestion import engine
from ingestion.ahead import one_ahead
from ingestion.columns import MALFORMED, RAW, Table
from ingestion.documents import Document, Malformed, Record, Repeats, split
from ingestion.paging import Horizon, changes, full_scan, iso
from ingestion.report import LoadReport, Progress, silent
from ingestion.resources import RESOURCES, Cursor, Resource

SCHEMA = "raw"
PIPELINE = "commercetools"
MALFORMED_TABLE = Table(
    schema=SCHEMA,
    name="malformed_documents",
    columns=MALFORMED,
    keys=("resource", "position", "body"),
    is_insert_only=True,
)


def newest(resource: Resource) -> Table:
    """`raw.<resource>`: one row per id, the newest version read."""
    return Table(schema=SCHEMA, name=resource.name, columns=RAW, keys=resource.keys, version="version")


def history(resource: Resource) -> Table:
    """`raw.<resource>_history`: one row per id and version, never changed."""
    return Table(schema=SCHEMA, name=resource.history, columns=RAW, keys=resource.history_keys, is_insert_only=True)


def load_commercetools(
    connection: duckdb.DuckDBPyConnection | Path,
    settings: Settings,
    client: CommercetoolsClient | None = None,
    progress: Progress | None = None,
) -> LoadReport:
    """Load every resource: all of it the first time, then what changed since the stored cursor.

    Args:
        connection: the run's open warehouse connection, or a path to open for this load only.
        client: closed by its owner; made and closed here when absent.
    Raises: SourceError, ConfigError. Then no cursor has moved: the next load reads at least as much.
    """
    started = time.monotonic()
    report = LoadReport()
    tables = [MALFORMED_TABLE, *(table for resource in RESOURCES for table in (newest(resource), history(resource)))]
    with ExitStack() as stack:
        if isinstance(connection, Path):
            connection = open_warehouse(connection)
            stack.callback(connection.close)
        reader = client or stack.enter_context(CommercetoolsClient.from_settings(settings))
        requests_before = reader.requests
        load = _Load(reader, settings, report, progress or silent, connection)
        with engine.open_pipeline(PIPELINE, connection, tables, settings.state_dir) as pipeline:
            load.begin_histories()  # a killed first load left newest rows without theirs
            engine.run(pipeline, engine.make_source(PIPELINE, load.readers()), progress or silent)
        load.begin_histories()
        report.requests = reader.requests - requests_before
    report.server_time = load.horizon.server_time
    report.elapsed_s = time.monotonic() - started
    return report


class _Load:
    """One load in progress: the horizon that all resources share, and what is counted."""

    def __init__(
        self,
        client: CommercetoolsClient,
        settings: Settings,
        report: LoadReport,
        progress: Progress,
        connection: duckdb.DuckDBPyConnection,
    ) -> None:
        self.horizon = Horizon()
        self._connection = connection
        self._client = client
        self._settle = timedelta(seconds=settings.settle_seconds)
        self._project = f"{urlsplit(settings.ctp_api_url).hostname}/{settings.ctp_project_key}"
        self._report = report
        self._progress = progress

    def readers(self) -> dict[str, Iterator[Any]]:
        """One generator per row of RESOURCES."""
        return {resource.name: self._read(resource) for resource in RESOURCES}

    def _read(self, resource: Resource) -> Iterator[Any]:
        state = engine.state()
        self._check_project(state)
        cursors = state.setdefault("cursors", {})
        since = cursors.get(resource.name) if resource.cursor is Cursor.last_modified_at else None
        if since is None:
            self._report.full_scans.append(resource.name)
            pages = full_scan(self._client, resource.path, self.horizon, parameters=resource.parameters)
        else:
            moment = datetime.fromisoformat(since)
            pages = changes(self._client, resource.path, moment, self.horizon, parameters=resource.parameters)
        try:
            yield from self._tables(resource, one_ahead(pages))
        except MissingScope as refusal:
            if not resource.is_optional:
                raise
            self._report.skipped[resource.name] = str(refusal)
            return
        cursors[resource.name] = iso(self._server_time() - self._settle)

    def _tables(self, resource: Resource, pages: Iterator[list[Record]]) -> Iterator[Any]:
        repeats = Repeats()
        targets = self._targets(resource)
        rows_read = malformed_read = 0
        for records in pages:
            documents, malformed = repeats.left_out(*split(records))
            rows_read += len(documents)
            malformed_read += len(malformed)
            if documents:
                columns = _columns(documents, self._server_time())
                for table in targets:
                    yield engine.into(table, columns)
            if malformed:
                yield engine.into(MALFORMED_TABLE, _malformed_columns(resource, malformed, self._server_time()))
            self._progress(resource.name, rows_read, None)
        self._progress(resource.name, rows_read, rows_read)
        self._report.rows[resource.name] = rows_read
        if malformed_read:
            self._report.malformed[resource.name] = malformed_read

    def _targets(self, resource: Resource) -> tuple[Table, ...]:
        """Both tables; of a resource that is empty the newest only, appended, because merging goes through a staging copy.

        The first history is those very rows (`begin_histories`): a document travels through dlt once instead of four times.
        A load killed after it appended leaves rows and no cursor; the next one finds them and merges.
        """
        if all(_is_empty(self._connection, table) for table in (newest(resource), history(resource))):
            return (replace(newest(resource), is_appended=True),)
        return (newest(resource), history(resource))

    def begin_histories(self) -> None:
        """Where a resource has rows and no history yet, its rows are its history. Side by side: a table is one thread's work."""
        with ThreadPoolExecutor(2, thread_name_prefix="histories") as pool:
            for _ in pool.map(self._begin_history, RESOURCES):
                pass

    def _begin_history(self, resource: Resource) -> None:
        with self._connection.cursor() as session:
            if _is_empty(session, history(resource)):
                columns = f"{', '.join(RAW)}, _dlt_load_id"
                session.execute(
                    f"insert into {SCHEMA}.{resource.history} ({columns}) select {columns} from {SCHEMA}.{resource.name}"  # noqa: S608 (the names are our own)
                )

    def _server_time(self) -> datetime:
        if self.horizon.server_time is None:
            raise SourceError("commercetools has not answered yet")
        return self.horizon.server_time

    def _check_project(self, state: dict[str, Any]) -> None:
        known = state.setdefault("project", self._project)
        if known != self._project:
            raise ConfigError(
                f"this warehouse holds the data of {known}, but CTP_API_URL and CTP_PROJECT_KEY name {self._project}. "
                "Use another CARTWIRE_WAREHOUSE for another project."
            )


def _is_empty(connection: duckdb.DuckDBPyConnection, table: Table) -> bool:
    return not connection.execute(f"from {SCHEMA}.{table.name} limit 1").fetchall()


def _columns(documents: list[Document], server_time: datetime) -> dict[str, Sequence[object]]:
    columns = dict(zip(Document._fields, zip(*documents, strict=True), strict=True))
    return {**columns, "loaded_at": [server_time] * len(documents)}


def _malformed_columns(resource: Resource, records: list[Malformed], server_time: datetime) -> dict[str, Sequence[object]]:
    return {
        "resource": [resource.name] * len(records),
        "position": [record.position for record in records],
        "reason": [record.reason for record in records],
        "body": [record.body for record in records],
        "loaded_at": [server_time] * len(records),
    }
