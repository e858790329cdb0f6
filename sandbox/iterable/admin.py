"""The stand-in's own routes under /_sandbox: seeding, acting as a person, settings, and everything that was counted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.admin import json_answer, json_body, refusal
from sandbox.iterable import acts, profile_calls, subscriptions
from sandbox.iterable.field_types import FITS
from sandbox.iterable.identifiers import fold_email
from sandbox.iterable.journeys import read_journeys, sends
from sandbox.iterable.people import Person
from sandbox.iterable.project import Project, hashed
from sandbox.iterable.timeline import CUSTOM, PURCHASE, Happening
from sandbox.journal import ADMIN_PREFIX

_CHANGEABLE = (
    "visibility_seconds",
    "rate_limits",
    "undocumented",
    "api_key_type",
    "rows_max",
    "body_bytes_max",
    "subscriptions_feature",
    "opt_in_message_types",
    "create_new_fields",
    "disallowed_event_names",
    "list_ready_seconds",
    "channels",
    "message_types",
    "identity",
    "webhook_url",
    "webhook_headers",
    "webhook_copies",
)
_CHOICES = {
    "undocumented": ("lenient", "strict"),
    "identity": ("hybrid", "email", "user_id"),
    "api_key_type": ("server", "client"),
}

Action = Callable[[Project, dict[str, Any]], dict[str, Any]]


def project_routes(project: Project) -> list[Route]:
    """Routes for a Starlette app; the module's functions document bodies and answers."""

    def post(path: str, action: Action) -> Route:
        return Route(f"{ADMIN_PREFIX}/{path}", _posted(project, action), methods=["POST"])

    def get(path: str, report: Callable[[Request], dict[str, Any]]) -> Route:
        return Route(f"{ADMIN_PREFIX}/{path}", _asked(report), methods=["GET"])

    return [
        post("users", seed_users),
        post("fields", fix_fields),
        post("person-unsubscribes", person_unsubscribes),
        post("person-acts", acts.perform),
        get("webhooks", lambda _request: project.state.webhooks.report()),
        post("forget", forget),
        post("snapshot", take_snapshot),
        post("restore", restore_snapshot),
        post("settings", change_settings),
        get("settings", lambda _request: settings(project)),
        get("state", lambda _request: state(project)),
        get("triggers", lambda request: triggers(project, request)),
        post("journeys", set_journeys),
        get("journeys", lambda request: {"journeys": sends(project.state.journeys, project.state.triggers.all, _since(request))}),
        get("writes", lambda request: project.state.writes.report(_since(request))),
        get("refused-rows", lambda request: project.state.writes.refused_rows(_since(request))),
        get("contract-notes", lambda request: project.state.notes.report(request.query_params.get("kind"))),
    ]


def seed_users(project: Project, body: dict[str, Any]) -> dict[str, Any]:
    """{"users": [{"email"?, "userId"?, "dataFields"?}]}: people who were there before. Visible at once, no triggers.

    Their fields fix types like any first write; subscription arrays are stored as they are given.
    """
    now = project.now()
    check = project.profile_check(create_new_fields=True)
    for raw in body["users"]:
        data = dict(raw.get("dataFields") or {})
        stored = check.document(data)
        person = project.create(fold_email(raw["email"]) if raw.get("email") else None, raw.get("userId"), "Import")
        updated_at = {"profileUpdatedAt": person.fields["signupDate"]}
        project.state.people.publish(person, {**person.fields, **updated_at, **stored}, now, now)
    project.fix_types(f"{ADMIN_PREFIX}/users", check)
    return {"seeded": len(body["users"])}


def fix_fields(project: Project, body: dict[str, Any]) -> dict[str, Any]:
    """{"fields": {path: type}}: profile fields that the project has already, with the type they are fixed to."""
    unknown = sorted(set(body["fields"].values()) - FITS.keys())
    if unknown:
        raise ValueError(f"unknown type {unknown[0]!r}; known: {', '.join(FITS)}")
    project.state.profile_fields.update(body["fields"])
    return {"fields": project.state.profile_fields}


def person_unsubscribes(project: Project, body: dict[str, Any]) -> dict[str, Any]:
    """{"email"|"userId", "channelId"|"messageTypeId", "action"?: "subscribe"}: a person did it themselves.

    Updates the profile and writes emailUnSubscribe (or emailSubscribe), visible after the usual delay.
    """
    person = acts.find(project, body)
    name, number = (
        ("unsubscribedChannelIds", body["channelId"])
        if "channelId" in body
        else ("unsubscribedMessageTypeIds", body["messageTypeId"])
    )
    held = set(person.fields.get(name, ()))
    if body.get("action") == "subscribe":
        held.discard(int(number))
    else:
        held.add(int(number))
    subscriptions.change(project, person, {name: held}, acts.LINK)
    return {name: person.fields[name]}


