"""Trying out what a replay would send: some verdicts do not stand for the length of a plan.

Which ones is written down before the first is changed, so that the fold that begins every run puts back what a plan that died left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from cartwire.warehouse import transaction

_SQL = Path(__file__).parent / "sql"


@contextmanager
def rehearsed(conn: duckdb.DuckDBPyConnection, subjects: Iterable[tuple[str, str]]) -> Iterator[None]:
    """For the block the refusals of these (object, subject) do not keep the diff from planning them. Nothing is left of it afterwards."""
    pairs = list(subjects)
    if not pairs:
        yield
        return
    names = {"objects": [name for name, _ in pairs], "subjects": [subject for _, subject in pairs]}
    conn.execute("create schema if not exists control")
    with transaction(conn):
        conn.execute((_SQL / "rehearsal_begin.sql").read_text(), names)
        conn.execute((_SQL / "rehearsal_free.sql").read_text())
    try:
        yield
    finally:
        end_rehearsal(conn)


def end_rehearsal(conn: duckdb.DuckDBPyConnection) -> None:
    """Put the verdicts back as they were; does nothing where there is no rehearsal."""
    if conn.execute((_SQL / "rehearsal_exists.sql").read_text()).fetchall() == [(0,)]:
        return
    with transaction(conn):
        conn.execute((_SQL / "rehearsal_end.sql").read_text())
