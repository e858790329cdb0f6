"""What the storage can do to a warehouse, with real files: full, read-only, damaged in several places. Each time one clear error."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest

from cartwire.errors import GateClosed, WarehouseError
from cartwire.settings import REPOSITORY
from cartwire.storage_faults import warehouse_fault
from cartwire.warehouse import open_warehouse
from flows.dbt import demand_storage

FILL = """
import resource, signal, sys
from pathlib import Path
from cartwire.storage_faults import warehouse_fault
from cartwire.warehouse import open_warehouse
path = Path(sys.argv[1])
connection = open_warehouse(path)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
room = path.stat().st_size + 100_000
resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
try:
    connection.execute("create table wide as select md5(range::varchar) as text from range(500_000)")
    connection.execute("checkpoint")
except Exception as error:
    print(warehouse_fault(error))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "warehouse.duckdb"
    with closing(open_warehouse(path)) as connection:
        connection.execute("create table rows as select range as number, repeat('x', 200) || range as text from range(50_000)")
    return path


def read(path: Path) -> int:
    with closing(open_warehouse(path)) as connection:
        found = connection.execute("select count(text), sum(length(text)), sum(number) from rows").fetchall()
    return int(found[0][0])


def fault_of(path: Path) -> str:
    with pytest.raises((WarehouseError, duckdb.Error)) as caught:
        read(path)
    fault = caught.value if isinstance(caught.value, WarehouseError) else warehouse_fault(caught.value)
    return str(fault)


@pytest.mark.parametrize("place", [0, 100, 4096, 8292, 0.5])
def test_a_damaged_file_is_told_with_the_way_back(path: Path, place: float) -> None:
    content = bytearray(path.read_bytes())
    begin = round(place * len(content)) if place == 0.5 else int(place)
    content[begin : begin + 64] = b"\xff" * 64
    path.write_bytes(content)
    assert "is damaged, or no DuckDB file: move it away and run `cartwire sync`" in fault_of(path)


@pytest.mark.parametrize("content", ["half", "text"])
def test_a_file_cut_short_and_a_file_that_is_none_are_told_alike(path: Path, content: str) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content == "half" else b"no database " * 1_000)
    assert "is damaged" in fault_of(path)


def test_a_full_disk_is_told_and_what_was_there_stays(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FILL, str(path)], capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert "Make room, then sync again" in done.stdout, done.stdout + done.stderr
    assert read(path) == 50_000


def test_too_little_memory_is_told(path: Path) -> None:
    with closing(open_warehouse(path, memory_gib=0.05)) as connection, pytest.raises(duckdb.Error) as caught:
        connection.execute("select sum(len(texts)) from (select list(md5(range::varchar)) as texts from range(3_000_000))")
    assert "raise CARTWIRE_MEMORY_GIB" in str(warehouse_fault(caught.value))


def test_a_file_that_this_account_may_not_write_is_told(path: Path) -> None:
    path.chmod(0o444)
    account = os.geteuid()
    if account == 0:  # who may write everything
        os.seteuid(65_534)
    try:
        assert "give it the right to write" in fault_of(path)
    finally:
        os.seteuid(account)


def test_a_model_that_failed_because_of_the_storage_is_not_blamed(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(duckdb.Error) as caught:
        read(path)
    failed = SimpleNamespace(status="error", message=f"Runtime Error in model orders (models/marts/orders.sql)\n  {caught.value}")
    wrong = SimpleNamespace(status="error", message="Binder Error: no such column")
    demand_storage([wrong])
    with pytest.raises(WarehouseError, match="is damaged"):
        demand_storage([wrong, failed])


def test_other_errors_stay_what_they_are(path: Path) -> None:
    with closing(open_warehouse(path)) as connection, pytest.raises(duckdb.Error) as caught:
        connection.execute("from no_table")
    assert warehouse_fault(caught.value) is None
    assert warehouse_fault(OSError(28, "No space left on device")) is None, "of another file"
    held = GateClosed("a test failed")
    held.__cause__ = duckdb.IOException("Could not write file")
    assert warehouse_fault(held) is None, "it is told already"
