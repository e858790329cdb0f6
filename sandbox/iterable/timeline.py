"""Everything that happened to people: custom events, purchases, subscribes, unsubscribes and what led to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.iterable.dates import shown_seconds
from sandbox.iterable.people import Person

CUSTOM = "customEvent"
PURCHASE = "purchase"
SUBSCRIBE = "emailSubscribe"
UNSUBSCRIBE = "emailUnSubscribe"
COMPLAINT = "emailComplaint"
BOUNCE = "emailBounce"
SMS_RECEIVED = "smsReceived"


@dataclass(slots=True)
class Entry:
    """What reads see of a happening from `visible_at` on. `created_at` is Unix seconds."""

    visible_at: float
    stored_at: float
    name: str | None
    created_at: int
    data: dict[str, Any]


@dataclass(slots=True)
class Happening:
    """One event or purchase. The same id again adds a version instead of a happening."""

    number: int
    kind: str
    id: str | None
    person: Person
    first_stored_at: float
    versions: list[Entry] = field(default_factory=list)

    @property
    def newest(self) -> Entry:
        """What was stored last, seen or not."""
        return self.versions[-1]

    def seen(self, now: float) -> Entry | None:
        """The newest version that a read may see."""
        return next((entry for entry in reversed(self.versions) if entry.visible_at <= now), None)


class Timeline:
    """All happenings in order of arrival, with the id index of each kind."""

    def __init__(self) -> None:
        self.all: list[Happening] = []
        self._by_id: dict[tuple[str, str], Happening] = {}
        self._by_person: dict[int, list[Happening]] = {}

    def find(self, kind: str, happening_id: str | None) -> Happening | None:
        """The happening that has this id; ids are unique over all custom events, and over all purchases."""
        return self._by_id.get((kind, happening_id)) if happening_id else None

    def put(self, kind: str, happening_id: str | None, person: Person, entry: Entry) -> tuple[Happening, bool]:
        """Store a happening, or a new version of the one with this id. Returns it and whether it was an update."""
        known = self.find(kind, happening_id)
        if known is not None:
            known.versions.append(entry)
            return known, True
        happening = Happening(len(self.all) + 1, kind, happening_id, person, entry.stored_at, [entry])
        self.all.append(happening)
        self._by_person.setdefault(person.number, []).append(happening)
        if happening_id:
            self._by_id[kind, happening_id] = happening
        return happening, False

    def of(self, person: Person) -> list[Happening]:
        """A person's happenings in order of arrival."""
        return self._by_person.get(person.number, [])

    def forget(self, person: Person) -> None:
        """Erase what happened to a person."""
        gone = {happening.number for happening in self._by_person.pop(person.number, [])}
        self.all = [happening for happening in self.all if happening.number not in gone]
        self._by_id = {key: kept for key, kept in self._by_id.items() if kept.number not in gone}

    def give(self, source: Person, destination: Person) -> None:
        """What happened to the source happened to the destination from now on."""
        given = self._by_person.pop(source.number, [])
        for happening in given:
            happening.person = destination
        self._by_person.setdefault(destination.number, []).extend(given)

    def visible(self, kind: str, now: float) -> Iterator[tuple[Happening, Entry]]:
        """Happenings of one kind that a read may see."""
        for happening in self.all:
            entry = happening.seen(now) if happening.kind == kind else None
            if entry is not None:
                yield happening, entry


def document(happening: Happening, entry: Entry) -> dict[str, Any]:
    """A happening as exports and event reads print it: its data fields lie flat beside the vendor's own."""
    shown: dict[str, Any] = dict(entry.data)
    if happening.id is not None:
        shown["id"] = happening.id
    if happening.person.email is not None:
        shown["email"] = happening.person.email
    if happening.person.user_id is not None:
        shown["userId"] = happening.person.user_id
    if entry.name is not None:
        shown["eventName"] = entry.name
    shown["eventType"] = happening.kind
    shown["createdAt"] = shown_seconds(entry.created_at)
    shown["itblInternal"] = {
        "documentCreatedAt": shown_seconds(int(happening.first_stored_at)),
        "documentUpdatedAt": shown_seconds(int(entry.stored_at)),
    }
    return shown
