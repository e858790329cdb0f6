"""What a dead run leaves behind, and rows whose outcome nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from activation.ledger.database import transaction
from activation.ledger.machine import HARMLESS_TO_REPEAT, Event, State
from activation.ledger.sending import ITEM_COLUMNS, LedgerItem, Outcome, Sending, ledger_item
from cartwire.clock import now_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What `recover` found: ids of runs that died, rows put aside, rows that have to be read back."""

    crashed_runs: tuple[str, ...]
    superseded: int
    unknown: int


class Recovering(Sending):
    """Runs under the lease, before anything else: no other process is writing then."""

    def recover(self, at_ms: int | None = None) -> Recovery:
        """Close what died. Waits for nothing, so that it never delays a withdrawal.

        Runs still 'running' become 'crashed'. Of every ended run: rows in flight become unknown (`resolve_unknown` reads
        them back); rows still staged are superseded, the next diff plans them anew; so are unknown withdrawals, which the
        next stage 1 simply repeats.
        """
        moment = at_ms or now_ms()
        with transaction(self._db) as db:
            crashed = [str(row[0]) for row in db.execute("select run_id from runs where state = 'running'")]
            db.execute("update runs set state = 'crashed', ended_at_ms = ? where state = 'running'", (moment,))
            superseded = 0
            for run_id, item_ids in self._open(State.sending):
                self._move_all(State.sending, Event.lose, run_id, item_ids, "its run ended before the answer", moment)
            for run_id, item_ids in self._open(State.staged):
                superseded += self._move_all(State.staged, Event.supersede, run_id, item_ids, "its run ended", moment)
            for run_id, item_ids in self._open(State.unknown, only_harmless=True):
                superseded += self._move_all(State.unknown, Event.supersede, run_id, item_ids, "harmless to repeat", moment)
            unknown = sum(len(item_ids) for _, item_ids in self._open(State.unknown))
        return Recovery(crashed_runs=tuple(crashed), superseded=superseded, unknown=unknown)

    def unknown_items(self, run_id: str | None) -> list[LedgerItem]:
        """Rows whose outcome is unknown: of one run, or (None) of every run that has ended.

        `lost_at_ms` is when the answer was given up, or when the death of its run was found: no effect can begin later.
        """
        rows = self._db.execute(
            f"select items.changed_at_ms, {ITEM_COLUMNS} from items"  # noqa: S608
            " inner join item_values on item_values.item_id = items.item_id"
            " inner join runs on runs.run_id = items.run_id"
            " where items.state = 'unknown' and (items.run_id = :run_id or (:run_id is null and runs.state <> 'running'))"
            " order by items.lane, items.item_id",
            {"run_id": run_id},
        )
        return [ledger_item(row[1:], lost_at_ms=row[0]) for row in rows]

    def _open(self, state: State, *, only_harmless: bool = False) -> Iterator[tuple[str, list[int]]]:
        """Rows of ended runs in one state, per run."""
        rows = self._db.execute(
            "select items.run_id, items.item_id, items.object from items inner join runs on runs.run_id = items.run_id"
            " where items.state = ? and runs.state <> 'running'",
            (state,),
        ).fetchall()
        found: dict[str, list[int]] = {}
        for run_id, item_id, name in rows:
            if not only_harmless or name in HARMLESS_TO_REPEAT:
                found.setdefault(run_id, []).append(item_id)
        yield from found.items()

    def _move_all(self, state: State, event: Event, run_id: str, item_ids: list[int], reason: str, at_ms: int) -> int:
        outcomes = [Outcome(item_id=item_id, event=event, reason=reason) for item_id in item_ids]
        self._advance(state, outcomes, run_id=run_id, cause="read_back", at_ms=at_ms)
        return len(item_ids)
