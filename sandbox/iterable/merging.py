"""users/merge: one user takes over another's profile and history, and the other is gone."""

from __future__ import annotations

from typing import Any

from sandbox.iterable import bodies
from sandbox.iterable.calls import Answer, Call
from sandbox.iterable.errors import ApiError, bad_params, forgotten_user, success
from sandbox.iterable.identifiers import fold_email, is_email, is_user_id
from sandbox.iterable.people import Fields, Person
from sandbox.iterable.project import Project
from sandbox.iterable.triggers import PROFILE

_OF_THE_PERSON = frozenset({"signupDate", "signupSource", "profileUpdatedAt"})


def merge(project: Project, call: Call) -> Answer:
    """POST users/merge: the source must exist; where the destination does not, the source is renamed."""
    if project.options.api_key_type != "server":
        raise ApiError(403, "Forbidden", "users/merge needs a server-side API key")
    check = bodies.BodyCheck()
    raw = check.object(call.body, bodies.MERGE, "obj")
    arrays = check.rows(raw, "arrayMerge", bodies.ARRAY_MERGE, ("field",))
    call.refuse_faults(project, check)
    source_email, source_id = _side(project, raw, "source")
    email, user_id = _side(project, raw, "destination")
    if project.is_forgotten(source_email, source_id) or project.is_forgotten(email, user_id):
        raise ApiError(409, "ForgottenUserError", forgotten_user(project.options.strict).msg)
    source, destination = _who(project, source_email, source_id), _who(project, email, user_id)
    if source is None:
        code = "UnknownEmailError" if source_email else "UnknownUserIdError"
        raise ApiError(400, code, "Source user does not exist")
    if source is destination:
        raise bad_params("Source and destination are the same user")
    if destination is None:
        project.state.people.rename(source, email or source.email, user_id or source.user_id)
        project.publish(source, source.fields)
    else:
        _unite(project, source, destination, arrays)
    return Answer(success())


def _side(project: Project, raw: dict[str, Any], side: str) -> tuple[str | None, str | None]:
    """(folded address, userId) of one side; exactly one is taken, the userId where the project identifies by nothing else."""
    email, user_id = raw.get(f"{side}Email"), raw.get(f"{side}UserId")
    if not email and not user_id:
        raise bad_params(f"{side}Email or {side}UserId is required")
    if project.options.identity == "user_id" and not user_id:
        raise bad_params(f"{side}UserId is required in this project")
    if email and (project.options.identity == "email" or not user_id):
        folded = fold_email(email)
        if not is_email(folded):
            raise ApiError(400, "InvalidEmailAddressError", f"Invalid email {email}")
        return folded, None
    if not is_user_id(user_id or ""):
        raise ApiError(400, "InvalidUserIdError", f"Invalid userId {user_id}")
    return None, user_id


def _who(project: Project, email: str | None, user_id: str | None) -> Person | None:
    people = project.state.people
    return people.by_email(email) if email else people.by_user_id(user_id)


def _unite(project: Project, source: Person, destination: Person, arrays: list[dict[str, Any]]) -> None:
    """Which value of a field both have is kept is not documented: the destination's, or when strict the source's.

    That holds for subscription arrays too, so a merge can lose an unsubscribe of either.
    """
    kept = {name: value for name, value in source.fields.items() if name not in _OF_THE_PERSON}
    united: Fields = {**kept, **destination.fields}
    if project.options.strict:
        united = {**destination.fields, **kept}
    for one in arrays:
        united[one["field"]] = _joined(source.fields, destination.fields, one["field"], one.get("dedupeBy"))
    changed = [name for name, value in united.items() if destination.fields.get(name) != value]
    email, user_id = destination.email or source.email, destination.user_id or source.user_id
    project.state.timeline.give(source, destination)
    project.state.people.remove(source, project.now(), project.visible_at())
    project.state.people.rename(destination, email, user_id)
    project.publish(destination, united)
    if project.options.strict:  # whether a merge fires "profile update" journeys is not documented either
        project.state.triggers.add(PROFILE, destination.key, changed, project.now())


def _joined(source: Fields, destination: Fields, field: str, dedupe_by: str | None) -> list[Any]:
    elements = [*_array(destination, field), *_array(source, field)]
    if dedupe_by is None:
        return elements
    if not all(isinstance(element, dict) for element in elements):
        raise bad_params(f"dedupeBy needs an array of objects: {field}")
    return list({element.get(dedupe_by): element for element in reversed(elements)}.values())[::-1]


def _array(fields: Fields, field: str) -> list[Any]:
    value = fields.get(field)
    return value if isinstance(value, list) else []
