"""Iterable's subscription events, as exports and system webhooks write them: one form for both.

Sources: support.iterable.com "Subscribe and Unsubscribe Events" (emailSubscribe and emailUnSubscribe are written for every medium,
an SMS STOP or START included, with signupSource or unsubSource), "Email Bounce Event Properties" (recipientState), "System Webhooks"
(`{email, userId, eventName, dataFields}`); singer-io/tap-iterable and snowplow/iglu-central for further fields; read 2026-11-28.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from cartwire import clock

UNSUBSCRIBE = "emailUnSubscribe"
COMPLAINT = "emailComplaint"
BOUNCE = "emailBounce"
SUBSCRIBE = "emailSubscribe"
CONSENT_EVENTS = (UNSUBSCRIBE, COMPLAINT, BOUNCE, SUBSCRIBE)
"""Data types of the export, and event names of webhooks, that say something about consent."""
HARD_BOUNCE = "HardBounce"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEvent:
    """One event, opened. Ids are None where the event has no such field.

    Args:
        event_key: over the whole event; Iterable gives none of its own.
        said_through: unsubSource or signupSource. recipient_state: of a bounce, e.g. HardBounce.
    """

    event_key: str
    event_type: str
    email: str | None
    user_id: str | None
    created_at: datetime | None
    channel_ids: list[Any] | None
    message_type_ids: list[Any] | None
    list_ids: list[Any] | None
    said_through: str | None
    recipient_state: str | None
    campaign_id: int | None
    document: str

    @property
    def is_withdrawal(self) -> bool:
        """Whether messages may no longer go out. What names lists and nothing else is no consent; a soft bounce says nothing."""
        if self.event_type == BOUNCE:
            return self.recipient_state == HARD_BOUNCE
        if self.event_type == UNSUBSCRIBE:
            return not self.list_ids or bool(self.channel_ids or self.message_type_ids)
        return self.event_type == COMPLAINT


def exported(event_type: str, event: Mapping[str, Any]) -> ConsentEvent:
    """An event as export/data.json writes it, all fields at one level."""
    return _opened(event_type, event, event)


def delivered(body: Mapping[str, Any]) -> ConsentEvent:
    """An event as a system webhook delivers it, its fields below `dataFields`.

    Raises: ValueError where the body is not of that shape, or names nobody.
    """
    name, fields = body.get("eventName"), body.get("dataFields")
    if not isinstance(name, str) or not isinstance(fields, Mapping):
        raise ValueError("eventName and dataFields are required")
    person = {key: text(body.get(key)) or text(fields.get(key)) for key in ("email", "userId")}
    if not any(person.values()):
        raise ValueError("email or userId is required")
    return _opened(name, {**fields, **person}, body)


def text(value: object) -> str | None:
    """A text that is not empty."""
    return value if isinstance(value, str) and value else None


def integer(value: object) -> int | None:
    """A whole number; a boolean is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def moment(value: object) -> datetime | None:
    """An aware datetime of Iterable's forms: `2026-02-03 10:11:12 +00:00`, ISO 8601, or milliseconds since 1970."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return clock.from_ms(int(value))
        if not isinstance(value, str):
            return None
        found = datetime.fromisoformat(value.replace(" +", "+").replace(" -", "-"))
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _opened(event_type: str, fields: Mapping[str, Any], whole: Mapping[str, Any]) -> ConsentEvent:
    document = orjson.dumps(whole, option=orjson.OPT_SORT_KEYS)
    return ConsentEvent(
        event_key=hashlib.sha256(document).hexdigest()[:32],
        event_type=event_type,
        email=text(fields.get("email")),
        user_id=text(fields.get("userId")),
        created_at=moment(fields.get("createdAt")),
        channel_ids=_ids(fields, "channelIds", "channelId"),
        message_type_ids=_ids(fields, "messageTypeIds", "messageTypeId"),
        list_ids=_ids(fields, "emailListIds", "emailListId", "userListIds"),
        said_through=text(fields.get("unsubSource")) or text(fields.get("signupSource")),
        recipient_state=text(fields.get("recipientState")),
        campaign_id=integer(fields.get("campaignId")),
        document=document.decode(),
    )


def _ids(fields: Mapping[str, Any], *names: str) -> list[Any] | None:
    """The first of these fields that is there; a single id counts as a list of one."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, list):
            return value
        if (number := integer(value)) is not None:
            return [number]
    return None
