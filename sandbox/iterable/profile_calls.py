"""users/update, bulkUpdate, updateEmail, forget, unforget and delete."""

from __future__ import annotations

from typing import Any

from sandbox.iterable import bodies, profiles
from sandbox.iterable.calls import Answer, Call
from sandbox.iterable.errors import ApiError, Failure, bad_params, forgotten_user, identity_conflict, success
from sandbox.iterable.identifiers import fold_email, is_email
from sandbox.iterable.people import Person
from sandbox.iterable.project import Project, hashed

REASONS = ("invalid", "notFound", "forgotten", "conflict", "invalidData")


def single_failure(project: Project, failure: Failure) -> ApiError:
    """How a call for one person refuses what a bulk call would list in failedUpdates."""
    if failure.reason == profiles.FORGOTTEN:
        return forgotten_user(project.options.strict)
    if failure.reason == profiles.CONFLICT:
        return identity_conflict()
    if failure.reason == profiles.INVALID_DATA:
        return bad_params("Value too long")
    if failure.email is not None:
        return ApiError(400, "InvalidEmailAddressError", f"Invalid email {failure.email}")
    return ApiError(400, "InvalidUserIdError", f"Invalid userId {failure.user_id}")


def update(project: Project, call: Call) -> Answer:
    """POST users/update."""
    check = bodies.BodyCheck()
    raw = check.object(call.body, bodies.SINGLE_USER, "obj")
    call.refuse_faults(project, check)
    need_identifier(raw)
    types = project.profile_check(raw.get("createNewFields"))
    row = profiles.read_row(project, raw, types)
    project.fix_types(call.path, types)
    note_profile(project, call, raw)
    outcome = profiles.apply_row(project, row, call.endpoint, may_rename=True)
    if isinstance(outcome, Failure):
        raise single_failure(project, outcome)
    return Answer(success())


def bulk_update(project: Project, call: Call) -> Answer:
    """POST users/bulkUpdate: one poisonous row kills the batch, other faults fail inside the 200."""
    check = bodies.BodyCheck()
    body = check.object(call.body, bodies.BULK_USERS, "obj", ("users",))
    raws = check.rows(body, "users", bodies.USER)
    for index, raw in enumerate(raws):
        if not raw.get("email") and not raw.get("userId"):
            check.faults.setdefault(f"obj.users[{index}]", bodies.MISSING)
    call.count_rows(project, len(raws))
    call.refuse_faults(project, check)
    types = project.profile_check(body.get("createNewFields"))
    rows = [profiles.read_row(project, raw, types) for raw in raws]
    created = project.fix_types(call.path, types)
    failures: list[Failure] = []
    done: set[int] = set()
    for raw, row in zip(raws, rows, strict=True):
        note_profile(project, call, raw)
        outcome = profiles.apply_row(project, row, call.endpoint, may_rename=not project.options.strict)
        if isinstance(outcome, Failure):
            failures.append(outcome)
        elif outcome.number in done:
            project.note("person_repeated_in_batch", call.endpoint, "users")
        else:
            done.add(outcome.number)
    return Answer(bulk_answer(len(rows), failures, created, list(types.filtered)), failures=tuple(failures))


def bulk_answer(rows: int, failures: list[Failure], created: list[str], filtered: list[str]) -> dict[str, Any]:
    """UserBulkUpdateListResponse; the flat lists are deprecated but still there."""
    failed: dict[str, list[str]] = {}
    for reason in REASONS:
        failed[f"{reason}Emails"] = [f.email for f in failures if f.reason == reason and f.email is not None]
        failed[f"{reason}UserIds"] = [f.user_id for f in failures if f.reason == reason and f.user_id is not None]
    return {
        "successCount": rows - len(failures),
        "failCount": len(failures),
        "invalidEmails": failed["invalidEmails"],
        "invalidUserIds": failed["invalidUserIds"],
        "createdFields": created,
        "filteredOutFields": filtered,
        "failedUpdates": failed,
    }


