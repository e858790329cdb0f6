"""Reasons that reports, exit codes and verbs tell apart, so each is written once."""

from __future__ import annotations

HISTORY_OVER_AGE = "history: over age"
NOT_MESSAGEABLE = "consent: no messageable channel at the claim"
CHANNEL_CLOSED = "consent: this channel is not messageable at the claim"
LEFT_SINCE = "consent: they left it at Iterable after the word that granted it"
SUBSCRIBED_ALREADY = "subscribed at Iterable already, when it was read"
NOT_AT_ITERABLE = "the person is not at Iterable"
GRANT_NOT_VISIBLE = "an earlier grant of this person is not visible yet"
ALREADY_ACCEPTED = "fact already accepted in an earlier run"
STILL_UNKNOWN = "an earlier send of this row is still unknown"
OUTCOME_UNKNOWN = "outcome unknown"
PERSON_NOT_ACCEPTED = "the person's own row was not accepted in this run"
PURCHASE_NOT_ACCEPTED = "the purchase it depends on was not accepted"
LOOKED_FIRST = "nothing was sent yet: looked for at Iterable first"
NOT_DELIVERED = "not delivered: Iterable gave no verdict, and the row was read back as absent"
TOO_LARGE = "the row alone is larger than its endpoint takes"
NO_SUCH_LIST = "Iterable does not know this list: deleted meanwhile, or made too short a time ago"
ASSUMED = "shadow: assumed accepted, nothing was sent"
OBJECT_STOPPED = "stopped for this run"
NOT_AS_PLANNED = "not as the applied plan says: left for the next sync"
FORGOTTEN = "the person was forgotten at Iterable (GDPR): nothing is sent to them any more"
GAVE_UP = "gave up after"
HELD_BY_GUARD = "held by volume guard"
PAUSED_MEANWHILE = "paused: while this sync ran; `cartwire status` says by whom and why"


def is_of_forgotten(reason: str) -> bool:
    """Whether a row met its end because Iterable has forgotten the person: in its own words or in ours."""
    return "forgotten" in reason.lower()
