"""The rules of consent told once more, as one walk through a person's words: what the models in SQL are compared with.

It follows docs/how-to/consent.md and nothing of the models.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

SYSTEMS = ("commercetools", "iterable", "import")
REFUSALS = ("denied", "withdrawn")
RESTRICTION = {"granted": 0, "pending": 1, "unknown": 2, "denied": 3, "withdrawn": 4}


@dataclass(frozen=True)
class Rule:
    """What config/ says of one market."""

    source_of_truth: str
    confirmed_by: str | None = None
    minimum_age: int | None = None
    expires_after_days: int | None = None


@dataclass(frozen=True)
class Person:
    """A profile."""

    profile_id: str
    customer_id: str | None
    email: str
    market_code: str
    phone: str | None
    born: date | None
    is_deleted: bool

    @property
    def subject(self) -> str:
        """As the models name people."""
        return f"customer:{self.customer_id}" if self.customer_id else f"email:{self.email}"


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A word. `record` is the document, event or line that has it."""

    person: Person
    system: str
    resource_type: str
    record: str
    channel: str
    status: str
    stated_at: datetime
    learned_at: datetime
    is_explicit: bool

    @property
    def table(self) -> str:
        """Where the models find it."""
        names = {"iterable_user": "stg_iterable__users", "iterable_event": "stg_iterable__consent_events"}
        names["imports"] = "stg_imports__consent_statements"
        return f"staging.{names.get(self.resource_type, 'stg_commercetools__consent_statements')}"

    def row(self, channel_id: str) -> dict[str, Any]:
        """As its staging model has it."""
        who = {"email": self.person.email}
        when = {"stated_at": self.stated_at, "learned_at": self.learned_at}
        what = {"channel": self.channel, "purpose": "marketing", "status": self.status}
        if self.resource_type == "iterable_user":
            # one user, found once: the word is as old as the look at it
            return {"email": self.person.email, "user_id": self.person.customer_id, "iterable_channel_ids": [channel_id],
                    "read_at": self.stated_at}  # fmt: skip
        if self.resource_type == "iterable_event":
            # events keep whole seconds: a refusal counts as said at the end of its second
            early = timedelta(seconds=1 if self.status == "withdrawn" else 0)
            when["stated_at"] = self.stated_at - early
            return {"event_key": self.record, "event_type": "event", "status": self.status, **who, **when,
                    "user_id": self.person.customer_id, "iterable_channel_ids": [channel_id], "iterable_message_type_ids": [],
                    "is_by_person": self.is_explicit}  # fmt: skip
        if self.resource_type == "imports":
            return {"event_key": self.record, "customer_id": self.person.customer_id, **who, **what, **when, "source": "till",
                    "proof_reference": "form" if self.is_explicit else None}  # fmt: skip
        return {"resource_type": self.resource_type, "resource_id": self.record, "customer_id": self.person.customer_id, **who,
                "field_path": "field", **what, **when, "created_at": self.stated_at, "is_first_seen": False}  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What is decided about a person and channel."""

    status: str
    is_messageable: bool
    decided_by: str
    due_at: datetime | None


def evaluate(person: Person, channel: str, said: Iterable[Statement], rule: Rule, now: datetime, *, blocked: bool) -> Verdict:
    """Decide by reading the words in order. `said`: the person's own and the refusals of everybody with the address."""
    words = _decisive(sorted((word for word in said if word.channel == channel), key=_order))
    if rule.source_of_truth in SYSTEMS:
        words = [word for word in words if word.system == rule.source_of_truth]
    winner, status = _winner(words, rule)
    expires_at = _expiry(winner, rule)
    grown_at = _birthday(person.born, rule)
    is_granted = status == "granted"
    if person.is_deleted:
        reason = "person_deleted"
    elif blocked:
        reason = "suppressed"
    elif winner is None:
        reason = "nothing_said"
    elif is_granted and grown_at and grown_at > now:
        reason = "too_young"
    elif is_granted and expires_at and expires_at <= now:
        reason = "expired"
    elif winner.status == "unknown":
        reason = "grant_taken_away"
    elif status != winner.status:
        reason = "unconfirmed"
    else:
        reason = rule.source_of_truth
    due_at = grown_at if reason == "too_young" else expires_at if is_granted and expires_at and expires_at > now else None
    shown = {"suppressed": "denied", "too_young": "denied", "expired": "denied"}.get(reason, status)
    messageable = is_granted and reason not in ("person_deleted", "suppressed", "too_young", "expired")
    return Verdict(shown, messageable, reason, due_at)


def _order(word: Statement) -> tuple[datetime, int, datetime]:
    """At one instant the refusal is the last word."""
    return word.stated_at, RESTRICTION[word.status], word.learned_at


def _decisive(words: Sequence[Statement]) -> list[Statement]:
    """Without what changes nothing: a field that went empty and had granted nothing, and what a program repeated at Iterable."""
    kept: list[Statement] = []
    last: Statement | None = None
    last_in: dict[str, Statement] = {}
    for word in words:
        before = last_in.get(word.system)
        if word.status == "unknown":
            same_field = before is not None and (before.resource_type, before.record) == (word.resource_type, word.record)
            if same_field and before is not None and before.status in ("granted", "pending"):
                kept.append(word)
            continue
        repeats = last is not None and (last.status == word.status or (last.status in REFUSALS and word.status == "withdrawn"))
        if not (word.resource_type == "iterable_event" and not word.is_explicit and repeats):
            kept.append(word)
        last = last_in[word.system] = word
    return kept


def _winner(words: Sequence[Statement], rule: Rule) -> tuple[Statement | None, str]:
    """The word that counts, and what it says once a confirmation is asked for."""
    newest: Statement | None = None
    newest_in: dict[str, Statement] = {}
    has_refused = is_confirmed = False
    for word in words:
        is_yes = word.status in ("granted", "pending")
        if not (rule.source_of_truth == "withdrawal_wins" and is_yes and has_refused and not word.is_explicit):
            newest = word
        newest_in[word.system] = word
        if word.status in REFUSALS:
            has_refused = True
        elif word.status == "granted" and word.is_explicit:
            has_refused = False
        if word.status == "granted" and word.system == rule.confirmed_by:
            is_confirmed = True
        elif word.status in ("unknown", *REFUSALS):
            is_confirmed = False

    def meaning(word: Statement) -> str:
        needs = word.status == "granted" and rule.confirmed_by is not None and rule.confirmed_by != word.system
        return "pending" if needs and not is_confirmed else word.status

    if rule.source_of_truth == "most_restrictive" and newest_in:
        order = {id(word): position for position, word in enumerate(words)}
        newest = max(newest_in.values(), key=lambda word: (RESTRICTION[meaning(word)], order[id(word)]))
    return (newest, meaning(newest)) if newest else (None, "unknown")


def _expiry(winner: Statement | None, rule: Rule) -> datetime | None:
    return winner.stated_at + timedelta(days=rule.expires_after_days) if winner and rule.expires_after_days else None


def _birthday(born: date | None, rule: Rule) -> datetime | None:
    if born is None or rule.minimum_age is None:
        return None
    return datetime(born.year + rule.minimum_age, born.month, born.day)
