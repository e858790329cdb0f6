"""Claim and settle: the two transactions around a request, and the only code that changes a row's state."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from activation.ledger import reasons
from activation.ledger.database import LedgerFile, transaction
from activation.ledger.items import ConsentRow
from activation.ledger.machine import FINAL_STATES, Event, State, target
from activation.ledger.refusals import erase, forget, gave_up, is_last_try
from activation.ledger.tightening import tighten
from cartwire.clock import now_ms
from cartwire.errors import IllegalTransition, LeaseLost


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerItem:
    """A row on its way: whom it concerns and its bytes. `lost_at_ms` is set for unknown rows: the last moment it may have left."""

    item_id: int
    run_id: str
    object: str
    kind: str
    subject: str
    person_key: str
    bulk_key: str
    email: str | None
    user_id: str | None
    fragment: bytes
    tries: int
    lost_at_ms: int | None = None

    def with_fragment(self, fragment: bytes) -> LedgerItem:
        """The same row with other bytes."""
        return self if fragment is self.fragment else replace(self, fragment=fragment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one claim moved to `sending`, in body order, and the body. No items: no request, nothing to send."""

    request_id: str
    items: tuple[LedgerItem, ...]
    body: bytes
    held: int
    suppressed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The verdict on one row.

    Attributes:
        is_sticky: a refused row is not sent again until its data changes; one that is not goes again by the next runs, a few times.
        is_forgotten: Iterable has forgotten the person for good.
        undelivered_fields: fields Iterable filtered out of an accepted row.
    """

    item_id: int
    event: Event
    reason: str = ""
    is_sticky: bool = False
    is_verified: bool = False
    is_forgotten: bool = False
    undelivered_fields: tuple[str, ...] = ()


ITEM_COLUMNS = """
    items.item_id, items.run_id, items.object, items.kind, items.subject, items.person_key, items.bulk_key,
    item_values.email, item_values.user_id, item_values.fragment, items.tries
"""

# The one UPDATE of a claim: each staged row of the list becomes sending, or gets the verdict that holds at this moment.
# The lookups of `earlier` repeat the predicates of the partial indexes word for word, or SQLite would scan all items.
CLAIM = """
with wanted (item_id) as (select value from json_each(:item_ids)),
verdicts (item_id, verdict) as materialized (
    select
        staged.item_id,
        case
            when staged.object <> 'withdrawals' and exists (
                select 1 from pauses
                where pauses.resumed_at_ms is null and pauses.name in ('', staged.object, staged.kind)
            ) then 'paused'
            when staged.object <> 'withdrawals' and staged.person_key in (select person_key from forgotten) then 'forgotten'
            when staged.consent_requirement = 'any' and not exists (
                select 1 from consent where consent.person_key = staged.person_key and consent.is_messageable = 1
            ) then 'suppress'
            when exists (
                select 1 from json_each(staged.consent_scope) as needed
                where not exists (
                    select 1 from consent
                    where consent.person_key = staged.person_key and consent.is_messageable = 1
                        and consent.channel || ':' || consent.purpose = needed.value
                )
            ) then 'close'
            when exists (
                select 1 from items as earlier
                where earlier.object = staged.object and earlier.subject = staged.subject
                    and earlier.object in ('purchases', 'events')
                    and earlier.state in ('sending', 'unknown', 'accepted') and earlier.state = 'accepted'
            ) then 'already'
            when exists (
                select 1 from items as earlier
                where earlier.object = staged.object and earlier.subject = staged.subject
                    and earlier.state in ('sending', 'unknown')
            ) then 'busy'
            when staged.send_before_at_ms < :at_ms then 'hold'
            else 'claim'
        end
    from items as staged
    where staged.item_id in (select wanted.item_id from wanted) and staged.state = 'staged'
)
update items set
    state = moves.to_state,
    last_event = moves.event,
    reason = case verdicts.verdict
        when 'suppress' then :not_messageable when 'close' then :channel_closed when 'already' then :already_accepted
        when 'hold' then :over_age when 'busy' then :still_unknown when 'paused' then :paused when 'forgotten' then :forgotten else ''
    end,
    is_sticky = verdicts.verdict = 'forgotten',
    request_id = case moves.event when 'claim' then :request_id else items.request_id end,
    settlement_id = case moves.event when 'claim' then null else :settlement_id end,
    tries = items.tries + (moves.event = 'claim'),
    changed_at_ms = :at_ms
from verdicts
inner join moves
    on moves.from_state = 'staged'
    and moves.event = case verdicts.verdict
        when 'already' then 'suppress' when 'close' then 'suppress' when 'forgotten' then 'suppress'
        when 'busy' then 'hold' when 'paused' then 'hold' else verdicts.verdict
    end
