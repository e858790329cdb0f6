"""What the vendor takes without a word although a careful sender would not send it.

Nothing here changes an answer. A note names field and place, never a value, so it holds no personal data.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

KINDS: dict[str, str] = {
    "created_at_in_milliseconds": "createdAt is in seconds; milliseconds are stored as a far future date",
    "created_at_missing": "an event or purchase without createdAt gets the time of receipt",
    "id_missing": "an event or purchase without id cannot be found again, nor be sent twice safely",
    "id_shared_between_events": "an id that another event name uses already: that event is overwritten",
    "money_without_fraction": "an amount without a fraction types its field `long` for ever",
    "fraction_dropped": "a fraction sent to a field of type long was dropped",
    "consent_missing": "a profile write without the consent object",
    "reserved_field_written": "a field that belongs to the vendor",
    "field_unchanged": "a profile field sent with the value it has: journeys fire all the same",
    "unsubscribe_dropped": "an overwritten array no longer contains an unsubscribe the person had",
    "person_repeated_in_batch": "failures are named by person, so one row per person and batch",
    "person_unknown": "an unsubscribe or subscribe for somebody who is not there yet",
    "member_added_again": "somebody who is on the list already is added to it: whether journeys fire again is not documented",
    "channel_unsubscribe_unsaid": "whether leaving a list leaves its channels too is documented both ways: say it",
    "contract_violated": "an event or purchase that breaks the JSON Schema its sender publishes (--event-schemas)",
    "unknown_key": "a key that the endpoint does not know is ignored",
    "two_identifiers_disagree": "e-mail and userId of one event belong to two people; the e-mail won",
}
_KEPT_MAX = 10_000


class Notes:
    """Notes since the reset: all are counted, the first 10,000 kept."""

    def __init__(self) -> None:
        self._all: list[dict[str, Any]] = []
        self._counts: Counter[str] = Counter()

    def add(self, kind: str, endpoint: str, detail: str, at: float) -> None:
        """Record one note; `kind` is one of KINDS, `detail` the field or place."""
        self._counts[kind] += 1
        if len(self._all) < _KEPT_MAX:
            self._all.append({"at": at, "kind": kind, "endpoint": endpoint, "detail": detail, "meaning": KINDS[kind]})

    def report(self, kind: str | None = None) -> dict[str, Any]:
        """Counts by kind and the notes themselves, all or of one kind."""
        chosen = [note for note in self._all if kind in (None, note["kind"])]
        return {"counts": dict(self._counts), "notes": chosen}
