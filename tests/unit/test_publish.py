"""The analysts' database: versions replace each other whole, and nothing personal of the ledger gets in."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from activation.ledger.items import FieldChange, NewItem
from activation.ledger.machine import Event
from activation.ledger.sending import Outcome
from activation.ledger.store import Ledger
from activation.ledger_rows import Told, Until, ledger_streams
from activation.publish import publish_ledger_views, publish_marts
from cartwire.errors import CartwireError, ConfigError, LedgerError

MARTS = (
    "profiles", "consent_state", "consent_history", "customer_metrics", "orders", "order_lines", "carts", "refunds", "deletions",
    "products", "custom_objects",
)  # fmt: skip
OLD_STORAGE_VERSION = 64  # what DuckDB 1.x reads


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("create schema marts")
        for name in MARTS:
            connection.execute(f"create table marts.{name} as select 0 as number, range as id from range(1000)")
        yield connection


@pytest.fixture
def analyst_db(tmp_path: Path) -> Path:
    return tmp_path / "analyst's" / "analyst.duckdb"


def publish(conn: duckdb.DuckDBPyConnection, analyst_db: Path, run_id: str, **keys: str) -> Path:
    """With other keys in each run, but for those given."""
    return publish_marts(conn, analyst_db, run_id, {**dict.fromkeys(MARTS, run_id), **keys})


def read(analyst_db: Path, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(analyst_db.resolve()), read_only=True) as reader:
        return reader.execute(query).fetchall()


def test_the_symlink_leads_to_a_read_only_file_in_the_old_format(conn: duckdb.DuckDBPyConnection, analyst_db: Path) -> None:
    path = publish(conn, analyst_db, "run-1")
    assert analyst_db.is_symlink()
    assert analyst_db.resolve() == path.resolve()
    assert stat.S_IMODE(path.stat().st_mode) == 0o444
    assert int.from_bytes(path.read_bytes()[12:20], "little") == OLD_STORAGE_VERSION
    assert not path.with_name(f"{path.name}.wal").exists()
    assert read(analyst_db, "select run_id from marts.published") == [("run-1",)]
    tables = read(analyst_db, "select table_name from information_schema.tables where table_schema = 'marts'")
    assert {name for (name,) in tables} == {*MARTS, "published", "published_marts"}


def test_the_version_before_stays_and_older_ones_go(conn: duckdb.DuckDBPyConnection, analyst_db: Path) -> None:
    published = [publish(conn, analyst_db, f"run-{number}") for number in range(4)]
    assert [path.exists() for path in published] == [False, False, True, True]


def test_an_open_reader_keeps_its_version(conn: duckdb.DuckDBPyConnection, analyst_db: Path) -> None:
    first = publish(conn, analyst_db, "run-1")
    with duckdb.connect(str(first), read_only=True) as reader:
        for number in range(3):
            publish(conn, analyst_db, f"later-{number}")
        assert reader.execute("select run_id from marts.published").fetchall() == [("run-1",)]


def test_a_missing_mart_leaves_the_current_version(conn: duckdb.DuckDBPyConnection, analyst_db: Path) -> None:
    publish(conn, analyst_db, "run-1")
    conn.execute("drop table marts.refunds")
    with pytest.raises(CartwireError, match="dbt build"):
        publish(conn, analyst_db, "run-2")
    assert read(analyst_db, "select run_id from marts.published") == [("run-1",)]
    assert len(list(analyst_db.parent.glob("analyst-*"))) == 1
    assert conn.execute("select count(*) from duckdb_databases() where database_name = 'analyst'").fetchall() == [(0,)]


def test_a_mart_of_the_same_key_is_taken_from_the_version_before(conn: duckdb.DuckDBPyConnection, analyst_db: Path) -> None:
    publish(conn, analyst_db, "run-1", orders="as before")
    conn.execute("update marts.orders set number = 1; update marts.profiles set number = 1")
    publish(conn, analyst_db, "run-2", orders="as before")
    assert read(analyst_db, "select distinct number from marts.orders") == [(0,)]
    assert read(analyst_db, "select distinct number from marts.profiles") == [(1,)]
    assert read(analyst_db, "select run_id from marts.published") == [("run-2",)]
    publish(conn, analyst_db, "run-3")
    assert read(analyst_db, "select distinct number from marts.orders") == [(1,)]


def test_of_somebody_deleted_nothing_stays_in_a_file(conn: duckdb.DuckDBPyConnection, analyst_db: Path) -> None:
    conn.execute("create or replace table marts.profiles as select 'adas-name-' || i as name from range(9) as r(i)")
    path = publish(conn, analyst_db, "run-1", orders="as before")
    assert b"adas-name-7" in path.read_bytes()
    conn.execute("delete from marts.profiles where name = 'adas-name-7'; insert into marts.deletions values (0, 1000)")
    path = publish(conn, analyst_db, "run-2", orders="as before")
    assert b"adas-name-6" in path.read_bytes()
    assert b"adas-name-7" not in path.read_bytes()
    assert read(analyst_db, "select count(*) from marts.orders") == [(1000,)]


def test_a_mart_that_is_no_more_goes(conn: duckdb.DuckDBPyConnection, analyst_db: Path) -> None:
    conn.execute("create table marts.former as select 1 as one")
    publish(conn, analyst_db, "run-1", former="run-1")
    publish(conn, analyst_db, "run-2")
    assert read(analyst_db, "select * from information_schema.tables where table_name = 'former'") == []


@pytest.mark.parametrize("damage", ["no database", "torn"])
def test_a_damaged_version_is_replaced_whole(conn: duckdb.DuckDBPyConnection, analyst_db: Path, damage: str) -> None:
    path = publish(conn, analyst_db, "run-1", orders="as before")
    path.chmod(0o644)
    content = path.read_bytes()
    path.write_bytes(b"no database" if damage == "no database" else content[: 3 * 4096] + bytes(len(content) - 3 * 4096))
    publish(conn, analyst_db, "run-2", orders="as before")
    assert read(analyst_db, "select count(*) from marts.orders") == [(1000,)]


def test_between_publish_and_fold_the_ledger_of_the_version_before_stays(
    conn: duckdb.DuckDBPyConnection, analyst_db: Path, ledger: Ledger
) -> None:
    publish(conn, analyst_db, "run-1")
    publish_ledger_views(ledger.path, analyst_db)
    publish(conn, analyst_db, "run-2")
    assert read(analyst_db, "select count(*) from ledger.items") == [(2,)]


def test_what_a_killed_publish_left_is_removed_by_the_next(conn: duckdb.DuckDBPyConnection, analyst_db: Path) -> None:
    publish(conn, analyst_db, "run-1")
    torn = analyst_db.with_name("analyst-000099.duckdb")
    torn.write_bytes(b"half a file")
    publish(conn, analyst_db, "run-2")
    assert not torn.exists()
    assert read(analyst_db, "select run_id from marts.published") == [("run-2",)]


def test_a_file_in_the_place_of_the_symlink_is_never_overwritten(conn: duckdb.DuckDBPyConnection, analyst_db: Path) -> None:
    analyst_db.parent.mkdir()
    analyst_db.write_text("somebody's notes")
    with pytest.raises(ConfigError, match="CARTWIRE_ANALYST_DB"):
        publish(conn, analyst_db, "run-1")
    assert analyst_db.read_text() == "somebody's notes"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite", b"s" * 32) as opened:
        opened.start_run("run-1", "test")
        rows = [
            NewItem(
                object="users", kind="users", subject=f"key-{person}", person_key=f"key-{person}", fingerprint="f", lane=3,
                email=f"{person}@example.com", fragment=b'{"dataFields":{"firstName":"Secretname"}}', state=state,
                reason="" if state == "staged" else "no consent",
            )
            for person, state in (("ada", "staged"), ("bob", "suppressed"))
        ]  # fmt: skip
        opened.freeze("run-1", "main", rows, [])
        opened.claim("request-1", "users/bulkUpdate", [1], lambda items: b"{}")
        opened.settle("request-1", [Outcome(item_id=1, event=Event.accept)], status=200)
        yield opened


def test_ledger_views_join_the_marts_and_hold_no_payload(
    conn: duckdb.DuckDBPyConnection, analyst_db: Path, ledger: Ledger
) -> None:
    publish(conn, analyst_db, "run-1")
    path = publish_ledger_views(ledger.path, analyst_db)
    assert read(analyst_db, "select count(*) from marts.profiles") == [(1000,)]
    assert read(analyst_db, "select person_key, state, reason from ledger.items order by item_id") == [
        ("key-ada", "accepted", None),
        ("key-bob", "suppressed", "no consent"),
    ]
    assert read(analyst_db, "select planned, accepted, suppressed, still_open from ledger.counts") == [(2, 1, 1, 0)]
    assert read(analyst_db, "select endpoint, rows, status from ledger.requests") == [("users/bulkUpdate", 1, 200)]
    assert read(analyst_db, "select run_id, state from ledger.runs") == [("run-1", "running")]
    content = path.read_bytes()
    assert b"example.com" not in content
    assert b"Secretname" not in content


def test_ledger_views_are_replaced_and_work_before_any_marts(analyst_db: Path, ledger: Ledger) -> None:
    publish_ledger_views(ledger.path, analyst_db)
    publish_ledger_views(ledger.path, analyst_db)
    assert read(analyst_db, "select count(*) from ledger.items") == [(2,)]


def test_what_was_sent_is_added_and_never_told_twice(analyst_db: Path, ledger: Ledger) -> None:
    publish_ledger_views(ledger.path, analyst_db)
    _sync_again(ledger, "run-2", "firstName", "city")
    publish_ledger_views(ledger.path, analyst_db)
    assert read(analyst_db, SENT) == [("request-1", "key-ada", None), ("request of run-2", "key-ada", ["city", "firstName"])]


def test_what_was_sent_of_another_ledger_goes(analyst_db: Path, ledger: Ledger, tmp_path: Path) -> None:
    _sync_again(ledger, "run-2")
    publish_ledger_views(ledger.path, analyst_db)
    with Ledger.open(tmp_path / "restored.sqlite", b"s" * 32) as restored:
        _sync_again(restored, "run-3")
        publish_ledger_views(restored.path, analyst_db)
    assert read(analyst_db, SENT) == [("request of run-3", "key-ada", None)]


def test_only_what_is_new_or_changed_is_read_again(analyst_db: Path, ledger: Ledger) -> None:
    _sync_again(ledger, "run-2")
    with ledger_streams(ledger.path, Until()) as told:
        assert told.is_whole
        assert rows_of(told) == {"ledger_changed": 0, "ledger_items": 3, "ledger_requests": 2, "ledger_sent": 2}
        known = told.until
    with ledger_streams(ledger.path, known) as told:
        assert not told.is_whole
        assert rows_of(told) == {"ledger_changed": 0, "ledger_items": 0, "ledger_requests": 0, "ledger_sent": 0}
    _sync_again(ledger, "run-3")
    with ledger_streams(ledger.path, known) as told:
        assert rows_of(told) == {"ledger_changed": 0, "ledger_items": 1, "ledger_requests": 1, "ledger_sent": 1}


def test_a_verdict_that_is_taken_back_is_told(analyst_db: Path, ledger: Ledger) -> None:
    _sync_again(ledger, "run-2", ends="reject")
    publish_ledger_views(ledger.path, analyst_db)
    refused = "select item_id from ledger.items where state = 'rejected' and is_sticky"
    [(item_id,)] = read(analyst_db, refused)
    assert ledger.replay([int(str(item_id))], by="test") == 1
    publish_ledger_views(ledger.path, analyst_db)
    assert read(analyst_db, refused) == []


def rows_of(told: Told) -> dict[str, int]:
    return {
        name: stream.read_all().num_rows for name, stream in told.streams.items() if name not in ("ledger_runs", "ledger_planned")
    }


SENT = "select request_id, person_key, fields from ledger.sent order by item_id"


def _sync_again(ledger: Ledger, run_id: str, *changed: str, ends: str = "accept") -> None:
    ledger.recover()
    ledger.start_run(run_id, "test")
    fields = tuple(FieldChange(field=name, type="string", before=None, after="x", fingerprint="f") for name in changed)
    row = NewItem(
        object="users", kind="users", subject="key-ada", person_key="key-ada", fingerprint=run_id, lane=3, fragment=b"{}",
        email="ada@example.com", fields=fields,
    )  # fmt: skip
    ledger.freeze(run_id, "main", [row], [])
    [staged] = ledger.staged_rows(run_id, "main", 3, "users", visible_before_ms=0, rows_max=10)
    ledger.claim(f"request of {run_id}", "users/bulkUpdate", [staged.item_id], lambda items: b"{}")
    verdict = Outcome(item_id=staged.item_id, event=Event(ends), reason="no", is_sticky=ends == "reject")
    ledger.settle(f"request of {run_id}", [verdict], status=200)


def test_without_a_ledger_the_current_version_stays(conn: duckdb.DuckDBPyConnection, analyst_db: Path, tmp_path: Path) -> None:
    path = publish(conn, analyst_db, "run-1")
    with pytest.raises(LedgerError):
        publish_ledger_views(tmp_path / "nothing.sqlite", analyst_db)
    assert analyst_db.resolve() == path.resolve()


READER = """
import sys, duckdb
reads = 0
print("ready", flush=True)
while True:
    with duckdb.connect(sys.argv[1], read_only=True) as conn:
        profiles = conn.execute("select min(number), max(number), count(*) from marts.profiles").fetchall()
        orders = conn.execute("select min(number), max(number), count(*) from marts.orders").fetchall()
        (number,) = conn.execute("select cast(run_id as int) from marts.published").fetchall()[0]
    assert profiles == orders == [(number, number, 1000)], (profiles, orders, number)
    reads += 1
    if number == int(sys.argv[2]):
        print(reads, flush=True)
        break
"""


def test_a_reader_that_never_stops_sees_only_whole_runs(conn: duckdb.DuckDBPyConnection, analyst_db: Path) -> None:
    last = 12

    def change_and_publish(number: int) -> None:
        conn.execute("update marts.profiles set number = ?", [number])
        conn.execute("update marts.orders set number = ?", [number])
        publish(conn, analyst_db, str(number))

    change_and_publish(0)
    reader = subprocess.Popen(
        [sys.executable, "-c", READER, str(analyst_db), str(last)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "ready\n"
    for number in range(1, last + 1):
        change_and_publish(number)
    reads, errors = reader.communicate(timeout=60)
    assert reader.returncode == 0, errors
    assert int(reads) >= 1
