"""Subscriptions: arrays that overwrite, endpoints that add, and the events both write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.iterable import bodies, profiles
from sandbox.iterable.calls import Answer, Call
from sandbox.iterable.errors import ApiError, Failure, bad_params, forgotten_user, identity_conflict, success
from sandbox.iterable.identifiers import fold_email, is_email, is_user_id
from sandbox.iterable.people import Person
from sandbox.iterable.profile_calls import need_identifier
from sandbox.iterable.project import Project
from sandbox.iterable.timeline import SUBSCRIBE, UNSUBSCRIBE

# field of the profile → (key of the ids in an event, whether an id in the field means "unsubscribed")
FIELDS: dict[str, tuple[str, bool]] = {
    "unsubscribedChannelIds": ("channelIds", True),
    "unsubscribedMessageTypeIds": ("messageTypeIds", True),
    "subscribedMessageTypeIds": ("messageTypeIds", False),
    "userListIds": ("emailListIds", False),
}
GROUPS = ("emailList", "messageType", "messageChannel")


def update(project: Project, call: Call) -> Answer:
    """POST users/updateSubscriptions: every array given replaces the one stored."""
    check = bodies.BodyCheck()
    raw = check.object(call.body, bodies.SUBSCRIPTIONS, "obj")
    call.refuse_faults(project, check)
    need_identifier(raw)
    _validate(project, raw)
    refusal = _overwrite(project, raw, call.endpoint)
    if refusal is not None:
        raise refusal
    return Answer(success())


def bulk_update(project: Project, call: Call) -> Answer:
    """POST users/bulkUpdateSubscriptions: failures are listed flat, malformed ones apart from others."""
    check = bodies.BodyCheck()
    body = check.object(call.body, bodies.BULK_SUBSCRIPTIONS, "obj", ("updateSubscriptionsRequests",))
    raws = check.rows(body, "updateSubscriptionsRequests", bodies.SUBSCRIPTIONS)
    call.count_rows(project, len(raws))
    call.refuse_faults(project, check)
    for raw in raws:
        need_identifier(raw)
        _validate(project, raw)
    failed: dict[str, list[str]] = {"invalidEmails": [], "invalidUserIds": [], "validEmailFailures": []}
    failed["validUserIdFailures"] = []
    failures: list[Failure] = []
    for raw in raws:
        refusal = _overwrite(project, raw, call.endpoint)
        if refusal is None:
            continue
        malformed = refusal.code in ("InvalidEmailAddressError", "InvalidUserIdError")
        failures.append(Failure(refusal.code, raw.get("email"), None if raw.get("email") else raw["userId"]))
        if raw.get("email"):
            failed["invalidEmails" if malformed else "validEmailFailures"].append(raw["email"])
        else:
            failed["invalidUserIds" if malformed else "validUserIdFailures"].append(raw["userId"])
    counts = {"successCount": len(raws) - len(failures), "failCount": len(failures)}
    return Answer({**counts, **failed}, failures=tuple(failures))


def act_on_one(project: Project, call: Call, action: str) -> Answer:
    """PATCH (subscribe) and DELETE (unsubscribe) subscriptions/{group}/{id}/user/{email} or /byUserId/{userId}."""
    target = _target(project, call)
    email, user_id = call.param("email"), call.param("userId")
    if email is not None and not is_email(fold_email(email)):
        raise ApiError(400, "InvalidEmailAddressError", f"Invalid email {email}")
    _add(project, target, action, [(fold_email(email) if email else None, user_id)], call.endpoint)
    return Answer(success(f"Accepted a request to {action}"), 202)


def act_on_many(project: Project, call: Call) -> Answer:
    """PUT subscriptions/{group}/{id}?action=subscribe|unsubscribe: additive, 202, no result per person."""
    target = _target(project, call)
    action = call.query.get("action", "subscribe")
    if action not in ("subscribe", "unsubscribe"):
        raise bad_params("action must be subscribe or unsubscribe")
    check = bodies.BodyCheck()
    raw = check.object(call.body, bodies.SUBSCRIPTION_ACTION, "obj")
    call.refuse_faults(project, check)
    people: list[tuple[str | None, str | None]] = [(fold_email(email), None) for email in raw.get("users", [])]
    people += [(None, user_id) for user_id in raw.get("usersByUserId", [])]
    if not people:
        raise bad_params("users or usersByUserId is required")
    call.count_rows(project, len(people))
    _add(project, target, action, people, call.endpoint)
    return Answer(success("Accepted a request for bulk subscription actions"), 202)


def change(
    project: Project, person: Person, arrays: Mapping[str, Iterable[int]], source: str, campaign: Mapping[str, Any] | None = None
) -> None:
    """Store subscription arrays and write the events of what became subscribed and unsubscribed.

    Args: source: unsubSource or signupSource. campaign: fields of the message that led to it, if one did.
    """
    named = campaign or {}
    fields = dict(person.fields)
    for name, ids in arrays.items():
        key, means_unsubscribed = FIELDS[name]
        before, after = set(fields.get(name, ())), set(ids)
        fields[name] = sorted(after)
        added, removed = sorted(after - before), sorted(before - after)
        _event(project, person, UNSUBSCRIBE if means_unsubscribed else SUBSCRIBE, key, added, source, named)
        _event(project, person, SUBSCRIBE if means_unsubscribed else UNSUBSCRIBE, key, removed, source, named)
    project.publish(person, fields)


@dataclass(frozen=True, slots=True)
class _Target:
    """The profile array that a group's id lives in, and whether being in it means unsubscribed."""

    field: str
    id: int
    means_unsubscribed: bool


