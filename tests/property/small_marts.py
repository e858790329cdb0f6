"""A warehouse whose marts are written by hand, so that the models of activation and changes run on known rows.

`SmallMarts` owns one DuckDB file: `put` writes rows of a mart, `build` runs the SQL of the real models,
`rows` reads a model, `fold` does to `delivered` what a run does in which Iterable accepted everything.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from activation.fold import STEPS as FOLD_STEPS
from activation.history import Chunk, LetGo, ask_for_history, let_go
from activation.ledger.folding import FIELDS, ITEMS, SUBSCRIPTIONS
from cartwire.clock import to_ms
from cartwire.person import person_key
from cartwire.settings import REPOSITORY
from tests.property.compiled_marts import GO_LIVE, NOW, SECRET, Project

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
_LINE = {
    "line_number": 1, "product_id": "p1", "sku": "p1", "product_name": "Milk", "quantity": 2, "unit_price": 1.5,
    "line_total": 3, "category_breadcrumbs": ["Dairy > Milk"], "is_gift": False, "image_url": None,
    "product_url": "https://shop.example.com/p1",
}  # fmt: skip
_ENVELOPE = {
    "market_code": "us", "store_key": "us", "channel_key": "web-us", "locale": "en-US", "currency_code": "USD",
    "source_modified_at": NOW,
}  # fmt: skip


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
        self._connection.execute("set threads = 1")  # a dozen rows: a second thread costs a tenth of a build and gains nothing

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

    def ask_for_history(self, chunk: Chunk | None) -> None:
        """What the next build lets go, as a run tells the models."""
        ask_for_history(self._connection, chunk)

    def let_go(self) -> LetGo:
        """What the last build let go."""
        return let_go(self._connection)

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
        self.execute(
            "insert into delivered.held_history by name select *, 'run' as run_id, ? as seen_at from changes.new_held_history",
            NOW,
        )

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
