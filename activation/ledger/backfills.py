"""Backfills: history that somebody asked to let go, and how far each has come. Durable, so that a killed one goes on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from activation.ledger import reasons
from activation.ledger.database import LedgerFile, transaction
from activation.ledger.machine import State
from cartwire.clock import now_ms

SINCE_VERSION = 8
_OF_THE_ROW = (
    reasons.PERSON_NOT_ACCEPTED,
    reasons.PURCHASE_NOT_ACCEPTED,
    reasons.TOO_LARGE,
    reasons.STILL_UNKNOWN,
)
"""Why a row is held that stands in nobody else's way."""


class BackfillState(StrEnum):
    """Where a backfill is. `open`: a command is at work on it, or has ended early; `waiting`: some facts take another pass."""

    open = "open"
    paused = "paused"
    waiting = "waiting"
    done = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """Which history: of these (object, kind), which happened from `since_ms` to before `until_ms`, in one market or any.

    Attributes:
        ids: subjects; None: any.
        includes_live_carts: also purchases of people with a live cart.
    """

    kinds: tuple[tuple[str, str], ...]
    since_ms: int
    until_ms: int
    market_code: str | None = None
    ids: tuple[str, ...] | None = None
    includes_live_carts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """One of them.

    Attributes:
        after: (microseconds since 1970, subject) of the last fact it is done with; None at the beginning of a pass.
        left_behind: facts of this pass that take another one.
    """

    backfill_id: int
    criteria: Criteria
    state: BackfillState
    after: tuple[int, str] | None
    left_behind: int
    started_by: str
    started_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkVerdicts:
    """What one run did to the facts of a chunk.

    Attributes:
        states: rows per final state.
        left_behind: held for a reason of their own that may pass: another pass offers them again.
        blocked: reasons that hold whole kinds back (a pause, a guard, a failed test): the chunk has to be offered again.
    """

    states: dict[str, int]
    left_behind: int
    blocked: tuple[str, ...]


class Backfills(LedgerFile):
    """Reading them; also on a read-only connection."""

    def backfills(self) -> tuple[Backfill, ...]:
        """All, newest first."""
        if self._db.execute("pragma user_version").fetchone()[0] < SINCE_VERSION:
            return ()
        return tuple(map(_backfill, self._dicts("select * from backfills order by backfill_id desc", ())))

    def backfill(self, backfill_id: int) -> Backfill | None:
        """One of them, None where there is no such."""
        return next((one for one in self.backfills() if one.backfill_id == backfill_id), None)

    def chunk_verdicts(self, run_id: str, subjects: Sequence[str]) -> ChunkVerdicts:
        """What became of these facts in a run. Those it did not plan (told no more, or refused for good before) are in no count."""
        rows = self._db.execute(
            "select state, reason, is_sticky, count(*) from items where run_id = ? and object in ('purchases', 'events')"
            " and subject in (select value from json_each(?)) group by 1, 2, 3",
            (run_id, json.dumps(list(subjects))),
        ).fetchall()
        states: dict[str, int] = {}
        for state, _, _, found in rows:
            states[state] = states.get(state, 0) + found
        passing = [(reason, found) for state, reason, is_sticky, found in rows if state == State.held and not is_sticky]
        return ChunkVerdicts(
            states=states,
            left_behind=sum(found for reason, found in passing if reason in _OF_THE_ROW),
            blocked=tuple(sorted(reason for reason, _ in passing if reason not in _OF_THE_ROW)),
        )


class Backfilling(Backfills):
    """Starting, steering and moving them. Starting and steering work beside a running sync."""

    def start_backfill(self, criteria: Criteria, *, by: str, at_ms: int | None = None) -> Backfill:
        """Take it down, or find the one of the same criteria that is not done; either is open then."""
        for standing in self.backfills():
            if standing.criteria == criteria and standing.state is not BackfillState.done:
                return self.steer_backfill(standing.backfill_id, BackfillState.open, by=by, at_ms=at_ms)
        moment = at_ms or now_ms()
        with transaction(self._db) as db:
            cursor = db.execute(
                "insert into backfills (kinds, since_ms, until_ms, market_code, ids, includes_live_carts,"
                " started_by, started_at_ms, changed_by, changed_at_ms) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    json.dumps(criteria.kinds),
                    criteria.since_ms,
                    criteria.until_ms,
                    criteria.market_code,
                    None if criteria.ids is None else json.dumps(criteria.ids),
                    criteria.includes_live_carts,
                    *(by, moment) * 2,
                ),
            )
        return self._known(cursor.lastrowid or 0)

    def steer_backfill(self, backfill_id: int, state: BackfillState, *, by: str, at_ms: int | None = None) -> Backfill:
        """Pause it, or open it again. One that waited begins again at its oldest fact; one that is done stays done."""
        with transaction(self._db) as db:
            db.execute(
                """
                update backfills
                set state = :state, changed_by = :by, changed_at_ms = :at_ms,
                    after_us = case when state <> 'waiting' then after_us end,
                    after_subject = case when state <> 'waiting' then after_subject end,
                    left_behind = case when state <> 'waiting' then left_behind else 0 end
                where backfill_id = :backfill_id and state not in ('done', :state)
                """,
                {"backfill_id": backfill_id, "state": state, "by": by, "at_ms": at_ms or now_ms()},
            )
        return self._known(backfill_id)

    def advance_backfill(
        self, backfill_id: int, after: tuple[int, str] | None, *, left_behind: int, is_over: bool, at_ms: int | None = None
    ) -> Backfill:
        """A chunk is settled: the next one begins after this fact.

        Args: after: None where the chunk was empty. left_behind: facts passed by since the chunk before that take another pass.
            is_over: nothing is ahead, so it is done, or waits where facts were left behind; one that was paused meanwhile stays so.
        """
        with transaction(self._db) as db:
            db.execute(
                """
                update backfills
                set after_us = coalesce(:after_us, after_us), after_subject = coalesce(:after_subject, after_subject),
                    left_behind = left_behind + :more, changed_at_ms = :at_ms,
                    state = case
                        when not :is_over or state <> 'open' then state
                        when left_behind + :more > 0 then 'waiting'
                        else 'done'
                    end
                where backfill_id = :backfill_id
                """,
                {
                    **dict(zip(("after_us", "after_subject"), after or (None, None), strict=True)),
                    "more": left_behind,
                    "is_over": is_over,
                    "at_ms": at_ms or now_ms(),
                    "backfill_id": backfill_id,
                },
            )
        return self._known(backfill_id)

    def _known(self, backfill_id: int) -> Backfill:
        found = self.backfill(backfill_id)
        assert found is not None  # just written
        return found


def _backfill(row: dict[str, Any]) -> Backfill:
    return Backfill(
        backfill_id=row["backfill_id"],
        criteria=Criteria(
            kinds=tuple((name, kind) for name, kind in json.loads(row["kinds"])),
            since_ms=row["since_ms"],
            until_ms=row["until_ms"],
            market_code=row["market_code"],
            ids=None if row["ids"] is None else tuple(json.loads(row["ids"])),
            includes_live_carts=bool(row["includes_live_carts"]),
        ),
        state=BackfillState(row["state"]),
        after=None if row["after_us"] is None else (row["after_us"], row["after_subject"]),
        left_behind=row["left_behind"],
        started_by=row["started_by"],
        started_at_ms=row["started_at_ms"],
    )
