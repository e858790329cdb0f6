"""Random histories of consent: people in markets of every rule, what they said in every system, and the models that decide.

One `World` is many people at once, because a statement of SQL costs the same for one person as for ten thousand.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from tests.property.consent_evaluator import Person, Rule, Statement, Verdict
from tests.property.dbt_project import dbt, nodes_of

NOW = datetime(2026, 11, 20, 12)
CHANNELS = ("email", "sms")
CHANNEL_IDS = {"email": "101", "sms": "103"}
MODELS = (
    "int_consent__rules",
    "int_consent__iterable_statements",
    "int_consent__statements",
    "int_consent__weighed",
    "int_consent__state",
)
RULES = {
    "default": Rule("most_restrictive"),
    "recent": Rule("most_recent"),
    "wins": Rule("withdrawal_wins"),
    "theirs": Rule("iterable"),
    "ours": Rule("commercetools"),
    "paper": Rule("import"),
    "twice": Rule("most_recent", confirmed_by="iterable"),
    "strict": Rule("most_restrictive", confirmed_by="iterable", expires_after_days=40),
    "grown": Rule("withdrawal_wins", confirmed_by="import", minimum_age=16, expires_after_days=20),
}
"""By market."""
SUPPRESSED_DOMAIN, SUPPRESSED_PHONE = "blocked.example", "+491701234567"

_TABLES = """
create schema staging; create schema intermediate; create schema config; create schema control; create schema raw_iterable;
create schema delivered;
create table control.run (as_of timestamp, identity varchar);
create table config.markets (market_code varchar);
create table config.consent_fields (channel varchar, purpose varchar);
create table config.iterable_channels (channel varchar, purpose varchar, iterable_channel_name varchar,
    iterable_message_type_name varchar);
create table config.consent_rules (rule_id varchar, attribute varchar, market_code varchar, channel varchar, purpose varchar,
    source_of_truth varchar, valid_from timestamp, valid_until timestamp, is_enabled boolean);
create table config.consent_markets (market_code varchar, channel varchar, confirmed_by varchar, minimum_age integer,
    expires_after_days integer);
create table config.consent_suppressions (kind varchar, value varchar, channel varchar);
create table raw_iterable.channels (id bigint, name varchar);
create table raw_iterable.message_types (id bigint, name varchar);
create table delivered.users (email varchar, user_id varchar, accepted_at timestamp);
create table staging.stg_iterable__users (email varchar, user_id varchar, iterable_channel_ids varchar[], read_at timestamp);
create table staging.stg_iterable__consent_events (event_key varchar, event_type varchar, status varchar, email varchar,
    user_id varchar, iterable_channel_ids varchar[], iterable_message_type_ids varchar[], is_by_person boolean,
    stated_at timestamp, learned_at timestamp);
create table staging.stg_imports__consent_statements (event_key varchar, customer_id varchar, email varchar, channel varchar,
    purpose varchar, status varchar, source varchar, legal_basis varchar, policy_version varchar, proof_reference varchar,
    stated_at timestamp, learned_at timestamp);
create table staging.stg_commercetools__consent_statements (resource_type varchar, resource_id varchar, customer_id varchar,
    email varchar, field_path varchar, channel varchar, purpose varchar, status varchar, stated_at timestamp,
    learned_at timestamp, created_at timestamp, is_first_seen boolean, legal_basis varchar, policy_version varchar,
    proof_reference varchar);
create table intermediate.int_subscriptions__granted_by_us (event_key varchar, subscription_group varchar,
    subscription_id bigint);
create table intermediate.int_subscriptions__unsubscribes (event_key varchar, subscription_group varchar, subscription_id bigint,
    is_own boolean);
create table intermediate.int_identity__people (subject varchar, profile_subject varchar, profile_id varchar, person_key varchar,
    email varchar);
create table intermediate.int_profiles__described (profile_id varchar, person_key varchar, market_code varchar, email varchar,
    is_deleted boolean, date_of_birth date);
