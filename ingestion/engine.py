"""Running a dlt pipeline the way this project needs it. The only module that imports dlt.

- The warehouse is the only memory: the working folder lives as long as one load, so cursors always come from the warehouse, and
  what a killed or failed load left behind on disk can never be taken for loaded.
- dlt writes through the connection the run holds (it gets a cursor of it, so that its session settings stay its own).
- Settings come from here, not from files or the environment; telemetry is off before dlt is imported.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import duckdb

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"  # read once, when dlt is imported

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import DictionaryProvider
from dlt.common.configuration.specs.config_providers_context import ConfigProvidersContainer
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from cartwire.errors import CartwireError, SourceError
from cartwire.storage_faults import warehouse_fault
from cartwire.warehouse import USE_OUR_CHECKPOINTS
from ingestion.columns import Table
from ingestion.report import Progress

LOG = logging.getLogger(__name__)
_STORAGE = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES))

CONTRACT = {"tables": "evolve", "columns": "freeze", "data_type": "freeze"}
_CONFIG: dict[str, Any] = {
    "runtime": {"dlthub_telemetry": False, "log_level": "ERROR"},
    "extract": {"next_item_mode": "fifo"},
    "normalize": {"parquet_normalizer": {"add_dlt_load_id": True}, "workers": 1},
    "load": {"workers": 1, "truncate_staging_dataset": True, "delete_completed_jobs": True, "raise_on_failed_jobs": True},
}


@contextmanager
def open_pipeline(
    name: str, connection: duckdb.DuckDBPyConnection, tables: Sequence[Table], state_dir: Path
) -> Iterator[dlt.Pipeline]:
    """A pipeline into the schema of `tables`, with state restored from the warehouse.

    Args: state_dir: the project's state folder; work happens in `dlt/<name>` below it, which is removed before and after.
    Raises: the CartwireError that ended the load; SourceError for everything else (no row's content in its message).
    """
    working = state_dir / "dlt" / name
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True, mode=0o700)  # rows lie here while the load lasts
    session = connection.cursor()
    try:
        _ensure(session, tables)
        with _configured():
            made = dlt.pipeline(
                pipeline_name=name,
                pipelines_dir=str(working.parent),
                destination=dlt.destinations.duckdb(session),
                dataset_name=tables[0].schema,
            )
            made.activate()
            try:
                made.sync_destination()
                yield made
            finally:
                made.deactivate()
    except Exception as error:
        raise _shown(error, name) from None
    finally:
        with suppress(duckdb.Error):
            session.execute(USE_OUR_CHECKPOINTS)  # dlt raises it to 1 GB for the whole process
        session.close()
        shutil.rmtree(working, ignore_errors=True)


def make_source(name: str, readers: Mapping[str, Iterator[Any]]) -> Any:
    """A dlt source of one dlt resource per reader (name → generator of what `into` makes), read one after the other."""

    def resources() -> Iterator[Any]:
        for resource_name, reader in readers.items():
            yield dlt.resource(reader, name=resource_name)

    return dlt.source(resources, name=name, max_table_nesting=0)()


def state() -> dict[str, Any]:
    """Inside a reader: the source's state, as restored from the warehouse. It is stored with the rows of this load."""
    return cast("dict[str, Any]", dlt.current.source_state())


def run(pipeline: dlt.Pipeline, source: Any, progress: Progress) -> None:
    """Extract, then write all of it in one load package; state moves with the package or not at all."""
    pipeline.extract(source, loader_file_format="parquet", schema_contract=CONTRACT)
    progress("store", 0, None)
    pipeline.normalize()
    pipeline.load()
    progress("store", 1, 1)


def into(table: Table, columns: Mapping[str, Sequence[object]]) -> Any:
    """Rows for `table`, as one Arrow table with the hints that say how they are merged. A dlt resource may yield to several tables."""
    hints = dlt.mark.make_hints(
        table_name=table.name,
        columns=table.hints(),
        primary_key=list(table.keys) or None,
        write_disposition=table.disposition(),
    )
    return dlt.mark.with_hints(table.arrow(columns), hints, create_table_variant=True)


def _ensure(session: duckdb.DuckDBPyConnection, tables: Sequence[Table]) -> None:
    session.execute(f"create schema if not exists {tables[0].schema}")
    for table in tables:
        session.execute(table.ddl())


@contextmanager
def _configured() -> Iterator[None]:
    """dlt sees `_CONFIG` and nothing else; its own providers (files in the working directory, environment) are put back after."""
    context = Container()[PluggableRunContext]
    before = context.providers
    provider = DictionaryProvider()
    with provider.values(_CONFIG):
        context.providers = ConfigProvidersContainer([provider])
        context.initialize_runtime()
        try:
            yield
        finally:
            context.providers = before


def _shown(error: BaseException, name: str) -> CartwireError:
    """Our own error from the chain dlt wrapped round it. Other errors may quote rows: only their kinds are told."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        if isinstance(link, CartwireError):
            return link
        chain.append(link)
        link = link.__cause__ or link.__context__
    kinds = " < ".join(type(part).__name__ for part in chain)
    LOG.debug("loading %s failed (%s):\n%s", name, kinds, "".join(traceback.format_tb(chain[-1].__traceback__)))
    if fault := warehouse_fault(error):
        return fault
    if refused := next((part for part in chain if isinstance(part, OSError) and part.errno in _STORAGE), None):
        return SourceError(
            f"the load's working files below CARTWIRE_STATE_DIR cannot be written ({refused.strerror}). Make room there, or give this account"
            " the right to write, then sync again; no cursor has moved."
        )
    if any(isinstance(part, duckdb.IOException) for part in chain):
        return SourceError(
            f"the warehouse could not be written while loading {name} ({kinds}). Is the disk full, or CARTWIRE_WAREHOUSE "
            "open in another program? No cursor has moved; run again."
        )
    return SourceError(f"loading {name} into the warehouse failed ({kinds}). No cursor has moved; run again.", kinds=kinds)
