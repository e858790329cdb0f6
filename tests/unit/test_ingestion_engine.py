"""The dlt engine: what is stored, and that dlt keeps to our settings."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dlt.common.runtime import anon_tracker

from cartwire.errors import SourceError
from ingestion import engine
from ingestion.columns import RAW, Table
from ingestion.report import silent

NOW = datetime(2026, 11, 23, tzinfo=UTC)
THINGS = Table(schema="raw", name="things", columns=RAW, keys=("id",), version="version")


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    opened = duckdb.connect(str(tmp_path / "warehouse.duckdb"))
    opened.execute("set timezone = 'UTC'")
    yield opened
    opened.close()


def store(connection: duckdb.DuckDBPyConnection, folder: Path, rows: list[tuple[str, int, str]]) -> None:
    """Load rows of (id, version, document), in one page."""

    def read() -> Iterator[Any]:
        names, versions, documents = zip(*rows, strict=True)
        yield engine.into(
            THINGS,
            {
                "id": names,
                "version": versions,
                "last_modified_at": [NOW] * len(rows),
                "loaded_at": [NOW] * len(rows),
                "document": documents,
            },
        )

    with engine.open_pipeline("things", connection, [THINGS], folder) as pipeline:
        engine.run(pipeline, engine.make_source("things", {"things": read()}), silent)


def stored(connection: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return connection.execute("select id, version, document::varchar from raw.things order by id").fetchall()


def test_of_two_versions_in_one_load_the_newer_is_kept_in_whatever_order_they_come(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    store(connection, tmp_path, [("a", 2, '{"x":2}'), ("a", 1, '{"x":1}'), ("b", 1, "{}"), ("b", 3, "{}")])
    assert stored(connection) == [("a", 2, '{"x":2}'), ("b", 3, "{}")]


def test_an_older_version_in_a_later_load_changes_nothing(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    store(connection, tmp_path, [("a", 2, '{"x":2}')])
    store(connection, tmp_path, [("a", 1, '{"x":1}'), ("b", 1, "{}")])
    assert stored(connection) == [("a", 2, '{"x":2}'), ("b", 1, "{}")]


def test_the_same_version_with_other_content_is_taken(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    store(connection, tmp_path, [("a", 2, '{"x":2}')])
    store(connection, tmp_path, [("a", 2, '{"x":3}')])
    assert stored(connection) == [("a", 2, '{"x":3}')]


def test_the_same_row_again_is_not_rewritten(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    store(connection, tmp_path, [("a", 2, '{"x":2}')])
    before = connection.execute("select _dlt_load_id from raw.things").fetchall()
    store(connection, tmp_path, [("a", 2, '{"x":2}')])
    assert connection.execute("select _dlt_load_id from raw.things").fetchall() == before


def test_a_document_is_stored_as_json_as_it_came(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    text = '{"name":{"de-DE":"Tür \\u0000 ","x":[1,2.50,null]},"big":9007199254740993}'
    store(connection, tmp_path, [("a", 1, text)])
    assert stored(connection) == [("a", 1, text)]
    assert connection.execute("select typeof(document) from raw.things").fetchall() == [("JSON",)]


def test_a_load_from_another_thread_works(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    thread = threading.Thread(target=store, args=(connection, tmp_path, [("a", 1, "{}")]))
    thread.start()
    thread.join()
    assert stored(connection) == [("a", 1, "{}")]


def test_settings_of_the_environment_do_not_reach_dlt(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID", "false")
    monkeypatch.setenv("DATASET_NAME", "elsewhere")
    store(connection, tmp_path, [("a", 1, "{}")])
    assert connection.execute("select count(*) from raw.things where _dlt_load_id is not null").fetchall() == [(1,)]


def test_telemetry_is_off() -> None:
    assert anon_tracker._ANON_TRACKER_ENDPOINT is None
    assert anon_tracker._THREAD_POOL is None


def test_an_error_of_dlt_is_told_without_the_row_that_caused_it(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="loading things into the warehouse failed") as failure:
        store(connection, tmp_path, [("a", 1, '{"email": "ada@example.com", broken')])
    assert "ada" not in str(failure.value)
    assert stored(connection) == []


def test_documents_lie_compressed(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    store(connection, tmp_path, [(f"{number:08}", 1, f'{{"x":{number}}}') for number in range(2_000)])
    connection.execute("checkpoint")
    chosen = connection.execute(
        "select distinct compression from pragma_storage_info('raw.things') where column_name = 'document' and segment_type <> 'VALIDITY'"
    ).fetchall()
    assert chosen == [("ZSTD",)]