def forget(project: Project, body: dict[str, Any]) -> dict[str, Any]:
    """{"email"|"userId"}: forgotten in the vendor's app, known here or not."""
    if not body.get("email") and not body.get("userId"):
        raise KeyError("email or userId")
    emails, user_ids = [body.get("email")], [body.get("userId")]
    people = project.state.people
    person = people.by_email(fold_email(body.get("email") or "")) or people.by_user_id(body.get("userId"))
    if person is not None:
        emails.append(person.email)
        user_ids.append(person.user_id)
        profile_calls.remove(project, person)
    project.state.forgotten_emails.update(hashed(email) for email in emails if email)
    project.state.forgotten_user_ids.update(hashed(user_id) for user_id in user_ids if user_id)
    return {"forgotten": True}


def take_snapshot(project: Project, body: dict[str, Any]) -> dict[str, Any]:
    """{"name"}: everything stored and counted, and the settings, kept for `restore`; a reset leaves it alone."""
    project.take_snapshot(body["name"])
    return {"kept": body["name"]}


def restore_snapshot(project: Project, body: dict[str, Any]) -> dict[str, Any]:
    """{"name"}: back to a snapshot."""
    project.restore_snapshot(body["name"])
    return {"restored": body["name"]}


def change_settings(project: Project, body: dict[str, Any]) -> dict[str, Any]:
    """Any of the changeable options by name, lists as JSON arrays; a reset takes them back."""
    unknown = sorted(set(body) - set(_CHANGEABLE))
    if unknown:
        raise ValueError(f"unknown setting {unknown[0]!r}; known: {', '.join(_CHANGEABLE)}")
    for name, allowed in _CHOICES.items():
        if name in body and body[name] not in allowed:
            raise ValueError(f"{name} must be one of {', '.join(allowed)}")
    changes = dict(body)
    if "disallowed_event_names" in changes:
        changes["disallowed_event_names"] = frozenset(changes["disallowed_event_names"])
    for name in ("channels", "message_types"):
        if name in changes:
            changes[name] = tuple(changes[name])
    project.options = replace(project.options, **changes)
    return settings(project)


def settings(project: Project) -> dict[str, Any]:
    """The options in force, without keys and this machine's folder of schemas."""
    names = [one.name for one in fields(project.options) if one.name not in ("api_key", "event_schemas", "webhook_headers")]
    shown = {name: getattr(project.options, name) for name in names}
    return {**shown, "disallowed_event_names": sorted(project.options.disallowed_event_names)}


def state(project: Project) -> dict[str, Any]:
    """Everything stored, seen by reads or not: users with fields and cart, events, purchases, lists, subscription events."""
    everything = project.state
    living = [person for person in everything.people.everyone if not person.is_deleted and person.versions]
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for happening in everything.timeline.all:
        by_kind.setdefault(happening.kind, []).append(_shown(happening))
    return {
        "users": [_shown_person(person) for person in living],
        "events": by_kind.pop(CUSTOM, []),
        "purchases": by_kind.pop(PURCHASE, []),
        "subscriptionEvents": [shown for kind in by_kind.values() for shown in kind],
        "lists": [one.document for one in everything.lists.values()],
        "fields": everything.profile_fields,
        "forgotten": len(everything.forgotten_emails | everything.forgotten_user_ids),
    }


def triggers(project: Project, request: Request) -> dict[str, Any]:
    """Counts by kind and name, duplicates and the list; ?since=MARKER, ?list=0 leaves the list out."""
    with_list = request.query_params.get("list", "1") != "0"
    return project.state.triggers.report(_since(request), with_list)


def set_journeys(project: Project, body: dict[str, Any]) -> dict[str, Any]:
    """{"journeys": [{"name", "starts", "of"?, "where"?, "younger_than_hours"?, "reenters"?}]}: in place of those there were."""
    project.state.journeys = read_journeys(body["journeys"])
    return {"journeys": [one.name for one in project.state.journeys]}


def _shown_person(person: Person) -> dict[str, Any]:
    return {
        "person": person.key,
        "email": person.email,
        "userId": person.user_id,
        "dataFields": person.fields,
        "unsubscribedChannelIds": person.fields.get("unsubscribedChannelIds", []),
        "cart": person.fields.get("shoppingCartItems", []),
    }


def _shown(happening: Happening) -> dict[str, Any]:
    newest = happening.newest
    return {
        "id": happening.id,
        "kind": happening.kind,
        "eventName": newest.name,
        "person": happening.person.key,
        "email": happening.person.email,
        "userId": happening.person.user_id,
        "createdAt": newest.created_at,
        "storedAt": newest.stored_at,
        "versions": len(happening.versions),
        "data": newest.data,
    }


def _since(request: Request) -> int:
    return int(request.query_params.get("since", "0"))


def _posted(project: Project, action: Action) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return json_answer(action(project, await json_body(request)))
        except KeyError as error:
            return refusal(f"{error.args[0]} is missing")
        except (ValueError, TypeError) as error:
            return refusal(str(error))

    return answer


def _asked(report: Callable[[Request], dict[str, Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return json_answer(report(request))
        except ValueError:
            return refusal("since must be a whole number")

    return answer
