"""Custom events: events/track and events/trackBulk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sandbox.iterable import bodies, profiles
from sandbox.iterable.calls import Answer, Call
from sandbox.iterable.dates import MILLISECONDS_FROM
from sandbox.iterable.errors import Failure, bad_params, success
from sandbox.iterable.field_types import TypeCheck
from sandbox.iterable.identifiers import fold_email, is_email, is_user_id
from sandbox.iterable.limits import ID_BYTES_MAX
from sandbox.iterable.people import Person
from sandbox.iterable.profile_calls import need_identifier, single_failure
from sandbox.iterable.profiles import FORGOTTEN, INVALID
from sandbox.iterable.project import Project
from sandbox.iterable.timeline import CUSTOM, Entry
from sandbox.iterable.triggers import EVENT

_EVENT_ID = re.compile(r"[A-Za-z0-9-]+")
REASONS = ("invalid", "notFound", "forgotten")
DISALLOWED = "disallowedEventName"


def track(project: Project, call: Call) -> Answer:
    """POST events/track. A disallowed name is answered with 200 and a message."""
    check = bodies.BodyCheck()
    raw = check.object(call.body, bodies.EVENT, "obj", ("eventName",))
    call.refuse_faults(project, check)
    need_identifier(raw)
    check_id(raw.get("id"), "obj.id", pattern=_EVENT_ID)
    _refuse_shared_id(project, raw, call.endpoint)
    created_at = read_created_at(project, raw, call.endpoint)
    name = raw["eventName"]
    if name in project.options.disallowed_event_names:
        failure = Failure(DISALLOWED, raw.get("email"), raw.get("userId"), name)
        return Answer(success(f'Event "{name}" is disallowed from tracking'), failures=(failure,))
    project.note_contract(name, raw, call.endpoint)
    types = project.event_check(name, raw.get("createNewFields"))
    data = types.document(raw.get("dataFields") or {})
    project.fix_types(call.path, types)
    refuse_oversized(types)
    outcome = _store(project, raw, created_at, data, call.endpoint)
    if isinstance(outcome, Failure):
        raise single_failure(project, outcome)
    return Answer(success(f"Event with id: {outcome} tracked.", {"id": outcome}))


def track_bulk(project: Project, call: Call) -> Answer:
    """POST events/trackBulk: failures are named by person, never by event."""
    check = bodies.BodyCheck()
    body = check.object(call.body, bodies.BULK_EVENTS, "obj", ("events",))
    raws = check.rows(body, "events", bodies.EVENT, ("eventName",))
    for index, raw in enumerate(raws):
        if not raw.get("email") and not raw.get("userId"):
            check.faults.setdefault(f"obj.events[{index}]", bodies.MISSING)
    call.count_rows(project, len(raws))
    call.refuse_faults(project, check)
    for index, raw in enumerate(raws):
        check_id(raw.get("id"), f"obj.events[{index}].id", pattern=_EVENT_ID)
        _refuse_shared_id(project, raw, call.endpoint)
        project.note_contract(raw["eventName"], raw, call.endpoint)
    times = [read_created_at(project, raw, call.endpoint) for raw in raws]
    refused = project.options.disallowed_event_names
    checks: dict[tuple[str, bool | None], TypeCheck] = {}
    documents: list[dict[str, Any]] = []
    for raw in raws:
        key = (raw["eventName"], raw.get("createNewFields"))
        if key not in checks:
            checks[key] = project.event_check(*key)
        documents.append(checks[key].document(raw.get("dataFields") or {}))
    created = project.fix_types(call.path, *checks.values())
    refuse_oversized(*checks.values())
    failures: list[Failure] = []
    for raw, created_at, data in zip(raws, times, documents, strict=True):
        if raw["eventName"] in refused:
            failures.append(Failure(DISALLOWED, raw.get("email"), raw.get("userId"), raw["eventName"]))
            continue
        outcome = _store(project, raw, created_at, data, call.endpoint)
        if isinstance(outcome, Failure):
            failures.append(outcome)
    names = [failure.event_name for failure in failures if failure.event_name is not None]
    failed: dict[str, list[str]] = {}
    for reason in REASONS:
        failed[f"{reason}Emails"] = [f.email for f in failures if f.reason == reason and f.email is not None]
        failed[f"{reason}UserIds"] = [f.user_id for f in failures if f.reason == reason and f.user_id is not None]
    fail_count = len(failures) - len(names) if project.options.strict else len(failures)
    answer = {
        "successCount": len(raws) - fail_count,
        "failCount": fail_count,
        "createdFields": created,
        "filteredOutFields": list(dict.fromkeys(name for check in checks.values() for name in check.filtered)),
        "disallowedEventNames": list(dict.fromkeys(names)),
        "failedUpdates": failed,
        "invalidEmails": failed["invalidEmails"],
        "invalidUserIds": failed["invalidUserIds"],
    }
    return Answer(answer, failures=tuple(failures))


def check_id(given: str | None, place: str, pattern: re.Pattern[str] | None = None) -> None:
    """Ids are at most 512 bytes; those of custom events also letters, digits and hyphens only."""
    if given is None:
        return
    if len(given.encode()) > ID_BYTES_MAX or not given:
        raise bad_params(f"Invalid id: 1 to {ID_BYTES_MAX} bytes", {place: "length"})
    if pattern is not None and pattern.fullmatch(given) is None:
        raise bad_params("Invalid id: only alphanumeric characters and hyphens", {place: "characters"})


def read_created_at(project: Project, raw: Mapping[str, Any], endpoint: str) -> int:
    """`createdAt` in seconds; absent it is the time of receipt. Milliseconds pass as a far future, unless strict."""
    if raw.get("id") is None:
        project.note("id_missing", endpoint, "id")
    given: int | None = raw.get("createdAt")
    if given is None:
        project.note("created_at_missing", endpoint, "createdAt")
        return int(project.now())
    if given < 0:
        raise bad_params("createdAt must be a unix timestamp")
    if given >= MILLISECONDS_FROM:
        if project.options.strict:
            raise bad_params("createdAt must be a unix timestamp in seconds")
        project.note("created_at_in_milliseconds", endpoint, "createdAt")
    return given


def refuse_oversized(*checks: TypeCheck) -> None:
    """An event value over the length limit refuses the call: event answers have no list for it."""
    if any(check.oversized for check in checks):
        raise bad_params("Value too long")


def recipient(project: Project, raw: Mapping[str, Any], endpoint: str) -> Person | Failure:
    """Whom an event belongs to. Unknown people are created, in email-based projects without a profile."""
    sent, user_id = raw.get("email"), raw.get("userId")
    email = fold_email(sent) if sent else None
    if email is not None and not is_email(email):
        return Failure(INVALID, sent if project.options.strict else email, None)
    if email is None and not is_user_id(user_id or ""):
        return Failure(INVALID, None, user_id)
    if project.is_forgotten(email, user_id):
        return Failure(FORGOTTEN, email, None) if email else Failure(FORGOTTEN, None, user_id)
    found = profiles.find(project, email, user_id, prefer_user_id=True)
    if found == profiles.CONFLICT:
        project.note("two_identifiers_disagree", endpoint, "email")
        found = project.state.people.by_email(email)
    if isinstance(found, str):
        return Failure(INVALID, email, None)
    if found is None:
        found = project.create(email, user_id)
        if project.options.identity != "email":
            project.publish(found, found.fields)
    return found


def _refuse_shared_id(project: Project, raw: Mapping[str, Any], endpoint: str) -> None:
    """Ids are unique over all custom events: another name with a known id overwrites it, or is refused when strict."""
    known = project.state.timeline.find(CUSTOM, raw.get("id"))
    if known is None or known.newest.name == raw["eventName"]:
        return
    if project.options.strict:
        raise bad_params("An event of another name has this id")
    project.note("id_shared_between_events", endpoint, "id")


def _store(project: Project, raw: Mapping[str, Any], created_at: int, data: dict[str, Any], endpoint: str) -> str | Failure:
    state = project.state
    name, given = raw["eventName"], raw.get("id")
    person = recipient(project, raw, endpoint)
    if isinstance(person, Failure):
        return person
    event_id: str = given or project.generated_id()
    extra = {key: raw[key] for key in ("campaignId", "templateId") if key in raw}
    kept = {key: value for key, value in data.items() if value is not None}
    now = project.now()
    _, is_update = state.timeline.put(
        CUSTOM, event_id, person, Entry(project.visible_at(), now, name, created_at, {**kept, **extra})
    )
    repeats = (name,) if is_update else ()
    state.triggers.add(EVENT, person.key, (name,), now, id=event_id, repeats=repeats, said=kept, created_at=created_at)
    return event_id
