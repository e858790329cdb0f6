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

from activation.ledger.machine import Event
from clients.answers import Answer, Fault

DISALLOWED_NAME = "event name disallowed by the project"
_CODE = re.compile(r"[A-Za-z][A-Za-z.]{0,59}")
_FIELD = re.compile(r"[A-Za-z0-9_.\[\] -]{1,80}")
_LISTS = frozenset({"lists/subscribe", "lists/unsubscribe"})
_BULK = frozenset({"users/bulkUpdate", "events/trackBulk"}) | _LISTS
_ADDITIVE = frozenset({"subscriptions/unsubscribe", "subscriptions/subscribe"})
_DELETIONS = frozenset({"users/deleteByEmail", "users/deleteByUserId"})


class Signal(StrEnum):
    """What the answer means beyond its rows."""

    none = "none"
    throttled = "throttled"  # come back later
    unreachable = "unreachable"  # nothing left this machine
    refused = "refused"  # key, address or project are wrong: the run stops
    not_ready = "not_ready"  # what the request names is not there yet: ask again a little later
    feature_absent = "feature_absent"  # the project has no such endpoint: use the older one


@dataclass(frozen=True, slots=True, kw_only=True)
class SentRow:
    """Whom a row of the request named, in body order. `event_name` where the row is an event."""

    email: str | None = None
    user_id: str | None = None
    event_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowOutcome:
    """accept | reject | hold | retry | lose, with the reason a person will read."""

    event: Event
    reason: str = ""
    is_sticky: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpretation:
    """One outcome per row sent, in order; fields that were filtered out of every row; and what concerns the run."""

    rows: tuple[RowOutcome, ...]
    filtered_fields: frozenset[str] = frozenset()
    signal: Signal = Signal.none


def interpret(endpoint: str, sent_rows: Sequence[SentRow], answer: Answer) -> Interpretation:
    """What became of each row.

    Args: endpoint: key of ENDPOINTS. sent_rows: one per row of the body, in its order.
    """
    rows = len(sent_rows)
    if answer.fault is Fault.not_sent:
        return _all(rows, RowOutcome(event=Event.retry, reason="no connection"), Signal.unreachable)
    if answer.fault is Fault.lost:
        return _all(rows, RowOutcome(event=Event.lose, reason="the answer was lost"))
    status = answer.status
    if status == 429:
        return _all(rows, RowOutcome(event=Event.retry, reason="asked to wait (429)"), Signal.throttled)
    if status >= 500 or status == 408:
        return _all(rows, RowOutcome(event=Event.lose, reason=f"status {status}"))
    if status in (401, 403) or 300 <= status < 400 or (status == 404 and endpoint not in _ADDITIVE):
        return _all(rows, RowOutcome(event=Event.retry, reason=f"status {status}"), Signal.refused)
    if status == 404:
        return _all(rows, RowOutcome(event=Event.retry, reason="no such feature (404)"), Signal.feature_absent)
    if status == 400 and endpoint in _LISTS and "invalidListId" in str((answer.document() or {}).get("msg")):
        return _all(rows, RowOutcome(event=Event.retry, reason="the list is not known yet"), Signal.not_ready)
    if status == 400 and endpoint in _DELETIONS and "does not exist" in str((answer.document() or {}).get("msg", "")):
        return _all(rows, RowOutcome(event=Event.accept, reason="nobody was there"))
    if status >= 400:
        return _refused(rows, answer)
    if endpoint in _ADDITIVE:
        return _all(rows, RowOutcome(event=Event.accept))
    document = answer.document()
    if document is None:
        return _all(rows, RowOutcome(event=Event.lose, reason="an answer that cannot be read"))
    return _bulk(sent_rows, document) if endpoint in _BULK else _single(rows, document)


def _all(rows: int, outcome: RowOutcome, signal: Signal = Signal.none) -> Interpretation:
    return Interpretation(rows=(outcome,) * rows, signal=signal)


def _refused(rows: int, answer: Answer) -> Interpretation:
    """A refusal of the request: of its one row, or of a batch, which is held whole and visible."""
    cause = _cause(answer.status, answer.document() or {})
    if rows == 1:
        return _all(1, RowOutcome(event=Event.reject, reason=cause, is_sticky=True))
    return _all(rows, RowOutcome(event=Event.hold, reason=f"batch refused as a whole: {cause}", is_sticky=True))


def _single(rows: int, document: Mapping[str, Any]) -> Interpretation:
    if "is disallowed from tracking" in str(document.get("msg", "")):
        return _all(rows, RowOutcome(event=Event.reject, reason=DISALLOWED_NAME, is_sticky=True))
    if document.get("code") != "Success":
        return _all(rows, RowOutcome(event=Event.lose, reason="a 2xx answer without code Success"))
    return _all(rows, RowOutcome(event=Event.accept))


def _bulk(sent_rows: Sequence[SentRow], document: Mapping[str, Any]) -> Interpretation:
    succeeded, failed = _count(document, "successCount"), _count(document, "failCount")
    failures = _matched(sent_rows, _failure_reasons(document))
    if succeeded is None or failed is None or failures is None:
        return _all(len(sent_rows), RowOutcome(event=Event.lose, reason="counts or failures of the answer cannot be matched"))
    disallowed = _names(document, "disallowedEventNames")
    unnamed = {index: DISALLOWED_NAME for index, row in enumerate(sent_rows) if row.event_name in disallowed}
    # Whether a disallowed event counts in failCount is not documented: either sum is taken as complete.
    if succeeded + failed != len(sent_rows) or failed not in (len(failures), len(failures | unnamed)):
        return _all(len(sent_rows), RowOutcome(event=Event.lose, reason="counts of the answer do not add up"))
    rejected = unnamed | failures
    return Interpretation(
        rows=tuple(
            RowOutcome(event=Event.reject, reason=rejected[index], is_sticky=True)
            if index in rejected
            else RowOutcome(event=Event.accept)
            for index in range(len(sent_rows))
        ),
        filtered_fields=frozenset(_names(document, "filteredOutFields")),
    )


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


def _matched(sent_rows: Sequence[SentRow], failures: Mapping[tuple[str, str], _Failure]) -> dict[int, str] | None:
    """Row index → reason, or None where a failure matches no row, or not all of the rows it may mean.

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
    return {index: ", ".join(sorted(set(found))) for index, found in matched.items()}


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
