"""What people leave at Iterable while a run sends: read between its requests, and closed in the ledger at once. Never opened.

Iterable allows four exports a minute and the load takes some, so a look waits for its turn only where what is known is old.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from activation.iterable.subscriptions import OptOut, opt_out_of
from activation.ledger.items import ConsentRow
from activation.ledger.store import Ledger
from cartwire import stopping
from cartwire.clock import from_ms, now_ms
from clients.iterable import IterableClient
from clients.iterable_events import UNSUBSCRIBE

EXPORT = "export/data.json"
EVERY_MS = 60_000  # older than this, what is known of opt-outs is read again, and waited for
LATE_MS = 1_800_000  # an event becomes visible some time after it happened
AHEAD_MS = 3_600_000  # a slow clock of ours hides nothing
PAUSE_MAX_S = 1.0
_CHANNELS = Path(__file__).parent / "sql" / "watched_channels.sql"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedChannel:
    """A consent and what stands for it at Iterable. `message_type_id` None: the channel alone."""

    channel: str
    purpose: str
    channel_id: int
    message_type_id: int | None


def watched_channels(conn: duckdb.DuckDBPyConnection) -> tuple[WatchedChannel, ...]:
    """The consents of config/iterable_channels.csv that the project has a channel for."""
    names = ("channel", "purpose", "channel_id", "message_type_id")
    return tuple(WatchedChannel(**dict(zip(names, row, strict=True))) for row in conn.execute(_CHANNELS.read_text()).fetchall())


class OptOutWatch:
    """Of one run.

    Args:
        known_at_ms: when opt-outs were last read, by the load.
        is_export_left: whether earlier runs and the load left one of this minute's exports; a look that takes what the next
            load needs would make that load wait.
    """

    def __init__(
        self,
        ledger: Ledger,
        client: IterableClient,
        run_id: str,
        channels: Sequence[WatchedChannel],
        *,
        known_at_ms: int,
        is_export_left: bool = True,
    ) -> None:
        self._ledger, self._client, self._run_id, self._channels = ledger, client, run_id, channels
        self._known_at_ms = known_at_ms
        self._is_export_left = is_export_left
        self._is_begun = False

    def begin(self) -> None:
        """Before the first request of what a build has planned: look, unless no export is free and the load was a moment ago."""
        self._is_begun = False
        self.refresh()

    def refresh(self) -> int:
        """Between two requests: look where it is due. Returns: channels closed.

        Raises: DeliveryError where Iterable cannot be read: nothing may be sent on what is not known.
        """
        is_old = now_ms() - self._known_at_ms >= EVERY_MS
        if not is_old and (self._is_begun or not self._is_export_left):
            return 0
        while (wait_s := self._client.wait_s(EXPORT)) > 0:
            if not is_old or stopping.is_requested():
                return 0
            self._client.pause(min(wait_s, PAUSE_MAX_S))
        looked_at_ms = now_ms()
        since, until = from_ms(self._known_at_ms - LATE_MS), from_ms(looked_at_ms + AHEAD_MS)
        opt_outs = [found for event in self._client.export(UNSUBSCRIBE, since, until) if (found := opt_out_of(event))]
        self._is_begun, self._known_at_ms = True, looked_at_ms
        return self._ledger.tighten_consent(self._withdrawn(opt_outs)) if opt_outs else 0

    def _withdrawn(self, opt_outs: Sequence[OptOut]) -> Iterator[ConsentRow]:
        people = self._ledger.staged_people(
            self._run_id, [one.email for one in opt_outs if one.email], [one.user_id for one in opt_outs if one.user_id]
        )
        for one in opt_outs:
            concerned = {person for name in (one.email, one.user_id) if name for person in people.get(name, ())}
            for person_key in sorted(concerned):
                for watched in self._channels:
                    if one.concerns(watched.channel_id, watched.message_type_id) and not self._is_own(one, watched, person_key):
                        yield ConsentRow(
                            person_key=person_key,
                            channel=watched.channel,
                            purpose=watched.purpose,
                            status="withdrawn",
                            is_messageable=False,
                            stated_at_ms=one.said_ms,
                        )

    def _is_own(self, one: OptOut, watched: WatchedChannel, person_key: str) -> bool:
        return one.is_by_api and self._ledger.is_own_unsubscribe(
            watched.channel_id, one.said_ms, person_key, email=one.email, user_id=one.user_id
        )
