"""What a person does at Iterable, or their mailbox does for them: acting as one, for tests. The vendor has no such route.

An act changes the profile, writes the events that the vendor writes for it, visible after the usual delay, and is told by webhook
where one is set. `unsubSource` and `signupSource` name the way it was done; what comes through the API says API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.iterable import subscriptions
from sandbox.iterable.identifiers import fold_email
from sandbox.iterable.people import Person
from sandbox.iterable.project import Project
from sandbox.iterable.timeline import BOUNCE, COMPLAINT, SMS_RECEIVED

LINK = "EmailLink"
SMS = "SMS"
CAMPAIGN = {"campaignId": 74_768, "templateId": 93_849}

Act = Callable[[Project, Person, dict[str, Any]], None]


def perform(project: Project, body: dict[str, Any]) -> dict[str, Any]:
    """{"email"|"userId", "act": one of ACTS, "channelId"?, "messageTypeId"?, "source"?}.

    Without a channel: the first marketing channel of the act's medium. Answers the person's subscription arrays.
    """
    act = ACTS.get(body["act"])
    if act is None:
        raise ValueError(f"unknown act {body['act']!r}; known: {', '.join(ACTS)}")
    person = find(project, body)
    act(project, person, body)
    return {name: person.fields.get(name, []) for name in subscriptions.FIELDS}


def find(project: Project, body: Mapping[str, Any]) -> Person:
    """Who the body names. Raises: ValueError for nobody."""
    people = project.state.people
    person = people.by_email(fold_email(body.get("email") or "")) or people.by_user_id(body.get("userId"))
    if person is None:
        raise ValueError("no such person")
    return person


def _unsubscribe(project: Project, person: Person, body: dict[str, Any]) -> None:
    _set(project, person, body, "Email", LINK, subscribed=False)


def _subscribe(project: Project, person: Person, body: dict[str, Any]) -> None:
    _set(project, person, body, "Email", LINK, subscribed=True)


def _complain(project: Project, person: Person, body: dict[str, Any]) -> None:
    project.happened(COMPLAINT, person, {**CAMPAIGN, "recipientState": "Complaint", "unsubSource": "Complaint"})
    _set(project, person, body, "Email", "Complaint", subscribed=False)


def _bounce_hard(project: Project, person: Person, body: dict[str, Any]) -> None:
    project.happened(BOUNCE, person, {**CAMPAIGN, "recipientState": "HardBounce", "status": "5.1.1"})
    _set(project, person, body, "Email", "HardBounce", subscribed=False)


def _bounce_soft(project: Project, person: Person, _body: dict[str, Any]) -> None:
    project.happened(BOUNCE, person, {**CAMPAIGN, "recipientState": "SoftBounce", "status": "4.2.2"})


def _stop(project: Project, person: Person, body: dict[str, Any]) -> None:
    project.happened(SMS_RECEIVED, person, {"smsMessage": "STOP"})
    _set(project, person, body, "SMS", SMS, subscribed=False)


def _start(project: Project, person: Person, body: dict[str, Any]) -> None:
    project.happened(SMS_RECEIVED, person, {"smsMessage": "START"})
    _set(project, person, body, "SMS", SMS, subscribed=True)


def _confirm(project: Project, person: Person, body: dict[str, Any]) -> None:
    """The reply to the message that asks for a confirmation; before it the vendor records nothing."""
    project.happened(SMS_RECEIVED, person, {"smsMessage": "YES"})
    held = {*person.fields.get("subscribedMessageTypeIds", ()), int(body["messageTypeId"])}
    subscriptions.change(project, person, {"subscribedMessageTypeIds": held}, body.get("source", SMS))


ACTS: dict[str, Act] = {
    "unsubscribe": _unsubscribe,
    "subscribe": _subscribe,
    "spam_complaint": _complain,
    "hard_bounce": _bounce_hard,
    "soft_bounce": _bounce_soft,
    "sms_stop": _stop,
    "sms_start": _start,
    "double_opt_in_confirm": _confirm,
}


def _set(project: Project, person: Person, body: Mapping[str, Any], medium: str, source: str, *, subscribed: bool) -> None:
    if "messageTypeId" in body:
        name, number = "unsubscribedMessageTypeIds", int(body["messageTypeId"])
    else:
        name, number = "unsubscribedChannelIds", int(body.get("channelId") or _channel(project, medium))
    held = set(person.fields.get(name, ()))
    held = held - {number} if subscribed else held | {number}
    subscriptions.change(project, person, {name: held}, body.get("source", source), CAMPAIGN)


def _channel(project: Project, medium: str) -> int:
    for channel in project.options.channels:
        if channel["messageMedium"] == medium and channel["channelType"] == "Marketing":
            return int(channel["id"])
    raise ValueError(f"the project has no marketing channel for {medium}")
