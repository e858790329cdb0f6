"""Contracts are read from the YAML beside the models; a mistake is told with file, model and column."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from activation.contracts import Column, Contract, FieldType, contract_of, load_contracts
from activation.field_types import conflicts
from cartwire.errors import ConfigError
from cartwire.settings import REPOSITORY

GOOD = """
version: 2
models:
  - name: iterable_users
    config: {meta: {cartwire: {object: users, kind: users, endpoint: users/bulkUpdate, since: 2, id_rule: the id}}}
    columns:
      - {name: profile_id, data_type: varchar}
      - name: email
        meta: {cartwire: {type: string, required: true, max_length: 254, pattern: '[^@]+@[^@]+', personal: true}}
      - name: order_count
        config: {meta: {cartwire: {field: orderCount, type: long, minimum: 0, maximum: 1e6, unit: orders, owner: crm}}}
      - {name: tier, meta: {cartwire: {field: tier, enum: [gold, silver], may_trigger: true}}}
  - name: helper_without_contract
    columns: [{name: anything}]
"""


def write(folder: Path, text: str) -> Path:
    (folder / "models.yml").write_text(text)
    return folder


def test_a_contract_holds_what_the_yaml_says(tmp_path: Path) -> None:
    contracts = load_contracts(write(tmp_path, GOOD))
    assert contracts == {
        ("users", "users"): Contract(
            model="iterable_users",
            object="users",
            kind="users",
            endpoint="users/bulkUpdate",
            since=2,
            id_rule="the id",
            columns=(
                Column(name="email", required=True, max_length=254, pattern="[^@]+@[^@]+", personal=True),
                Column(
                    name="order_count",
                    field="orderCount",
                    type=FieldType.LONG,
                    minimum=Decimal(0),
                    maximum=Decimal("1000000.0"),
                    unit="orders",
                    owner="crm",
                ),
                Column(name="tier", field="tier", enum=("gold", "silver"), may_trigger=True),
            ),
        )
    }
    assert [column.name for column in contracts["users", "users"].fields] == ["order_count", "tier"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{type: number}", "type must be one of"),
        ("{type: long, maxlength: 3}", "unknown key maxlength"),
        ("{max_length: 0}", "'max_length' must be a whole number"),
        ("{max_length: yes}", "'max_length' must be a whole number"),
        ("{pattern: '['}", "not a valid regular expression"),
        ("{enum: [yes, no]}", "'enum' must be a list of texts"),
        ("{type: long, minimum: few}", "'minimum' must be a number"),
        ("{type: double, minimum: .nan}", "'minimum' must be a finite number"),
        ("{type: long, minimum: 2, maximum: 1}", "minimum is above maximum"),
        ("{type: long, max_length: 3}", "are for string columns"),
        ("{type: date, minimum: 3}", "are for long and double columns"),
        ("{required: maybe}", "'required' must be true or false"),
        ("{field: 3}", "'field' must be text"),
        ("{field: tier}", "both claim field tier"),
    ],
)
def test_a_malformed_column_is_named(tmp_path: Path, wrong: str, said: str) -> None:
    text = GOOD.replace("{name: profile_id, data_type: varchar}", f"{{name: broken, meta: {{cartwire: {wrong}}}}}")
    with pytest.raises(ConfigError, match=said) as refused:
        load_contracts(write(tmp_path, text))
    assert "models.yml: model iterable_users" in str(refused.value)
    assert "broken" in str(refused.value)


@pytest.mark.parametrize(
    ("found", "replaced", "said"),
    [
        ("since: 2", "since: first", "'since' must be"),
        ("kind: users", "knid: users", "unknown key knid"),
        ("endpoint: users/bulkUpdate", "endpoint: 3", "'endpoint' must be text"),
        ("version: 2", "version: [", "not valid YAML"),
        ("  - name: helper_without_contract", "  - title: x", "needs a name"),
    ],
)
def test_a_malformed_model_is_named(tmp_path: Path, found: str, replaced: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_contracts(write(tmp_path, GOOD.replace(found, replaced)))


def test_two_models_of_one_kind_and_an_empty_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no contract files"):
        load_contracts(tmp_path)
    (tmp_path / "again.yml").write_text(GOOD.replace("iterable_users", "copy_of_users"))
    with pytest.raises(ConfigError, match="repeats object 'users', kind 'users'"):
        load_contracts(write(tmp_path, GOOD))


def test_a_row_of_another_kind_takes_the_only_contract_of_its_object(tmp_path: Path) -> None:
    contracts = load_contracts(write(tmp_path, GOOD))
    assert contract_of(contracts, "users", "merge") is contracts["users", "users"]
    assert contract_of(contracts, "carts", "carts") is None


def test_the_shipped_contracts_load_and_say_who_answers_for_each_field() -> None:
    contracts = load_contracts(REPOSITORY / "models" / "activation")
    assert {("users", "users"), ("purchases", "purchases"), ("carts", "carts"), ("withdrawals", "withdrawals")} <= set(contracts)
    assert [column.name for contract in contracts.values() for column in contract.fields if not column.owner] == []


def test_a_field_of_another_type_at_iterable_holds_the_object_and_names_both_types(tmp_path: Path) -> None:
    contracts = load_contracts(write(tmp_path, GOOD))
    existing = {"orderCount": "double", "tier": "string", "loyaltyPoints": "string", "unrelated": "long"}
    held = conflicts(contracts, existing, [("loyaltyPoints", "long")])
    assert set(held) == {"users"}
    assert "orderCount is double at Iterable, the contract says long" in held["users"]
    assert "loyaltyPoints is string at Iterable, the contract says long" in held["users"]
    assert "tier" not in held["users"].split(". A type")[0]


def test_unknown_and_equal_types_conflict_with_nothing(tmp_path: Path) -> None:
    contracts = load_contracts(write(tmp_path, GOOD))
    assert conflicts(contracts, {"orderCount": "long", "consent": "object", "consent.email": "string"}) == {}
    assert conflicts(contracts, {}) == {}


def test_a_consent_field_that_is_no_object_holds_the_users(tmp_path: Path) -> None:
    contracts = load_contracts(write(tmp_path, GOOD))
    assert "consent is string" in conflicts(contracts, {"consent": "string"})["users"]
