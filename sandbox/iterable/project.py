"""The state of the sandboxed project, and the few things every rule needs: time, visibility, notes."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Protocol

from sandbox.iterable.dates import shown_seconds
from sandbox.iterable.errors import ApiError, types_mismatched
from sandbox.iterable.field_types import BUILT_IN, TypeCheck
from sandbox.iterable.identifiers import fold_email
from sandbox.iterable.journeys import Journey
from sandbox.iterable.limits import EVENT_FIELDS_MAX, PROFILE_FIELDS_MAX, Limiter
from sandbox.iterable.notes import Notes
from sandbox.iterable.options import Options
from sandbox.iterable.people import Fields, People, Person
from sandbox.iterable.schemas import EventSchemas
from sandbox.iterable.timeline import Entry, Timeline
from sandbox.iterable.triggers import Triggers
from sandbox.iterable.webhooks import Webhooks
from sandbox.iterable.writes import Writes


class Now(Protocol):
    """The sandbox clock."""

    def now(self) -> datetime:
        """The sandbox's time, aware, UTC."""
        ...


@dataclass(slots=True)
class StaticList:
    """A list: as GET lists prints it, from when on reads see it, and from when on its id is taken by subscribe."""

    document: dict[str, Any]
    visible_at: float
    ready_at: float


@dataclass(slots=True)
class State:
    """Everything a reset throws away."""

    people: People = field(default_factory=People)
    timeline: Timeline = field(default_factory=Timeline)
    profile_fields: dict[str, str] = field(default_factory=lambda: dict(BUILT_IN))
    event_fields: dict[str, dict[str, str]] = field(default_factory=dict)
    purchase_fields: dict[str, str] = field(default_factory=dict)
    forgotten_emails: set[str] = field(default_factory=set)
    forgotten_user_ids: set[str] = field(default_factory=set)
    triggers: Triggers = field(default_factory=Triggers)
    journeys: tuple[Journey, ...] = ()
    notes: Notes = field(default_factory=Notes)
    writes: Writes = field(default_factory=Writes)
    lists: dict[int, StaticList] = field(default_factory=dict)
    webhooks: Webhooks = field(default_factory=Webhooks)
    generated_ids: int = 0


