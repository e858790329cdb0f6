"""Withdrawals: the one lane whose lost requests are repeated at once, and the older way for projects without the new one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from activation.iterable.interpret import Signal
from activation.iterable.subscriptions import CHANNELS_LEFT, shown_ids
from activation.lane import WITHDRAWALS, LaneSender, Shipment, shipment
from activation.ledger import reasons
from activation.ledger.machine import HARMLESS_TO_REPEAT, Event
from activation.ledger.sending import LedgerItem, Outcome
from activation.packing import by_turns, fit_batches
from activation.routes import ROUTES
from cartwire.clock import now_ms

OVERWRITE = "users/updateSubscriptions"
TRIES_MAX = 6
BACKOFF_BASE_S, BACKOFF_MAX_S = 0.5, 10.0


class Unsubscriber:
    """Sends the lane of withdrawals. `visibility_s`: how long a read of Iterable may miss an unsubscribe just made."""

    def __init__(self, sender: LaneSender, visibility_s: float) -> None:
        self._sender = sender
        self._is_additive = True
        self._visibility_ms = round(visibility_s * 1000)

    def send_lane(self, lane: int) -> None:
        """Send every withdrawal, by the additive endpoint; where the project has none (404), read, unite, overwrite."""
        while rows := self._sender.staged(lane, WITHDRAWALS, 0):
            if self._is_additive:
                route = ROUTES[WITHDRAWALS]
                batches = (batch for turn in by_turns(rows) for batch in fit_batches(turn, route.caps))
                shipments: Iterator[Shipment] = (shipment(route, batch) for batch in batches)
                signals = self._sender.ship(WITHDRAWALS, route.endpoint, shipments, len(rows))
                self._is_additive = Signal.feature_absent not in signals
            else:
                shipments = self._overwriting(self._sender.ledger.items_of([row.item_id for row in rows]))
                self._sender.ship(WITHDRAWALS, OVERWRITE, shipments, len(rows))
            self._repeat_lost()

    def _repeat_lost(self) -> None:
        """Saying an unsubscribe twice is harmless, waiting is not. After some tries the next run's diff says it again."""
        ledger = self._sender.ledger
        lost = [item for item in ledger.unknown_items(self._sender.run_id) if item.object in HARMLESS_TO_REPEAT]
        if not lost:
            return
        ledger.settle_unknown(
            [
                Outcome(item_id=item.item_id, event=Event.resend, reason="harmless to repeat")
                if item.tries < TRIES_MAX
                else Outcome(item_id=item.item_id, event=Event.hold, reason=reasons.OUTCOME_UNKNOWN)
                for item in lost
            ]
        )
        self._sender.client.pause(min(BACKOFF_MAX_S, BACKOFF_BASE_S * 2 ** (max(item.tries for item in lost) - 1)))

    def _overwriting(self, items: Sequence[LedgerItem]) -> Iterator[Shipment]:
        """One request per user. The array replaces the user's, so it holds what they already left: as read now, plus what
        this ledger sent a moment ago and a read may not show yet."""
        people: dict[bytes, list[LedgerItem]] = {}
        for item in items:
            people.setdefault(item.fragment, []).append(item)
        for fragment, rows in people.items():
            who: dict[str, Any] = orjson.loads(fragment)
            person_key = rows[0].person_key
            user = self._sender.client.get_user(email=who.get("email"), user_id=who.get("userId"))
            recent = self._sender.ledger.recently_withdrawn(person_key, now_ms() - self._visibility_ms)
            left = shown_ids(user, CHANNELS_LEFT) | {int(channel) for channel in recent}

            def body(claimed: Sequence[LedgerItem], who: dict[str, Any] = who, left: frozenset[int] = left) -> bytes:
                channels = left | {int(item.bulk_key) for item in claimed}
                return orjson.dumps({**who, CHANNELS_LEFT: sorted(channels)}, option=orjson.OPT_SORT_KEYS)

            yield Shipment(item_ids=[row.item_id for row in rows], envelope=body)
