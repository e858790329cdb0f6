"""Sends the rows of one lane: claim, send in threads, settle in this thread, until none can be sent now."""

from __future__ import annotations

import uuid
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from activation import crash_points
from activation.as_planned import NotAsPlanned, Sent, only_planned
from activation.iterable.interpret import RowOutcome, SentRow, Signal, interpret
from activation.ledger import reasons
from activation.ledger.machine import Event
from activation.ledger.sending import Claim, LedgerItem, Outcome
from activation.ledger.staging import StagedRow
from activation.ledger.store import Ledger
from activation.look_first import Narrowed, narrowing
from activation.packing import by_turns, fit_batches
from activation.routes import Route, route_of
from cartwire import stopping
from cartwire.errors import CartwireError, DeliveryError, Throttled
from clients.answers import Answer, refused_key
from clients.endpoints import ENDPOINTS
from clients.iterable import IterableClient

PAGE_ROWS = 20_000
THREADS = max(endpoint.concurrency_max for endpoint in ENDPOINTS.values())
THROTTLED_IN_A_ROW_MAX = 30
UNREACHABLE_IN_A_ROW_MAX = 6
BACKOFF_BASE_S, BACKOFF_MAX_S = 0.5, 15.0
NOT_READY_TRIES_MAX = 7  # with the back-off: half a minute, as long as Iterable's own tests wait for a new list
REFUSED_ALONE_MAX = 50  # rows found by halving and refused for one cause: then it is the project or a mapping, not the rows
WITHDRAWALS = "withdrawals"
PAUSE_MAX_S = 1.0  # at a time, so that a wish to stop is heard

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """The rows meant for one request, and how its body and path are made of those that pass the claim.

    `read_at_ms`: when its people were read at Iterable, where the request depends on it. `is_part`: of a larger one that was refused.
    """

    item_ids: Sequence[int]
    envelope: Callable[[Sequence[LedgerItem]], bytes]
    path_values: Callable[[Sequence[LedgerItem]], Mapping[str, str]] = lambda _: {}
    read_at_ms: int | None = None
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class _Flight:
    """A request on its way."""

    shipment: Shipment
    object_name: str
    claim: Claim


Landing = tuple[Claim, Signal, Sequence[Shipment]]  # the last: what goes again at once


