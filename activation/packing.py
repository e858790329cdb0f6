"""Rows into requests: by count, by bytes, one row per person per request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from activation.ledger.staging import StagedRow
from cartwire.errors import RowTooLarge


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Limits of one request. `overhead_bytes` is the envelope's; each further row costs a comma."""

    rows_max: int
    body_bytes_max: int
    overhead_bytes: int = 0


def by_turns(rows: Iterable[StagedRow]) -> list[list[StagedRow]]:
    """Split rows into turns, each with at most one row per person; a person's rows keep their order over the turns.

    Failures inside a 200 are named by person, so two rows of one person in a request could not be told apart; and a turn is
    finished before the next begins, so that a person's rows arrive in order.
    """
    turns: list[list[StagedRow]] = []
    seen: dict[str, int] = {}
    for row in rows:
        turn = seen.get(row.person_key, 0)
        seen[row.person_key] = turn + 1
        if turn == len(turns):
            turns.append([])
        turns[turn].append(row)
    return turns


def fit_batches(rows: Sequence[StagedRow], caps: Caps) -> Iterator[tuple[StagedRow, ...]]:
    """Split the rows of a turn into requests that fit the caps, keeping their order; a request has one bulk key.

    Pure: same input, same split. Chained together per bulk key the batches equal the input.
    Raises: RowTooLarge if one row alone is over the limit; facts carry item_id and size_bytes.
    """
    by_key: dict[str, list[StagedRow]] = {}
    for row in rows:
        by_key.setdefault(row.bulk_key, []).append(row)
    for group in by_key.values():
        yield from _fit(group, caps)


def _fit(rows: Iterable[StagedRow], caps: Caps) -> Iterator[tuple[StagedRow, ...]]:
    batch: list[StagedRow] = []
    used = caps.overhead_bytes
    for row in rows:
        if caps.overhead_bytes + row.size_bytes > caps.body_bytes_max:
            raise RowTooLarge(
                f"a row alone is larger than the {caps.body_bytes_max} bytes its endpoint takes; shorten its fields",
                item_id=row.item_id,
                size_bytes=row.size_bytes,
            )
        cost = row.size_bytes + (1 if batch else 0)
        if batch and (len(batch) == caps.rows_max or used + cost > caps.body_bytes_max):
            yield tuple(batch)
            batch, used, cost = [], caps.overhead_bytes, row.size_bytes
        batch.append(row)
        used += cost
    if batch:
        yield tuple(batch)
