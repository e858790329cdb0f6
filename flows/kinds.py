"""The kinds of events, as the contracts beside their models list them. No event is named in code."""

from __future__ import annotations

import csv
from collections.abc import Mapping

from activation.contracts import Contract
from cartwire.errors import ConfigError
from cartwire.settings import Settings

Contracts = Mapping[tuple[str, str], Contract]


def event_models(contracts: Contracts) -> frozenset[str]:
    """Models of `models/activation/events/`, each named as its event: their rows are in `changed_events`, their failure is theirs."""
    return frozenset(contract.model for (name, _), contract in contracts.items() if name == "events")


def transition_kinds(contracts: Contracts) -> tuple[str, ...]:
    """Events that tell of a plain field's change and so need one authority that dates it (design: Money, time, ids)."""
    return tuple(sorted(contract.kind for contract in contracts.values() if contract.is_transition))


def check_kinds(settings: Settings, contracts: Contracts) -> None:
    """Raises: ConfigError naming row and column where `config/objects.csv` switches an event that does not exist."""
    events = sorted(event_models(contracts))
    with (settings.config / "objects.csv").open(newline="", encoding="utf-8-sig") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            if row["object"] == "events" and row["kind"] not in events:
                raise ConfigError(
                    f'objects.csv, row {number}, column kind: "{row["kind"]}" is no event; allowed: {", ".join(events)}.',
                    file="objects.csv",
                    row=number,
                    column="kind",
                )


def kinds_switched_on(settings: Settings) -> tuple[str, ...]:
    """Kinds of facts that `config/objects.csv` switches on."""
    with (settings.config / "objects.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if row["object"] in ("purchases", "events")]
    return tuple(sorted(row["kind"] for row in rows if row["is_enabled"] == "true"))