def _target(project: Project, call: Call) -> _Target:
    options = project.options
    if not options.subscriptions_feature:
        raise ApiError(404, "NotFound", "Endpoint not found; contact your customer success manager")
    group, given = call.path_params["group"], call.path_params["id"]
    if group not in GROUPS or not given.isdigit():
        raise bad_params(f"Unknown subscription group {group}/{given}")
    number = int(given)
    if group == "messageType":
        policy = {kind["id"]: kind["subscriptionPolicy"] for kind in options.message_types}.get(number)
        known = policy is not None
        name = "subscribedMessageTypeIds" if policy == "OptIn" else "unsubscribedMessageTypeIds"
    elif group == "messageChannel":
        known = number in {channel["id"] for channel in options.channels}
        name = "unsubscribedChannelIds"
    else:
        known = number in project.state.lists
        name = "userListIds"
    if not known:
        raise bad_params(f"Unknown {group} {number}")
    return _Target(name, number, FIELDS[name][1])


def _add(project: Project, target: _Target, action: str, people: list[tuple[str | None, str | None]], endpoint: str) -> None:
    for email, user_id in people:
        person = profiles.find(project, email, user_id)
        if not isinstance(person, Person):
            project.note("person_unknown", endpoint, target.field)
            continue
        held = set(person.fields.get(target.field, ()))
        if (action == "unsubscribe") == target.means_unsubscribed:
            held.add(target.id)
        else:
            held.discard(target.id)
        change(project, person, {target.field: held}, "API")


def _validate(project: Project, raw: Mapping[str, Any]) -> None:
    options = project.options
    policies = {kind["id"]: kind["subscriptionPolicy"] for kind in options.message_types}
    channel_of = {kind["id"]: kind["channelId"] for kind in options.message_types}
    channels = {channel["id"] for channel in options.channels}
    if "subscribedMessageTypeIds" in raw and not options.opt_in_message_types:
        raise bad_params("subscribedMessageTypeIds cannot be set: opt-in message types are not enabled")
    for name, wanted in (("unsubscribedMessageTypeIds", "OptOut"), ("subscribedMessageTypeIds", "OptIn")):
        for number in raw.get(name, ()):
            if policies.get(number) != wanted:
                raise bad_params(f"{name}: {number} is no message type of policy {wanted}")
    for number in raw.get("unsubscribedChannelIds", ()):
        if number not in channels:
            raise bad_params(f"unsubscribedChannelIds: unknown channel {number}")
    if raw.get("validateChannelAlignment", True):
        left = set(raw.get("unsubscribedChannelIds", ()))
        if any(channel_of[number] in left for number in raw.get("subscribedMessageTypeIds", ())):
            raise bad_params("subscribedMessageTypeIds are not aligned with unsubscribedChannelIds")


def _overwrite(project: Project, raw: Mapping[str, Any], endpoint: str) -> ApiError | None:
    email, user_id = fold_email(raw.get("email") or "") or None, raw.get("userId")
    if email is not None and not is_email(email):
        return ApiError(400, "InvalidEmailAddressError", f"Invalid email {raw['email']}")
    if user_id is not None and not is_user_id(user_id):
        return ApiError(400, "InvalidUserIdError", f"Invalid userId {user_id}")
    if project.is_forgotten(email, user_id):
        return forgotten_user(project.options.strict)
    found = profiles.find(project, email, user_id)
    if isinstance(found, str):
        return identity_conflict()
    if found is None and project.options.strict:
        code = "UnknownEmailError" if email else "UnknownUserIdError"
        return ApiError(400, code, "User does not exist")
    if found is None:
        project.note("person_unknown", endpoint, "updateSubscriptions")
        found = project.create(email, user_id)
    arrays = {("userListIds" if name == "emailListIds" else name): raw[name] for name in raw if _is_array_field(name)}
    for name, ids in arrays.items():
        if FIELDS[name][1] and set(found.fields.get(name, ())) - set(ids):
            project.note("unsubscribe_dropped", endpoint, name)
    change(project, found, arrays, "API")
    return None


def _is_array_field(name: str) -> bool:
    return name == "emailListIds" or name in FIELDS


def _event(
    project: Project, person: Person, kind: str, key: str, ids: list[int], source: str, campaign: Mapping[str, Any]
) -> None:
    """One event for all ids (`channelIds`), or when strict one for each (`channelId`): connectors have seen both."""
    if not ids:
        return
    named = {**campaign, "unsubSource" if kind == UNSUBSCRIBE else "signupSource": source}
    parts: list[dict[str, Any]] = [{key: ids}]
    if project.options.strict:
        parts = [{key.removesuffix("s"): number} for number in ids]
    for part in parts:
        project.happened(kind, person, {**part, **named})
