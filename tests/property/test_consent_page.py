"""The worked set-ups of docs/how-to/consent.md: the rows that the page says to write, through the models, give what the page says."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from cartwire.config_check import check_config
from cartwire.settings import REPOSITORY
from tests.property.consent_evaluator import Person, Statement
from tests.property.consent_world import MODELS, NOW, World, build, compile_models, insert, unbuilt_warehouse

PAGE = REPOSITORY / "docs" / "how-to" / "consent.md"
SETUPS = {"EU: opt-in, confirmed in Iterable": 10, "US: opt-out": 8, "Consent owned by Iterable": 5}
"""Heading and how many outcomes it states."""
SHOP_WORDS = "stg_commercetools__consent_statements"
OWNED = "int_profiles__fields_of_iterable"
KEYS = {"consent_markets.csv": ("market_code", "channel"), "consent_rules.csv": ("rule_id",)}
KEYS["consent_fields.csv"] = ("resource", "field_path", "channel", "purpose", "market_code", "value")
KEYS["consent_evidence.csv"] = ("resource", "field_path")
FILE = re.compile(r"^`(\w+\.csv)`\n\n```csv\n(.*?)^```", re.MULTILINE | re.DOTALL)
_WORDS_TABLE = """
create table staging.base_commercetools__consent_words (resource_type varchar, field_path varchar, resource_id varchar,
    version bigint, customer_id varchar, email varchar, container varchar, store_key varchar, country_code varchar,
    value_text varchar, created_at timestamp, last_modified_at timestamp, learned_at timestamp);
