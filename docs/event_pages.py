"""What is published about events and purchases: a JSON Schema per kind and version, and the page of all events."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

from activation.contracts import Column, Contract
from activation.json_schemas import OBJECTS, breaking_changes, schema_of
from cartwire.settings import REPOSITORY

Contracts = Mapping[tuple[str, str], Contract]


def schemas(contracts: Contracts) -> dict[str, str]:
    """File name → JSON Schema of every event and of purchases. The version is part of the name, so an older one stays."""
    return {
        file_name(contract): json.dumps(schema_of(contract), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
        for contract in _published(contracts)
    }


def file_name(contract: Contract) -> str:
    """`order_refunded.v1.json`."""
    return f"{contract.kind}.v{contract.version}.json"


def broken_schemas(folder: Path, contracts: Contracts) -> list[str]:
    """Published schemas that the contracts no longer keep, in words; empty when all is well."""
    found = []
    for contract in _published(contracts):
        path = folder / file_name(contract)
        if path.exists():
            for change in breaking_changes(json.loads(path.read_text()), schema_of(contract)):
                found.append(
                    f"{contract.model}.yml breaks what {path.name} published: {change}. "
                    f"Journeys may rely on it: take it back, or set `version: {contract.version + 1}`."
                )
    return found


def events_page(contracts: Contracts) -> str:
    """The page docs/reference/events.md."""
    switches = _switches()
    parts = [
        "# Events\n",
        "Every event that can be sent, from the YAML beside its model in `models/activation/events/`. Each is switched by its row in "
        "`config/objects.csv`; the defaults below are those shipped. An event goes out once per id. What happened before the kind was "
        "switched on, or longer ago than its maximum age, is history and stays in the warehouse. The JSON Schema of each is in "
        "[schemas/](schemas/); a row that breaks it is rejected before it leaves.\n",
        "| event | default | maximum age | without consent | when |",
        "| --- | --- | --- | --- | --- |",
    ]
    events = [contract for contract in _published(contracts) if contract.object == "events"]
    for contract in events:
        switch = switches.get(contract.kind, {})
        state = "on" if switch.get("is_enabled") == "true" else "off"
        facts = (state, f"{switch.get('max_age_hours', '')} h", _without_consent(contract.kind), contract.description)
        parts.append(f"| [{contract.kind}](#{contract.kind}) | {' | '.join(facts)} |")
    parts += ["", *(_event(contract) for contract in events)]
    return "\n".join(parts)


def _event(contract: Contract) -> str:
    lines = [
        f"## {contract.kind}\n",
        f"{contract.description}\n",
        f"Version {contract.version}, [JSON Schema](schemas/{file_name(contract)}). Id: `{contract.id_rule}`."
        + (" One authority per installation dates it: Messages or our own history." if contract.is_transition else ""),
        "",
        "| field | type | what it is |",
        "| --- | --- | --- |",
    ]
    lines += [f"| `{column.field}` | {_type(column)} | {_text(column.description)} |" for column in contract.fields]
    return "\n".join([*lines, ""])


def _type(column: Column) -> str:
    rules = ["required"] if column.required else []
    rules += [f"one of {', '.join(column.enum)}"] if column.enum else []
    rules += [f"{name} {getattr(column, name)}" for name in ("minimum", "maximum") if getattr(column, name) is not None]
    return ", ".join([str(column.type), *rules])


def _text(description: str) -> str:
    return description.replace("|", "\\|")


def _switches() -> dict[str, dict[str, str]]:
    with (REPOSITORY / "config" / "objects.csv").open(newline="", encoding="utf-8") as file:
        return {row["kind"]: row for row in csv.DictReader(file)}


def _without_consent(kind: str) -> str:
    """What people without consent get of an event in every market, as shipped."""
    with (REPOSITORY / "config" / "consent_policies.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["kind"]: row["without_consent"] for row in csv.DictReader(file) if row["object"] == "events"}
    return rows.get(kind, rows["*"])


def _published(contracts: Contracts) -> list[Contract]:
    return sorted((each for each in contracts.values() if each.object in OBJECTS), key=lambda each: each.kind)
