"""Profile writes: whom a row means, what it changes, and why it may fail alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.iterable.errors import Failure, bad_params
from sandbox.iterable.field_types import TypeCheck
from sandbox.iterable.identifiers import fold_email, is_email, is_user_id
from sandbox.iterable.people import Fields, Person
from sandbox.iterable.project import Project
from sandbox.iterable.triggers import PROFILE, UNCOUNTED_FIELD

# Reasons as the vendor's failedUpdates spell them: <reason>Emails, <reason>UserIds.
INVALID, FORGOTTEN, CONFLICT, INVALID_DATA = "invalid", "forgotten", "conflict", "invalidData"

IGNORED_FIELDS = frozenset(
    {
        "profileUpdatedAt",
        "signupSource",
        "itblInternal",
        "itblDS",
        "itblUserId",
        "devices",
        "shoppingCartItems",
        "receivedSMSDisclaimer",
    }
)
LIST_FIELDS = frozenset({"emailListIds", "userListIds", "subscribedMessageTypeIds"})
FORBIDDEN_WITH_OPT_IN = frozenset({"unsubscribedChannelIds", "unsubscribedMessageTypeIds"})
RESERVED_FIELDS = IGNORED_FIELDS | LIST_FIELDS | FORBIDDEN_WITH_OPT_IN


@dataclass(slots=True)
class Row:
    """One profile row after the body check. `email` is folded; `fields` passed the type check."""

    email: str | None
    user_id: str | None
    sent_email: str | None
    fields: Fields
    reserved: Fields
    merge_nested: bool
    prefer_user_id: bool
    is_oversized: bool


def read_row(project: Project, raw: Mapping[str, Any], check: TypeCheck) -> Row:
    """Split one row into identifiers, fields and reserved fields; runs the type check over the fields."""
    data: dict[str, Any] = raw.get("dataFields") or {}
    reserved = {name: data[name] for name in RESERVED_FIELDS & data.keys()}
    check.oversized = False
    fields = check.document({name: value for name, value in data.items() if name not in reserved})
    sent_email = raw.get("email")
    row = Row(
        email=fold_email(sent_email) if sent_email else None,
        user_id=raw.get("userId") or None,
        sent_email=sent_email,
        fields=fields,
        reserved=reserved,
        merge_nested=bool(raw.get("mergeNestedObjects")),
        prefer_user_id=bool(raw.get("preferUserId")),
        is_oversized=check.oversized,
    )
    refuse_reserved(project, reserved)
    return row


def refuse_reserved(project: Project, reserved: Mapping[str, Any]) -> None:
    """Refuse subscription arrays that are not arrays of ids, and those the opt-in feature forbids here."""
    for name in reserved.keys() & (LIST_FIELDS | FORBIDDEN_WITH_OPT_IN):
        value = reserved[name]
        if not isinstance(value, list) or not all(type(element) is int for element in value):
            raise bad_params(f"{name} must be an array of ids")
        if name in FORBIDDEN_WITH_OPT_IN and project.options.opt_in_message_types:
            raise bad_params(f"{name} cannot be updated here: opt-in message types are enabled for this project")


def apply_row(project: Project, row: Row, endpoint: str, *, may_rename: bool) -> Person | Failure:
    """Find or create the person, change the profile, count the triggers. A refused row changes nothing."""
    email, user_id = row.fields.get("email", row.email), row.fields.get("userId", row.user_id)
    email = fold_email(email) if isinstance(email, str) else row.email
    user_id = user_id if isinstance(user_id, str) else row.user_id
    for address in (row.email, email):
        if address is not None and not is_email(address):
            return _failure(project, INVALID, row, by_email=True)
    for identifier in (row.user_id, user_id):
        if identifier is not None and not is_user_id(identifier):
            return _failure(project, INVALID, row, by_email=False)
    if project.is_forgotten(row.email, row.user_id) or project.is_forgotten(email, user_id):
        return _failure(project, FORGOTTEN, row, by_email=row.email is not None)
    if row.is_oversized:
        return _failure(project, INVALID_DATA, row, by_email=row.email is not None)
    found = find(project, row.email, row.user_id, row.prefer_user_id)
    if isinstance(found, str):
        return _failure(project, found, row, by_email=row.email is not None)
    if found is not None and not _may_become(project, found, email, user_id, may_rename):
        return _failure(project, CONFLICT, row, by_email=email is not None)
    if found is None and _is_taken(project, None, email, user_id):
        return _failure(project, CONFLICT, row, by_email=email is not None)
    if found is None:
        if project.options.identity == "email" and email is None:
            email = f"{user_id}@placeholder.email"
        person = project.create(email, user_id)
    else:
        person = found
        project.state.people.rename(person, email or person.email, user_id or person.user_id)
    _store(project, person, row, endpoint)
    return person


def find(project: Project, email: str | None, user_id: str | None, prefer_user_id: bool = False) -> Person | str | None:
    """Whom the identifiers mean: a person, None for somebody new, or the reason why they mean nobody.

    hybrid: either identifier; both must mean the same person. email: the address wins, a lone userId must be known
    unless `prefer_user_id`. user_id: the userId alone counts.
    """
    people = project.state.people
    if project.options.identity == "user_id":
        return people.by_user_id(user_id) if user_id else INVALID
    if project.options.identity == "email":
        if email:
            return people.by_email(email)
        known = people.by_user_id(user_id)
        return known if known is not None or prefer_user_id else INVALID
    one, other = people.by_email(email), people.by_user_id(user_id)
    if one is not None and other is not None and one is not other:
        return CONFLICT
    return one or other


def _may_become(project: Project, person: Person, email: str | None, user_id: str | None, may_rename: bool) -> bool:
    if _is_taken(project, person, email, user_id):
        return False
    if project.options.identity != "hybrid":
        return True
    if user_id and person.user_id and user_id != person.user_id:
        return False
    return may_rename or not (email and person.email and email != person.email)


def _is_taken(project: Project, person: Person | None, email: str | None, user_id: str | None) -> bool:
    people, identity = project.state.people, project.options.identity
    by_email = people.by_email(email) if identity != "user_id" else None
    by_user_id = people.by_user_id(user_id) if identity != "email" else None
    return any(holder is not None and holder is not person for holder in (by_email, by_user_id))


def _failure(project: Project, reason: str, row: Row, *, by_email: bool) -> Failure:
    """Name the row: by one identifier; in a strict conflict by both. Strict echoes the address as it was sent."""
    address = row.sent_email if project.options.strict else row.email
    if reason == CONFLICT and project.options.strict:
        return Failure(reason, address, row.user_id)
    if (by_email and address is not None) or row.user_id is None:
        return Failure(reason, address, None)
    return Failure(reason, None, row.user_id)


def _store(project: Project, person: Person, row: Row, endpoint: str) -> None:
    old = person.fields
    new, repeats = dict(old), []
    for name, value in row.fields.items():
        if name in ("email", "userId"):
            continue
        before = old.get(name)
        if value is None:
            new.pop(name, None)
        elif row.merge_nested and isinstance(value, dict) and isinstance(before, dict):
            value = merged(before, value)
            new[name] = value
        else:
            new[name] = value
        if name != UNCOUNTED_FIELD and value == before and (value is not None or name not in old):
            repeats.append(name)
    for name, value in row.reserved.items():
        project.note("reserved_field_written", endpoint, name)
        if name not in IGNORED_FIELDS:
            stored_as = "userListIds" if name == "emailListIds" else name
            if name in FORBIDDEN_WITH_OPT_IN and set(old.get(name, ())) - set(value):
                project.note("unsubscribe_dropped", endpoint, name)
            new[stored_as] = value
    for name in repeats:
        project.note("field_unchanged", endpoint, name)
    names = [name for name in (*row.fields, *row.reserved) if name != UNCOUNTED_FIELD]
    project.publish(person, new)
    project.state.triggers.add(PROFILE, person.key, names, project.now(), repeats=repeats)


def merged(before: Fields, change: Fields) -> Fields:
    """`mergeNestedObjects`: keys absent from `change` stay, null removes; one level down, as recorded."""
    return {name: value for name, value in {**before, **change}.items() if value is not None}
