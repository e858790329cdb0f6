"""Grants: the last lane, and the one that looks at Iterable before each request.

Iterable cannot compare and set, so somebody may leave between our reading and our writing. The reading is therefore as late as it
can be, its moment is kept with the request, and the next read-back repairs what slipped in between
(models/intermediate/subscriptions/int_subscriptions__undone.sql).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import orjson

from activation import crash_points
from activation.iterable import subscriptions
from activation.iterable.interpret import Signal
from activation.iterable.subscriptions import Grant, OptOut, Reading
from activation.lane import LaneSender, Shipment
from activation.ledger import reasons
from activation.ledger.items import ConsentRow
from activation.ledger.machine import Event
from activation.ledger.sending import LedgerItem, Outcome
from activation.ledger.staging import StagedRow
from activation.packing import by_turns, fit_batches
from activation.routes import ROUTES
from activation.unsubscribe import OVERWRITE
from cartwire.clock import now_ms

GRANTS = "grants"
READERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """A row and what Iterable said of its person a moment ago."""

    item: LedgerItem
    grant: Grant
    user: Mapping[str, Any] | None
    opt_outs: tuple[OptOut, ...]
    left_by_us: frozenset[int] = frozenset()

    @property
    def reading(self) -> Reading:
        return subscriptions.read_grant(self.grant, self.user, self.opt_outs, self.left_by_us, now_ms())


class Subscriber:
    """Sends the lane of grants.

    Args: visibility_s: how long a read of Iterable may miss a write just made. before_request: called before each look.
    """

    def __init__(self, sender: LaneSender, visibility_s: float, before_request: Callable[[], object] = lambda: None) -> None:
        self._sender = sender
        self._is_additive = True
        self._visibility_ms = round(visibility_s * 1000)
        self._before_request = before_request

    def send_lane(self, lane: int, *, visible_before_ms: int) -> None:
        """Send every grant that may leave now, by the additive endpoint; where the project has none (404), read and overwrite.

        Raises: DeliveryError where Iterable cannot be read: the rows not sent stay staged, and the next run plans them anew.
        """
        if self._sender.is_shadow:
            self._sender.send_lane(lane, GRANTS, visible_before_ms=visible_before_ms)
            return
        with ThreadPoolExecutor(READERS, thread_name_prefix="look") as readers:
            while rows := self._sender.staged(lane, GRANTS, visible_before_ms):
                for batch in self._batches(rows):
                    self._before_request()
                    if self._send(readers, batch, len(rows)):
                        break  # some rows came back: they are read again before they leave

    def _batches(self, rows: Sequence[StagedRow]) -> Iterator[Sequence[StagedRow]]:
        """Rows of one request: one subscription of many people, or (overwriting) all of one person."""
        if self._is_additive:
            for turn in by_turns(rows):
                yield from fit_batches(turn, ROUTES[GRANTS].caps)
            return
        people: dict[str, list[StagedRow]] = {}
        for row in rows:
            people.setdefault(row.person_key, []).append(row)
        yield from people.values()

    def _send(self, readers: ThreadPoolExecutor, batch: Sequence[StagedRow], rows: int) -> bool:
        """Look, decide, and send what is still to be granted; True when some rows came back."""
        read_at_ms = now_ms()
        items = self._sender.ledger.items_of([row.item_id for row in batch])
        looks = [self._without_echoes(one) for one in readers.map(self._look, items)]
        crash_points.reach("read-not-granted")
        self._decide([one for one in looks if one.reading is not Reading.grant])
        going = [one for one in looks if one.reading is Reading.grant]
        if not self._is_additive:
            going = self._visible(going)
        if not going:
            return False
        if self._is_additive:
            route = ROUTES[GRANTS]
            endpoint, envelope, path_values = route.endpoint, route.envelope, route.path_values
        else:
            endpoint, envelope, path_values = OVERWRITE, _overwriting(going), _nobody
        ids = [one.item.item_id for one in going]
        one = Shipment(item_ids=ids, envelope=envelope, path_values=path_values, read_at_ms=read_at_ms)
        signals = self._sender.ship(GRANTS, endpoint, [one], rows)
        self._is_additive &= Signal.feature_absent not in signals
        return bool(signals)

    def _look(self, item: LedgerItem) -> _Look:
        who: dict[str, Any] = orjson.loads(item.fragment)
        email, user_id = who.get("email"), who.get("userId")
        client = self._sender.client
        user = client.get_user(email=email, user_id=user_id)
        events = client.get_events(email=email, user_id=user_id) if user else []
        return _Look(
            item=item,
            grant=subscriptions.grant_of(item),
            user=user,
            opt_outs=tuple(found for event in events if (found := subscriptions.opt_out_of(event))),
        )

    def _without_echoes(self, look: _Look) -> _Look:
        """The ledger knows what was our own doing; it is read by this thread only."""
        ledger = self._sender.ledger
        recent = ledger.recently_withdrawn(look.item.person_key, now_ms() - self._visibility_ms)
        others = tuple(one for one in look.opt_outs if not self._is_echo(one, look))
        return replace(look, opt_outs=others, left_by_us=frozenset(int(channel) for channel in recent))

    def _is_echo(self, one: OptOut, look: _Look) -> bool:
        if not one.is_by_api or not one.is_since(look.grant.stated_at_ms):
            return False
        item = look.item
        return self._sender.ledger.is_own_unsubscribe(
            look.grant.channel_id, one.said_ms, item.person_key, email=item.email, user_id=item.user_id
        )

    def _decide(self, looks: Sequence[_Look]) -> None:
        """Verdicts of rows that are not to be sent; who left since is withdrawn in the same transaction."""
        closed = [row for one in looks if one.reading is Reading.left for row in _withdrawn(one)]
        self._sender.ledger.decide_staged([_VERDICTS[one.reading](one.item.item_id) for one in looks], closed)

    def _visible(self, looks: Sequence[_Look]) -> list[_Look]:
        """People whose earlier grant a reading may not show yet: to overwrite now would undo it, or undo what they did since."""
        since_ms = now_ms() - self._visibility_ms
        early = [one for one in looks if self._sender.ledger.recently_granted(one.item.person_key, since_ms)]
        self._sender.ledger.decide_staged(
            [Outcome(item_id=one.item.item_id, event=Event.hold, reason=reasons.GRANT_NOT_VISIBLE) for one in early], []
        )
        return [one for one in looks if one not in early]


_VERDICTS: Mapping[Reading, Callable[[int], Outcome]] = {
    Reading.left: lambda item_id: Outcome(item_id=item_id, event=Event.suppress, reason=reasons.LEFT_SINCE),
    Reading.subscribed: lambda item_id: Outcome(
        item_id=item_id, event=Event.suppress, reason=reasons.SUBSCRIBED_ALREADY, is_sticky=True
    ),
    Reading.nobody: lambda item_id: Outcome(item_id=item_id, event=Event.hold, reason=reasons.NOT_AT_ITERABLE),
}


def _withdrawn(look: _Look) -> Iterator[ConsentRow]:
    for channel, purpose in look.grant.consent:
        yield ConsentRow(
            person_key=look.item.person_key, channel=channel, purpose=purpose, status="withdrawn", is_messageable=False
        )


def _overwriting(looks: Sequence[_Look]) -> Callable[[Sequence[LedgerItem]], bytes]:
    """The body for one person, of the rows that pass the claim."""
    by_id = {one.item.item_id: one for one in looks}

    def body(claimed: Sequence[LedgerItem]) -> bytes:
        first = by_id[claimed[0].item_id]
        who: dict[str, Any] = orjson.loads(first.item.fragment)
        named = {name: who[name] for name in ("email", "userId") if name in who}
        grants = [by_id[item.item_id].grant for item in claimed]
        arrays = subscriptions.arrays_after(grants, first.user or {}, first.left_by_us)
        return orjson.dumps({**named, **arrays}, option=orjson.OPT_SORT_KEYS)

    return body


def _nobody(_: Sequence[LedgerItem]) -> Mapping[str, str]:
    """The path names nobody; the body does."""
    return {}
