"""An answer into the outcome of each row. Pure: no ledger, no clock, no network.

A row is accepted only when the status is 2xx, `successCount + failCount` equals the rows sent, every failure string matches
exactly one row (folded e-mail or user id), and the rows matched equal `failCount`. Otherwise nobody knows, and every row of
the request is read back. Reasons name codes and fields, never an address or a value.
Source: facts on Iterable's API, sections 2 and 4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from activation.iterable.answer_table import Action, Again, Rule, rule_of, rule_of_rows
from activation.ledger.machine import Event
from clients.answers import Answer, Fault

_CODE = re.compile(r"[A-Za-z][A-Za-z.]{0,59}")
_FIELD = re.compile(r"[A-Za-z0-9_.\[\] -]{1,80}")
_PLACE = re.compile(r"obj\.(?:users|events|subscribers)\[(\d{1,6})\](?:\.|$)")
_DISALLOWED = "disallowedEventNames"
_BULK = frozenset({"users/bulkUpdate", "events/trackBulk", "lists/subscribe", "lists/unsubscribe"})
_ADDITIVE = frozenset({"subscriptions/unsubscribe", "subscriptions/subscribe"})


class Signal(StrEnum):
    """What the answer means beyond its rows."""

    none = "none"
    throttled = "throttled"  # come back later
    unreachable = "unreachable"  # nothing left this machine
    refused = "refused"  # key, address or project are wrong: the run stops
    not_ready = "not_ready"  # what the request names is not there yet: ask again a little later
    feature_absent = "feature_absent"  # the project has no such endpoint: use the older one
    divide = "divide"  # rows that came back go again in smaller requests
    object_stopped = "object_stopped"  # nothing more of the object in this run


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRow:
    """Whom a row of the request named, in body order. `event_name` where the row is an event."""

    email: str | None = None
    user_id: str | None = None
    event_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOutcome:
    """accept | reject | hold | retry | lose, with the reason a person will read. `is_forgotten`: nothing may name the person any more."""

    event: Event
    reason: str = ""
    is_sticky: bool = False
    is_forgotten: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpretation:
    """One outcome per row sent, in order; fields that were filtered out of every row; and what concerns the run."""

    rows: tuple[RowOutcome, ...]
    filtered_fields: frozenset[str] = frozenset()
    signal: Signal = Signal.none


_WHOLE: Mapping[Action, tuple[Event, Signal]] = {
    Action.accept: (Event.accept, Signal.none),
    Action.unreachable: (Event.retry, Signal.unreachable),
    Action.wait: (Event.retry, Signal.throttled),
    Action.read_back: (Event.lose, Signal.none),
    Action.not_ready: (Event.retry, Signal.not_ready),
    Action.feature_absent: (Event.retry, Signal.feature_absent),
    Action.stop: (Event.retry, Signal.refused),
    Action.stop_object: (Event.hold, Signal.object_stopped),
}


def interpret(endpoint: str, sent_rows: Sequence[SentRow], answer: Answer) -> Interpretation:
    """What became of each row, by the table of answers.

    Args: endpoint: key of ENDPOINTS. sent_rows: one per row of the body, in its order.
    """
    rule = rule_of(endpoint, answer)
    if rule.action in _WHOLE:
        event, signal = _WHOLE[rule.action]
        return _all(len(sent_rows), RowOutcome(event=event, reason=_told(rule, answer)), signal)
    if rule.action in (Action.halve, Action.isolate):
        return _divided(len(sent_rows), rule, answer)
    if rule.action is Action.reject:
        return _all(len(sent_rows), _refused(rule, rule.meaning))
    if endpoint in _ADDITIVE:
        return _all(len(sent_rows), RowOutcome(event=Event.accept))
    document = answer.document()
    if document is None:
        return _all(len(sent_rows), RowOutcome(event=Event.lose, reason="an answer that cannot be read"))
    return _bulk(sent_rows, document) if endpoint in _BULK else _single(len(sent_rows), document)


def _all(rows: int, outcome: RowOutcome, signal: Signal = Signal.none) -> Interpretation:
    return Interpretation(rows=(outcome,) * rows, signal=signal)


def _told(rule: Rule, answer: Answer) -> str:
    return (
        rule.meaning if answer.fault is not Fault.none else f"{rule.meaning} ({_cause(answer.status, answer.document() or {})})"
    )


def _refused(rule: Rule, reason: str) -> RowOutcome:
    if rule.action is Action.hold:
        return RowOutcome(event=Event.hold, reason=reason)
    return RowOutcome(
        event=Event.reject, reason=reason, is_sticky=rule.again is not Again.run, is_forgotten=rule.again is Again.never
    )


def _divided(rows: int, rule: Rule, answer: Answer) -> Interpretation:
    """A refusal of the one row, or of a request in which a row is at fault: those that the answer names, else it is searched for."""
    cause = _cause(answer.status, answer.document() or {})
    if rows == 1:
        return _all(1, _refused(rule, cause))
    back = RowOutcome(event=Event.retry, reason=f"sent again in smaller requests: {cause}")
    named = _named_rows(answer.document() or {}, rows) if rule.action is Action.isolate else frozenset()
    outcomes = tuple(_refused(rule, cause) if index in named else back for index in range(rows))
    return Interpretation(rows=outcomes, signal=Signal.divide)


def _named_rows(document: Mapping[str, Any], rows: int) -> frozenset[int]:
    """Places in the body that the answer complains about; none where it also names something that is no place of a row."""
    params = document.get("params")
    places = [_PLACE.match(str(name)) for name in params] if isinstance(params, Mapping) else []
    found = frozenset(int(place[1]) for place in places if place)
    return found if all(places) and all(index < rows for index in found) else frozenset()


def _single(rows: int, document: Mapping[str, Any]) -> Interpretation:
    if document.get("code") != "Success":
        return _all(rows, RowOutcome(event=Event.lose, reason="a 2xx answer without code Success"))
    return _all(rows, RowOutcome(event=Event.accept))


def _bulk(sent_rows: Sequence[SentRow], document: Mapping[str, Any]) -> Interpretation:
    succeeded, failed = _count(document, "successCount"), _count(document, "failCount")
    failures = _matched(sent_rows, _failure_reasons(document))
    if succeeded is None or failed is None or failures is None:
        return _all(len(sent_rows), RowOutcome(event=Event.lose, reason="counts or failures of the answer cannot be matched"))
    disallowed = _names(document, _DISALLOWED)
    unnamed = {index: (_DISALLOWED,) for index, row in enumerate(sent_rows) if row.event_name in disallowed}
    # Whether a disallowed event counts in failCount is not documented: either sum is taken as complete.
    if succeeded + failed != len(sent_rows) or failed not in (len(failures), len(failures | unnamed)):
        return _all(len(sent_rows), RowOutcome(event=Event.lose, reason="counts of the answer do not add up"))
    listed = unnamed | failures
    return Interpretation(
        rows=tuple(
            _listed(listed[index]) if index in listed else RowOutcome(event=Event.accept) for index in range(len(sent_rows))
        ),
        filtered_fields=frozenset(_names(document, "filteredOutFields")),
    )


def _listed(names: Sequence[str]) -> RowOutcome:
    """A row by the lists that name it. Of several causes the one that lets it go again last counts; an unknown one keeps it."""
    rules = [rule_of_rows(name) for name in names]
    order = (Again.run, Again.data, Again.never)
    known = [rule for rule in rules if rule.action is Action.reject]
    rule = max(known or rules, key=lambda rule: order.index(rule.again or Again.run))
    return _refused(rule, ", ".join(names))


@dataclass(slots=True)
class _Failure:
    """Why, and how often the answer names the identifier for that reason."""

    reason: str
    times: int = 0


def _failure_reasons(document: Mapping[str, Any]) -> dict[tuple[str, str], _Failure]:
    """(email | user_id, folded text) → failure. The deprecated flat lists only add what `failedUpdates` does not name."""
    updates = document.get("failedUpdates")
    named = updates if isinstance(updates, Mapping) else {}
    flat = {name: document.get(name) for name in ("invalidEmails", "invalidUserIds")}
    found: dict[tuple[str, str], _Failure] = {}
    for source in (named, flat):
        known = frozenset(found)
        for name in sorted(source):
            for text in _names(source, name):
                if name.endswith("Emails"):
                    key = ("email", _fold(text))
                elif name.endswith("UserIds"):
                    key = ("user_id", text)
                else:
                    continue
                if key not in known and found.setdefault(key, _Failure(name)).reason == name:
                    found[key].times += 1
    return found


def _matched(sent_rows: Sequence[SentRow], failures: Mapping[tuple[str, str], _Failure]) -> dict[int, tuple[str, ...]] | None:
    """Row index → names of lists, or None where a failure matches no row, or not all of the rows it may mean.

    In a userID-based project several rows of a request may have one address: they failed if it is named once for each.
    """
    if not failures:
        return {}
    owners: dict[tuple[str, str], list[int]] = {}
    for index, row in enumerate(sent_rows):
        if row.email is not None:
            owners.setdefault(("email", _fold(row.email)), []).append(index)
        if row.user_id is not None:
            owners.setdefault(("user_id", row.user_id), []).append(index)
    matched: dict[int, list[str]] = {}
    for key, failure in failures.items():
        indexes = owners.get(key, [])
        if not indexes or len(indexes) not in (1, failure.times):
            return None
        for index in indexes:
            matched.setdefault(index, []).append(failure.reason)
    return {index: tuple(sorted(set(found))) for index, found in matched.items()}


def _cause(status: int, document: Mapping[str, Any]) -> str:
    """Status, code and the fields Iterable complains about. The offending value stays out."""
    code = str(document.get("code", ""))
    params = document.get("params")
    errors = params.get("validationErrors") if isinstance(params, Mapping) else None
    named = errors if isinstance(errors, Mapping) else params if isinstance(params, Mapping) else {}
    fields = sorted(str(name) for name in named if _FIELD.fullmatch(str(name)))[:5]
    words = [str(status), code if _CODE.fullmatch(code) else "", f"({', '.join(fields)})" if fields else ""]
    return " ".join(word for word in words if word)


def _names(document: Mapping[str, Any], key: str) -> list[str]:
    value = document.get(key)
    return [str(name) for name in value] if isinstance(value, list) else []


def _count(document: Mapping[str, Any], key: str) -> int | None:
    value = document.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _fold(email: str) -> str:
    return email.strip().lower()
