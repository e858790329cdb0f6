"""What people and reports ask. Every query here also runs on a read-only connection beside a writing run."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from activation.ledger import reasons
from activation.ledger.backfills import Backfills
from activation.ledger.pauses import Pauses
from activation.ledger.persons import Persons
from activation.ledger.pruning import Prunable
from activation.ledger.refused import ROWS_MAX, Refused
from activation.ledger.runs import Run
from cartwire.errors import LedgerError

# Of a row of items: its state is not that of its last move, or it is accepted though no request carried it.
UNEXPLAINED = """
state <> coalesce((select to_state from transitions where item_id = items.item_id order by seq desc limit 1), planned_state)
or (state = 'accepted' and not exists (select 1 from attempts where attempts.item_id = items.item_id))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Rows of one object and kind of a run. `verified` is the part of `accepted` that was read back; `history` is the part of
    `held` that is history over age; the six states add up to `planned` unless rows were lost."""

    object: str
    kind: str
    planned: int
    accepted: int
    verified: int
    rejected: int
    held: int
    history: int
    suppressed: int
    superseded: int
    open: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Seconds from the change in the shop to the acceptance at Iterable, of the accepted rows of one object."""

    object: str
    rows: int
    p50_s: float
    p95_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerStatus:
    """The newest runs first, rows open per state (of all runs), and what the ledger is bound to since when."""

    runs: tuple[Run, ...]
    open_rows: dict[str, int]
    bound_at_ms: int | None


