"""A warehouse whose marts are written by hand, so that the models of activation and changes run on known rows.

`SmallMarts` owns one DuckDB file: `put` writes rows of a mart, `build` runs the SQL of the real models,
`rows` reads a model, `fold` does to `delivered` what a run does in which Iterable accepted everything.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from activation.fold import STEPS as FOLD_STEPS
from activation.ledger.folding import FIELDS, ITEMS, SUBSCRIPTIONS
from cartwire.clock import to_ms
from cartwire.person import key_blocks, person_key
from tests.property.dbt_project import dbt, nodes_of
from tests.property.macro_sql import render

REPOSITORY = Path(__file__).parents[2]
SECRET = b"a secret of the tests"
NOW = datetime(2026, 11, 20, 12, 0, 0)
GO_LIVE = datetime(2026, 11, 1)
CHANGED = (
    "changed_withdrawals",
    "changed_closures",
    "changed_identities",
    "changed_users",
    "changed_purchases",
    "changed_carts",
    "changed_events",
    "changed_grants",
)
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
_LINE = {
    "line_number": 1, "product_id": "p1", "sku": "p1", "product_name": "Milk", "quantity": 2, "unit_price": 1.5,
    "line_total": 3, "category_breadcrumbs": ["Dairy > Milk"], "is_gift": False, "image_url": None,
    "product_url": "https://shop.example.com/p1",
}  # fmt: skip
_ENVELOPE = {
    "market_code": "us", "store_key": "us", "channel_key": "web-us", "locale": "en-US", "currency_code": "USD",
    "source_modified_at": NOW,
}  # fmt: skip


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


class SmallMarts:
    """One warehouse file with hand-written marts. People are named by a word: `ada` is customer `c-ada`."""

    def __init__(self, folder: Path, project: Project, identity: str = "hybrid") -> None:
        """`identity`: type of the Iterable project."""
        self.path = folder / "warehouse.duckdb"
        self.folder = folder
        self.identity = identity
        self._settled = 0
        self._project = project
        shutil.copyfile(project.template, self.path)
        self.open()
        self.execute("update control.run set identity = ?", identity)

    def open(self) -> None:
        """Take the file, also again after `close`."""
        self._connection = duckdb.connect(str(self.path))
        self._connection.execute("set timezone = 'UTC'")

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def execute(self, sql: str, *parameters: object) -> None:
        """Run a statement."""
        self._connection.execute(sql, list(parameters))

    def put(self, table: str, **values: object) -> None:
        """Append a row; columns not given are null."""
        names = ", ".join(f'"{name}"' for name in values)
        marks = ", ".join("?" for _ in values)
        self.execute(f"insert into {table} ({names}) values ({marks})", *values.values())

    def rows(self, model: str, where: str = "true") -> list[dict[str, Any]]:
        """Rows of a model as dictionaries."""
        result = self._connection.execute(f"select * from {model} where {where}")
        names = [column[0] for column in result.description or ()]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]

    def arrow(self, model: str) -> pa.Table:
        """A model as the freeze reads it."""
        return self._connection.table(model).to_arrow_table()

    def build(self) -> None:
        """Rebuild the models of activation and changes from the SQL that dbt compiled, in dbt's order."""
        for step in self._project.steps:
            if step.when is None or self._connection.execute(step.when).fetchone():
                self._connection.execute(step.sql)

    def configure(self, seed: str, before: str, after: str) -> None:
        """Change one row of one seed, as an operator would."""
        self.execute(f"update config.{seed} set {after} where {before}")

    def changed(self) -> dict[str, int]:
        """Rows by changes model, new history included; models without rows are left out."""
        counts = {model: len(self.rows(f"changes.{model}")) for model in (*CHANGED, "new_held_history")}
        return {model: count for model, count in counts.items() if count}

    # people and their records

    @staticmethod
    def key(word: str) -> str:
        """The person_key of a customer."""
        return person_key(SECRET, f"customer:c-{word}")

    def registered(self, word: str, *, email: str | None = None, **values: object) -> str:
        """A verified customer with a grant for email and silence on sms. Returns the person_key."""
        key = self.key(word)
        row = {
            "profile_id": f"profile-{word}", "profile_type": "registered", "subject": f"customer:c-{word}",
            "customer_id": f"c-{word}", "email": email or f"{word}@example.com", "is_email_verified": True,
            "first_name": word.title(), "time_zone": "America/New_York", "language": "en", "country_code": "US",
            "is_deleted": False, "created_at": GO_LIVE, "last_activity_at": NOW, "is_test": False, **_ENVELOPE, **values,
        }  # fmt: skip
        self.put("marts.profiles", person_key=key, **row)
        self.consent(word, key, email="granted", sms="unknown")
        return key

    def guest(self, word: str, *, email: str | None = None, **values: object) -> str:
        """Somebody known by an address only, who said nothing about consent. Returns the person_key."""
        address = email or f"{word}@example.com"
        key = person_key(SECRET, f"email:{address}")
        row = {
            "profile_id": f"profile-{word}", "profile_type": "guest", "subject": f"email:{address}", "email": address,
            "is_deleted": False, "created_at": GO_LIVE, "last_activity_at": NOW, "is_test": False, **_ENVELOPE, **values,
        }  # fmt: skip
        self.put("marts.profiles", person_key=key, **row)
        self.consent(word, key, email="unknown", sms="unknown")
        return key

    def consent(self, word: str, key: str, **statuses: str) -> None:
        """Replace a person's consent state, by channel."""
        for channel, status in statuses.items():
            self.execute("delete from marts.consent_state where profile_id = ? and channel = ?", f"profile-{word}", channel)
            self.put(
                "marts.consent_state", profile_id=f"profile-{word}", person_key=key, channel=channel, purpose="marketing",
                status=status, is_messageable=status == "granted", stated_at=NOW,
            )  # fmt: skip

    def statement(self, word: str, status: str, *, at: datetime = NOW, channel: str = "email", **values: object) -> None:
        """What a customer's record says about a channel, for the narrow lineage of stage 1."""
        row = {
            "resource_type": "customers", "resource_id": f"c-{word}", "version": 1, "customer_id": f"c-{word}",
            "email": f"{word}@example.com", "channel": channel, "purpose": "marketing", "status": status,
            "stated_at": at, "learned_at": at,
        }  # fmt: skip
        self.put("staging.stg_commercetools__consent_statements", **(row | values))

    def order(self, word: str, number: str, *, at: datetime = NOW, total: float = 3, **values: object) -> None:
        """A counted order of one line."""
        row = {
            "order_id": f"order-{number}", "order_number": number, "profile_id": f"profile-{word}", "is_counted": True,
            "order_total": total, "is_guest": False, "ordered_at": at, **_ENVELOPE,
        }  # fmt: skip
        self.put("marts.orders", **(row | values))
        self.put("marts.order_lines", order_id=f"order-{number}", **_LINE)

    def cart(self, word: str, *, quantity: int = 2, name: str = "cart") -> None:
        """The active cart of a person, of one line; replaces the one before."""
        self.execute("delete from marts.carts where profile_id = ?", f"profile-{word}")
        self.put(
            "marts.carts", cart_id=f"{name}-{word}", profile_id=f"profile-{word}", is_current=True, cart_total=3,
            lines=[{**_LINE, "quantity": quantity}], **_ENVELOPE,
        )  # fmt: skip

    def delete_customer(self, word: str, *, at: datetime = NOW) -> None:
        """commercetools no longer has the customer."""
        self.execute("update marts.profiles set is_deleted = true where customer_id = ?", f"c-{word}")
        self.put("staging.stg_commercetools__customer_deletions", customer_id=f"c-{word}", deleted_at=at)

    # what a run leaves in `delivered`, by the fold's own statements

    def fold(self) -> None:
        """Every planned row to its end: sent ones are accepted, held and suppressed ones are sticky, history is seen."""
        rows = [row for model in CHANGED for row in self.rows(f"changes.{model}")]
        self._fold([(row, "accepted" if row["verdict"] == "send" else row["verdict"], "", True) for row in rows])
        self.execute("insert into delivered.held_history select *, 'run', ? from changes.new_held_history", NOW)

    def settle(self, row: Mapping[str, Any], state: str, *, reason: str = "", is_sticky: bool = True) -> None:
        """The newest verdict of one row."""
        self._fold([(row, state, reason, is_sticky)])

    def _fold(self, verdicts: Sequence[tuple[Mapping[str, Any], str, str, bool]]) -> None:
        items, fields = [], []
        for row, state, reason, is_sticky in sorted(verdicts, key=lambda verdict: verdict[0]["lane"]):
            self._settled += 1
            item = {
                "item_id": self._settled, "run_id": "run", "settled_at_ms": to_ms(NOW) + self._settled, "state": state,
                "reason": reason, "is_sticky": is_sticky, "settlement_id": "s", "is_verified": False, "bulk_key": "",
                "occurred_at_ms": None,
                "previous_email": row["previous_email"] if row.get("endpoint") == "users/updateEmail" else None,
                "source_email": row.get("source_email"), "source_user_id": row.get("source_user_id"),
                **{name: row[name] for name in ("object", "kind", "subject", "person_key", "fingerprint", "email", "user_id")},
            }  # fmt: skip
            items.append(item)
            fields += [_field(item, change) for change in row.get("changed_fields", ()) if state == "accepted"]
        writes = [write for row, state, _, _ in verdicts if state == "accepted" for write in self._writes(row)]
        tables = (("fold_items", items, ITEMS), ("fold_fields", fields, FIELDS), ("fold_writes", writes, SUBSCRIPTIONS))
        for name, rows, schema in tables:
            self._connection.register(name, pa.Table.from_pylist(rows, schema=schema))
        for step in FOLD_STEPS:
            self.execute((REPOSITORY / "activation" / "sql" / step).read_text())

    def _writes(self, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """What an accepted row did to subscriptions, as the ledger tells the fold."""
        at_ms = to_ms(NOW) + self._settled
        whom = {name: row[name] for name in ("person_key", "email", "user_id")}
        said = {"stated_at_ms": to_ms(row["occurred_at"]) if row.get("occurred_at") else None}
        done = {
            "item_id": self._settled,
            "claimed_at_ms": at_ms,
            "settled_at_ms": at_ms,
            "is_accepted": True,
            "is_overwriting": False,
        }
        channel = {"subscription_group": "messageChannel", "action": "unsubscribe"}
        if row["object"] == "withdrawals":
            yield {**whom, **said, **done, **channel, "subscription_id": row["iterable_channel_id"], "cause": "withdrawal"}
        for number in row.get("unsubscribe_channel_ids") or ():
            yield {**whom, **done, **channel, "subscription_id": number, "cause": "creation"}
        if row["object"] == "grants":
            target = {"subscription_group": row["subscription_group"], "subscription_id": row["subscription_id"]}
            yield {**whom, **said, **done, **target, "action": "subscribe", "cause": "grant"}


def _field(item: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    text = None if change["after"] is None else f"{change['type']}:{change['after']}"
    return {
        **{name: item[name] for name in ("item_id", "object", "subject", "person_key", "settled_at_ms")},
        "field": change["field"], "type": change["type"], "value": change["after"],
        "fingerprint": "" if text is None else hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
    }  # fmt: skip
