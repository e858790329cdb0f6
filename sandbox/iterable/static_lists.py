"""Static lists: made, filled, emptied, read and deleted."""

from __future__ import annotations

from typing import Any

from sandbox.iterable import bodies, profiles
from sandbox.iterable.calls import Answer, Call
from sandbox.iterable.errors import ApiError, Failure, bad_params, success
from sandbox.iterable.people import Person
from sandbox.iterable.profile_calls import bulk_answer, note_profile
from sandbox.iterable.project import Project, StaticList
from sandbox.iterable.subscriptions import change
from sandbox.iterable.triggers import LIST

MEMBERS = "userListIds"
NOT_FOUND = "notFound"
TEXT = "text/plain"


def show(project: Project, call: Call) -> Answer:
    """GET lists: those that a read may see yet."""
    now = project.now()
    return Answer({"lists": [one.document for one in project.state.lists.values() if one.visible_at <= now]})


def create(project: Project, call: Call) -> Answer:
    """POST lists: an empty standard list. Its id may be refused as `invalidListId` for a while."""
    check = bodies.BodyCheck()
    raw = check.object(call.body, bodies.LIST, "obj", ("name",))
    call.refuse_faults(project, check)
    number = max(project.state.lists, default=300) + 1
    document = {"id": number, "name": raw["name"], "listType": "Standard", "createdAt": int(project.now() * 1000)}
    if "description" in raw:
        document["description"] = raw["description"]
    project.state.lists[number] = StaticList(document, project.visible_at(), project.now() + project.options.list_ready_seconds)
    return Answer({"listId": number})


def delete(project: Project, call: Call) -> Answer:
    """DELETE lists/{listId}: its members are members no more; the people stay."""
    one = _known(project, call.param("listId"))
    del project.state.lists[one.document["id"]]
    for person in _members(project, one):
        change(project, person, {MEMBERS: set(person.fields[MEMBERS]) - {one.document["id"]}}, "API")
    return Answer(success())


def subscribe(project: Project, call: Call) -> Answer:
    """POST lists/subscribe: adds, updates profiles, creates unknown people unless `updateExistingUsersOnly`.

    That option is honoured in userID-based and hybrid projects only.
    """
    body, raws = _body(project, call, bodies.LIST_SUBSCRIBE, bodies.USER)
    one = _ready(project, body["listId"])
    existing_only = bool(body.get("updateExistingUsersOnly")) and project.options.identity != "email"
    types = project.profile_check()
    rows = [profiles.read_row(project, raw, types) for raw in raws]
    created = project.fix_types(call.path, types)
    failures: list[Failure] = []
    for raw, row in zip(raws, rows, strict=True):
        found = profiles.find(project, row.email, row.user_id, row.prefer_user_id)
        if found is None and existing_only:
            failures.append(Failure(NOT_FOUND, row.email, None if row.email else row.user_id))
            continue
        if raw.get("dataFields"):
            note_profile(project, call, raw)
        outcome = _person(project, row, found, call)
        if isinstance(outcome, Failure):
            failures.append(outcome)
            continue
        held = set(outcome.fields.get(MEMBERS, ()))
        is_repeat = one.document["id"] in held
        if is_repeat:
            project.note("member_added_again", call.endpoint, "subscribers")
        if not is_repeat or project.options.strict:
            repeats = (one.document["name"],) if is_repeat else ()
            project.state.triggers.add(LIST, outcome.key, (one.document["name"],), project.now(), repeats=repeats)
        change(project, outcome, {MEMBERS: held | {one.document["id"]}}, "API")
    return Answer(bulk_answer(len(rows), failures, created, list(types.filtered)), failures=tuple(failures))


def unsubscribe(project: Project, call: Call) -> Answer:
    """POST lists/unsubscribe: removes; with `channelUnsubscribe` also leaves every marketing channel."""
    body, raws = _body(project, call, bodies.LIST_UNSUBSCRIBE, bodies.PERSON)
    one = _ready(project, body["listId"])
    if "channelUnsubscribe" not in body:
        project.note("channel_unsubscribe_unsaid", call.endpoint, "channelUnsubscribe")
    leaves_channels = body.get("channelUnsubscribe", project.options.strict)
    failures: list[Failure] = []
    for raw in raws:
        row = profiles.read_row(project, raw, project.profile_check())
        found = profiles.find(project, row.email, row.user_id)
        if not isinstance(found, Person):
            failures.append(Failure(NOT_FOUND, row.email, None if row.email else row.user_id))
            continue
        arrays: dict[str, Any] = {MEMBERS: set(found.fields.get(MEMBERS, ())) - {one.document["id"]}}
        if leaves_channels:
            marketing = {channel["id"] for channel in project.options.channels if channel["channelType"] == "Marketing"}
            arrays["unsubscribedChannelIds"] = set(found.fields.get("unsubscribedChannelIds", ())) | marketing
        change(project, found, arrays, "API")
    return Answer(bulk_answer(len(raws), failures, [], []), failures=tuple(failures))


def members(project: Project, call: Call) -> Answer:
    """GET lists/getUsers: one identifier a line, the address unless `preferUserId`, as reads see the profiles."""
    one = _known(project, call.query.get("listId"))
    prefer = call.query.get("preferUserId", "false") == "true"
    lines = []
    for person in project.state.people.everyone:
        seen = person.seen(project.now())
        if seen is None or one.document["id"] not in (seen.fields or {}).get(MEMBERS, ()):
            continue
        lines.append((seen.user_id or seen.email if prefer else seen.email or seen.user_id) or "")
    return Answer("".join(f"{line}\n" for line in lines).encode(), media_type=TEXT)


def size(project: Project, call: Call) -> Answer:
    """GET lists/{listId}/size: a number as text."""
    return Answer(str(len(_members(project, _known(project, call.param("listId"))))).encode(), media_type=TEXT)


def _body(
    project: Project, call: Call, model: bodies.Model, row_model: bodies.Model
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    check = bodies.BodyCheck()
    body = check.object(call.body, model, "obj", ("listId", "subscribers"))
    raws = check.rows(body, "subscribers", row_model)
    for index, raw in enumerate(raws):
        if not raw.get("email") and not raw.get("userId"):
            check.faults.setdefault(f"obj.subscribers[{index}]", bodies.MISSING)
    call.count_rows(project, len(raws))
    call.refuse_faults(project, check)
    return body, raws


def _person(project: Project, row: profiles.Row, found: Person | str | None, call: Call) -> Person | Failure:
    """Whom a row of subscribe means; the profile is written only where there is something to write or somebody to make."""
    if isinstance(found, Person) and not row.fields and not row.reserved:
        return found
    return profiles.apply_row(project, row, call.endpoint, may_rename=not project.options.strict)


def _ready(project: Project, number: int) -> StaticList:
    one = project.state.lists.get(number)
    if one is None or one.ready_at > project.now():
        raise bad_params(f"invalidListId: {number}")
    return one


def _known(project: Project, number: str | None) -> StaticList:
    one = project.state.lists.get(int(number)) if number and number.isdigit() else None
    if one is None:
        raise ApiError(400, "BadParams", f"invalidListId: {number}")
    return one


def _members(project: Project, one: StaticList) -> list[Person]:
    return [person for person in project.state.people.everyone if one.document["id"] in person.fields.get(MEMBERS, ())]