create table intermediate.int_profiles__phones (profile_id varchar, phone_e164 varchar);
"""


def compile_models(folder: Path, names: Sequence[str] = MODELS) -> tuple[tuple[str, str], ...]:
    """(name of the table, SQL) of the models, by default those that decide, in the order of `names`."""
    nodes = {node.name: node for node in nodes_of(dbt(folder / "warehouse.duckdb", "compile", "--select", *names))}
    database = next(iter(nodes.values())).database
    return tuple((f"{nodes[name].schema}.{name}", nodes[name].compiled_code.replace(f'"{database}".', "")) for name in names)


@dataclass
class World:
    """People and everything they said. `seen` counts what occurred, so that a run can prove that everything did."""

    seed: int
    people: list[Person] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)


def random_world(seed: int, count: int) -> World:
    """`count` people with up to nine statements each, at times that often coincide."""
    dice = random.Random(seed)
    world = World(seed)
    for number in range(count):
        world.people.append(_person(dice, number, world.people))
    for person in world.people:
        for position in range(dice.choice((0, 1, 2, 3, 4, 6, 9))):
            statement = _statement(dice, person, position)
            world.statements.append(statement)
            world.seen[f"{statement.system} {statement.status}{'' if statement.is_explicit else ' told by a program'}"] += 1
    return world


def _person(dice: random.Random, number: int, before: Sequence[Person]) -> Person:
    email = f"p{number}@{dice.choice(('example.com',) * 30 + (SUPPRESSED_DOMAIN,))}"
    if before and dice.random() < 0.1:
        email = dice.choice(before[-20:]).email
    # of one address there is one guest only: the address is who it is
    is_customer = dice.random() < 0.7 or any(other.email == email for other in before[-40:])
    return Person(
        profile_id=f"p{number}",
        customer_id=f"c{number}" if is_customer else None,
        email=email,
        market_code=dice.choice(list(RULES)),
        phone=SUPPRESSED_PHONE if dice.random() < 0.02 else None,
        born=dice.choice((None, None, date(1980, 5, 1), date(2010, 11, 21), date(2010, 11, 20))),
        is_deleted=dice.random() < 0.03,
    )


def _statement(dice: random.Random, person: Person, position: int) -> Statement:
    system = dice.choice(("commercetools", "commercetools", "iterable", "iterable", "import"))
    stated_at = NOW - timedelta(days=dice.randrange(60), hours=dice.choice((0, 0, 0, 7)))
    key = f"{person.profile_id}-{position}"
    common = {
        "person": person,
        "system": system,
        "channel": dice.choice(CHANNELS),
        "stated_at": stated_at,
        "learned_at": stated_at + timedelta(microseconds=position + 1, hours=dice.choice((0, 0, 30))),
    }
    if system == "commercetools":
        resource = (
            dice.choice(("customers",) * 4 + ("orders", "carts")) if person.customer_id else dice.choice(("orders", "carts"))
        )
        record = person.customer_id if resource == "customers" else key
        status = dice.choice(("granted", "granted", "denied", "withdrawn", "unknown", "unknown", "pending"))
        return Statement(status=status, resource_type=resource, record=str(record), is_explicit=True, **common)
    if system == "import":
        status = dice.choice(("granted", "granted", "denied", "withdrawn", "pending"))
        return Statement(status=status, resource_type="imports", record=key, is_explicit=dice.random() < 0.5, **common)
    if dice.random() < 0.1:
        return Statement(status="withdrawn", resource_type="iterable_user", record=key, is_explicit=False, **common)
    status = dice.choice(("granted", "withdrawn"))
    return Statement(status=status, resource_type="iterable_event", record=key, is_explicit=dice.random() < 0.6, **common)


def decide(world: World, models: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Verdict]:
    """What the models say of each person and channel."""
    with unbuilt_warehouse(world) as warehouse:
        build(warehouse, models)
        _assert_told_as_decided(warehouse)
        found = warehouse.execute(
            "select profile_id, channel, status, is_messageable, decided_by, due_at from intermediate.int_consent__state"
        ).fetchall()
    return {(profile_id, channel): Verdict(*rest) for profile_id, channel, *rest in found}


def unbuilt_warehouse(world: World) -> duckdb.DuckDBPyConnection:
    """What the models that decide read, before any of them."""
    warehouse = duckdb.connect()
    warehouse.execute("set timezone = 'UTC'")
    warehouse.execute(_TABLES)
    for table, rows in _rows(world):
        insert(warehouse, table, rows)
    return warehouse


def insert(warehouse: duckdb.DuckDBPyConnection, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """The rows, by the names of their columns."""
    if rows:
        incoming = pa.Table.from_pylist(list(rows))
        warehouse.register("incoming", incoming)
        warehouse.execute(f"insert into {table} by name select * from incoming")
        warehouse.unregister("incoming")


def build(warehouse: duckdb.DuckDBPyConnection, models: Sequence[tuple[str, str]]) -> None:
    """Each model as a table, in order."""
    for table, sql in models:
        warehouse.execute(f"create table {table} as {sql}")


def _assert_told_as_decided(warehouse: duckdb.DuckDBPyConnection) -> None:
    """The last change that consent_changed may tell leads to the status that was decided."""
    differing = warehouse.execute("""
        select count(*)
        from intermediate.int_consent__weighed as newest
        inner join intermediate.int_consent__weighed as winner
            on newest.profile_id = winner.profile_id and newest.channel = winner.channel
        inner join intermediate.int_consent__state as state
            on winner.statement_id = state.statement_id and winner.profile_id = state.profile_id
        where newest.is_newest and newest.status_after is distinct from winner.effective_status
    """).fetchone()
    assert differing == (0,)


def _rows(world: World) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    yield "control.run", [{"as_of": NOW, "identity": "hybrid"}]
    yield "config.markets", [{"market_code": market} for market in RULES]
    scope = [{"channel": channel, "purpose": "marketing"} for channel in CHANNELS]
    yield "config.consent_fields", scope
    yield "config.iterable_channels", [{**row, "iterable_channel_name": row["channel"]} for row in scope]
    yield (
        "config.consent_rules",
        [
            {"rule_id": market, "attribute": "consent", "market_code": market, "channel": "*", "purpose": "*",
             "source_of_truth": rule.source_of_truth, "is_enabled": True}
            for market, rule in RULES.items() if market != "default"
        ],
    )  # fmt: skip
    yield (
        "config.consent_markets",
        [
            {"market_code": market, "channel": channel, "confirmed_by": rule.confirmed_by, "minimum_age": rule.minimum_age,
             "expires_after_days": rule.expires_after_days}
            for market, rule in RULES.items() for channel in CHANNELS
        ],
    )  # fmt: skip
    yield (
        "config.consent_suppressions",
        [
            {"kind": "domain", "value": SUPPRESSED_DOMAIN, "channel": "email"},
            {"kind": "phone", "value": SUPPRESSED_PHONE, "channel": "sms"},
        ],
    )
    yield "raw_iterable.channels", [{"id": int(number), "name": name} for name, number in CHANNEL_IDS.items()]
    yield (
        "intermediate.int_identity__people",
        [
            {"subject": person.subject, "profile_subject": person.subject, "profile_id": person.profile_id,
             "person_key": f"k-{person.profile_id}", "email": person.email}
            for person in world.people
        ],
    )  # fmt: skip
    yield (
        "intermediate.int_profiles__described",
        [
            {"profile_id": person.profile_id, "person_key": f"k-{person.profile_id}", "market_code": person.market_code,
             "email": person.email, "is_deleted": person.is_deleted, "date_of_birth": person.born}
            for person in world.people
        ],
    )  # fmt: skip
    yield (
        "intermediate.int_profiles__phones",
        [{"profile_id": person.profile_id, "phone_e164": person.phone} for person in world.people],
    )
    by_type: dict[str, list[dict[str, Any]]] = {}
    for said in world.statements:
        by_type.setdefault(said.table, []).append(said.row(CHANNEL_IDS[said.channel]))
    yield from by_type.items()