class Queries(Pauses, Backfills, Persons, Refused, Prunable):
    """Reads that change nothing."""

    def counts(self, run_id: str) -> list[Counts]:
        """Planned rows (as frozen) beside the states the rows have now, per object and kind."""
        names = ", ".join(field.name for field in fields(Counts))
        rows = self._db.execute(
            f"""
            with promised as (
                select object, kind, sum(rows) as planned from planned where run_id = :run_id group by 1, 2
            ),
            found as (
                select
                    object, kind,
                    sum(state = 'accepted') as accepted, sum(is_verified) as verified, sum(state = 'rejected') as rejected,
                    sum(state = 'held') as held, sum(state = 'held' and reason = :history) as history,
                    sum(state = 'suppressed') as suppressed, sum(state = 'superseded') as superseded,
                    sum(state in ('staged', 'sending', 'unknown')) as open
                from items where run_id = :run_id group by 1, 2
            )
            select {names} from (
                select
                    coalesce(promised.object, found.object) as object, coalesce(promised.kind, found.kind) as kind,
                    coalesce(planned, 0) as planned, coalesce(accepted, 0) as accepted, coalesce(verified, 0) as verified,
                    coalesce(rejected, 0) as rejected, coalesce(held, 0) as held, coalesce(history, 0) as history,
                    coalesce(suppressed, 0) as suppressed, coalesce(superseded, 0) as superseded, coalesce(open, 0) as open
                from promised full join found on promised.object = found.object and promised.kind = found.kind
            ) order by object, kind
            """,  # noqa: S608 - column names of a dataclass
            {"run_id": run_id, "history": reasons.HISTORY_OVER_AGE},
        )
        return [Counts(**dict(zip([field.name for field in fields(Counts)], row, strict=True))) for row in rows]

    def prove_conservation(self, run_id: str) -> list[Counts]:
        """Prove that every planned row ended in exactly one state, from what was written at different moments.

        The planned counts (freeze) equal the rows by state (settle); no row is open; each row's state is its last
        transition's; each accepted row has a request that carried it.
        Returns: the counts. Raises: LedgerError naming object, kind and numbers.
        """
        counts = self.counts(run_id)
        for row in counts:
            ended = row.accepted + row.rejected + row.held + row.suppressed + row.superseded
            if row.open or ended != row.planned:
                raise LedgerError(
                    f"rows are not accounted for: {row.object}/{row.kind} planned {row.planned}, ended {ended}, open {row.open};"
                    " keep a copy of the ledger and report this",
                    run_id=run_id,
                    object=row.object,
                    kind=row.kind,
                    planned=row.planned,
                    ended=ended,
                    open=row.open,
                )
        (torn,) = self._db.execute(
            f"select count(*) from items where run_id = ? and ({UNEXPLAINED})",  # noqa: S608 - a constant of this module
            (run_id,),
        ).fetchone()
        if torn:
            raise LedgerError(f"{torn} rows have a state that their history does not explain", run_id=run_id, rows=torn)
        return counts

    def reason_counts(self, run_id: str) -> list[tuple[str, str, str, str, int]]:
        """(object, kind, state, reason, rows) of what was rejected, held or suppressed, most rows first."""
        rows = self._db.execute(
            "select object, kind, state, reason, count(*) as found from items"
            " where run_id = ? and state in ('rejected', 'held', 'suppressed') group by 1, 2, 3, 4 order by 5 desc, 1, 2, 3, 4",
            (run_id,),
        )
        return [(name, kind, state, reason, found) for name, kind, state, reason, found in rows]

    def held_for_attention(self, run_id: str) -> list[tuple[str, str, str, int]]:
        """(object, kind, reason, rows) held by a guard, a failed test, a refused batch or an unknown outcome.

        What a model itself holds (an identifier another profile owns, a deletion, a merge) and history wait by rule; a row
        held for the sake of another one (its person, its purchase) is explained by that one's own verdict.
        """
        rows = self._db.execute(
            "select object, kind, reason, count(*) as found from items where run_id = ? and state = 'held'"
            " and not (planned_state = 'held' and is_sticky) and reason not in (?, ?, ?)"
            " group by 1, 2, 3 order by 4 desc, 1, 2, 3",
            (run_id, reasons.HISTORY_OVER_AGE, reasons.PERSON_NOT_ACCEPTED, reasons.PURCHASE_NOT_ACCEPTED),
        )
        return [(name, kind, reason, found) for name, kind, reason, found in rows]

    def latencies(self, run_id: str) -> list[Latency]:
        """p50 and p95 of accepted_at - source_modified_at per object (nearest rank)."""
        rows = self._db.execute(
            """
            with waits as (
                select
                    object, changed_at_ms - source_modified_at_ms as wait_ms,
                    row_number() over (partition by object order by changed_at_ms - source_modified_at_ms) as rank,
                    count(*) over (partition by object) as rows
                from items where run_id = ? and state = 'accepted' and source_modified_at_ms is not null
            )
            select object, rows, min(case when rank * 100 >= rows * 50 then wait_ms end) / 1000.0,
                min(case when rank * 100 >= rows * 95 then wait_ms end) / 1000.0
            from waits group by object, rows order by object
            """,
            (run_id,),
        )
        return [Latency(object=name, rows=found, p50_s=p50_s, p95_s=p95_s) for name, found, p50_s, p95_s in rows]

    def windows_ms(self, run_id: str) -> list[int]:
        """Per request that was accepted after a reading of its people: milliseconds from that reading until then, ascending.

        In between somebody may have left unseen. A request without a verdict on any row as accepted has none.
        """
        rows = self._db.execute(
            """
            select requests.settled_at_ms - requests.read_at_ms from requests
            where requests.run_id = ? and requests.read_at_ms is not null and requests.settled_at_ms is not null
                and exists (select 1 from attempts where attempts.request_id = requests.request_id and attempts.event = 'accept')
            order by 1
            """,
            (run_id,),
        )
        return [int(row[0]) for row in rows]

    def market_counts(self, run_id: str) -> list[tuple[str, str, str | None, int, int]]:
        """(object, kind, market_code, planned rows, accepted rows) of a run."""
        rows = self._db.execute(
            "select object, kind, market_code, count(*), sum(state = 'accepted') from items where run_id = ?"
            " group by 1, 2, 3 order by 1, 2, 3",
            (run_id,),
        )
        return [tuple(row) for row in rows]

    def sent_purchases(self, since_ms: int, until_ms: int) -> list[dict[str, Any]]:
        """Purchases of the period that Iterable accepted, or may have: `purchase_id`, `market_code`, `currency_code`, `total` (digits as
        they were sent; null where erased), `occurred_at_ms`, `settled_at_ms`, `state`."""
        return self._dicts(
            """
            select
                items.subject as purchase_id, items.market_code, items.occurred_at_ms, items.changed_at_ms as settled_at_ms, items.state,
                cast(item_values.fragment as text) ->> '$.dataFields.currency' as currency_code,
                cast(item_values.fragment as text) -> '$.total' as total
            from items inner join item_values on item_values.item_id = items.item_id
            where items.object = 'purchases' and items.object in ('purchases', 'events')
                and items.state in ('sending', 'unknown', 'accepted')
                and items.occurred_at_ms >= :since_ms and items.occurred_at_ms < :until_ms
            """,
            {"since_ms": since_ms, "until_ms": until_ms},
        )

    def request_counts(self, run_id: str) -> list[tuple[str, int, int]]:
        """(endpoint, requests, rows) of a run."""
        rows = self._db.execute(
            "select endpoint, count(*), sum(rows) from requests where run_id = ? group by 1 order by 1", (run_id,)
        )
        return [tuple(row) for row in rows]

    def consent_at_sending(self, person_key: str) -> list[dict[str, Any]]:
        """What the claim looks at: channel, purpose, status, is_messageable, and when it was said and learned."""
        return self._dicts(
            "select channel, purpose, status, is_messageable, stated_at_ms, learned_at_ms from consent"
            " where person_key = ? order by channel, purpose",
            (person_key,),
        )

    def subscription_items(self, person_key: str, rows_max: int = ROWS_MAX) -> list[dict[str, Any]]:
        """Withdrawals and grants of a person, newest first: what was sent, and what is open or was refused and why."""
        return self._dicts(
            "select object, subject, state, reason, changed_at_ms from items"
            " where person_key = ? and object in ('withdrawals', 'grants') order by item_id desc limit ?",
            (person_key, rows_max),
        )

    def status(self, runs_max: int = 10) -> LedgerStatus:
        """The newest runs and what is open."""
        runs = self._runs("true", runs_max)
        open_rows = self._db.execute(
            "select state, count(*) from items where state in ('staged', 'sending', 'unknown') group by state order by state"
        ).fetchall()
        bound = self._db.execute("select value from meta where key = 'bound_at_ms'").fetchone()
        return LedgerStatus(
            runs=runs,
            open_rows=dict(open_rows),
            bound_at_ms=int(bound[0]) if bound else None,
        )

    def newest_done(self) -> Run | None:
        """The newest sync that came to its end, whatever it held or rejected; None if there is none. A paused one did not."""
        return next(iter(self._runs("state = 'done' and exit_code <> 12", 1)), None)

    def _runs(self, condition: str, runs_max: int) -> tuple[Run, ...]:
        names = [field.name for field in fields(Run)]
        rows = self._db.execute(
            f"select {', '.join(names)} from runs where {condition} "  # noqa: S608 - names of a dataclass, conditions of this class
            "order by started_at_ms desc, run_id desc limit ?",
            (runs_max,),
        )
        return tuple(Run(**dict(zip(names, row, strict=True))) for row in rows)
