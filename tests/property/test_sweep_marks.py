"""Any sequence of loads, deletes, returns, sweeps and refusals: what is marked is what was gone when a sweep last looked."""

from __future__ import annotations

import tempfile
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

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


class Sweeps:
    """`there`: what commercetools holds; `loaded`: when each row of `raw` was made and read; `marked`: the model's idea."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.connection = duckdb.connect()
        self.connection.execute("set timezone = 'UTC'")
        self.connection.execute("create schema raw")
        self.connection.execute(newest(ORDERS).ddl())
        self.now = START
        self.numbers = iter(range(10**6))
        self.there: set[str] = set()
        self.loaded: dict[str, tuple[datetime, datetime]] = {}
        self.marked: set[str] = set()
        self.findings = 0

    def make(self, count: int) -> None:
        """New orders, not loaded yet."""
        self.there |= {str(uuid.UUID(int=next(self.numbers))) for _ in range(count)}

    def load(self, seconds: int) -> None:
        """What is new comes into `raw`; a row that is known and unchanged is left as it is."""
        self._wait(seconds)
        new = self.there - self.loaded.keys()
        for row_id in new:
            self.loaded[row_id] = (self.now, self.now)
            self._put(row_id)

    def delete(self, count: int, is_newest: bool) -> None:
        self.there -= set(sorted(self.there, reverse=is_newest)[:count])

    def come_back_unchanged(self, count: int) -> None:
        self.there |= set(sorted(self.loaded.keys() - self.there)[:count])

    def come_back_changed(self, count: int, seconds: int) -> None:
        """Made again and read by a load, which replaces the row."""
        self._wait(seconds)
        for row_id in sorted(self.loaded.keys() - self.there)[:count]:
            self.there.add(row_id)
            self.loaded[row_id] = (self.loaded[row_id][0], self.now)
            self.marked.discard(row_id)
            self._put(row_id)

    def sweep(self, seconds: int, *, allowed: int = 0) -> None:
        self._wait(seconds)
        old = {row_id for row_id, (made, read) in self.loaded.items() if made < self.now - SETTLE and read < self.now}
        vanished = old - self.there - self.marked
        living = len(self.loaded) - len(self.marked)
        is_refused = len(vanished) > max(ROWS_ALWAYS, int(living * 0.005), allowed)
        try:
            (found,) = mark_vanished(self.connection, self._seen(), settle=SETTLE, allowed={"orders": allowed}).resources
        except TooManyVanished as error:
            assert is_refused
            assert error.facts["resources"] == {"orders": {"vanished": len(vanished), "living": living, "limit": 100}}
            return
        assert not is_refused
        assert (found.living, found.vanished, found.reappeared) == (living, len(vanished), len(self.marked & self.there))
        self.marked = (self.marked | vanished) - self.there

    def check(self) -> None:
        """The marks are the model's, and findings are only ever added."""
        if self.connection.execute("from duckdb_tables() where table_name = 'sweep_findings'").fetchall():
            assert {row[0] for row in self.connection.execute(CURRENT).fetchall()} == self.marked
            count = self.connection.execute("select count(*) from control.sweep_findings").fetchall()[0][0]
            assert count >= self.findings
            self.findings = count

    def close(self) -> None:
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


NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)  # a smaller example takes minutes, and the long one can be read
FEW, SECONDS = st.integers(1, 5), st.sampled_from([1, 200, 400, 900])
ACTIONS = st.one_of(
    st.builds(lambda count: ("make", (count,), {}), FEW),
    st.builds(lambda seconds: ("load", (seconds,), {}), SECONDS),
    st.builds(lambda count, is_newest: ("delete", (count, is_newest), {}), st.sampled_from([1, 2, 3, 101]), st.booleans()),
    st.builds(lambda count: ("come_back_unchanged", (count,), {}), FEW),
    st.builds(lambda count, seconds: ("come_back_changed", (count, seconds), {}), FEW, SECONDS),
    st.builds(lambda seconds: ("sweep", (seconds,), {}), SECONDS),
    st.builds(lambda seconds: ("sweep", (seconds,), {"allowed": 500}), SECONDS),
)


@settings(max_examples=40, deadline=None, phases=NO_SHRINKING)
@given(st.sampled_from([0, 30, 250]), st.lists(ACTIONS, min_size=15, max_size=40))
def test_what_is_marked_is_what_was_gone_when_a_sweep_last_looked(
    rows: int, actions: list[tuple[str, tuple[int, ...], dict[str, int]]]
) -> None:
    shop = Sweeps()
    try:
        shop.make(rows)
        shop.load(0)
        for name, positional, named in actions:
            getattr(shop, name)(*positional, **named)
            shop.check()
    finally:
        shop.close()
