"""A small warehouse shaped as the contract between the models, the freeze and the fold says. Used by several tests."""

from __future__ import annotations

import hashlib
from datetime import datetime

import duckdb

from activation.contracts import Column, Contract, FieldType

MOMENT = datetime(2026, 11, 1, 10, 0, 0, 123000)

COMMON = """
    object varchar, kind varchar, subject varchar, person_key varchar, email varchar, user_id varchar,
    fingerprint varchar, lane integer, market_code varchar, source_modified_at timestamp, occurred_at timestamp,
    send_before_at timestamp, consent_requirement varchar, verdict varchar, verdict_reason varchar, depends_on varchar,
    waits_for_person boolean, is_test boolean
"""
ITEM = 'struct(id varchar, "name" varchar, price decimal(28,4), quantity bigint, sku varchar, image_url varchar, unit varchar)'
SCHEMA = f"""
create schema changes; create schema delivered; create schema config; create schema marts; create schema activation;
create table changes.changed_withdrawals ({COMMON}, channel varchar, purpose varchar, iterable_channel_id bigint,
    stated_at timestamp);
create table changes.changed_users ({COMMON}, first_name varchar, order_count bigint,
    changed_fields struct(field varchar, "type" varchar, "before" varchar, "after" varchar)[],
    consent struct(field varchar, "value" varchar)[], unsubscribe_channel_ids bigint[], is_new boolean);
create table changes.changed_purchases ({COMMON}, order_id varchar, total decimal(28,4), currency_code varchar,
    items {ITEM}[]);
create table changes.changed_carts ({COMMON}, items {ITEM}[]);
create table changes.changed_events ({COMMON}, fields struct(field varchar, "type" varchar, "value" varchar)[],
    items {ITEM}[]);
create table changes.new_held_history (object varchar, kind varchar, subject varchar, person_key varchar,
    occurred_at timestamp, reason varchar, market_code varchar);
create table delivered.outcomes (object varchar, kind varchar, subject varchar, person_key varchar, fingerprint varchar,
    state varchar, reason varchar, is_sticky boolean, run_id varchar, settled_at timestamp);
create table delivered.users (person_key varchar, email varchar, user_id varchar, fields_fingerprint varchar,
    accepted_at timestamp);
create table delivered.user_fields (person_key varchar, field varchar, "type" varchar, "value" varchar,
    fingerprint varchar);
create table delivered.held_history (object varchar, kind varchar, subject varchar, person_key varchar,
    occurred_at timestamp, reason varchar, run_id varchar, seen_at timestamp, market_code varchar);
create table changes.changed_grants ({COMMON}, subscription_target varchar, subscription_group varchar,
    subscription_id bigint, subscription_policy varchar, iterable_channel_id bigint, is_channel_left boolean,
    consent_scope varchar[], stated_at timestamp);
create table delivered.folded (settlement_id varchar);
create table delivered.carts (person_key varchar, fingerprint varchar, accepted_at timestamp);
create table config.objects (object varchar, kind varchar, is_enabled boolean, max_age_hours integer,
    guard_share double, guard_min_rows bigint, unknown_outcome varchar);
create table config.test_profiles (email varchar, customer_id varchar, comment varchar);
create table marts.consent_state (profile_id varchar, person_key varchar, channel varchar, purpose varchar,
    status varchar, is_messageable boolean, stated_at timestamp);
create table activation.iterable_withdrawals (subject varchar, person_key varchar, channel varchar, purpose varchar,
    status varchar, is_opted_out boolean, iterable_channel_id bigint, stated_at timestamp);
"""

CONTRACTS = {
    (contract.object, contract.kind): contract
    for contract in (
        Contract(model="iterable_withdrawals", object="withdrawals", kind="withdrawals"),
        Contract(
            model="iterable_users",
            object="users",
            kind="users",
            columns=(
                Column(name="first_name", field="firstName", max_length=10, personal=True),
                Column(name="order_count", field="orderCount", type=FieldType.LONG),
            ),
        ),
        Contract(
            model="iterable_purchases",
            object="purchases",
            kind="purchases",
            columns=(
                Column(name="total", field="total", type=FieldType.DOUBLE, required=True),
                Column(name="currency_code", field="currency", enum=("USD", "JPY")),
                Column(name="items", type=FieldType.ITEMS, required=True),
            ),
        ),
        Contract(
            model="iterable_carts",
            object="carts",
            kind="carts",
            columns=(Column(name="items", type=FieldType.ITEMS, required=True),),
        ),
        Contract(
            model="order_refunded",
            object="events",
            kind="order_refunded",
            columns=(Column(name="refund_amount", field="refundAmount", type=FieldType.DOUBLE, required=True),),
        ),
    )
}

_DEFAULTS: dict[str, dict[str, object]] = {
    "changed_withdrawals": {"object": "withdrawals", "kind": "withdrawals", "lane": 1, "iterable_channel_id": 101,
                            "channel": "email", "purpose": "marketing"},
    "changed_users": {"object": "users", "kind": "users", "lane": 3, "changed_fields": [], "is_new": False,
                      "consent": [{"field": "emailMarketing", "value": "granted"}]},
    "changed_purchases": {"object": "purchases", "kind": "purchases", "lane": 4, "total": 1200, "currency_code": "JPY",
                          "occurred_at": MOMENT, "items": [{"id": "p1", "name": "Milk", "price": 600, "quantity": 2}]},
    "changed_carts": {"object": "carts", "kind": "carts", "lane": 5, "items": []},
    "changed_events": {"object": "events", "kind": "order_refunded", "lane": 6, "occurred_at": MOMENT,
                       "fields": [{"field": "refundAmount", "type": "double", "value": "5"}]},
}  # fmt: skip


def open_small_warehouse() -> duckdb.DuckDBPyConnection:
    """An empty warehouse in memory with every table the activation reads or writes."""
    conn = duckdb.connect()
    conn.execute("set timezone = 'UTC'")
    conn.execute(SCHEMA)
    return conn


def add_change(conn: duckdb.DuckDBPyConnection, model: str, person: str, **values: object) -> None:
    """One changed row of a person (`ada` has key `key-ada`, an address and a user id)."""
    row = {
        "subject": f"key-{person}",
        "person_key": f"key-{person}",
        "email": f"{person}@example.com",
        "user_id": f"id-{person}",
        "fingerprint": f"print-{person}",
        "market_code": "us",
        "source_modified_at": MOMENT,
        "consent_requirement": "none",
        "verdict": "send",
        "waits_for_person": False,
        "is_test": False,
        **_DEFAULTS[model],
        **({"subject": f"purchase-{hashlib.sha256(person.encode()).hexdigest()[:32]}"} if model == "changed_purchases" else {}),
        **values,
    }
    names = ", ".join(f'"{name}"' for name in row)
    conn.execute(f"insert into changes.{model} ({names}) values ({', '.join('?' * len(row))})", list(row.values()))


def add_consent(conn: duckdb.DuckDBPyConnection, person: str, status: str = "granted") -> None:
    """The person's e-mail consent in marts."""
    conn.execute(
        "insert into marts.consent_state values (?, ?, 'email', 'marketing', ?, ?, ?)",
        [f"profile-{person}", f"key-{person}", status, status == "granted", MOMENT],
    )
