"""Any sequence of loads, deletes, returns, sweeps and failing sweeps: what is marked is what was gone when a sweep last looked."""

from __future__ import annotations

import tempfile
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ingestion.ids import SeenIds
from ingestion.resources import RESOURCES
from ingestion.source import newest
from ingestion.sweep import ROWS_ALWAYS, TooManyVanished, mark_vanished

START = datetime(2026, 1, 1, tzinfo=UTC)
SETTLE = timedelta(minutes=5)
ORDERS = next(resource for resource in RESOURCES if resource.name == "orders")
CURRENT = """
select findings.id from control.sweep_findings as findings inner join raw.orders as loaded on findings.id = loaded.id
where findings.observed_at > loaded.loaded_at
qualify row_number() over (partition by findings.id order by findings.observed_at desc) = 1 and findings.finding = 'vanished'
"""


class Sweeps(RuleBasedStateMachine):
    """`there`: what commercetools holds; `loaded`: when each row of `raw` was made and read; `marked`: the model's idea."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.connection = duckdb.connect()
        self.connection.execute("set timezone = 'UTC'")
        self.connection.execute("create schema raw")
        self.connection.execute(newest(ORDERS).ddl())
        self.now = START
        self.there: set[str] = set()
        self.loaded: dict[str, tuple[datetime, datetime]] = {}
        self.marked: set[str] = set()
        self.findings = 0

    @initialize(count=st.integers(0, 300))
    def first_load(self, count: int) -> None:
        self.make(count)
        self.load(0)

    @rule(count=st.integers(1, 150))
    def make(self, count: int) -> None:
        """New orders, not loaded yet."""
        self.there |= {str(uuid.uuid4()) for _ in range(count)}

    @rule(seconds=st.integers(0, 900))
    def load(self, seconds: int) -> None:
        """What is new comes into `raw`; a row that is known and unchanged is left as it is."""
        self._wait(seconds)
        new = self.there - self.loaded.keys()
        for row_id in new:
            self.loaded[row_id] = (self.now, self.now)
            self._put(row_id)

    @rule(data=st.data(), count=st.integers(1, 140))
    def delete(self, data: st.DataObject, count: int) -> None:
        gone = sorted(self.there)[:count] if data.draw(st.booleans()) else sorted(self.there)[-count:]
        self.there -= set(gone)

    @rule(count=st.integers(1, 5))
    def come_back_unchanged(self, count: int) -> None:
        self.there |= set(sorted(self.loaded.keys() - self.there)[:count])

    @rule(count=st.integers(1, 5), seconds=st.integers(1, 900))
    def come_back_changed(self, count: int, seconds: int) -> None:
        """Made again and read by a load, which replaces the row."""
        self._wait(seconds)
        for row_id in sorted(self.loaded.keys() - self.there)[:count]:
            self.there.add(row_id)
            self.loaded[row_id] = (self.loaded[row_id][0], self.now)
            self.marked.discard(row_id)
            self._put(row_id)

    @rule(seconds=st.integers(1, 900))
    def sweep(self, seconds: int) -> None:
        self._wait(seconds)
        old = {row_id for row_id, (made, read) in self.loaded.items() if made < self.now - SETTLE and read < self.now}
        vanished = old - self.there - self.marked
        living = len(self.loaded) - len(self.marked)
        is_refused = len(vanished) > max(ROWS_ALWAYS, int(living * 0.005))
        try:
            mark_vanished(self.connection, self._seen(), settle=SETTLE, allowed={})
        except TooManyVanished as error:
            assert is_refused
            assert error.facts["resources"] == {"orders": {"vanished": len(vanished), "living": living, "limit": 100}}
            return
        assert not is_refused
        self.marked = (self.marked | vanished) - self.there

    @invariant()
    def marks_are_the_models(self) -> None:
        if self.connection.execute("from duckdb_tables() where table_name = 'sweep_findings'").fetchall():
            assert {row[0] for row in self.connection.execute(CURRENT).fetchall()} == self.marked

    @invariant()
    def findings_are_only_ever_added(self) -> None:
        if self.connection.execute("from duckdb_tables() where table_name = 'sweep_findings'").fetchall():
            count = self.connection.execute("select count(*) from control.sweep_findings").fetchall()[0][0]
            assert count >= self.findings
            self.findings = count

    def teardown(self) -> None:
        self.connection.close()
        self.folder.cleanup()

    def _wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def _put(self, row_id: str) -> None:
        made, read = self.loaded[row_id]
        self.connection.execute("delete from raw.orders where id = ?", [row_id])
        self.connection.execute("insert into raw.orders values (?, 1, ?, ?, ?, '{}', '')", [row_id, made, made, read])

    def _seen(self) -> SeenIds:
        path = Path(self.folder.name) / "orders.parquet"
        pq.write_table(pa.table({"id": pa.array(sorted(self.there), pa.string())}), path)
        return SeenIds(self.now, [(ORDERS, path)], {"orders": len(self.there)})


TestSweeps = Sweeps.TestCase
TestSweeps.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
