"""Iterable's subscription events into `raw_iterable.consent_events`, within what Iterable allows: four exports a minute per project.

A load takes two of them at most, three at the first look with users and purchases; one more is left to the look before a run's first
request, which finds what people leave between load and sending. Those of the loads of the last minute count. Unsubscribes are read by every load:
every medium, an SMS STOP, a spam complaint and a hard bounce write one, unless the person had left already; such a complaint is known when
its own type is read. Subscribes come next, then the type read longest ago; one that
waits for an hour goes first and is read whatever is left, so that frequent loads starve none.

Each type has a cursor per project, and reads begin a day before it: events become visible late, and our clock is not Iterable's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from clients.endpoints import ENDPOINTS
from clients.iterable import IterableClient
from clients.iterable_events import CONSENT_EVENTS, SUBSCRIBE, UNSUBSCRIBE, ConsentEvent, exported
from ingestion import engine
from ingestion.columns import CONSENT_EVENTS as COLUMNS
from ingestion.columns import Table
from ingestion.paging import iso

OVERLAP = timedelta(hours=24)
EXPORTS_MAX = ENDPOINTS["export/data.json"].calls_max
EXPORTS_AT_ONCE = ENDPOINTS["export/data.json"].burst_calls
KEPT_FOR_THE_LAST_LOOK = 1
WINDOW = timedelta(seconds=ENDPOINTS["export/data.json"].window_s)
OVERDUE = timedelta(hours=1)
TABLE = Table(schema="raw_iterable", name="consent_events", columns=COLUMNS, keys=("event_key",), is_insert_only=True)

Row = tuple[object, ...]


class Cursors:
    """What of each type was read, in the state that is stored with the rows. Made inside a reader."""

    def __init__(self, project: str, now: datetime, beginning: datetime) -> None:
        state = engine.state()
        state.pop("unsubscribes_seen_until", None)  # of a table that this one replaced: all is read again
        self._read_until: dict[str, str] = state.setdefault("consent_read_until", {}).setdefault(project, {})
        first_looks: dict[str, str] = state.setdefault("consent_first_look_at", {})
        self._first_look_at = datetime.fromisoformat(first_looks.setdefault(project, iso(now)))
        self._state = state
        self._now = now
        self._beginning = beginning
        self.exports_left = 0

    def due(self, others: int) -> list[str]:
        """Types to export now, unsubscribes first, and a note of how many exports this load makes and leaves.

        Args: others: exports of other data that the same load makes.
        """
        exports_at = [moment for moment in self._state.get("exports_at", []) if self._is_recent(moment)]
        budget = EXPORTS_AT_ONCE - KEPT_FOR_THE_LAST_LOOK - len(exports_at) - others
        types = types_due(self._read_until, self._first_look_at, budget, self._now)
        exports_at += [iso(self._now)] * (len(types) + others)
        self._state["exports_at"] = exports_at
        self.exports_left = max(0, int(EXPORTS_MAX) - len(exports_at))
        return types

    def start(self, event_type: str) -> datetime:
        """From when on a type is to be read."""
        until = self._read_until.get(event_type)
        return datetime.fromisoformat(until) - OVERLAP if until else self._beginning

    def read(self, event_type: str) -> None:
        """Note that a type was read to its end."""
        self._read_until[event_type] = iso(self._now)

    def _is_recent(self, moment: str) -> bool:
        return timedelta(0) <= self._now - datetime.fromisoformat(moment) < WINDOW


def types_due(read_until: Mapping[str, str], first_look_at: datetime, budget: int, now: datetime) -> list[str]:
    """Data types that a load exports.

    Args:
        read_until: type → ISO time of its last reading. first_look_at: when this project was read first.
        budget: exports that may be made now, maybe none.
    Returns: unsubscribes; then as many others as the budget allows, but one at least that is overdue.
    """

    def waits_since(name: str) -> datetime:
        return datetime.fromisoformat(read_until[name]) if name in read_until else first_look_at

    others = sorted((name for name in CONSENT_EVENTS if name != UNSUBSCRIBE), key=waits_since)
    overdue = [name for name in others if now - waits_since(name) > OVERDUE]
    in_time = sorted((name for name in others if name not in overdue), key=lambda name: name != SUBSCRIBE)
    return [UNSUBSCRIBE, *[*overdue, *in_time][: max(budget - 1, min(len(overdue), 1))]]


def export_rows(
    client: IterableClient, cursors: Cursors, event_types: Iterable[str], end: datetime, now: datetime
) -> Iterator[Row]:
    """Rows of these types, each event once: Iterable gives no id of its own, so two equal lines are one event.

    Raises: DeliveryError from the client; the state is then not stored.
    """
    for event_type in event_types:
        seen: set[str] = set()
        for line in client.export(event_type, cursors.start(event_type), end):
            event = exported(event_type, line)
            if event.event_key not in seen:
                seen.add(event.event_key)
                yield row(event, "export", now)
        cursors.read(event_type)


def row(event: ConsentEvent, origin: str, read_at: datetime) -> Row:
    """An event as a row, columns in the table's order."""
    return (
        event.event_key,
        event.event_type,
        origin,
        event.email,
        event.user_id,
        event.created_at,
        _json(event.channel_ids),
        _json(event.message_type_ids),
        _json(event.list_ids),
        event.said_through,
        event.recipient_state,
        event.campaign_id,
        event.document,
        read_at,
    )


def _json(ids: list[Any] | None) -> str | None:
    return None if ids is None else orjson.dumps(ids).decode()