"""
Models = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Outcome:
    """A row of a table of the page."""

    market: str
    said: tuple[str, ...]
    status: str
    is_messaged: bool
    decided_by: str


def section(heading: str) -> str:
    """What the page says under it."""
    return PAGE.read_text().partition(f"### {heading}\n")[2].partition("\n### ")[0]


def outcomes(heading: str) -> list[Outcome]:
    """The rows of its table."""
    found = []
    for line in section(heading).splitlines():
        if re.match(r"\| `[a-z]{2}` \|", line):
            market, said, status, messaged, decided_by = (cell.strip() for cell in line.strip("|").split("|"))
            words = tuple(re.findall(r"`([^`]+)`", said))
            found.append(Outcome(market.strip("`"), words, status.strip("`"), messaged == "yes", decided_by.strip("`")))
    return found


def write_config(heading: str, folder: Path) -> Path:
    """The shipped files with the rows of the page."""
    shutil.copytree(REPOSITORY / "config", folder)
    for name, text in FILE.findall(section(heading)):
        added = list(csv.DictReader(io.StringIO(text)))
        with (folder / name).open(newline="") as file:
            reader = csv.DictReader(file)
            kept = [row for row in reader if _key(name, row) not in {_key(name, new) for new in added}]
            columns = list(reader.fieldnames or ())
        assert list(added[0]) == columns, f"{name} has other columns than the page says"
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows([*kept, *added])
    return folder


def _key(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(row[column] for column in KEYS[name])


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return compile_models(tmp_path_factory.mktemp("page"), (SHOP_WORDS, *MODELS, OWNED))


@pytest.fixture(scope="module", params=SETUPS)
def decided(
    request: pytest.FixtureRequest, models: Models, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, duckdb.DuckDBPyConnection]:
    """A warehouse in which row n of the page is the person pn."""
    heading = request.param
    folder = write_config(heading, tmp_path_factory.mktemp("setup") / "config")
    check_config(folder)
    world, words = _world(outcomes(heading))
    warehouse = unbuilt_warehouse(world)
    warehouse.execute(_WORDS_TABLE)
    insert(warehouse, "staging.base_commercetools__consent_words", words)
    _take_config(warehouse, folder)
    warehouse.execute(f"drop table staging.{SHOP_WORDS}")
    build(warehouse, models)
    return heading, warehouse


def _take_config(warehouse: duckdb.DuckDBPyConnection, folder: Path) -> None:
    seeds = [seed for path in folder.glob("_config_*.yml") for seed in yaml.safe_load(path.read_text())["seeds"]]
    for seed in seeds:
        name, types = seed["name"], seed["config"]["column_types"]
        source = f"read_csv('{folder / name}.csv', header = true, types = $types)"
        warehouse.execute(f"create or replace table config.{name} as from {source}", {"types": types})
    warehouse.execute(
        "update raw_iterable.channels set name = iterable_channel_name from config.iterable_channels where name = channel"
    )


def _world(rows: Sequence[Outcome]) -> tuple[World, list[dict[str, Any]]]:
    """One customer per row; what they said in Iterable and in files, and the versions of their document."""
    world, versions = World(seed=0), []
    for number, row in enumerate(rows):
        born = [date.fromisoformat(word.split()[1]) for word in row.said if word.startswith("born ")]
        person = Person(
            f"p{number}", f"c{number}", f"p{number}@example.com", row.market, None, born[0] if born else None, is_deleted=False
        )
        world.people.append(person)
        for position, word in enumerate(row.said):
            at = NOW - timedelta(days=len(row.said) - position)
            where, _, what = word.partition(" ")
            if where == "shop":
                versions.append(_version(person, position, what, at))
            elif where in ("iterable", "import"):
                world.statements.append(_statement(person, position, where, what, at))
            else:
                assert where == "born", word
    return world, versions


def _statement(person: Person, position: int, system: str, what: str, at: datetime) -> Statement:
    status, by_a_program, _ = what.partition(" by a program")
    return Statement(
        person=person,
        system=system,
        resource_type={"iterable": "iterable_event", "import": "imports"}[system],
        record=f"{person.profile_id}-{position}",
        channel="email",
        status=status,
        stated_at=at,
        learned_at=at,
        is_explicit=not by_a_program,
    )


def _version(person: Person, position: int, what: str, at: datetime) -> dict[str, Any]:
    field, value = what.split()
    return {
        "resource_type": "customers", "field_path": f"custom.fields.{field}", "resource_id": person.customer_id,
        "version": position + 1, "customer_id": person.customer_id, "email": person.email, "store_key": person.market_code,
        "value_text": None if value == "empty" else value, "created_at": at, "last_modified_at": at, "learned_at": at,
    }  # fmt: skip


def test_the_page_has_these_set_ups() -> None:
    assert re.findall(r"^### (.+)$", PAGE.read_text(), re.MULTILINE) == list(SETUPS)
    assert {heading: len(outcomes(heading)) for heading in SETUPS} == SETUPS


def test_a_set_up_gives_what_the_page_says(decided: tuple[str, duckdb.DuckDBPyConnection]) -> None:
    heading, warehouse = decided
    found = warehouse.execute(
        "select profile_id, status, is_messageable, decided_by from intermediate.int_consent__state where channel = 'email'"
    ).fetchall()
    by_person = {profile_id: tuple(rest) for profile_id, *rest in found}
    for number, row in enumerate(outcomes(heading)):
        assert by_person[f"p{number}"] == (row.status, row.is_messaged, row.decided_by), row


def test_a_field_that_iterable_owns_is_left_to_it_in_every_market(decided: tuple[str, duckdb.DuckDBPyConnection]) -> None:
    heading, warehouse = decided
    owned = warehouse.execute(f"select market_code, field from intermediate.{OWNED}").fetchall()
    markets = [code for (code,) in warehouse.execute("select market_code from config.markets").fetchall()]
    expected = [(code, "phoneNumber") for code in markets] if heading == "Consent owned by Iterable" else []
    assert sorted(owned) == sorted(expected)


def test_the_legal_basis_of_the_page_stands_at_the_statement(decided: tuple[str, duckdb.DuckDBPyConnection]) -> None:
    heading, warehouse = decided
    found = warehouse.execute(
        "select distinct legal_basis from intermediate.int_consent__state where source = 'customers.custom.fields.emailOptOut'"
    ).fetchall()
    assert found == ([("legitimate_interest",)] if heading == "US: opt-out" else [])
