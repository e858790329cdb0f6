"""The outbound contract beside the activation models agrees with the SQL around it."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from activation.contracts import Contract, load_contracts

REPOSITORY = Path(__file__).parents[2]
CONTRACTS = load_contracts(REPOSITORY / "models" / "activation")
EVENTS = sorted(path.stem for path in (REPOSITORY / "models" / "activation" / "events").glob("*.sql"))
CHANGED = {
    ("withdrawals", "withdrawals"): "changed_withdrawals",
    ("users", "users"): "changed_users",
    ("purchases", "purchases"): "changed_purchases",
    ("carts", "carts"): "changed_carts",
    ("lists", "lists"): "changed_lists",
    ("grants", "grants"): "changed_grants",
}
COMMON = (
    "object", "kind", "subject", "person_key", "email", "user_id", "fingerprint", "lane", "market_code",
    "source_modified_at", "occurred_at", "send_before_at", "consent_requirement", "verdict", "verdict_reason", "depends_on",
    "waits_for_person",
)  # fmt: skip
ENVELOPE = {"market", "store", "channel", "currency", "locale"}
SQL_TYPES = {
    "string": {"varchar"}, "long": {"bigint", "integer"}, "double": {"decimal(28,4)", "double"}, "boolean": {"boolean"},
    "date": {"timestamp"}, "string[]": {"varchar[]"},
}  # fmt: skip


def columns_of(path: str) -> dict[str, str]:
    model = yaml.safe_load((REPOSITORY / "models" / path).read_text(encoding="utf-8"))["models"][0]
    return {column["name"]: column["data_type"] for column in model["columns"]}


def test_each_object_and_event_has_exactly_one_contract() -> None:
    assert CONTRACTS.keys() == CHANGED.keys() | {("events", name) for name in EVENTS}
    assert {contract.model for pair, contract in CONTRACTS.items() if pair[0] == "events"} == set(EVENTS)


def test_each_event_has_its_switch_and_no_other_file_names_it() -> None:
    """A new event is a model, the YAML beside it, and a row of config/objects.csv: nothing else lists events."""
    with (REPOSITORY / "config" / "objects.csv").open(newline="", encoding="utf-8") as file:
        assert {row["kind"] for row in csv.DictReader(file) if row["object"] == "events"} == set(EVENTS)
    code = [path for room in ("activation", "clients", "flows") for path in (REPOSITORY / room).rglob("*.py")]
    code += [*(REPOSITORY / "macros").rglob("*.sql"), *(REPOSITORY / "models" / "changes").iterdir()]
    named = [f"{path.name}: {name}" for path in code for name in EVENTS if re.search(rf"\b{name}\b", path.read_text())]
    assert named == []


@pytest.mark.parametrize(("pair", "model"), CHANGED.items())
def test_changed_rows_carry_the_common_columns_first_and_all_of_the_contract(pair: tuple[str, str], model: str) -> None:
    changed = columns_of(f"changes/{model}.yml")
    assert tuple(changed)[: len(COMMON)] == COMMON
    assert {column.name for column in CONTRACTS[pair].columns} <= changed.keys()


@pytest.mark.parametrize("contract", CONTRACTS.values(), ids=lambda contract: contract.kind)
def test_contract_types_are_types_the_column_can_have(contract: Contract) -> None:
    folder = "activation/events" if contract.object == "events" else "activation"
    types = columns_of(f"{folder}/{contract.model}.yml")
    for column in contract.fields:
        known = (
            types[column.name].startswith("struct(") if column.type == "items" else types[column.name] in SQL_TYPES[column.type]
        )
        assert known, column.name


def test_the_shipped_profile_fields_are_the_fields_of_the_contract() -> None:
    text = (REPOSITORY / "macros" / "profile_fields.sql").read_text(encoding="utf-8")
    listed = re.findall(r"\('(\w+)', '(\w+)', '([\w\[\]]+)'\)", text)
    contract = [(column.name, column.field, str(column.type)) for column in CONTRACTS["users", "users"].fields]
    assert listed == contract


def test_profiles_purchases_and_events_say_market_store_channel_currency_and_locale() -> None:
    for pair, contract in CONTRACTS.items():
        if pair[0] in ("users", "purchases", "events"):
            assert {column.field for column in contract.fields} >= ENVELOPE, pair


def test_every_line_of_a_cart_or_purchase_says_market_store_channel_currency_and_locale() -> None:
    for model in ("iterable_carts", "iterable_purchases"):
        items = columns_of(f"activation/{model}.yml")["items"]
        assert all(re.search(rf"\b{name} varchar", items) for name in ENVELOPE), model


def test_fields_that_may_start_a_journey_never_include_the_consent_object() -> None:
    document: dict[str, Any] = yaml.safe_load((REPOSITORY / "models/activation/iterable_users.yml").read_text(encoding="utf-8"))
    consent = next(column for column in document["models"][0]["columns"] if column["name"] == "consent")
    assert "meta" not in consent
