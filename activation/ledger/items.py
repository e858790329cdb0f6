"""The rows that enter the ledger, as the freeze hands them over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field of a state object: what Iterable should hold after the send.

    Args:
        field: Iterable's field name.
        type: contract type (string, long, double, boolean, date, string[]).
        before: canonical text last delivered, None = the field was absent.
        after: canonical text to deliver, None = the field is to be removed.
        fingerprint: md5 of ``type:after`` as the models compute it; kept for ever, unlike both values.
    """

    field: str
    type: str
    before: str | None
    after: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """One wanted change. `subject` is unique within `object` and stage; times are epoch milliseconds, UTC.

    Args:
        state: staged (will be sent), or the verdict reached before the send: rejected | held | suppressed, with `reason`.
        is_sticky: the verdict stands until the fingerprint changes, so the next diff leaves the row alone.
        fragment: the rendered JSON of this row (bytes as sent), b"" where the address alone is the message.
        consent_requirement: 'none'; 'any' = at least one channel of the person is messageable at the claim; 'channel' = every
            consent in `consent_scope` is.
        consent_scope: consents as channel:purpose.
        depends_on: subject of the purchase that has to be accepted first.
        waits_for_person: the person is created or renamed in this run; sent after the visibility delay.
        bulk_key: rows of one request share it (the channel id of a withdrawal), '' where it does not matter.
    """

    object: str
    kind: str
    subject: str
    person_key: str
    fingerprint: str
    lane: int
    market_code: str | None = None
    email: str | None = None
    user_id: str | None = None
    fragment: bytes = b""
    fields: tuple[FieldChange, ...] = ()
    state: str = "staged"
    reason: str = ""
    is_sticky: bool = False
    consent_requirement: str = "none"
    consent_scope: tuple[str, ...] = ()
    depends_on: str | None = None
    waits_for_person: bool = False
    source_modified_at_ms: int | None = None
    occurred_at_ms: int | None = None
    send_before_at_ms: int | None = None
    bulk_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRow:
    """What a person allows on one channel for one purpose, as the warehouse knew it at the freeze."""

    person_key: str
    channel: str
    purpose: str
    status: str
    is_messageable: bool
    stated_at_ms: int | None = None
