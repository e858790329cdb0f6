"""A made-up ledger of many rows: how long `cartwire explain` takes on it while a run writes, and the analysts' copy of it."""

from __future__ import annotations

import os
import random
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from activation.ledger.items import NewItem
from activation.ledger.store import Ledger
from activation.publish import publish_ledger_views
from cartwire.person import person_key

SECRET = "bench-secret-bench-secret-bench-secret-b"  # noqa: S105 - of a made-up ledger
ROWS_PER_PERSON = 10
ROWS_PER_REQUEST = 1_000
ASKED = 20
CARTWIRE = Path(sys.executable).with_name("cartwire")

# One row in three is of a profile, with three fields; the others are carts and events. All accepted, a transition for each move.
FILL = """
create temp table numbers as
with recursive counted(n) as (select 1 union all select n + 1 from counted where n < :items) select n from counted;
create temp table people as select n - 1 as person, key_of(n - 1) as person_key from numbers where n <= :items / :per_person + 1;
create unique index temp.people_by_number on people (person, person_key);

insert into runs select 'run-' || n, 'schedule', 'done', n * 300000, n * 300000 + 60000, 0, null
from numbers where n <= :items / :per_run + 1;
insert into stages select run_id, 'rest', started_at_ms from runs;
insert into settlements select 'settled-' || n, 'run-' || n, 'answer', n * 300000 + 30000 from numbers where n <= :items / :per_run + 1;
insert into requests
select
    'request-' || n, 'run-' || ((n * :per_request - 1) / :per_run + 1), 'users/bulkUpdate', hex(zeroblob(32)), 200000, :per_request,
    n * 3000, n * 3000 + 200, 200, 'none', 200, null
from numbers where n <= :items / :per_request + 1;
insert into items
select
    n, 'run-' || ((n - 1) / :per_run + 1), 'rest', kinds.object, kinds.object,
    case kinds.object when 'events' then lower(hex(randomblob(16))) when 'carts' then people.person_key || n else people.person_key end,
    people.person_key, lower(hex(randomblob(16))), 3, 'de', 'none', null, 0, '', n * 3, null, null, 'staged', 'accepted', '', 0, 0, 1,
    'accept', n * 3 + 200, 'request-' || ((n - 1) / :per_request + 1), 'settled-' || ((n - 1) / :per_run + 1), null
from numbers
inner join people on people.person = (n * 7919) % (:items / :per_person)
inner join (select 0 as rest, 'users' as object union all select 1, 'carts' union all select 2, 'events') as kinds on kinds.rest = n % 3;
insert into item_values
select item_id, 'person' || substr(person_key, 1, 12) || '@example.com', substr(person_key, 1, 36), cast(zeroblob(0) as blob) from items;
insert into item_fields
select item_id, fields.column1, 'string', lower(hex(randomblob(16))), 'before', 'after', 1
from items inner join (values ('loyaltyTier'), ('lastPurchaseAt'), ('orderCount')) as fields where object = 'users';
insert into attempts
select request_id, item_id % :per_request, item_id, 'accept', '' from items order by request_id, item_id % :per_request;
insert into transitions select 2 * item_id, item_id, changed_at_ms - 200, 'staged', 'claim', 'sending', request_id, '' from items;
insert into transitions select 2 * item_id + 1, item_id, changed_at_ms, 'sending', 'accept', 'accepted', request_id, '' from items;
"""


