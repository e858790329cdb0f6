"""What a project already is, before the first sync: who else writes there, what conflicts, and what a sync would touch and fire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from activation.contracts import Contract, load_contracts
from activation.field_types import field_conflicts, wanted_types
from activation.fold import fold
from cartwire import clock
from cartwire.settings import REPOSITORY, Settings
from flows.context import Progress, Run, no_progress
from flows.plan import Plan, planned
from flows.run import open_run
from flows.steps import build, load

EVENTS_LOOK_BACK = timedelta(days=30)
STILL_ACTIVE = timedelta(hours=48)
_VENDOR_FIELDS = frozenset(
    {
        "email",
        "userId",
        "signupDate",
        "signupSource",
        "profileUpdatedAt",
        "itblInternal",
        "itblDS",
        "itblUserId",
        "devices",
        "emailListIds",
        "userListIds",
        "subscribedMessageTypeIds",
        "unsubscribedChannelIds",
        "unsubscribedMessageTypeIds",
        "shoppingCartItems",
        "receivedSMSDisclaimer",
    }
)
_PEOPLE = "select known_where, people, not_messageable from adoption.adoption_people order by known_where"
_FIELDS = "select field, people_there, fills, overwrites, clears from adoption.adoption_fields"
_PURCHASES = "select found_rule, purchases, newest_at from adoption.adoption_purchases order by found_rule"
_LISTS = "select list_name, source, hold_reason from intermediate.int_lists__kept order by list_name"
_MAPPED = "select iterable_field, type from config.attribute_map where is_enabled"
_CHANNELS = "select channel, purpose, iterable_channel_name, is_there from adoption.adoption_channels order by 1, 2"
_MESSAGE_TYPES = "select name, channel_name, subscription_policy from adoption.adoption_message_types order by 1"


@dataclass(frozen=True)
class AdoptedField:
    """One profile field.

    Attributes:
        type_there: Iterable's type; None where it does not know the field yet. type_here: ours; None where it is others' alone.
        owner: `ours` (only we write it), `others`, `both` (it is there already, and we write it), or `Iterable` (its own).
        people_there: people who had a value at first sight. fills, overwrites, clears: people in whom a sync would do so.
    """

    field: str
    type_there: str | None
    type_here: str | None
    owner: str
    is_conflict: bool
    people_there: int
    fills: int
    overwrites: int
    clears: int


@dataclass(frozen=True)
class Finding:
    """A sentence for a person. `weight`: `stop` (something is held until it is decided), `look` or `fine`."""

    weight: str
    text: str


@dataclass(frozen=True)
class Adoption:
    """Everything `cartwire adopt` reports; counts, names of fields, channels and lists, never a person.

    Attributes:
        people: by where they are known. purchases: of others, by whether they are orders of ours; `newest_at` UTC.
        events: custom events others sent in the last 30 days, by name; `is_ours`: we send one of that name.
        lists: of Iterable, with the flag that keeps one, and why it cannot be kept.
        plan: what a first sync would send, with requests, minutes and what may fire.
    """

    made_at: str
    is_first: bool
    findings: tuple[Finding, ...]
    people: tuple[dict[str, Any], ...]
    fields: tuple[AdoptedField, ...]
    purchases: tuple[dict[str, Any], ...]
    events: tuple[dict[str, Any], ...]
    channels: tuple[dict[str, Any], ...]
    message_types: tuple[dict[str, Any], ...]
    lists: tuple[dict[str, Any], ...]
    plan: Plan

    @property
    def stops(self) -> bool:
        """Whether something would be held until a person decides."""
        return any(finding.weight == "stop" for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def adopt(settings: Settings, *, progress: Progress = no_progress, in_clear: bool = False, wait_s: float = 0.0) -> Adoption:
    """Read both sides as a sync would and say what is there. Binds nothing, writes to no API.

    The baseline (users, purchases, members of kept lists at first sight) stays in `raw_iterable`, so that the first sync
    sends only what differs from it.
    Raises: what `sync` raises before its delivery.
    """
    with open_run(settings, trigger="adopt", progress=progress, wait_s=wait_s, bind=False) as run:
        fold(run.warehouse, run.ledger)
        load(run)
        build(run)
        contracts = load_contracts(REPOSITORY / "models")
        plan = planned(run, in_clear=in_clear)
        events = _events(run, contracts)
        fields = _fields(run, contracts)
        people = _rows(run, _PEOPLE)
        purchases = _rows(run, _PURCHASES)
        channels = _rows(run, _CHANNELS)
        lists = _lists(run)
        return Adoption(
            made_at=f"{clock.now():%Y-%m-%d %H:%M:%SZ}",
            is_first=plan.is_first,
            findings=tuple(_findings(plan, fields, people, purchases, channels, lists, events)),
            people=people,
            fields=fields,
            purchases=purchases,
            events=events,
            channels=channels,
            message_types=_rows(run, _MESSAGE_TYPES),
            lists=lists,
            plan=plan,
        )


def _rows(run: Run, query: str) -> tuple[dict[str, Any], ...]:
    cursor = run.warehouse.execute(query)
    names = [column[0] for column in cursor.description or ()]
    return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())


def _fields(run: Run, contracts: Mapping[tuple[str, str], Contract]) -> tuple[AdoptedField, ...]:
    there = run.iterable.get_fields()
    mapped = run.warehouse.execute(_MAPPED).fetchall()
    here = wanted_types(contracts, mapped)
    conflicting = field_conflicts(here, there).keys()
    counts = {row["field"]: row for row in _rows(run, _FIELDS)}
    nothing = {"people_there": 0, "fills": 0, "overwrites": 0, "clears": 0}
    found = []
    for name in sorted({path for path in (*there, *counts) if "." not in path} | here.keys()):
        count = counts.get(name, nothing)
        is_others = name in there or count["people_there"] > 0
        owner = (
            "Iterable"
            if name in _VENDOR_FIELDS
            else "both"
            if name in here and is_others
            else "ours"
            if name in here
            else "others"
        )
        found.append(
            AdoptedField(
                field=name,
                type_there=there.get(name),
                type_here=here.get(name),
                owner=owner,
                is_conflict=name in conflicting,
                **{key: int(count[key]) for key in nothing},
            )
        )
    return tuple(found)


def _events(run: Run, contracts: Mapping[tuple[str, str], Contract]) -> tuple[dict[str, Any], ...]:
    """Custom events by name; streamed and counted, none is kept."""
    now = clock.now()
    names: Counter[str] = Counter()
    newest: dict[str, str] = {}
    for event in run.iterable.export("customEvent", now - EVENTS_LOOK_BACK, now + timedelta(hours=1)):
        name = str(event.get("eventName"))
        names[name] += 1
        newest[name] = max(newest.get(name, ""), str(event.get("createdAt") or ""))
    ours = {kind for name, kind in contracts if name == "events"} | {"updateCart"}
    return tuple(
        {"name": name, "events": count, "newest_at": newest[name], "is_ours": name in ours} for name, count in names.most_common()
    )


def _lists(run: Run) -> tuple[dict[str, Any], ...]:
    kept = {row["list_name"]: row for row in _rows(run, _LISTS)}
    there = [{"name": str(one.get("name")), "type": str(one.get("listType"))} for one in run.iterable.lists()]
    missing = [{"name": name, "type": None} for name in kept if name not in {one["name"] for one in there}]
    unkept = {"source": None, "hold_reason": None}
    return tuple(
        {
            **one,
            "flag": kept.get(one["name"] or "", unkept)["source"],
            "why_not": kept.get(one["name"] or "", unkept)["hold_reason"],
        }
        for one in (*there, *missing)
    )


def _findings(
    plan: Plan,
    fields: Sequence[AdoptedField],
    people: Sequence[Mapping[str, Any]],
    purchases: Sequence[Mapping[str, Any]],
    channels: Sequence[Mapping[str, Any]],
    lists: Sequence[Mapping[str, Any]],
    events: Sequence[Mapping[str, Any]],
) -> list[Finding]:
    found = [
        Finding("stop", f"Field {one.field} is {one.type_there} at Iterable and {one.type_here} here: users are held. {_RENAME}")
        for one in fields
        if one.is_conflict
    ]
    doubled = sum(row["purchases"] for row in purchases if row["found_rule"] != "no order of ours")
    held = sum(rows for kind in plan.kinds for reason, rows in kind.reasons.items() if reason.startswith(FOUND))
    if held:
        found.append(Finding("stop", f"{held} purchases would double revenue, another tool sent them: they are held. {_CONFIRM}"))
    found += [
        Finding("stop", f"Channel {row['iterable_channel_name']} of config/iterable_channels.csv is not at Iterable: {_CHANNEL}")
        for row in channels
        if not row["is_there"]
    ]
    found += [Finding("look", f"List {row['name']}: {row['why_not']}.") for row in lists if row["why_not"]]
    if doubled:
        found.append(Finding("look", f"{doubled} purchases at Iterable are orders of ours, sent by another tool."))
    newest = max((row["newest_at"] for row in purchases if row["newest_at"]), default=None)
    if _is_recent(newest):
        found.append(
            Finding("look", f"Another tool sent a purchase at {newest:%Y-%m-%d %H:%M} UTC: switch it off before the first sync.")
        )
    both = [one for one in fields if one.owner == "both" and one.overwrites]
    for one in both:
        found.append(Finding("look", f"Field {one.field}: a sync overwrites what others wrote for {_people(one.overwrites)}."))
    found += [
        Finding("look", f"Event {row['name']}: others send {row['events']:,} in 30 days under a name of ours.")
        for row in events
        if row["is_ours"]
    ]
    strangers = sum(row["people"] for row in people if row["known_where"] == "Iterable only")
    if strangers:
        found.append(Finding("look", f"Known at Iterable only: {_people(strangers)}; nothing is ever written to them."))
    return found or [Finding("fine", "Nothing of others is in the way.")]


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count:,} people"


def _is_recent(moment: datetime | None) -> bool:
    return moment is not None and clock.now().replace(tzinfo=None) - moment < STILL_ACTIVE


FOUND = "another tool sent this purchase"
_RENAME = "A type cannot be changed there: give ours another name, in the contract or in config/attribute_map.csv."
_CONFIRM = "To send them all the same, set their rule to send in config/found_purchases.csv."
_CHANNEL = "consent for it can neither be written nor read; correct the name."
