"""The models of activation and changes, built once by dbt on marts without rows: what a `SmallMarts` copies and repeats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from cartwire.person import key_blocks
from tests.property.dbt_project import dbt, nodes_of
from tests.property.macro_sql import render

SECRET = b"a secret of the tests"
NOW = datetime(2026, 11, 20, 12, 0, 0)
GO_LIVE = datetime(2026, 11, 1)
_FOUND = ("stg_iterable__lists", "stg_iterable__list_members", "stg_iterable__purchases", "int_lists__kept", "int_lists__flags",
    "int_orders__found_at_iterable", "int_subscriptions__unsubscribes", "int_subscriptions__moves",
    "int_subscriptions__undone")  # fmt: skip
_RULES = ("stg_iterable__consent_events", "stg_imports__consent_statements", "int_consent__rules",
    "int_profiles__fields_of_iterable", "int_policies__without_consent")  # fmt: skip
_SELECTED = ("resource_type:seed", "stg_iterable__users", "stg_iterable__user_fields", *_FOUND, *_RULES, "activation", "changes")
_NEXT = "\n-- next\n"
_LINES = """struct(line_number bigint, product_id varchar, sku varchar, product_name varchar, quantity bigint,
    unit_price decimal(28,12), line_total decimal(28,4), category_breadcrumbs varchar[], is_gift boolean,
    image_url varchar, product_url varchar)[]"""
_SCHEMA = f"""
create schema marts; create schema intermediate; create schema staging;
create table marts.profiles (profile_id varchar, profile_type varchar, subject varchar, person_key varchar,
    customer_id varchar, email varchar, is_email_verified boolean, first_name varchar, last_name varchar,
    company_name varchar, phone_e164 varchar, locale varchar, language varchar, time_zone varchar, market_code varchar,
    store_key varchar, channel_key varchar, country_code varchar, currency_code varchar, customer_group_key varchar,
    identity_rule varchar, is_deleted boolean, created_at timestamp, last_activity_at timestamp,
    source_modified_at timestamp, is_test boolean);
create table marts.customer_metrics (profile_id varchar, currency_code varchar, order_count bigint,
    lifetime_value_gross decimal(28,4), lifetime_value_net decimal(28,4), average_order_value decimal(28,4),
    first_purchase_at timestamp, last_purchase_at timestamp, top_categories varchar[], last_cart_at timestamp,
    is_repeat_customer boolean);
create table marts.consent_state (profile_id varchar, person_key varchar, channel varchar, purpose varchar,
    status varchar, is_messageable boolean, stated_at timestamp);
create table marts.consent_history (profile_id varchar, channel varchar, purpose varchar, status varchar,
    stated_at timestamp);
create table intermediate.int_profiles__mapped_attributes (profile_id varchar, iterable_field varchar, "type" varchar,
    "value" varchar);
create table marts.orders (order_id varchar, order_number varchar, profile_id varchar, is_counted boolean,
    order_total decimal(28,4), order_total_net decimal(28,4), tax_total decimal(28,4), discount_total decimal(28,4),
    shipping_total decimal(28,4), unexplained_total decimal(28,4) default 0, template_id bigint, campaign_id bigint,
    cart_id varchar, order_version bigint, currency_code varchar, market_code varchar, store_key varchar, channel_key varchar,
    country_code varchar, locale varchar, is_guest boolean, ordered_at timestamp, source_modified_at timestamp,
    is_deleted boolean);
create table marts.order_lines (order_line_id varchar, order_id varchar, line_number bigint, product_id varchar, sku varchar,
    product_name varchar, quantity bigint, unit_price decimal(28,12), line_total decimal(28,4),
    category_breadcrumbs varchar[], is_gift boolean, image_url varchar, product_url varchar);
create table marts.refunds (refund_id varchar, order_id varchar, payment_id varchar, transaction_id varchar,
    refund_amount decimal(28,4), currency_code varchar, refunded_at timestamp, source_modified_at timestamp,
    is_full boolean);
create table marts.carts (cart_id varchar, profile_id varchar, is_current boolean, cart_version bigint,
    campaign_id bigint, template_id bigint, country_code varchar, created_at timestamp, currency_code varchar,
    cart_total decimal(28,4), lines {_LINES}, market_code varchar, store_key varchar, channel_key varchar,
    locale varchar, source_modified_at timestamp);
create table intermediate.int_orders__status_changes (order_id varchar, status_type varchar default 'order',
    from_status varchar, to_status varchar, changed_at timestamp, authority varchar default 'history');
create table intermediate.int_orders__content_changes (order_id varchar, content_key varchar, are_lines_changed boolean,
    is_address_changed boolean, changed_at timestamp);
