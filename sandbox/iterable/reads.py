"""What can be read back: people, fields, events, channels, message types, the forgotten."""

from __future__ import annotations

from typing import Any

from sandbox.iterable.calls import Answer, Call
from sandbox.iterable.errors import ApiError, bad_params
from sandbox.iterable.identifiers import fold_email, is_email
from sandbox.iterable.limits import EVENTS_READ_DEFAULT, EVENTS_READ_MAX
from sandbox.iterable.people import Person, Version
from sandbox.iterable.project import Project
from sandbox.iterable.timeline import Entry, Happening, document

_MESSAGE_TYPE_CREATED_AT = 1_700_000_000_000


def user(project: Project, call: Call) -> Answer:
    """GET users/{email}, getByEmail, byUserId/{id}, byUserId: an unknown person is HTTP 200 with `{}`."""
    email, user_id = call.param("email"), call.param("userId")
    if not email and not user_id:
        raise bad_params("email or userId is required")
    if email and not is_email(fold_email(email)):
        raise ApiError(400, "InvalidEmailAddressError", f"Invalid email {email}")
    found = seen_person(project, email, user_id)
    if found is None and user_id and not email and project.options.strict:
        raise ApiError(400, "error.users.noUserWithIdExists", f"No user exists with userId {user_id}")
    if found is None:
        return Answer({})
    return Answer({"user": shown_user(found[1])})


def seen_person(project: Project, email: str | None, user_id: str | None) -> tuple[Person, Version] | None:
    """Whom a read sees under an address (any case) or a userId."""
    if email:
        return project.state.people.read("email", fold_email(email), project.now())
    return project.state.people.read("userId", user_id or "", project.now())


def shown_user(version: Version) -> dict[str, Any]:
    """ApiResponseUser: the identifiers stand at the top and again among the data fields."""
    identifiers = {name: value for name, value in (("email", version.email), ("userId", version.user_id)) if value is not None}
    return {**identifiers, "dataFields": {**(version.fields or {}), **identifiers}}


def fields(project: Project, call: Call) -> Answer:
    """GET users/getFields: dotted path → type. E-mail-based projects call the static lists `emailListIds`."""
    fields = dict(project.state.profile_fields)
    if project.options.identity == "email":
        fields["emailListIds"] = fields.pop("userListIds")
    return Answer({"fields": dict(sorted(fields.items()))})


def events(project: Project, call: Call) -> Answer:
    """GET events/{email} and events/byUserId/{userId}: newest first, purchases and carts included, 200 at most."""
    limit = call.query.get("limit", str(EVENTS_READ_DEFAULT))
    if not limit.isdigit() or not 1 <= int(limit) <= EVENTS_READ_MAX:
        raise bad_params(f"limit must be between 1 and {EVENTS_READ_MAX}")
    email = call.param("email")
    if email and not is_email(fold_email(email)):
        raise ApiError(400, "InvalidEmailAddressError", f"Invalid email {email}")
    seen = seen_events(project, email, call.param("userId"))
    seen.sort(key=lambda pair: (pair[1].created_at, pair[0].number), reverse=True)
    return Answer({"events": [document(*pair) for pair in seen[: int(limit)]]})


def seen_events(project: Project, email: str | None, user_id: str | None) -> list[tuple[Happening, Entry]]:
    """A person's happenings that a read may see, in order of arrival."""
    found = seen_person(project, email, user_id)
    people = project.state.people
    person = found[0] if found else people.by_email(fold_email(email)) if email else people.by_user_id(user_id)
    if person is None:
        return []
    now = project.now()
    seen = ((happening, happening.seen(now)) for happening in project.state.timeline.of(person))
    return [(happening, entry) for happening, entry in seen if entry is not None]


def channels(project: Project, call: Call) -> Answer:
    """GET channels."""
    return Answer({"channels": list(project.options.channels)})


def message_types(project: Project, call: Call) -> Answer:
    """GET messageTypes."""
    times = {"createdAt": _MESSAGE_TYPE_CREATED_AT, "updatedAt": _MESSAGE_TYPE_CREATED_AT}
    return Answer({"messageTypes": [{**kind, **times} for kind in project.options.message_types]})


def forgotten(project: Project, call: Call) -> Answer:
    """GET users/forgotten: SHA-256 of the folded addresses; not in userID-based projects."""
    if project.options.identity == "user_id":
        raise bad_params("Not supported in userID-based projects")
    return Answer({"hashedEmails": sorted(project.state.forgotten_emails)})


def forgotten_user_ids(project: Project, call: Call) -> Answer:
    """GET users/forgottenUserIds; not in email-based projects."""
    if project.options.identity == "email":
        raise bad_params("Not supported in email-based projects")
    return Answer({"hashedUserIds": sorted(project.state.forgotten_user_ids)})