where items.item_id = verdicts.item_id
returning items.item_id, items.state, items.is_sticky
"""

ADVANCE = """
update items set
    state = :to_state, last_event = :event, reason = :reason, is_sticky = :is_sticky, is_verified = :is_verified,
    settlement_id = :settlement_id, changed_at_ms = :at_ms
where item_id in (select value from json_each(:item_ids)) and state = :from_state
"""


class Sending(LedgerFile):
    """The states of rows while a stage is delivered."""

    def claim(
        self,
        request_id: str,
        endpoint: str,
        item_ids: Sequence[int],
        build: Callable[[Sequence[LedgerItem]], bytes],
        at_ms: int | None = None,
        *,
        read_at_ms: int | None = None,
    ) -> Claim:
        """Move to `sending` the rows whose consent, age and switches pass now, the others to suppressed or held; store the intent.

        One transaction. `build` makes the body of the rows that remain, in the order of `item_ids`; its hash is stored.
        Rows no longer staged are left out in silence. `read_at_ms`: when the people of the request were last read at Iterable.
        """
        moment = at_ms or now_ms()
        run_id = self._run_of(item_ids)
        settlement_id = uuid.uuid4().hex
        with transaction(self._db) as db:
            moved = db.execute(
                CLAIM,
                {
                    "item_ids": json.dumps(list(item_ids)),
                    "at_ms": moment,
                    "request_id": request_id,
                    "settlement_id": settlement_id,
                    "not_messageable": reasons.NOT_MESSAGEABLE,
                    "channel_closed": reasons.CHANNEL_CLOSED,
                    "already_accepted": reasons.ALREADY_ACCEPTED,
                    "over_age": reasons.HISTORY_OVER_AGE,
                    "still_unknown": reasons.STILL_UNKNOWN,
                    "paused": reasons.PAUSED_MEANWHILE,
                    "forgotten": reasons.FORGOTTEN,
                },
            ).fetchall()
            states = {int(item_id): state for item_id, state, _ in moved}
            if of_forgotten := [item_id for item_id, _, is_sticky in moved if is_sticky]:
                erase(db, of_forgotten)
            sending = [item_id for item_id in item_ids if states.get(item_id) == State.sending]
            if len(sending) < len(states):
                db.execute("insert into settlements values (?, ?, 'claim', ?)", (settlement_id, run_id, moment))
            items = self.items_of(sending)
            body = build(items) if items else b""
            if items:
                db.execute(
                    "insert into requests"
                    " (request_id, run_id, endpoint, body_hash, body_bytes, rows, claimed_at_ms, read_at_ms)"
                    " values (?, ?, ?, ?, ?, ?, ?, ?)",
                    (request_id, run_id, endpoint, hashlib.sha256(body).hexdigest(), len(body), len(items), moment, read_at_ms),
                )
                db.executemany(
                    "insert into attempts (request_id, position, item_id) values (?, ?, ?)",
                    [(request_id, position, item.item_id) for position, item in enumerate(items)],
                )
        verdicts = list(states.values())
        return Claim(
            request_id=request_id,
            items=items,
            body=body,
            held=verdicts.count(State.held),
            suppressed=verdicts.count(State.suppressed),
        )

    def settle(
        self,
        request_id: str,
        outcomes: Sequence[Outcome],
        *,
        status: int = 0,
        fault: str = "none",
        elapsed_s: float = 0.0,
        at_ms: int | None = None,
    ) -> None:
        """Write the verdict on every row of a request, in one transaction.

        Raises:
            LeaseLost: a row is no longer in flight for this request; nothing is written.
            IllegalTransition: an event that a row in flight cannot have.
        """
        moment = at_ms or now_ms()
        with transaction(self._db) as db:
            flying = db.execute(
                "select items.item_id, items.run_id from items inner join attempts on attempts.item_id = items.item_id"
                " where attempts.request_id = ? and items.request_id = attempts.request_id and items.state = 'sending'",
                (request_id,),
            ).fetchall()
            if {item_id for item_id, _ in flying} != {outcome.item_id for outcome in outcomes}:
                raise LeaseLost("rows of this request are no longer in flight", request_id=request_id)
            outcomes = [self._limited(outcome) for outcome in outcomes]
            self._advance(State.sending, outcomes, run_id=flying[0][1], cause="answer", at_ms=moment)
            if forgotten := [outcome.item_id for outcome in outcomes if outcome.is_forgotten]:
                forget(db, forgotten, request_id, moment)
            db.executemany(
                "update attempts set event = ?, reason = ? where request_id = ? and item_id = ?",
                [(outcome.event, outcome.reason, request_id, outcome.item_id) for outcome in outcomes],
            )
            db.executemany(
                "update item_fields set is_delivered = 0 where item_id = ? and field = ?",
                [(outcome.item_id, field) for outcome in outcomes for field in outcome.undelivered_fields],
            )
            db.execute(
                "update requests set settled_at_ms = ?, status = ?, fault = ?, elapsed_ms = ? where request_id = ?",
                (moment, status, fault, round(elapsed_s * 1000), request_id),
            )

    def _limited(self, outcome: Outcome) -> Outcome:
        if outcome.event is Event.reject and not outcome.is_sticky and is_last_try(self._db, outcome.item_id):
            return replace(outcome, is_sticky=True, reason=gave_up(outcome.reason))
        return outcome

    def settle_unknown(self, outcomes: Sequence[Outcome], at_ms: int | None = None) -> None:
        """Decide rows whose answer was lost: accept (found), resend or supersede (absent), hold (cannot be told)."""
        if not outcomes:
            return
        with transaction(self._db):
            run_id = self._run_of([outcomes[0].item_id])
            self._advance(State.unknown, outcomes, run_id=run_id, cause="read_back", at_ms=at_ms or now_ms())

    def decide_staged(self, outcomes: Sequence[Outcome], closed: Sequence[ConsentRow], at_ms: int | None = None) -> None:
        """Suppress or hold rows after a look at Iterable, and withdraw the consent that it showed to be gone, in one transaction."""
        if not outcomes:
            return
        moment = at_ms or now_ms()
        with transaction(self._db) as db:
            tighten(db, closed, moment)
            run_id = self._run_of([outcomes[0].item_id])
            self._advance(State.staged, outcomes, run_id=run_id, cause="claim", at_ms=moment)

    def hold_staged(self, item_ids: Collection[int], reason: str, at_ms: int | None = None) -> int:
        """Hold rows that may not be sent because something they depend on was not accepted. Not sticky."""
        if not item_ids:
            return 0
        outcomes = [Outcome(item_id=item_id, event=Event.hold, reason=reason) for item_id in item_ids]
        with transaction(self._db):
            run_id = self._run_of(list(item_ids)[:1])
            self._advance(State.staged, outcomes, run_id=run_id, cause="dependency", at_ms=at_ms or now_ms())
        return len(outcomes)

    def _advance(self, from_state: State, outcomes: Sequence[Outcome], *, run_id: str, cause: str, at_ms: int) -> None:
        """The one UPDATE of states outside the claim; set-wise per verdict, inside the caller's transaction."""
        groups: dict[tuple[Event, str, bool, bool], list[int]] = defaultdict(list)
        for outcome in outcomes:
            groups[outcome.event, outcome.reason, outcome.is_sticky, outcome.is_verified].append(outcome.item_id)
        settlement_id = uuid.uuid4().hex
        has_verdicts = False
        for (event, reason, is_sticky, is_verified), item_ids in groups.items():
            to_state = target(from_state, event)
            has_verdicts |= to_state in FINAL_STATES
            try:
                changed = self._db.execute(
                    ADVANCE,
                    {
                        "to_state": to_state,
                        "event": event,
                        "reason": reason,
                        "is_sticky": is_sticky,
                        "is_verified": is_verified,
                        "at_ms": at_ms,
                        "from_state": from_state,
                        "settlement_id": settlement_id if to_state in FINAL_STATES else None,
                        "item_ids": json.dumps(item_ids),
                    },
                ).rowcount
            except sqlite3.IntegrityError as error:
                raise IllegalTransition(f"the ledger refuses {from_state} --{event}--> {to_state}: {error}") from None
            if changed != len(item_ids):
                raise LeaseLost(f"{len(item_ids) - changed} of {len(item_ids)} rows are no longer {from_state}")
        if has_verdicts:
            self._db.execute("insert into settlements values (?, ?, ?, ?)", (settlement_id, run_id, cause, at_ms))

    def items_of(self, item_ids: Sequence[int]) -> tuple[LedgerItem, ...]:
        """The rows of these ids, in this order."""
        rows = self._db.execute(
            f"select {ITEM_COLUMNS} from json_each(?) as wanted"  # noqa: S608 - a constant of this module
            " inner join items on items.item_id = wanted.value"
            " inner join item_values on item_values.item_id = items.item_id order by wanted.key",
            (json.dumps(list(item_ids)),),
        )
        return tuple(ledger_item(row) for row in rows)

    def _run_of(self, item_ids: Sequence[int]) -> str:
        row = self._db.execute("select run_id from items where item_id = ?", (item_ids[0],)).fetchone()
        return str(row[0])


def ledger_item(row: tuple[object, ...], lost_at_ms: int | None = None) -> LedgerItem:
    names = ("item_id", "run_id", "object", "kind", "subject", "person_key", "bulk_key", "email", "user_id", "fragment", "tries")
    return LedgerItem(**dict(zip(names, row, strict=True)), lost_at_ms=lost_at_ms)  # type: ignore[arg-type]
