"""One loop that sends what a stage has frozen: lanes in order, a claim and a settle around each request.

HTTP runs in a few threads, the ledger is written by the caller's thread only. Rows that wait for a person or a purchase,
and rows whose answer was lost, get their turn after the visibility delay, in the same run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass

from activation import crash_points
from activation.as_planned import Sent
from activation.lane import LaneSender, Progress
from activation.ledger import reasons
from activation.ledger.store import Ledger
from activation.look_first import Narrowed, look_first
from activation.opt_out_watch import OptOutWatch
from activation.settle import resolve_unknown
from activation.subscribe import Subscriber
from activation.unsubscribe import Unsubscriber
from cartwire.clock import now_ms
from cartwire.errors import LedgerError
from clients.iterable import IterableClient


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """What a stage's delivery did. The verdicts on rows are the ledger's; `waited_s` is time spent on the visibility delay."""

    requests: int
    rows: int
    throttled: int
    read_back: int
    waited_s: float


def deliver(
    ledger: Ledger,
    client: IterableClient,
    run_id: str,
    stage: str,
    *,
    visibility_s: float,
    unknown_outcome: Mapping[str, str] | None = None,
    is_shadow: bool = False,
    looks_first: bool = False,
    watch: OptOutWatch | None = None,
    planned: Container[Sent] | None = None,
    progress: Progress | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> DeliveryReport:
    """Send every staged row of a stage, until each has its verdict.

    Args:
        visibility_s: seconds until Iterable shows a write; people created or renamed are waited for that long.
        unknown_outcome: per object 'resend' or 'hold' (default) where a lost row cannot be read back.
        looks_first: before anything else look at Iterable for every row but withdrawals and grants (`activation.look_first`).
        is_shadow: send nothing; what passes its claim is settled as accepted, with a mark.
        watch: reads what people leave at Iterable before the first request and between requests; None for the withdrawals.
        planned: of a plan that is applied: rows of other requests than these are held, withdrawals excepted.
        sleep: waits for the visibility delay; the client waits for its tokens by itself.
        progress: called after each request with (object, rows done, rows of the object).
    Raises: DeliveryError where Iterable refuses the key, is not there, or keeps asking to wait. What was in flight is
        settled first; rows not sent stay staged, and the next run's diff plans them anew.
    """
    crash_points.reach("frozen-not-sent")
    visible_before_ms = now_ms() - round(visibility_s * 1000)
    read_back, waited_s = 0, 0.0
    standstill: tuple[int, int, int] | None = None
    between: Callable[[], object] = watch.refresh if watch else _nothing
    if watch and ledger.staged_count(run_id, stage):
        watch.begin()
    narrowed: Narrowed = {}
    if looks_first:
        narrowed = look_first(
            ledger, client, run_id, stage, visibility_s=visibility_s, unknown_outcome=unknown_outcome or {}, sleep=sleep
        )
    with LaneSender(
        ledger,
        client,
        run_id,
        stage,
        progress=progress,
        is_shadow=is_shadow,
        between=between,
        narrowed=narrowed,
        planned=planned,
    ) as sender:
        unsubscriber = Unsubscriber(sender, visibility_s)
        subscriber = Subscriber(sender, visibility_s, before_request=between)
        while ledger.staged_count(run_id, stage) or ledger.unknown_items(run_id):
            for lane, object_name in ledger.lanes(run_id, stage):
                _hold_blocked(ledger, run_id, stage)
                if object_name == "withdrawals":
                    unsubscriber.send_lane(lane)
                elif object_name == "grants":
                    subscriber.send_lane(lane, visible_before_ms=visible_before_ms)
                else:
                    sender.send_lane(lane, object_name, visible_before_ms=visible_before_ms)
            unknown = ledger.unknown_items(run_id)
            accepted_at_ms = ledger.person_accepted_at_ms(run_id, stage)
            if accepted_at_ms is not None and accepted_at_ms > visible_before_ms:
                waited_s += _wait_until(accepted_at_ms + round(visibility_s * 1000), sleep)
                visible_before_ms = accepted_at_ms
            if unknown:
                resolve_unknown(ledger, client, run_id, visibility_s=visibility_s, unknown_outcome=unknown_outcome, sleep=sleep)
                read_back += len(unknown)
            _hold_blocked(ledger, run_id, stage)
            reached = (ledger.staged_count(run_id, stage), sender.requests, visible_before_ms)
            if reached == standstill:
                raise LedgerError(f"{reached[0]} staged rows can be neither sent nor decided", run_id=run_id, stage=stage)
            standstill = reached
        return DeliveryReport(
            requests=sender.requests, rows=sender.rows, throttled=sender.throttled, read_back=read_back, waited_s=waited_s
        )


def _wait_until(at_ms: int, sleep: Callable[[float], None]) -> float:
    wait_s = max(0, at_ms - now_ms()) / 1000
    sleep(wait_s)
    return wait_s


def _hold_blocked(ledger: Ledger, run_id: str, stage: str) -> None:
    by_person, by_purchase = ledger.blocked_rows(run_id, stage)
    ledger.hold_staged(by_person, reasons.PERSON_NOT_ACCEPTED)
    ledger.hold_staged(by_purchase, reasons.PURCHASE_NOT_ACCEPTED)


def _nothing() -> None:
    """Withdrawals have nothing to wait for or to look at."""
