"""History and the warehouse: asking the models to let some of it go, counting it, reading what a run let go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from activation.ledger.backfills import Backfill, Criteria

_SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """What one run is asked to let go: at most `rows_max` facts, after the place the backfill has reached."""

    backfill_id: int
    criteria: Criteria
    after: tuple[int, str] | None
    rows_max: int

    @classmethod
    def of(cls, backfill: Backfill, rows_max: int) -> Chunk:
        """The next chunk of a backfill."""
        return cls(backfill_id=backfill.backfill_id, criteria=backfill.criteria, after=backfill.after, rows_max=rows_max)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryCount:
    """History of one kind and market that a backfill asks for. Times are naive UTC.

    Attributes:
        facts, people: what is still to be sent, and about how many people.
        waiting: purchases that wait for a live cart.
        emptied_carts: people whose cart their purchases would empty at Iterable, because live carts are included.
    """

    object: str
    kind: str
    market_code: str | None
    facts: int
    people: int
    waiting: int
    emptied_carts: int
    first_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LetGo:
    """What a run let go.

    Attributes:
        subjects: oldest first.
        last: (microseconds since 1970, subject) of the newest; None when there was nothing.
        is_all: nothing else could go.
        passed_over: facts older than the last that waited for a live cart; waiting_ahead: newer ones.
    """

    subjects: Sequence[str]
    last: tuple[int, str] | None
    is_all: bool
    passed_over: int
    waiting_ahead: int


def ask_for_history(conn: duckdb.DuckDBPyConnection, chunk: Chunk | None) -> None:
    """Tell the models what this run lets go; None: nothing. Takes the place of what an earlier run was told."""
    conn.execute((_SQL / "backfill_control.sql").read_text())
    if chunk is None:
        return
    criteria = chunk.criteria
    conn.execute(
        (_SQL / "backfill_ask.sql").read_text(),
        [
            chunk.backfill_id,
            [name for name, _ in criteria.kinds],
            [kind for _, kind in criteria.kinds],
            criteria.since_ms,
            criteria.until_ms,
            criteria.market_code,
            criteria.ids is not None,
            criteria.includes_live_carts,
            *(chunk.after or (None, None)),
            chunk.rows_max,
        ],
    )
    if criteria.ids is not None:
        conn.execute("insert into control.backfill_ids select unnest($1::varchar[])", [list(criteria.ids)])


@contextmanager
def asked(conn: duckdb.DuckDBPyConnection, chunk: Chunk) -> Iterator[None]:
    """For the block the models are asked for this; nothing of it stays."""
    conn.execute("begin")
    try:
        ask_for_history(conn, chunk)
        yield
    finally:
        conn.execute("rollback")


def history_counts(conn: duckdb.DuckDBPyConnection) -> tuple[HistoryCount, ...]:
    """What is asked for, by kind and market."""
    names = ("object", "kind", "market_code", "facts", "people", "waiting", "emptied_carts", "first_at", "last_at")
    rows = conn.execute((_SQL / "backfill_counts.sql").read_text()).fetchall()
    return tuple(HistoryCount(**dict(zip(names, row, strict=True))) for row in rows)


def history_turns(conn: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], list[int]]:
    """(object, kind) → people with a first, second, ... fact to send: a request has one of each person."""
    rows = conn.execute((_SQL / "backfill_turns.sql").read_text()).fetchall()
    return {(name, kind): people for name, kind, people in rows}


def let_go(conn: duckdb.DuckDBPyConnection) -> LetGo:
    """What the run that was built last let go."""
    [(subjects, last_us, last_subject)] = conn.execute((_SQL / "backfill_chunk.sql").read_text()).fetchall()
    last = None if last_us is None else (int(last_us), str(last_subject))
    query = (_SQL / "backfill_behind.sql").read_text()
    [(could_go, passed_over, waiting_ahead)] = conn.execute(query, [*(last or (None, None))]).fetchall()
    is_all = could_go == len(subjects)
    return LetGo(subjects=subjects, last=last, is_all=is_all, passed_over=passed_over, waiting_ahead=waiting_ahead)


def subjects_of(conn: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> dict[str, str | None]:
    """Given id → the fact of history it means, None where it is none."""
    return dict(conn.execute((_SQL / "backfill_known_ids.sql").read_text(), [list(ids)]).fetchall())


def knows_history(conn: duckdb.DuckDBPyConnection) -> bool:
    """Whether a sync has built this warehouse with the model that backfills ask."""
    return conn.execute((_SQL / "backfill_view_exists.sql").read_text()).fetchall() == [(1,)]
