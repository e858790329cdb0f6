"""The people of the project: who they are now, and what a read may see of them yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Fields = dict[str, Any]


@dataclass(slots=True)
class Version:
    """What reads see from `visible_at` on; `fields` None means the person is gone."""

    visible_at: float
    email: str | None
    user_id: str | None
    fields: Fields | None


@dataclass(slots=True, eq=False)
class Person:
    """One Iterable user. `fields` is replaced, never changed in place, so versions can share it."""

    number: int
    email: str | None
    user_id: str | None
    fields: Fields = field(default_factory=dict)
    versions: list[Version] = field(default_factory=list)
    is_deleted: bool = False

    @property
    def key(self) -> str:
        """A name for triggers that survives a change of address."""
        return f"user-{self.number}"

    def seen(self, now: float) -> Version | None:
        """The newest version a read may see, or None if the person is not visible yet or no longer."""
        for version in reversed(self.versions):
            if version.visible_at <= now:
                return None if version.fields is None else version
        return None


class People:
    """Finds people by what they are called now (checks) and by what they were seen as (reads)."""

    def __init__(self) -> None:
        self.everyone: list[Person] = []
        self._by_email: dict[str, Person] = {}
        self._by_user_id: dict[str, Person] = {}
        self._ever: dict[tuple[str, str], list[Person]] = {}

    def by_email(self, email: str | None) -> Person | None:
        """Who has this folded address now; the first one where addresses are not unique."""
        return self._by_email.get(email) if email else None

    def by_user_id(self, user_id: str | None) -> Person | None:
        """Who has this userId now; the first one where userIds are not unique."""
        return self._by_user_id.get(user_id) if user_id else None

    def add(self, email: str | None, user_id: str | None) -> Person:
        """A new person, not visible before the first `publish`."""
        person = Person(number=len(self.everyone) + 1, email=None, user_id=None)
        self.everyone.append(person)
        self.rename(person, email, user_id)
        return person

    def rename(self, person: Person, email: str | None, user_id: str | None) -> None:
        """Give the person these identifiers; whoever had them keeps them where they are not unique."""
        if email != person.email:
            self._release(self._by_email, person.email, person)
            person.email = email
            self._index("email", self._by_email, email, person)
        if user_id != person.user_id:
            self._release(self._by_user_id, person.user_id, person)
            person.user_id = user_id
            self._index("userId", self._by_user_id, user_id, person)

    def publish(self, person: Person, fields: Fields, now: float, visible_at: float) -> None:
        """Make `fields` the person's profile: for checks at once, for reads from `visible_at` on."""
        person.fields = fields
        self._append(person, Version(visible_at, person.email, person.user_id, fields), now)

    def remove(self, person: Person, now: float, visible_at: float) -> None:
        """Delete: unknown to checks at once, to reads from `visible_at` on."""
        self._append(person, Version(visible_at, person.email, person.user_id, None), now)
        self.rename(person, None, None)
        person.is_deleted = True
        person.fields = {}

    def read(self, kind: str, value: str, now: float) -> tuple[Person, Version] | None:
        """The person a read by `kind` ("email" or "userId") sees under this identifier, with what it sees."""
        for person in self._ever.get((kind, value), ()):
            version = person.seen(now)
            if version is not None and value == (version.email if kind == "email" else version.user_id):
                return person, version
        return None

    def _append(self, person: Person, version: Version, now: float) -> None:
        versions = person.versions
        versions.append(version)
        seen = next((at for at in range(len(versions) - 1, -1, -1) if versions[at].visible_at <= now), 0)
        del versions[:seen]

    def _index(self, kind: str, index: dict[str, Person], value: str | None, person: Person) -> None:
        if value is None:
            return
        index.setdefault(value, person)
        known = self._ever.setdefault((kind, value), [])
        if person not in known:
            known.append(person)

    @staticmethod
    def _release(index: dict[str, Person], value: str | None, person: Person) -> None:
        if value is not None and index.get(value) is person:
            del index[value]
