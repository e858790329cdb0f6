"""Did a lost request arrive? What was sent beside what Iterable shows now. Pure: both come in as values.

Used after the visibility delay only. A field counts as arrived when Iterable shows the value sent, in whatever form it keeps
it: dates come back as `2024-02-03 10:11:12 +00:00`, addresses in lower case, a cleared field is gone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from activation.iterable.subscriptions import Grant, shown_ids
from clients.iterable import EVENTS_LIMIT_MAX

CART_FIELD = "shoppingCartItems"
LIST_FIELDS = ("userListIds", "emailListIds")  # the second in e-mail-based projects
_CONSENT = "consent"
_UNSUBSCRIBED = "unsubscribedChannelIds"
_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?: ?(?:Z|[+-]\d\d:?\d\d))?)?")


class Evidence(StrEnum):
    """What the read says about the effect of the send."""

    present = "present"
    absent = "absent"
    unclear = "unclear"


def of_user(sent: Mapping[str, Any], user: Mapping[str, Any] | None) -> Evidence:
    """Compare a row of users/bulkUpdate or users/update with the user read back (None: there is no such user)."""
    return Evidence.present if without_what_is_there(sent, user) is None else Evidence.absent


def without_what_is_there(sent: Mapping[str, Any], user: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What is left of a row of users/bulkUpdate or users/update once Iterable shows this user; None where nothing is.

    The consent object goes with every write that is left. Of a user who is there, channels left at creation are not said again:
    they would replace what the person has left since.
    """
    if user is None:
        return dict(sent)
    shown = user.get("dataFields")
    shown = shown if isinstance(shown, Mapping) else {}
    address = _folded(user.get("email") or shown.get("email"))
    fields = sent.get("dataFields") or {}
    missing = {field: value for field, value in fields.items() if not _has_arrived(field, value, shown, address)}
    if not missing and (not sent.get("email") or address == _folded(sent["email"])):
        return None
    left = {name: value for name, value in fields.items() if name in missing or name == _CONSENT}
    left.pop(_UNSUBSCRIBED, None)
    return {**sent, "dataFields": left}


def _has_arrived(field: str, value: Any, shown: Mapping[str, Any], address: str) -> bool:
    if field == "email":
        return address == _folded(value)
    if field == _UNSUBSCRIBED:
        return set(value) <= set(shown.get(field) or ())
    return is_same(value, shown.get(field))


def of_cart(sent: Mapping[str, Any], user: Mapping[str, Any] | None) -> Evidence:
    """Compare the items of an updateCart with the cart Iterable shows; an empty cart and none are the same."""
    shown = ((user or {}).get("dataFields") or {}).get(CART_FIELD) or []
    return Evidence.present if _cart_lines(sent.get("items") or []) == _cart_lines(shown) else Evidence.absent


def of_member(list_id: int, is_wanted: bool, user: Mapping[str, Any] | None) -> Evidence:
    """Whether a profile shows its person on a static list, or (not `is_wanted`) off it. Nobody there is on no list."""
    shown = ((user or {}).get("dataFields") or {}) if user else {}
    held = {int(number) for name in LIST_FIELDS for number in shown.get(name) or ()}
    return Evidence.present if (list_id in held) == is_wanted else Evidence.absent


def of_grant(grant: Grant, user: Mapping[str, Any] | None) -> Evidence:
    """Whether a profile shows its person subscribed to what was granted."""
    is_listed = grant.number in shown_ids(user, grant.field)
    return Evidence.present if user is not None and is_listed == grant.is_opt_in else Evidence.absent


def of_email_change(current: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Evidence:
    """What users/updateEmail left under the old and the new address (None: there is no such user).

    Both there, or neither: somebody else acted meanwhile, and nobody can tell who is who.
    """
    if (current is None) == (new is None):
        return Evidence.unclear
    return Evidence.present if current is None else Evidence.absent


def of_merge(source: Mapping[str, Any] | None, destination: Mapping[str, Any] | None) -> Evidence:
    """A merge is done when the source is gone and the destination there; both gone cannot be explained by it."""
    if source is not None:
        return Evidence.absent
    return Evidence.unclear if destination is None else Evidence.present


def of_deletion(user: Mapping[str, Any] | None) -> Evidence:
    """A user who is not there is deleted, whoever did it."""
    return Evidence.present if user is None else Evidence.absent


def of_fact(sent: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Evidence:
    """Look for an event or purchase by its id among a user's newest events.

    A full page without it proves nothing: older entries were not shown.
    """
    if any(str(event.get("id", "")) == sent["id"] for event in events):
        return Evidence.present
    return Evidence.unclear if len(events) >= EVENTS_LIMIT_MAX else Evidence.absent


def is_same(sent: Any, shown: Any) -> bool:
    """Whether Iterable shows the value that was sent, in whatever form it keeps it."""
    if isinstance(sent, Mapping):
        held = shown if isinstance(shown, Mapping) else {}
        return all(is_same(value, held.get(key)) for key, value in sent.items())
    if isinstance(sent, list):
        held_list = shown if isinstance(shown, list) else []
        return len(sent) == len(held_list) and all(is_same(one, other) for one, other in zip(sent, held_list, strict=True))
    if isinstance(sent, bool) or isinstance(shown, bool) or sent is None or shown is None:
        return sent is shown
    if isinstance(sent, int | float) and isinstance(shown, int | float):
        return float(sent) == float(shown)
    return str(sent) == str(shown) or (_instant(sent) is not None and _instant(sent) == _instant(shown))


def _instant(value: Any) -> datetime | None:
    """Whole seconds of a date in any form that Iterable takes or shows (its own form has no fraction)."""
    text = str(value)
    if not _DATE.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text.replace(" +", "+").replace(" -", "-"))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)


def _cart_lines(items: Sequence[Any]) -> list[tuple[str, float, float]]:
    """(product, quantity, price) of each line, in an order of its own."""
    return sorted(
        (str(item.get("id")), float(item.get("quantity") or 0), float(item.get("price") or 0))
        for item in items
        if isinstance(item, Mapping)
    )


def _folded(value: Any) -> str:
    return str(value or "").strip().lower()
