"""export/data.json and export/userEvents: JSON lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from sandbox.iterable.calls import JSON_LINES, Answer, Call
from sandbox.iterable.dates import export_bound
from sandbox.iterable.errors import bad_params
from sandbox.iterable.project import Project
from sandbox.iterable.reads import seen_events
from sandbox.iterable.timeline import BOUNCE, COMPLAINT, CUSTOM, PURCHASE, SMS_RECEIVED, SUBSCRIBE, UNSUBSCRIBE, document

STORED_TYPES = (CUSTOM, PURCHASE, SUBSCRIBE, UNSUBSCRIBE, COMPLAINT, BOUNCE, SMS_RECEIVED)
# Types that exist at the vendor and have no rows here, because nothing is ever sent.
EMPTY_TYPES = frozenset(
    {
        "emailSend",
        "emailOpen",
        "emailClick",
        "emailSendSkip",
        "pushSend",
        "pushOpen",
        "smsSend",
        "inAppSend",
        "inAppOpen",
        "hostedUnsubscribeClick",
    }
)
_VENDOR_KEYS = frozenset({"email", "userId", "createdAt", "eventName", "itblInternal"})


def data(project: Project, call: Call) -> Answer:
    """GET export/data.json: one data type, limited by `range` or by `startDateTime` and `endDateTime`.

    Events are chosen by createdAt, users by profileUpdatedAt; a write is exported once it is visible. From the start
    inclusive to the end exclusive.
    """
    kind = call.query.get("dataTypeName")
    if kind != "user" and kind not in STORED_TYPES and kind not in EMPTY_TYPES:
        raise bad_params(f"Invalid dataTypeName {kind}")
    start, end = _window(project, call)
    rows = _users(project, start, end) if kind == "user" else _happenings(project, kind, start, end)
    return Answer(_lines(_chosen(rows, call)), media_type=JSON_LINES)


def user_events(project: Project, call: Call) -> Answer:
    """GET export/userEvents: what happened to one person; custom events only if `includeCustomEvents` asks for them."""
    email, user_id = call.param("email"), call.param("userId")
    if not email and not user_id:
        raise bad_params("email or userId is required")
    with_custom = call.query.get("includeCustomEvents", "false") == "true"
    pairs = seen_events(project, email, user_id)
    rows = (document(*pair) for pair in pairs if with_custom or pair[0].kind != CUSTOM)
    return Answer(_lines(rows), media_type=JSON_LINES)


def _users(project: Project, start: float, end: float) -> Iterator[dict[str, Any]]:
    now = project.now()
    for person in project.state.people.everyone:
        version = person.seen(now)
        if version is None:
            continue
        shown = dict(version.fields or {})
        if version.email is not None:
            shown["email"] = version.email
        if version.user_id is not None:
            shown["userId"] = version.user_id
        updated_at = export_bound(shown["profileUpdatedAt"])
        if updated_at is not None and start <= updated_at < end:
            yield shown


def _happenings(project: Project, kind: str, start: float, end: float) -> Iterator[dict[str, Any]]:
    for happening, entry in project.state.timeline.visible(kind, project.now()):
        if start <= entry.created_at < end:
            yield document(happening, entry)


def _window(project: Project, call: Call) -> tuple[float, float]:
    now = datetime.fromtimestamp(project.now(), UTC)
    if "startDateTime" in call.query or "endDateTime" in call.query:
        start = export_bound(call.query.get("startDateTime", ""))
        end = export_bound(call.query["endDateTime"]) if "endDateTime" in call.query else now.timestamp() + 1
        if start is None or end is None:
            raise bad_params("startDateTime and endDateTime must be yyyy-MM-dd HH:mm:ss [ZZ]")
        return start, end
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    day = timedelta(days=1)
    ranges = {
        "Today": (midnight.timestamp(), (midnight + day).timestamp()),
        "Yesterday": ((midnight - day).timestamp(), midnight.timestamp()),
        "BeforeToday": (float("-inf"), midnight.timestamp()),
        "All": (float("-inf"), float("inf")),
    }
    chosen = ranges.get(call.query.get("range", "Today"))
    if chosen is None:
        raise bad_params(f"range must be one of {', '.join(ranges)}")
    return chosen


def _chosen(rows: Iterable[dict[str, Any]], call: Call) -> Iterator[dict[str, Any]]:
    only = {name for name in call.query.get("onlyFields", "").split(",") if name}
    omit = {name for name in call.query.get("omitFields", "").split(",") if name}
    for row in rows:
        yield {
            name: value for name, value in row.items() if name not in omit and (not only or name in only or name in _VENDOR_KEYS)
        }


def _lines(rows: Iterable[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(row) + b"\n" for row in rows)
