"""Journeys as data, and the sends that they would have started.

A journey starts when an event of its name, or a purchase, is "added to or updated on" a profile, or when a call contains its profile
field, changed or not. It may have an entry filter on what started it, and may let people in once only. The vendor documents nowhere that
an old createdAt keeps a journey from starting, so here it does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sandbox.iterable.triggers import CART, EVENT, LIST, PROFILE, PURCHASE, Trigger

STARTS = {"event": EVENT, "purchase": PURCHASE, "cart": CART, "field": PROFILE, "list": LIST}
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """One journey.

    Attributes:
        starts: event, purchase, cart, field or list.
        of: name of the event, field or list; None: any.
        where: entry filter, field of the event or purchase → the value it must have; a field that is absent fits no value.
        younger_than_hours: entry filter on createdAt; None: none.
        reenters: False: each person goes through once.
    """

    name: str
    starts: str
    of: str | None = None
    where: Mapping[str, Any] | None = None
    younger_than_hours: float | None = None
    reenters: bool = True


def read_journeys(raws: Sequence[Mapping[str, Any]]) -> tuple[Journey, ...]:
    """Journeys from JSON, with the names of `Journey`. Raises: ValueError, KeyError for what is no journey."""
    known = {one.name for one in fields(Journey)}
    for raw in raws:
        if unknown := sorted(set(raw) - known):
            raise ValueError(f"unknown member {unknown[0]!r} of a journey; known: {', '.join(sorted(known))}")
        if raw["starts"] not in STARTS:
            raise ValueError(f"a journey starts by one of {', '.join(STARTS)}")
        if raw["starts"] not in ("event", "purchase") and (raw.get("where") or raw.get("younger_than_hours") is not None):
            raise ValueError("an entry filter is for journeys that an event or a purchase starts")
    return tuple(Journey(**raw) for raw in raws)


def sends(journeys: Sequence[Journey], triggers: Sequence[Trigger], since: int) -> dict[str, dict[str, Any]]:
    """Journey → `sends` since a marker, to how many `people`, and `by_name` of what started them. Who came in before stays in."""
    return {journey.name: _sends(journey, triggers, since) for journey in journeys}


def _sends(journey: Journey, triggers: Sequence[Trigger], since: int) -> dict[str, Any]:
    inside: set[str] = set()
    people: set[str] = set()
    names: Counter[str] = Counter()
    for trigger in triggers:
        started = [name for name in trigger.names if journey.of in (None, name)] if _lets_in(journey, trigger) else []
        for name in started:
            if trigger.person in inside and not journey.reenters:
                continue
            inside.add(trigger.person)
            if trigger.sequence > since:
                names[name] += 1
                people.add(trigger.person)
    return {"sends": names.total(), "people": len(people), "by_name": dict(names)}


def _lets_in(journey: Journey, trigger: Trigger) -> bool:
    if trigger.kind != STARTS[journey.starts]:
        return False
    if any(name not in trigger.said or trigger.said[name] != value for name, value in (journey.where or {}).items()):
        return False
    if journey.younger_than_hours is None:
        return True
    return trigger.created_at is not None and trigger.at - trigger.created_at < journey.younger_than_hours * HOUR_S
