"""What did we send this person, and why? From the ledger alone, as it was at a moment. Changes nothing, loads nothing heavy."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from activation.ledger import reasons
from activation.ledger.queries import Queries
from activation.ledger.reading import read_only
from cartwire.clock import from_ms, to_ms
from cartwire.masking import mask_email
from cartwire.person import fold_email, person_key

Row = dict[str, Any]
REQUESTS_MAX = 10_000
_KEY = re.compile(r"[0-9a-f]{64}")
_GUEST_ID = re.compile(r"g-([0-9a-f]{32})")  # macros/identity.sql, iterable_user_id


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One person at one moment. Times are ISO 8601 texts in UTC. Values are None where they were erased; where they were not asked for,
    they are left out, and the address is masked.

    Attributes:
        email, user_id: of the newest row planned until then.
        gone_at: when Iterable deleted the person for us; what it had before that does not count.
        fields: what Iterable's profile has from us: field, type, value, since, run_id, is_removed, is_erased.
        objects: carts, lists and subscriptions as Iterable has them from us: object, kind, subject, since, run_id, fragment.
        facts: purchases and events that Iterable accepted: object, kind, rows, first_at, last_at.
        requests: every request that carried a row of the person, newest first, each with the `changes` of its fields, the `model` its
            row came from, and `source_modified_at`, the time of the change in the shop.
        not_sent: the newest row of each subject that did not arrive: state, reason, and the `next_step`.
        consent: what every request looks at before it leaves; of now, whatever the moment.
        pauses: objects that stand still now, and since when, by whom and why; '' is everything but withdrawals.
    """

    person_key: str
    email: str | None
    user_id: str | None
    planned_rows: int
    gone_at: str | None
    fields: tuple[Row, ...]
    objects: tuple[Row, ...]
    facts: tuple[Row, ...]
    requests: tuple[Row, ...]
    not_sent: tuple[Row, ...]
    consent: tuple[Row, ...]
    pauses: tuple[Row, ...]


def explain(
    who: str, ledger: Path, secret: bytes, at: datetime, *, requests_max: int = REQUESTS_MAX, with_values: bool = False
) -> list[Explanation]:
    """Everybody with this address (also a former one), customer id, Iterable userId or person key that rows were planned for until `at`.

    Args: secret: CARTWIRE_SECRET, under which people are known. at: aware UTC.
    Raises: LedgerError where there is no ledger.
    """
    with read_only(ledger) as reader:
        people = [_person(reader, key, to_ms(at), requests_max, with_values=with_values) for key in keys_of(reader, who, secret)]
    return [person for person in people if person.planned_rows]


def keys_of(reader: Queries, who: str, secret: bytes) -> list[str]:
    """Person keys of an address (also a former one), a customer id, a userId at Iterable, or a person key."""
    name = who.strip()
    if "@" in name:
        email = fold_email(name)
        return list(dict.fromkeys([person_key(secret, f"email:{email}"), *reader.person_keys_of_email(email)]))
    if guest := _GUEST_ID.fullmatch(name):
        return reader.person_keys_like(guest.group(1))
    return [name if _KEY.fullmatch(name) else person_key(secret, f"customer:{name}")]


def _person(reader: Queries, key: str, at_ms: int, requests_max: int, *, with_values: bool) -> Explanation:
    named = reader.identifiers(key, at_ms)
    requests = [
        {**row, "model": f"changes.changed_{row['object']}", "changes": reader.changes_of(row["item_id"])}
        for row in reader.requests_of(key, at_ms, requests_max)
    ]
    standing = [{**row, "next_step": next_step(row)} for row in reader.standing_at(key, at_ms)]
    pauses = [
        {"name": pause.name, "reason": pause.reason, "paused_by": pause.paused_by, "paused_at_ms": pause.paused_at_ms}
        for pause in reader.pauses()
    ]
    told = _told if with_values else _without_values
    return Explanation(
        person_key=key,
        email=named["email"] if with_values or not named["email"] else mask_email(named["email"]),
        user_id=named["user_id"] if with_values else None,
        planned_rows=named["planned_rows"],
        gone_at=None if named["gone_at_ms"] is None else _moment(named["gone_at_ms"]),
        fields=told(reader.fields_at(key, at_ms)),
        objects=told(reader.objects_at(key, at_ms)),
        facts=told(reader.fact_counts_at(key, at_ms)),
        requests=told(requests),
        not_sent=told(standing),
        consent=told(reader.consent_at_sending(key)),
        pauses=told(pauses),
    )


def next_step(row: Mapping[str, Any]) -> str:
    """What becomes of a row that did not arrive, and what a person can do about it."""
    state, reason = row["state"], row["reason"]
    if state in ("staged", "sending"):
        return "on its way: in the sync that is running, or else planned again by the next one"
    if state == "unknown":
        return "no answer came: the next sync looks at Iterable before anything is sent again"
    if reason == reasons.HISTORY_OVER_AGE:
        return "history: never sent by itself"
    if reason.startswith(reasons.HELD_BY_GUARD):
        return f"`cartwire release {row['object']}` shows what was held and lets it through"
    if reason.startswith("paused:"):
        return "planned again by the first sync after `cartwire resume`"
    if reason == reasons.ALREADY_ACCEPTED:
        return "nothing: Iterable has it"
    if reasons.is_of_forgotten(reason):
        return "never sent again: Iterable has forgotten the person"
    if state == "suppressed":
        return "planned again when consent allows it; `cartwire consent show` says what is missing"
    if row["is_sticky"]:
        return "stands until the data it is made of changes"
    return "planned again by the next sync"


def _told(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Times as text instead of milliseconds; whether something is removed, erased and so on as true and false."""
    return tuple({_name(name): _value(name, value) for name, value in row.items()} for row in rows)


def _without_values(rows: Iterable[Row]) -> tuple[Row, ...]:
    hidden = ("value", "before", "after", "fragment")
    stripped = ({name: value for name, value in row.items() if name not in hidden} for row in rows)
    return _told(
        {**row, "changes": [{"field": one["field"], "is_delivered": one["is_delivered"]} for one in row["changes"]]}
        if "changes" in row
        else row
        for row in stripped
    )


def _name(name: str) -> str:
    return name.removesuffix("_ms")


def _value(name: str, value: Any) -> Any:
    if name.endswith("_ms"):
        return None if value is None else _moment(value)
    if name.startswith("is_"):
        return bool(value)
    if name == "changes":
        return list(_told(value))
    return value


def _moment(milliseconds: int) -> str:
    return from_ms(milliseconds).isoformat(timespec="milliseconds").replace("+00:00", "Z")