create table intermediate.int_orders__deliveries (order_id varchar, delivery_id varchar, parcel_id varchar,
    carrier varchar, tracking_id varchar, shipped_at timestamp, delivered_at timestamp);
create table staging.stg_commercetools__moved_items (order_id varchar, delivery_id varchar, parcel_id varchar,
    line_id varchar, quantity bigint);
create table staging.stg_commercetools__return_items (order_id varchar, return_item_id varchar, line_id varchar,
    quantity bigint, return_status varchar, changed_at timestamp);
create table intermediate.int_carts__abandonments (cart_id varchar, content_key varchar, stage varchar,
    idle_minutes integer, idle_since timestamp, ended_at timestamp, due_at timestamp, is_left_alone boolean);
create table intermediate.int_due__moments (kind varchar, subject varchar, due_at timestamp);
create table intermediate.int_carts__idle_periods (cart_id varchar, cart_status varchar, content_key varchar,
    is_empty boolean, checkout_step varchar, started_at timestamp, ended_at timestamp, is_first_seen boolean);
create table intermediate.int_customers__email_changes (customer_id varchar, from_email_key varchar,
    to_email_key varchar, changed_at timestamp, authority varchar);
create table intermediate.int_customers__group_changes (customer_id varchar, from_group varchar, to_group varchar,
    changed_at timestamp, authority varchar);
create table intermediate.int_customers__loyalty_changes (customer_id varchar, from_tier varchar, to_tier varchar,
    from_points bigint, to_points bigint, changed_at timestamp);
create table intermediate.int_customers__guest_links (guest_key varchar, profile_id varchar, customer_id varchar,
    identity_rule varchar, order_count bigint, linked_at timestamp);
create table staging.stg_commercetools__customers (customer_id varchar, version bigint, created_at timestamp);
create table staging.stg_commercetools__customer_deletions (customer_id varchar, deleted_at timestamp);
create table staging.stg_storefront__product_views (view_id varchar, person_subject varchar, product_id varchar,
    viewed_at timestamp);
create table marts.products (product_id varchar, sku varchar, product_name varchar);
create table intermediate.int_consent__changes (profile_id varchar, channel varchar, purpose varchar,
    from_status varchar, to_status varchar, changed_at timestamp);
create table staging.stg_commercetools__consent_statements (resource_type varchar, resource_id varchar, version bigint,
    customer_id varchar, email varchar, market_code varchar, channel varchar, purpose varchar, status varchar,
    stated_at timestamp, learned_at timestamp);
"""


@dataclass(frozen=True)
class Step:
    """Statements, and the query that has to find something for them to be run."""

    sql: str
    when: str | None = None


@dataclass(frozen=True)
class Project:
    """The models that dbt built once on an empty shop: a warehouse to copy, and their steps in order of building."""

    template: Path
    steps: tuple[Step, ...]


def compile_project(folder: Path) -> Project:
    """Build seeds, activation and changes with dbt, contracts and all, on marts without rows."""
    folder.mkdir()
    template = folder / "warehouse.duckdb"
    connection = duckdb.connect(str(template))
    connection.execute(_SCHEMA)
    connection.close()
    nodes = nodes_of(dbt(template, "build", "--exclude-resource-type", "test", "unit_test", "--select", *_SELECTED))
    connection = duckdb.connect(str(template))
    connection.execute("delete from control.run")
    connection.execute(
        "insert into control.run values ('run', ?, ?, 'shop', 'hybrid', ?, ?)", [NOW, GO_LIVE, *key_blocks(SECRET)]
    )
    connection.close()
    tables = [node for node in nodes if node.config.materialized == "table"]
    return Project(template, tuple(_steps(tables, folder)))


def _steps(tables: Sequence[Any], folder: Path) -> Iterator[Step]:
    """Each table's SQL; after an event model, what its hook does."""
    events = [node.name for node in tables if "events" in node.fqn]
    facts = ((name, f"event_fact(ref('{name}'), '{name}')") for name in events)
    calls = (
        f"{{{{ forget_event('{name}') }}}}{_NEXT}{{{{ any_open_fact({fact}) }}}}{_NEXT}{{{{ tell_event({fact}) }}}}"
        for name, fact in facts
    )
    parts = iter(render(_NEXT.join(calls), folder).split(_NEXT))
    hooks = {name: (Step(next(parts)), Step(when=next(parts), sql=next(parts))) for name in events}
    for node in tables:
        yield Step(f"create or replace table {node.schema}.{node.name} as {node.compiled_code}")
        yield from hooks.get(node.name, ())
