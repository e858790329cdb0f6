"""A rendered row that is not what its contract publishes is refused; a published schema is not broken in silence."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from activation.contracts import Column, Contract, FieldType, load_contracts
from activation.iterable.render import fragment
from activation.iterable.values import Unrenderable
from activation.json_schemas import breaking_changes, fault, schema_of
from cartwire.settings import REPOSITORY
from docs.event_pages import broken_schemas, file_name, schemas

CONTRACTS = load_contracts(REPOSITORY / "models")
POINTS = Column(name="points", field="points", type=FieldType.LONG, required=True, minimum=Decimal(1))
TIER = Column(name="tier", field="tier", enum=("gold", "silver"), max_length=8)
WON = Contract(model="points_won", object="events", kind="points_won", columns=(POINTS, TIER))
EVENT: dict[str, Any] = {
    "id": f"points-won-{7:032x}",
    "eventName": "points_won",
    "createdAt": 1_793_527_200,
    "userId": "c-1",
    "dataFields": {"schemaVersion": 1, "points": 3, "tier": "gold"},
}


def with_columns(*columns: Column, version: int = 1) -> Contract:
    return replace(WON, columns=columns, version=version)


def test_a_row_as_its_contract_says_has_no_fault() -> None:
    assert fault(WON, EVENT) == ""


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"createdAt": 1_793_527_200_000}, "createdAt breaks the JSON Schema of points_won (maximum)"),
        ({"id": "points-won-1"}, "id breaks the JSON Schema of points_won (pattern)"),
        ({"eventName": "points_lost"}, "eventName breaks the JSON Schema of points_won (const)"),
        ({"campaignId": 2**31}, "campaignId breaks the JSON Schema of points_won (maximum)"),
        ({"surprise": 1}, "the row breaks the JSON Schema of points_won (additionalProperties)"),
        ({"dataFields": {"schemaVersion": 1}}, "dataFields breaks the JSON Schema of points_won (required)"),
        ({"dataFields": {"points": 3}}, "dataFields breaks the JSON Schema of points_won (required)"),
        ({"dataFields": {"schemaVersion": 1, "points": "3"}}, "dataFields.points breaks the JSON Schema of points_won (type)"),
        (
            {"dataFields": {"schemaVersion": 2, "points": 3}},
            "dataFields.schemaVersion breaks the JSON Schema of points_won (const)",
        ),
        (
            {"dataFields": {"schemaVersion": 1, "points": 3, "tier": "tin"}},
            "dataFields.tier breaks the JSON Schema of points_won (enum)",
        ),
    ],
)
def test_a_fault_names_place_and_keyword_and_never_the_value(changed: dict[str, Any], said: str) -> None:
    assert fault(WON, EVENT | changed) == said


def test_a_row_without_anybody_is_a_fault() -> None:
    assert "anyOf" in fault(WON, {name: value for name, value in EVENT.items() if name != "userId"})


def test_a_rendered_row_that_breaks_its_schema_is_refused_before_it_leaves() -> None:
    row = {"subject": "no-such-id", "kind": "points_won", "user_id": "c-1", "occurred_at": datetime(2026, 11, 1), "points": 3}
    with pytest.raises(Unrenderable, match="id breaks the JSON Schema of points_won"):
        fragment("events", row, WON)
    assert json.loads(fragment("events", {**row, "subject": EVENT["id"]}, WON))["dataFields"]["points"] == 3


@pytest.mark.parametrize(
    ("after", "said"),
    [
        ((POINTS,), ["dataFields.tier was removed"]),
        ((replace(POINTS, type=FieldType.STRING, minimum=None), TIER), ["type is 'string'"]),
        ((POINTS, replace(TIER, required=True)), ["dataFields.tier is newly required"]),
        ((replace(POINTS, required=False), TIER), ["dataFields.points is no longer always there"]),
        ((POINTS, replace(TIER, enum=("gold",))), ["enum is ['gold']"]),
        ((POINTS, replace(TIER, max_length=4)), ["maxLength is 4 and was 8"]),
        ((replace(POINTS, minimum=Decimal(2)), TIER), ["minimum is 2 and was 1"]),
        ((POINTS, replace(TIER, pattern="g.*")), ["pattern is"]),
    ],
)
def test_what_breaks_a_reader_or_a_sender_needs_the_next_version(
    tmp_path: Path, after: tuple[Column, ...], said: list[str]
) -> None:
    contracts = {("events", "points_won"): WON}
    for name, text in schemas(contracts).items():
        (tmp_path / name).write_text(text)
    found = broken_schemas(tmp_path, {("events", "points_won"): with_columns(*after)})
    assert len(found) >= len(said)
    assert all(any(words in line for line in found) for words in said)
    assert all("version: 2" in line for line in found)
    assert broken_schemas(tmp_path, {("events", "points_won"): with_columns(*after, version=2)}) == []


@pytest.mark.parametrize(
    "after",
    [
        (POINTS, TIER, Column(name="reason", field="reason")),
        (POINTS, replace(TIER, enum=("gold", "silver", "tin"))),
        (replace(POINTS, description="other words"), replace(TIER, max_length=9)),
    ],
)
def test_a_new_optional_field_wider_values_and_other_words_break_nobody(after: tuple[Column, ...]) -> None:
    assert list(breaking_changes(schema_of(WON), schema_of(with_columns(*after)))) == []


def test_every_event_and_purchases_are_published_by_version() -> None:
    wanted = {file_name(contract) for contract in CONTRACTS.values() if contract.object in ("events", "purchases")}
    assert wanted <= {path.name for path in (REPOSITORY / "docs" / "reference" / "schemas").glob("*.json")}
