"""One contract, five outputs: a field added to the YAML of an event, in a copy, shows in all that is made of it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from activation.contracts import Contract, load_contracts
from activation.gate import gate
from activation.json_schemas import schema_of
from cartwire.settings import REPOSITORY
from docs.event_pages import events_page, file_name, schemas
from sandbox.iterable.schemas import EventSchemas

LINE = """      - {name: shelf, data_type: varchar, description: Where it stood, data_tests: [not_null],
         meta: {cartwire: {field: shelf, type: string, required: true, enum: [upper, lower], owner: crm}}}
"""
BEFORE = "      - name: refund_id\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dbt project with one entry more in the contract of order_refunded."""
    copy = tmp_path_factory.mktemp("project")
    for name in ("models", "macros", "config", "tests/dbt"):
        shutil.copytree(REPOSITORY / name, copy / name)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(REPOSITORY / name, copy / name)
    contract = copy / "models" / "activation" / "events" / "order_refunded.yml"
    text = contract.read_text()
    assert text.count(BEFORE) == 1
    contract.write_text(text.replace(BEFORE, LINE + BEFORE))
    return copy


@pytest.fixture(scope="module")
def contract(project: Path) -> Contract:
    return load_contracts(project / "models")["events", "order_refunded"]


def rows(contract: Contract, shelf: str | None) -> pa.Table:
    return pa.table({column.name: pa.array([shelf if column.name == "shelf" else None]) for column in contract.fields})


def test_dbt_tests_the_column(project: Path, tmp_path: Path) -> None:
    from dbt.cli.main import dbtRunner

    os.environ["CARTWIRE_WAREHOUSE"] = str(tmp_path / "warehouse.duckdb")
    places = ["--project-dir", str(project), "--profiles-dir", str(project), "--target-path", str(tmp_path / "target")]
    outcome = dbtRunner().invoke(["parse", "--quiet", *places, "--log-path", str(tmp_path / "logs")])
    assert outcome.success, outcome.exception
    assert any(node.name == "not_null_order_refunded_shelf" for node in outcome.result.nodes.values())  # type: ignore[union-attr]


def test_great_expectations_refuses_what_the_line_forbids(contract: Contract) -> None:
    assert "shelf must be one of upper, lower" in gate(rows(contract, "middle"), contract).rejections[0]
    assert "shelf must not be null" in gate(rows(contract, None), contract).rejections[0]
    assert "shelf" not in gate(rows(contract, "upper"), contract).rejections[0]


def test_the_json_schema_has_the_field(contract: Contract) -> None:
    data = schema_of(contract)["properties"]["dataFields"]
    assert data["properties"]["shelf"] == {"type": "string", "description": "Where it stood", "enum": ["upper", "lower"]}
    assert "shelf" in data["required"]


def test_the_stand_in_notes_an_event_without_it(contract: Contract, tmp_path: Path) -> None:
    for name, text in schemas({("events", contract.kind): contract}).items():
        (tmp_path / name).write_text(text)
    event = {
        "id": f"order-refunded-{1:032x}", "eventName": "order_refunded", "createdAt": 1, "userId": "c",
        "dataFields": {name: value["const"] for name, value in _constants(tmp_path / file_name(contract)).items()},
    }  # fmt: skip
    missing = set(json.loads((tmp_path / file_name(contract)).read_text())["properties"]["dataFields"]["required"])
    assert "shelf" in missing
    assert EventSchemas(tmp_path).fault("order_refunded", event) == "order_refunded: dataFields (required)"


def test_the_page_has_its_row(contract: Contract) -> None:
    assert "| `shelf` | string, required, one of upper, lower | Where it stood |" in events_page(
        {("events", contract.kind): contract}
    )


def _constants(path: Path) -> dict[str, dict[str, int]]:
    properties = json.loads(path.read_text())["properties"]["dataFields"]["properties"]
    return {name: rules for name, rules in properties.items() if "const" in rules}