class LaneSender:
    """Sends for one stage of one run; a context manager, because it keeps threads. Counts what it did.

    Args: is_shadow: claim and settle as accepted, and send nothing. between: called before each claim. narrowed: what is left to
        send of rows that Iterable has a part of. planned: nothing but these requests may leave, withdrawals excepted; None: all may.
    """

    def __init__(
        self,
        ledger: Ledger,
        client: IterableClient,
        run_id: str,
        stage: str,
        *,
        progress: Progress | None = None,
        is_shadow: bool = False,
        between: Callable[[], object] = lambda: None,
        narrowed: Narrowed | None = None,
        planned: Container[Sent] | None = None,
    ) -> None:
        self.ledger, self.client, self.run_id, self.stage = ledger, client, run_id, stage
        self.requests = self.rows = self.throttled = 0
        self._progress = progress or (lambda _object, _done, _rows: None)
        self._is_shadow = is_shadow
        self._between = between
        self._narrowed = narrowed or {}
        self._planned = planned
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="deliver")
        self._stop: CartwireError | None = None
        self._throttled_in_a_row = self._unreachable_in_a_row = 0
        self._not_ready_wait_s = 0.0
        self._stopped_objects: dict[str, str] = {}
        self._refused_alone: Counter[tuple[str, str]] = Counter()

    @property
    def is_shadow(self) -> bool:
        """Whether nothing is really sent."""
        return self._is_shadow

    def __enter__(self) -> LaneSender:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def send_lane(self, lane: int, object_name: str, *, visible_before_ms: int) -> None:
        """Send what may be sent now. A person's rows leave in order: a turn ends before the next begins.

        Raises: DeliveryError where going on makes no sense, RunStopped where somebody asked; rows in flight are settled before.
        """
        while rows := self.staged(lane, object_name, visible_before_ms):
            for turn in by_turns(self._small_enough(rows, object_name, lane)):
                if self._send_turn(object_name, lane, turn, len(rows)):
                    break  # some rows came back: they go before the next turn

    def _send_turn(self, object_name: str, lane: int, turn: Sequence[StagedRow], rows: int) -> bool:
        """Send a turn, route by route; True when some of its rows came back."""
        by_endpoint: dict[str, list[StagedRow]] = {}
        for row in turn:
            by_endpoint.setdefault(route_of(object_name, lane, row.bulk_key).endpoint, []).append(row)
        has_signals = False
        for endpoint, group in by_endpoint.items():
            route = route_of(object_name, lane, group[0].bulk_key)
            batches = fit_batches(group, route.caps)
            has_signals |= bool(self.ship(object_name, endpoint, (shipment(route, batch) for batch in batches), rows))
        return has_signals

    def staged(self, lane: int, object_name: str, visible_before_ms: int) -> list[StagedRow]:
        """The next page of rows that may be claimed."""
        return self.ledger.staged_rows(
            self.run_id, self.stage, lane, object_name, visible_before_ms=visible_before_ms, rows_max=PAGE_ROWS
        )

    def ship(self, object_name: str, endpoint: str, shipments: Iterable[Shipment], rows: int) -> frozenset[Signal]:
        """Send shipments, some at a time, until one answer says that the rest would be in vain.

        A request that one row spoils, or that is too large, goes again in halves until the row is alone.
        Args: rows: how many rows the shipments have in all, for the progress.
        Returns: what the answers meant beyond their rows; with any signal some rows are staged again.
        """
        flying: dict[Future[Answer], _Flight] = {}
        source, parts = iter(shipments), deque[Shipment]()
        signals: set[Signal] = set()
        done = 0

        def note(landed: Iterable[Landing]) -> None:
            nonlocal done
            for claim, signal, again in landed:
                signals.add(signal)
                parts.extend(again)
                done += len(claim.items) - sum(len(part.item_ids) for part in again)
                self._progress(object_name, done, rows)

        while True:
            one = parts.popleft() if parts else next(source, None)
            if one is None and not flying:
                break
            if one is None:
                note(self._land(endpoint, flying, None))
                continue
            if not self._is_shadow:
                note(self._clear_for_takeoff(endpoint, flying))
            if self._is_stopped() or Signal.feature_absent in signals:
                break
            if object_name in self._stopped_objects:
                done += self.ledger.hold_staged(one.item_ids, self._stopped_objects[object_name])
                continue
            if one.is_part:
                crash_points.reach("divided-not-sent")
            self._between()
            envelope = narrowing(self._narrowed, one.envelope)
            if self._planned is not None and object_name != WITHDRAWALS:
                envelope = only_planned(self._planned, endpoint, one.path_values, envelope)
            try:
                claim = self.ledger.claim(uuid.uuid4().hex, endpoint, one.item_ids, envelope, read_at_ms=one.read_at_ms)
            except NotAsPlanned:
                done += self.ledger.hold_staged(one.item_ids, reasons.NOT_AS_PLANNED)
                continue
            done += claim.held + claim.suppressed
            if claim.items and self._is_shadow:
                note([(claim, self._assume(claim), ())])
            elif claim.items:
                crash_points.reach("claimed-not-sent")
                path_values = one.path_values(claim.items)
                flying[self._pool.submit(self.client.send, endpoint, claim.body, **path_values)] = _Flight(
                    one, object_name, claim
                )
        while flying:
            note(self._land(endpoint, flying, None))
        if self._stop:
            raise self._stop
        return frozenset(signals - {Signal.none, Signal.divide, Signal.object_stopped})

    def _clear_for_takeoff(self, endpoint: str, flying: dict[Future[Answer], _Flight]) -> Iterator[Landing]:
        """Settle what lands until there is room, no back-off and a token; the claim comes right after."""
        while len(flying) >= ENDPOINTS[endpoint].concurrency_max:
            yield from self._land(endpoint, flying, None)
        if self._unreachable_in_a_row and not self._is_stopped():
            self.client.pause(min(BACKOFF_MAX_S, BACKOFF_BASE_S * 2 ** (self._unreachable_in_a_row - 1)))
        if self._not_ready_wait_s:
            self.client.pause(self._not_ready_wait_s)
            self._not_ready_wait_s = 0.0
        while not self._is_stopped() and (wait_s := self.client.reserve(endpoint)) > 0:
            if flying:
                yield from self._land(endpoint, flying, wait_s)
            else:
                self.client.pause(min(wait_s, PAUSE_MAX_S))

    def _is_stopped(self) -> bool:
        """Whether nothing more may leave: an answer said so, or somebody asked the process to end."""
        if self._stop is None and stopping.is_requested():
            self._stop = stopping.RunStopped("stopped between two requests; rows not sent are planned again by the next run")
        return self._stop is not None

    def _land(self, endpoint: str, flying: dict[Future[Answer], _Flight], timeout_s: float | None) -> Iterator[Landing]:
        """Settle the requests that have an answer, waiting for the first one at most `timeout_s`."""
        for future in wait(flying, timeout=timeout_s, return_when=FIRST_COMPLETED).done:
            flight = flying.pop(future)
            yield flight.claim, *self._settle(endpoint, flight, future.result())

    def _assume(self, claim: Claim) -> Signal:
        """A rehearsal's answer: every row that passed the claim counts as accepted, with a mark on row and request."""
        outcomes = [Outcome(item_id=item.item_id, event=Event.accept, reason=reasons.ASSUMED) for item in claim.items]
        self.ledger.settle(claim.request_id, outcomes, fault="shadow")
        self.requests += 1
        self.rows += len(claim.items)
        return Signal.none

    def _settle(self, endpoint: str, flight: _Flight, answer: Answer) -> tuple[Signal, Sequence[Shipment]]:
        """Write the verdicts. Returns: what the answer meant beyond them, and shipments of the rows that go again at once."""
        crash_points.reach("sent-not-settled")
        claim = flight.claim
        verdict = interpret(endpoint, [_sent(item) for item in claim.items], answer)
        tries = max(item.tries for item in claim.items)
        rows = [_no_list(row, tries) for row in verdict.rows] if verdict.signal is Signal.not_ready else verdict.rows
        fields = tuple(sorted({name.split(".")[0] for name in verdict.filtered_fields} | verdict.filtered_fields))
        self.ledger.settle(
            claim.request_id,
            [
                Outcome(
                    item_id=item.item_id,
                    event=row.event,
                    reason=row.reason,
                    is_sticky=row.is_sticky,
                    is_forgotten=row.is_forgotten,
                    undelivered_fields=fields,
                )
                for item, row in zip(claim.items, rows, strict=True)
            ],
            status=answer.status,
            fault=answer.fault,
            elapsed_s=answer.elapsed_s,
        )
        crash_points.reach("settled-not-folded")
        self.requests += 1
        self.rows += len(claim.items)
        if verdict.signal is Signal.not_ready:
            self._not_ready_wait_s = min(BACKOFF_MAX_S, BACKOFF_BASE_S * 2 ** (tries - 1))
        self._heed(verdict.signal, answer, endpoint)
        self._stop_object_if_needed(flight, verdict.signal, rows)
        again = divided(flight.shipment, claim.items, rows) if verdict.signal is Signal.divide else ()
        return verdict.signal, again

    def _stop_object_if_needed(self, flight: _Flight, signal: Signal, rows: Sequence[RowOutcome]) -> None:
        """Nothing more of an object for an answer that blames no row, or when so many rows fall alone that it is hardly the rows.

        Withdrawals go on: each is tried on its own.
        """
        if flight.object_name == WITHDRAWALS:
            return
        reason = ""
        if signal is Signal.object_stopped:
            reason = rows[0].reason
        elif flight.shipment.is_part and (refused := [row.reason for row in rows if row.event is Event.reject]):
            self._refused_alone[flight.object_name, refused[0]] += len(refused)
            if self._refused_alone[flight.object_name, refused[0]] >= REFUSED_ALONE_MAX:
                reason = f"{REFUSED_ALONE_MAX} rows were refused one by one for {refused[0]}"
        if reason:
            self._stopped_objects.setdefault(flight.object_name, f"{reasons.OBJECT_STOPPED}: {reason}")

    def _heed(self, signal: Signal, answer: Answer, endpoint: str) -> None:
        self._throttled_in_a_row = self._throttled_in_a_row + 1 if signal is Signal.throttled else 0
        self._unreachable_in_a_row = self._unreachable_in_a_row + 1 if signal is Signal.unreachable else 0
        self.throttled += signal is Signal.throttled
        if signal is Signal.refused:
            self._stop = refused_key(answer)
        elif self._throttled_in_a_row > THROTTLED_IN_A_ROW_MAX:
            self._stop = Throttled(f"Iterable keeps asking to wait on {endpoint}; run again later", endpoint=endpoint)
        elif self._unreachable_in_a_row > UNREACHABLE_IN_A_ROW_MAX:
            self._stop = DeliveryError("Iterable cannot be reached: check ITERABLE_API_URL and the network", endpoint=endpoint)

    def _small_enough(self, rows: Sequence[StagedRow], object_name: str, lane: int) -> list[StagedRow]:
        def fits(row: StagedRow) -> bool:
            caps = route_of(object_name, lane, row.bulk_key).caps
            return row.size_bytes <= caps.body_bytes_max - caps.overhead_bytes

        self.ledger.hold_staged([row.item_id for row in rows if not fits(row)], reasons.TOO_LARGE)
        return [row for row in rows if fits(row)]


def shipment(route: Route, batch: Sequence[StagedRow]) -> Shipment:
    """A packed batch on its route."""
    return Shipment(item_ids=[row.item_id for row in batch], envelope=route.envelope, path_values=route.path_values)


def divided(whole: Shipment, items: Sequence[LedgerItem], rows: Sequence[RowOutcome]) -> Sequence[Shipment]:
    """The rows that came back, in order: together where the answer named others as the cause, else in two halves."""
    back = [item.item_id for item, row in zip(items, rows, strict=True) if row.event is Event.retry]
    if not back:
        return ()
    middle = len(back) if len(back) < len(items) else (len(back) + 1) // 2
    halves = (back[:middle], back[middle:])
    return [replace(whole, item_ids=half, is_part=True) for half in halves if half]


def _no_list(row: RowOutcome, tries: int) -> RowOutcome:
    """A list that Iterable does not know: perhaps not yet, after some tries not at all."""
    return row if tries < NOT_READY_TRIES_MAX else RowOutcome(event=Event.hold, reason=reasons.NO_SUCH_LIST)


def _sent(item: LedgerItem) -> SentRow:
    return SentRow(email=item.email, user_id=item.user_id, event_name=item.kind if item.object == "events" else None)
