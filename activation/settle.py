"""Rows whose answer was lost: read back what Iterable shows, then decide. Never repeated blindly."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson

from activation import crash_points
from activation.iterable.evidence import (
    Evidence,
    of_cart,
    of_deletion,
    of_email_change,
    of_fact,
    of_grant,
    of_member,
    of_merge,
    of_user,
)
from activation.iterable.subscriptions import grant_of
from activation.ledger import reasons
from activation.ledger.machine import Event
from activation.ledger.sending import LedgerItem, Outcome
from activation.ledger.store import Ledger
from cartwire import stopping
from cartwire.clock import now_ms
from clients.iterable import IterableClient

LIST_ADD = "list_add"
READERS = 8
CHUNK_ROWS = 500  # decided rows are durable after each chunk, so a kill costs few reads
TRIES_MAX = 4  # sends of one row; absent after the last one, it waits for the next run


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolution:
    """What became of the unknown rows. `superseded`: absent rows of dead runs, which the next diff plans anew."""

    accepted: int = 0
    resent: int = 0
    held: int = 0
    superseded: int = 0


def resolve_unknown(
    ledger: Ledger,
    client: IterableClient,
    run_id: str | None,
    *,
    visibility_s: float,
    unknown_outcome: Mapping[str, str] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Resolution:
    """Read back every unknown row of a run, or (None) of runs that have ended, and decide it.

    Waits first, until the visibility delay has passed since the last of them may have left. Found: accepted, verified.
    Absent: back to staged for this run, superseded for a dead one. Cannot be told: `unknown_outcome` says per object
    'resend' or (default) 'hold'.
    Raises: DeliveryError where Iterable cannot be read; RunStopped between two
        chunks. The rows stay unknown then, and the next run tries again.
    """
    items = ledger.unknown_items(run_id)
    if not items:
        return Resolution()
    visible_at_ms = max(item.lost_at_ms or 0 for item in items) + round(visibility_s * 1000)
    if (wait_ms := visible_at_ms - now_ms()) > 0:
        sleep(wait_ms / 1000)
    policy = unknown_outcome or {}
    decided: list[Outcome] = []
    with ThreadPoolExecutor(READERS, thread_name_prefix="read-back") as pool:
        for start in range(0, len(items), CHUNK_ROWS):
            stopping.check()
            chunk = items[start : start + CHUNK_ROWS]
            evidence = list(pool.map(lambda item: look(client, item), chunk))
            outcomes = [
                decide(item, found, is_dead=run_id is None, may_resend=policy.get(item.object) == "resend")
                for item, found in zip(chunk, evidence, strict=True)
            ]
            crash_points.reach("read-back-not-decided")
            ledger.settle_unknown(outcomes)
            decided += outcomes
    return _count(decided)


def look(client: IterableClient, item: LedgerItem) -> Evidence:
    """What Iterable shows now of the effect of a row; after the visibility delay only."""
    sent: dict[str, Any] = orjson.loads(item.fragment)
    person: dict[str, Any] = sent.get("user") or sent  # the user id where there is one, as it was sent
    email, user_id = person.get("email"), person.get("userId")
    if item.object in ("purchases", "events"):
        return of_fact(sent, client.get_events(email=email, user_id=user_id))
    if item.object == "carts":
        return of_cart(sent, client.get_user(email=email, user_id=user_id))
    if item.object == "identities":
        return _look_who(client, item.bulk_key, sent)
    if item.object == "users":
        return of_user(sent, client.get_user(email=email, user_id=user_id))
    if item.object == "lists":
        return of_member(int(item.bulk_key), item.kind == LIST_ADD, client.get_user(email=email, user_id=user_id))
    if item.object == "grants":
        return of_grant(grant_of(item), client.get_user(email=email, user_id=user_id))
    return Evidence.unclear


def _look_who(client: IterableClient, endpoint: str, sent: Mapping[str, Any]) -> Evidence:
    """Identity rows: each endpoint leaves other traces."""
    if endpoint == "users/updateEmail":
        return of_email_change(client.get_user(email=sent["currentEmail"]), client.get_user(email=sent["newEmail"]))
    if endpoint == "users/merge":
        source = client.get_user(email=sent.get("sourceEmail"), user_id=sent.get("sourceUserId"))
        return of_merge(source, client.get_user(email=sent.get("destinationEmail"), user_id=sent.get("destinationUserId")))
    user = client.get_user(email=sent.get("email"), user_id=sent.get("userId"))
    return of_user(sent, user) if endpoint == "users/update" else of_deletion(user)


def decide(item: LedgerItem, found: Evidence, *, is_dead: bool, may_resend: bool) -> Outcome:
    """What follows from a look. `is_dead`: the row's run has ended, so that the next diff plans it anew if it is absent."""
    if found is Evidence.present:
        return Outcome(item_id=item.item_id, event=Event.accept, reason="read back", is_verified=True)
    if found is Evidence.unclear and not may_resend:
        return Outcome(item_id=item.item_id, event=Event.hold, reason=reasons.OUTCOME_UNKNOWN, is_sticky=True)
    if is_dead:
        return Outcome(item_id=item.item_id, event=Event.supersede, reason="absent when read back")
    if item.tries >= TRIES_MAX:
        return Outcome(item_id=item.item_id, event=Event.hold, reason=reasons.NOT_DELIVERED)
    return Outcome(item_id=item.item_id, event=Event.resend, reason="absent when read back")


def _count(outcomes: Sequence[Outcome]) -> Resolution:
    events = [outcome.event for outcome in outcomes]
    return Resolution(
        accepted=events.count(Event.accept),
        resent=events.count(Event.resend),
        held=events.count(Event.hold),
        superseded=events.count(Event.supersede),
    )
