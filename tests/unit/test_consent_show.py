"""`cartwire consent show` of people in a small analysts' file and ledger."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from activation.ledger.store import Ledger
from cartwire import clock
from cartwire.cli.consent_show import REASONS
from cartwire.errors import CartwireError
from tests.e2e.command import Outcome, cartwire
from tests.property.test_consent_rules import MUST_OCCUR
from tests.unit.test_settings import GOOD

PUBLISHED = datetime(2026, 11, 20, 12)
TABLES = """
create schema marts;
create table marts.published as select 'run-1' as run_id, timestamp '2026-11-20 12:00:00' as published_at;
create table marts.profiles (profile_id varchar, person_key varchar, customer_id varchar, email varchar, market_code varchar);
create table marts.consent_state (profile_id varchar, channel varchar, purpose varchar, status varchar, is_messageable boolean,
    rule_id varchar, decided_by varchar, statement_id varchar, system varchar, source varchar, stated_at timestamp,
    legal_basis varchar, policy_version varchar, proof_reference varchar, due_at timestamp);
create table marts.consent_history (profile_id varchar, stated_at timestamp, learned_at timestamp, channel varchar,
    purpose varchar, status varchar, system varchar, source varchar, is_explicit boolean, is_decisive boolean,
    legal_basis varchar, policy_version varchar, proof_reference varchar, statement_id varchar);
create table marts.consent_gap (profile_id varchar, channel varchar, purpose varchar, more_open varchar, since_at timestamp);
insert into marts.profiles values
    ('p1', 'k1', 'c1', 'ada@example.com', 'de'), ('p2', 'k2', null, 'ada@example.com', 'us'),
    ('p3', 'k3', 'c3', 'bob@example.com', 'de');
insert into marts.consent_state by name
    select unnest(['p1', 'p2']) as profile_id, 'email' as channel, 'marketing' as purpose, 'granted' as status,
        true as is_messageable, 'default' as rule_id, 'most_restrictive' as decided_by, 's1' as statement_id,
        'commercetools' as system, 'customers.custom.fields.newsletterOptIn' as source, timestamp '2026-01-02' as stated_at,
        timestamp '2027-01-02' as due_at
    union all by name
    select 'p3' as profile_id, 'email' as channel, 'marketing' as purpose, 'unknown' as status, false as is_messageable,
        'us_opt_out' as rule_id, 'nothing_said' as decided_by;
insert into marts.consent_history by name
    select 'p1' as profile_id, timestamp '2026-01-02' as stated_at, timestamp '2026-01-03' as learned_at, 'email' as channel,
        'marketing' as purpose, 'granted' as status, 'commercetools' as system,
        '<b>customers</b>' as source, true as is_explicit, true as is_decisive, 's1' as statement_id;
insert into marts.consent_gap values ('p3', 'email', 'marketing', 'iterable', '2026-02-01');
"""


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    with duckdb.connect(str(tmp_path / "analyst.duckdb")) as connection:
        connection.execute(TABLES)
    Ledger.open(tmp_path / "ledger.sqlite", GOOD["CARTWIRE_SECRET"].encode()).close()
    return {
        **GOOD,
        "CARTWIRE_ENV_FILE": "/dev/null",
        "CARTWIRE_LEDGER": str(tmp_path / "ledger.sqlite"),
        "CARTWIRE_ANALYST_DB": str(tmp_path / "analyst.duckdb"),
    }


def show(environment: Mapping[str, str], *arguments: str) -> Outcome:
    return cartwire(environment, "consent", "show", *arguments)


def people(environment: Mapping[str, str], who: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = show(environment, who, "--json").json()["people"]
    return found


def test_an_address_finds_everybody_who_has_it_and_a_customer_id_one(environment: Mapping[str, str]) -> None:
    assert [one["profile_id"] for one in people(environment, " Ada@Example.com")] == ["p1", "p2"]
    assert [one["profile_id"] for one in people(environment, "c1")] == ["p1"]


def test_a_person_may_follow_the_command_at_once(environment: Mapping[str, str]) -> None:
    assert cartwire(environment, "consent", "c1").out == show(environment, "c1").out != ""


def test_it_says_who_decided_and_what_time_will_change(environment: Mapping[str, str]) -> None:
    out = show(environment, "c1").out
    assert "customer c1 ada@example.com, market de" in out
    assert "email marketing: granted, may be messaged" in out
    assert "customers.custom.fields.newsletterOptIn in commercetools on 2026-01-02 00:00Z" in out
    assert "no rule of its own (default); changes by time alone on 2027-01-02 00:00Z" in out
    assert "Iterable does not differ" in out
    assert "decides" in out


def test_it_says_why_somebody_is_not_messaged_and_what_iterable_has(environment: Mapping[str, str]) -> None:
    out = show(environment, "bob@example.com").out
    assert "email marketing: unknown, is not messaged" in out
    assert "nobody has said anything that counts; rule us_opt_out" in out
    assert "Iterable has them subscribed since 2026-02-01 00:00Z" in out


@pytest.mark.parametrize(("hour", "expected"), [(13, ["email marketing"]), (11, [])])
def test_what_closed_after_the_newest_published_sync_is_told(
    environment: Mapping[str, str], hour: int, expected: list[str]
) -> None:
    """A closing that is older was weighed by that sync already."""
    at_ms = clock.to_ms(PUBLISHED.replace(hour=hour, tzinfo=UTC))
    with sqlite3.connect(environment["CARTWIRE_LEDGER"]) as db:
        db.execute("insert into consent values ('k1', 'email', 'marketing', 'withdrawn', 0, ?, ?)", (at_ms, at_ms))
    assert people(environment, "c1")[0]["closed_since"] == expected
    assert ("email marketing was closed since" in show(environment, "c1").out) == bool(expected)


def test_the_page_is_escaped_and_for_its_owner_only(environment: Mapping[str, str], tmp_path: Path) -> None:
    page = tmp_path / "ada.html"
    assert show(environment, "c1", "--page", str(page)).code == 0
    text = page.read_text()
    assert "ada@example.com" in text
    assert "&lt;b&gt;customers&lt;/b&gt;" in text
    assert "<script" not in text
    assert page.stat().st_mode & 0o077 == 0


def test_nobody_is_an_error_that_does_not_repeat_who_was_asked_for(environment: Mapping[str, str]) -> None:
    outcome = show(environment, "carl@example.com", "--json")
    assert outcome.code == CartwireError.exit_code
    assert "nobody with this address or customer id" in json.loads(outcome.out)["error"]
    assert "carl" not in outcome.out + outcome.err


def test_nothing_published_says_what_to_do(environment: Mapping[str, str]) -> None:
    outcome = show({**environment, "CARTWIRE_ANALYST_DB": "/nowhere/analyst.duckdb"}, "c1")
    assert outcome.code == CartwireError.exit_code
    assert "run `cartwire sync` first" in outcome.message


def test_every_reason_has_a_sentence() -> None:
    """The property test has every one occur."""
    assert {f"decided by {reason}" for reason in REASONS} == {name for name in MUST_OCCUR if name.startswith("decided by ")}
