"""Journey triggers: what would have started a journey at the vendor, counted.

A custom event or a purchase triggers when it is added and again when it is updated by its id; every updateCart event
triggers; joining a static list triggers; a profile call triggers once per field it contains, changed or not, except the field `consent`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

UNCOUNTED_FIELD = "consent"
EVENT, PURCHASE, CART, PROFILE, LIST = "custom_event", "purchase", "cart", "profile_field", "added_to_list"


@dataclass(frozen=True, slots=True)
class Trigger:
    """One call's triggers for one person.

    `names` are the fields of a profile call, else the event name. `repeats` are those of them that repeat an earlier
    trigger without bringing anything new: an id that came before, a cart like the one before, a field's own value. `said` and
    `created_at` (Unix seconds) are those of an event or purchase in this call.
    """

    sequence: int
    at: float
    kind: str
    person: str
    id: str | None
    names: tuple[str, ...]
    repeats: tuple[str, ...]
    said: Mapping[str, Any] = field(default_factory=dict)
    created_at: int | None = None


class Triggers:
    """All triggers since the reset, in order."""

    def __init__(self) -> None:
        self._all: list[Trigger] = []

    def add(
        self,
        kind: str,
        person: str,
        names: Sequence[str],
        at: float,
        id: str | None = None,
        repeats: Sequence[str] = (),
        said: Mapping[str, Any] | None = None,
        created_at: int | None = None,
    ) -> None:
        """Record the triggers of one call for one person."""
        if names:
            sequence = len(self._all) + 1
            self._all.append(Trigger(sequence, at, kind, person, id, tuple(names), tuple(repeats), said or {}, created_at))

    @property
    def all(self) -> Sequence[Trigger]:
        """Every one, in order."""
        return self._all

    @property
    def marker(self) -> int:
        """A place in the sequence: `report(since=marker)` counts what comes after it."""
        return len(self._all)

    def report(self, since: int = 0, with_list: bool = True) -> dict[str, Any]:
        """Counts per kind and name, the duplicates, and (unless told otherwise) every trigger."""
        chosen = self._all[since:]
        by_kind: Counter[str] = Counter()
        by_name: dict[str, Counter[str]] = {kind: Counter() for kind in (EVENT, PURCHASE, CART, PROFILE, LIST)}
        for trigger in chosen:
            by_kind[trigger.kind] += len(trigger.names)
            by_name[trigger.kind].update(trigger.names)
        answer: dict[str, Any] = {
            "marker": self.marker,
            "total": sum(by_kind.values()),
            "by_kind": {kind: by_kind[kind] for kind in by_name},
            "by_name": {kind: dict(names) for kind, names in by_name.items()},
            "duplicates": [_shown(trigger, name) for trigger in chosen for name in trigger.repeats],
        }
        if with_list:
            answer["triggers"] = list(_each(chosen))
        return answer


def _each(triggers: Sequence[Trigger]) -> Iterator[dict[str, Any]]:
    for trigger in triggers:
        for name in trigger.names:
            yield _shown(trigger, name)


def _shown(trigger: Trigger, name: str) -> dict[str, Any]:
    return {
        "sequence": trigger.sequence,
        "at": trigger.at,
        "kind": trigger.kind,
        "name": name,
        "id": trigger.id,
        "person": trigger.person,
        "is_repeat": name in trigger.repeats,
    }
