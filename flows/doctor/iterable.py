"""The Iterable side: key, project type, channels, message types, lists, field types."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from activation.contracts import load_contracts
from activation.field_types import conflicts
from cartwire.errors import CartwireError
from cartwire.settings import REPOSITORY, Settings
from clients.iterable import IterableClient
from clients.retry import RetryPolicy
from flows.doctor import project_type
from flows.doctor.checks import Check, Verdict, failed, guarded


def check_iterable(settings: Settings, *, has_config: bool) -> Iterator[Check]:
    """Checks that need the API. `has_config`: the files of `config/` can be read, so names and fields can be compared."""
    with IterableClient(settings, retries=RetryPolicy(attempts=2)) as client:
        try:
            channels = client.channels()
        except CartwireError as error:
            yield failed("iterable access", error)
            return
        yield Check("iterable access", Verdict.ok, f"{len(channels)} channels")
        yield guarded(project_type.NAME, lambda: project_type.check_project_type(settings, client))
        if has_config:
            wanted = _rows(settings, "iterable_channels")
            yield _channels(wanted, channels)
            yield guarded("iterable message types", lambda: _message_types(wanted, channels, client.message_types()))
            yield guarded("iterable lists", lambda: _lists(_rows(settings, "iterable_lists"), client.lists()))
            yield guarded("iterable fields", lambda: _fields(settings, client))


def _rows(settings: Settings, seed: str) -> list[dict[str, str]]:
    with (settings.config / f"{seed}.csv").open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def _channels(wanted: list[dict[str, str]], channels: list[dict[str, Any]]) -> Check:
    names = {row["iterable_channel_name"] for row in wanted}
    missing = sorted(names - {channel["name"] for channel in channels})
    if missing:
        return Check(
            "iterable channels",
            Verdict.fail,
            f"not in the project: {', '.join(missing)}",
            "correct iterable_channels.csv, or make the channel in Iterable",
        )
    return Check("iterable channels", Verdict.ok, ", ".join(sorted(names)))


def _message_types(wanted: list[dict[str, str]], channels: list[dict[str, Any]], types: list[dict[str, Any]]) -> Check:
    """Each named message type exists and belongs to the channel of its row (where the project has that channel)."""
    ids = {channel["name"]: channel["id"] for channel in channels}
    known = {(message_type["name"], message_type["channelId"]) for message_type in types}
    named = {(row["iterable_message_type_name"], row["iterable_channel_name"]) for row in wanted}
    missing = sorted(
        f"{name} ({channel})" for name, channel in named if name and channel in ids and (name, ids[channel]) not in known
    )
    if missing:
        return Check(
            "iterable message types",
            Verdict.fail,
            f"not in the project: {', '.join(missing)}",
            "correct iterable_channels.csv, leave the name empty, or make the message type in Iterable",
        )
    return Check("iterable message types", Verdict.ok, ", ".join(sorted(name for name, _ in named if name)) or "none named")


def _lists(wanted: list[dict[str, str]], lists: list[dict[str, Any]]) -> Check:
    """Each list that is kept is one static list of the project, or is made by the next sync; else its people are held."""
    kept = [row for row in wanted if row["is_enabled"] == "true"]
    found = {row["list_name"]: [one for one in lists if one.get("name") == row["list_name"]] for row in kept}
    made = sorted(row["list_name"] for row in kept if not found[row["list_name"]] and row["creates_missing"] == "true")
    missing = sorted(name for name, same in found.items() if not same and name not in made)
    unclear = sorted(
        name
        for name, same in found.items()
        if len(same) > 1 or any(one.get("listType", "Standard") != "Standard" for one in same)
    )
    if missing or unclear:
        faults = [("not in the project", missing), ("not one static list", unclear)]
        return Check(
            "iterable lists",
            Verdict.warn,
            "; ".join(f"{what}: {', '.join(names)}" for what, names in faults if names),
            "correct iterable_lists.csv, set creates_missing, or make the list in Iterable; until then its people are held",
        )
    known = [*sorted(found.keys() - made), *(f"{name} (the next sync makes it)" for name in made)]
    return Check("iterable lists", Verdict.ok, ", ".join(known) or "none named")


def _fields(settings: Settings, client: IterableClient) -> Check:
    rows = _rows(settings, "attribute_map")
    mapped = [(row["iterable_field"], row["type"]) for row in rows if row["is_enabled"] == "true"]
    found = conflicts(load_contracts(REPOSITORY / "models"), client.get_fields(), mapped)
    if found:
        return Check(
            "iterable fields",
            Verdict.fail,
            "; ".join(found.values()).partition(". ")[0],
            "a type cannot be changed at Iterable: give the field another name in attribute_map.csv or the contract",
        )
    return Check("iterable fields", Verdict.ok, "no type conflict")