def update_email(project: Project, call: Call) -> Answer:
    """POST users/updateEmail: email-based projects only."""
    if project.options.identity != "email":
        raise bad_params("updateEmail is only supported in email-based projects; use users/update")
    check = bodies.BodyCheck()
    raw = check.object(call.body, bodies.EMAIL_CHANGE, "obj", ("newEmail",))
    call.refuse_faults(project, check)
    people = project.state.people
    new = fold_email(raw["newEmail"])
    if "currentEmail" in raw:
        person = people.by_email(fold_email(raw["currentEmail"]))
        unknown = ApiError(400, "InvalidEmailAddressError", f"Invalid currentEmail {raw['currentEmail']}")
    elif "currentUserId" in raw:
        person = people.by_user_id(raw["currentUserId"])
        unknown = ApiError(400, "InvalidUserIdError", f"Invalid currentUserId {raw['currentUserId']}")
    else:
        raise bad_params("currentEmail or currentUserId is required")
    if person is None:
        raise unknown
    if not is_email(new):
        raise ApiError(400, "InvalidEmailAddressError", f"Invalid newEmail {raw['newEmail']}")
    if project.is_forgotten(new, None):
        raise forgotten_user(project.options.strict)
    if people.by_email(new) not in (None, person):
        raise ApiError(400, "EmailAlreadyExists", "A user with this email exists already")
    people.rename(person, new, person.user_id)
    project.publish(person, person.fields)
    return Answer(success())


def forget(project: Project, call: Call) -> Answer:
    """POST users/forget: deletes, and blocks both identifiers of the person."""
    email, user_id = _person_body(project, call)
    people, state = project.state.people, project.state
    person = people.by_email(email) or people.by_user_id(user_id)
    emails, user_ids = {email}, {user_id}
    if person is not None:
        emails.add(person.email)
        user_ids.add(person.user_id)
        remove(project, person)
    state.forgotten_emails.update(hashed(value) for value in emails if value)
    state.forgotten_user_ids.update(hashed(value) for value in user_ids if value)
    return Answer(success())


def unforget(project: Project, call: Call) -> Answer:
    """POST users/unforget: lifts the block; what was deleted stays deleted."""
    email, user_id = _person_body(project, call)
    project.state.forgotten_emails.discard(hashed(email or ""))
    project.state.forgotten_user_ids.discard(hashed(user_id or ""))
    return Answer(success())


def delete(project: Project, call: Call) -> Answer:
    """DELETE users/{email} and users/byUserId/{userId}: does not block future data."""
    email, user_id = call.param("email"), call.param("userId")
    if email and project.options.identity == "user_id":
        raise bad_params("Not supported in userID-based projects; delete by userId")
    people = project.state.people
    person = people.by_email(fold_email(email)) if email else people.by_user_id(user_id)
    if person is None:
        raise bad_params(f"User does not exist. Email: {email or ''} UserId: {user_id or ''}")
    remove(project, person)
    return Answer(success(f"All users associated with {email or user_id} were successfully deleted"))


def remove(project: Project, person: Person) -> None:
    """Delete a person and what happened to them."""
    project.state.people.remove(person, project.now(), project.visible_at())
    project.state.timeline.forget(person)


def need_identifier(raw: dict[str, Any]) -> None:
    """One identifier is needed everywhere."""
    if not raw.get("email") and not raw.get("userId"):
        raise bad_params("email or userId is required")


def note_profile(project: Project, call: Call, raw: dict[str, Any]) -> None:
    """A profile write is to carry the consent object; a mere change of identity has no fields."""
    fields = raw.get("dataFields")
    if fields and not isinstance(fields.get("consent"), dict):
        project.note("consent_missing", call.endpoint, "consent")


def _person_body(project: Project, call: Call) -> tuple[str | None, str | None]:
    check = bodies.BodyCheck()
    raw = check.object(call.body, bodies.PERSON, "obj")
    call.refuse_faults(project, check)
    need_identifier(raw)
    wanted = {"email": "email", "user_id": "userId"}.get(project.options.identity)
    if wanted is not None and wanted not in raw:
        raise bad_params(f"{wanted} is required in this project")
    return fold_email(raw["email"]) if raw.get("email") else None, raw.get("userId")