def measure(items: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Fill a ledger, ask about random people, alone and beside a writer (seconds of whole processes), and copy it for analysts: whole, and
    again after a run of one request."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        begun = time.perf_counter()
        _fill(path, items)
        size = path.stat().st_size
        say(f"filled {items:,} rows in {time.perf_counter() - begun:.0f} s, {size / 2**20:,.0f} MiB")
        asked = [f"c-{number}" for number in random.Random(7).sample(range(items // ROWS_PER_PERSON), ASKED)]  # noqa: S311 - people to ask about
        alone = [_ask(path, who) for who in asked]
        with _writer(path) as written:
            beside = [_ask(path, who) for who in asked]
        assert written[0] > 0, "the writer has to have written"
        whole = _publish(path)
        _one_run(path)
        continued = _publish(path)
    return {
        "items": items,
        "mib_per_million_items": round(size / 2**20 / (items / 1_000_000)),
        "explain_alone": _summary(alone),
        "explain_beside_a_writer": {**_summary(beside), "commits": written[0]},
        "copy_whole_s": round(whole, 1),
        "copy_after_a_run_s": round(continued, 1),
    }


def _fill(path: Path, items: int) -> None:
    Ledger.open(path, SECRET.encode()).close()
    per_run = items // ROWS_PER_PERSON  # everybody once
    values = {"items": items, "per_person": ROWS_PER_PERSON, "per_request": ROWS_PER_REQUEST, "per_run": per_run}
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for pragma in ("journal_mode = off", "synchronous = off", "cache_size = -2000000", "foreign_keys = off"):
            db.execute(f"pragma {pragma}")
        db.create_function("key_of", 1, lambda number: person_key(SECRET.encode(), f"customer:c-{number}"), deterministic=True)
        indexes = db.execute("select name, sql from sqlite_master where type = 'index' and sql is not null").fetchall()
        for name, _ in indexes:
            db.execute(f"drop index {name}")
        db.execute("begin")
        for statement in FILL.split(";\n"):
            db.execute(statement, {name: value for name, value in values.items() if f":{name}" in statement})
        for _, statement in indexes:
            db.execute(statement)
        db.execute("commit")
        db.execute("pragma journal_mode = wal")


def _publish(path: Path) -> float:
    begun = time.perf_counter()
    publish_ledger_views(path, path.with_name("analyst.duckdb"))
    return time.perf_counter() - begun


def _one_run(path: Path) -> None:
    """So many new rows as a request has, held by a guard, of people who are known."""
    rows = [
        NewItem(
            object="lists", kind="lists", subject=f"new-{number}", person_key=person_key(SECRET.encode(), f"customer:c-{number}"),
            fingerprint="f", lane=6, state="held", reason="held by the volume guard",
        )
        for number in range(ROWS_PER_REQUEST)
    ]  # fmt: skip
    with Ledger.open(path, SECRET.encode()) as ledger:
        ledger.start_run("one more", "bench")
        ledger.freeze("one more", "rest", rows, [])
        ledger.end_run("one more", "done", 0)


def _ask(path: Path, who: str) -> float:
    required = (
        "CTP_PROJECT_KEY",
        "CTP_CLIENT_ID",
        "CTP_CLIENT_SECRET",
        "CTP_SCOPES",
        "ITERABLE_API_KEY",
    )  # not used, but asked for
    urls = dict.fromkeys(("CTP_API_URL", "CTP_AUTH_URL", "ITERABLE_API_URL"), "http://127.0.0.1:9")
    ours = {
        "CARTWIRE_SECRET": SECRET,
        "CARTWIRE_LEDGER": str(path),
        "CARTWIRE_ENV_FILE": os.devnull,
        "ITERABLE_IDENTITY": "hybrid",
    }
    environment = {**os.environ, **dict.fromkeys(required, "bench" * 8), **urls, **ours}
    begun = time.perf_counter()
    done = subprocess.run([CARTWIRE, "explain", who], capture_output=True, text=True, check=True, env=environment)
    seconds = time.perf_counter() - begun
    assert f"{ROWS_PER_PERSON} rows planned" in done.stdout, done.stdout
    return seconds


@contextmanager
def _writer(path: Path) -> Iterator[list[int]]:
    """One durable commit after another, as a delivery makes them."""
    stop, written = threading.Event(), [0]

    def write() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as db:
            db.execute("pragma synchronous = full")
            while not stop.is_set():
                db.execute(
                    "update items set tries = tries + 1 where item_id in (select abs(random()) % 1000 + 1 from items limit 500)"
                )
                written[0] += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield written
    finally:
        stop.set()
        thread.join()


def _summary(seconds: list[float]) -> dict[str, float]:
    return {"asked": len(seconds), "p50_s": round(statistics.median(seconds), 2), "max_s": round(max(seconds), 2)}