class Project:
    """One Iterable project. The rules in the neighbouring modules are functions over it."""

    def __init__(self, options: Options, clock: Now) -> None:
        self._initial = replace(options)
        self._clock = clock
        self.options = replace(options)
        self.limiter = Limiter()
        self.schemas = EventSchemas(options.event_schemas)
        self.state = self._fresh()
        self._snapshots: dict[str, tuple[Options, State]] = {}

    def reset(self) -> None:
        """Empty the project and take back every changed setting."""
        self.options = replace(self._initial)
        self.state = self._fresh()
        self.limiter.reset()

    def take_snapshot(self, name: str) -> None:
        """Keep everything as it is now, also over a reset. Raises: TypeError once webhooks were told, which cannot be copied."""
        self._snapshots[name] = deepcopy((self.options, self.state))

    def restore_snapshot(self, name: str) -> None:
        """Back to a snapshot, as often as wanted; limits begin anew. Raises: ValueError for an unknown name."""
        if name not in self._snapshots:
            raise ValueError(f"there is no snapshot {name!r}; taken: {', '.join(self._snapshots) or 'none'}")
        self.options, self.state = deepcopy(self._snapshots[name])
        self.limiter.reset()

    def _fresh(self) -> State:
        return State(lists={one["id"]: StaticList(dict(one), 0.0, 0.0) for one in self.options.lists})

    def now(self) -> float:
        """Unix seconds by the sandbox clock."""
        return self._clock.now().timestamp()

    def visible_at(self) -> float:
        """From when on reads see what is written now."""
        return self.now() + self.options.visibility_seconds

    def note(self, kind: str, endpoint: str, detail: str) -> None:
        """Record a contract note; see `notes.KINDS`."""
        self.state.notes.add(kind, endpoint, detail, self.now())

    def note_contract(self, name: str, row: Mapping[str, Any], endpoint: str) -> None:
        """Record a note where an event or purchase is not what its sender publishes."""
        if fault := self.schemas.fault(name, row):
            self.note("contract_violated", endpoint, fault)

    def generated_id(self) -> str:
        """The id the vendor makes for an event or purchase that came without one."""
        self.state.generated_ids += 1
        return sha256(f"generated {self.state.generated_ids}".encode()).hexdigest()[:32]

    def is_forgotten(self, email: str | None, user_id: str | None) -> bool:
        """Whether either identifier was forgotten and is blocked."""
        state = self.state
        if not state.forgotten_emails and not state.forgotten_user_ids:
            return False
        return (email is not None and hashed(email) in state.forgotten_emails) or (
            user_id is not None and hashed(user_id) in state.forgotten_user_ids
        )

    def publish(self, person: Person, fields: Fields) -> None:
        """Store a profile; checks see it at once, reads after the visibility delay."""
        now = self.now()
        stamped = {**fields, "profileUpdatedAt": shown_seconds(int(now))}
        self.state.people.publish(person, stamped, now, now + self.options.visibility_seconds)

    def happened(self, kind: str, person: Person, data: dict[str, Any]) -> None:
        """A subscription event, bounce or the like: in the timeline, and told by webhook where one is set."""
        now, options = self.now(), self.options
        self.state.timeline.put(kind, None, person, Entry(self.visible_at(), now, kind, int(now), data))
        if options.webhook_url:
            fields = {**data, "createdAt": shown_seconds(int(now))}
            body = {"email": person.email, "userId": person.user_id, "eventName": kind, "dataFields": fields}
            self.state.webhooks.tell(options.webhook_url, options.webhook_headers, body, options.webhook_copies)

    def create(self, email: str | None, user_id: str | None, source: str = "API") -> Person:
        """A new person with the vendor's own fields, not published yet."""
        person = self.state.people.add(email, user_id)
        person.fields = {
            "signupDate": shown_seconds(int(self.now())),
            "signupSource": source,
            "unsubscribedChannelIds": [],
            "unsubscribedMessageTypeIds": [],
            "subscribedMessageTypeIds": [],
            "userListIds": [],
        }
        return person

    def profile_check(self, create_new_fields: bool | None = None) -> TypeCheck:
        """A type check of profile fields for one request."""
        return self._check(self.state.profile_fields, "user", create_new_fields)

    def event_check(self, event_name: str, create_new_fields: bool | None = None) -> TypeCheck:
        """A type check of the fields of one event name for one request."""
        known = self.state.event_fields.setdefault(event_name, {})
        return self._check(known, "customEvent", create_new_fields)

    def purchase_check(self) -> TypeCheck:
        """A type check of the fields of purchases and their items for one request."""
        return self._check(self.state.purchase_fields, "purchase", None)

    def _check(self, known: dict[str, str], category: str, create_new_fields: bool | None) -> TypeCheck:
        allow_new = self.options.create_new_fields if create_new_fields is None else create_new_fields
        return TypeCheck(known, category, allow_new, self.options.strict)

    def fix_types(self, path: str, *checks: TypeCheck) -> list[str]:
        """Refuse the whole request if any value is ill-typed or there are too many fields; else fix the types.

        Returns the names of the fields the request created.
        """
        faults: dict[str, Any] = {}
        for check in checks:
            faults.update(check.faults)
            most = EVENT_FIELDS_MAX if check.category == "customEvent" else PROFILE_FIELDS_MAX
            if check.fresh and len(check.known) + len(check.fresh) - len(BUILT_IN) > most:
                raise ApiError(400, "UniqueFieldsLimitExceeded", f"[{path}] Unique fields limit exceeded: {most}")
        if faults:
            raise types_mismatched(path, faults)
        created: list[str] = []
        for check in checks:
            for name in check.truncated:
                self.note("fraction_dropped", path, name)
            for name, fixed in check.fresh.items():
                if fixed == "long" and _is_money(name):
                    self.note("money_without_fraction", path, name)
            created.extend(check.commit())
        return created


def hashed(identifier: str) -> str:
    """How forgotten people are listed: SHA-256 of the trimmed, lower-case identifier."""
    return sha256(fold_email(identifier).encode()).hexdigest()


_MONEY_WORDS = ("total", "price", "amount", "revenue", "value", "spent", "discount", "tax", "shippingcost")


def _is_money(path: str) -> bool:
    name = path.rpartition(".")[2].lower()
    return any(word in name for word in _MONEY_WORDS)
