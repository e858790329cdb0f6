"""Reasons that reports, exit codes and verbs tell apart, so each is written once."""

from __future__ import annotations

HISTORY_OVER_AGE = "history: over age"
NOT_MESSAGEABLE = "consent: no messageable channel at the claim"
ALREADY_ACCEPTED = "fact already accepted in an earlier run"
STILL_UNKNOWN = "an earlier send of this row is still unknown"
OUTCOME_UNKNOWN = "outcome unknown"
PERSON_NOT_ACCEPTED = "the person's own row was not accepted in this run"
PURCHASE_NOT_ACCEPTED = "the purchase it depends on was not accepted"
NOT_DELIVERED = "not delivered: Iterable gave no verdict, and the row was read back as absent"
TOO_LARGE = "the row alone is larger than its endpoint takes"
NO_SUCH_LIST = "Iterable does not know this list: deleted meanwhile, or made too short a time ago"
ASSUMED = "shadow: assumed accepted, nothing was sent"
HELD_BY_GUARD = "held by volume guard"
PAUSED_MEANWHILE = "paused: while this sync ran; `cartwire status` says by whom and why"
