"""The shared story of the end-to-end tests: a first sync, a shop day, and every reason for a sync that must write nothing.

It runs once per worker and type of Iterable project (tests that use it carry the xdist group `story`); each test reads one claim
off its record. Everything that a later reset of the sandbox or a later chapter would take away is copied into the record.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from activation.ledger.reading import read_only
from activation.reconcile import reconcile
from cartwire.clock import now
from cartwire.settings import REPOSITORY, Settings
from clients.iterable import IterableClient
from flows.dbt import build_everything
from flows.report import RunReport
from flows.run import sync
from tests.conftest import Sandbox
from tests.e2e.people import guest_id

Row = dict[str, Any]


_CUSTOMERS = """
select id, document ->> '$.externalId' as household, lower(document ->> '$.email') as email
from raw.customers
"""
_METRICS = """
select profiles.profile_type, profiles.customer_id, profiles.email, metrics.*
from marts.customer_metrics as metrics
inner join marts.profiles as profiles using (profile_id)
"""
_BUILT = """
select format('{}.{}', schema_name, table_name)
from duckdb_tables()
where schema_name in ('staging', 'intermediate', 'marts', 'activation', 'changes', 'adoption')
"""
_FACT_IDS = "select 'purchases' as kind, purchase_id as id from activation.iterable_purchases" + "".join(
    f" union all select '{path.stem}', event_id from activation.{path.stem}"
    for path in sorted((REPOSITORY / "models" / "activation" / "events").glob("*.sql"))
)
_NO_MESSAGES = "delete from raw.messages; delete from raw.messages_history; delete from control.authority"


@dataclass(frozen=True)
class Sent:
    """One row of a write request as Iterable received it.

    `position` is the request's place in its chapter, `call` its path without "/api/" and without an id at its end.
    """

    position: int
    call: str
    query: str
    at: datetime
    row: Row

    @property
    def person(self) -> str:
        """The one identifier that says who: the user id where there is one; of a change of address the old one."""
        user = self.row.get("user", self.row)
        return str(user.get("userId") or user.get("email") or user["currentEmail"])


@dataclass
class Chapter:
    """One sync: its report, what Iterable saw of it, and what was there afterwards."""

    report: RunReport
    writes: dict[str, int]
    journal: list[Row]
    triggers: list[Row]
    state: Row
    items: list[Row]

    def sent(self) -> Iterator[Sent]:
        """Every row of every write request, in the order in which the requests arrived."""
        for position, entry in enumerate(self.journal):
            call = re.sub(r"/\d+$", "", entry["path"]).removeprefix("/api/")
            at = datetime.fromisoformat(entry["at"])
            for row in _rows_of(call, json.loads(entry["body"])):
                yield Sent(position, call, entry["query"], at, row)


@dataclass
class Story:
    """All chapters by name, and what else tests ask about.

    Attributes:
        shop: what the builder noted in the document file: anchor, weeks, households.
        day: by scenario, what the shop day's script says it did.
        documents: orders and carts of the shop day by id, as the shop has them afterwards.
        customers: id, externalId (as `household`) and address in lower case of every customer, after the shop day.
        former_addresses: address of every customer by id, before the shop day.
        metrics: the metrics of every person with their profile's identifiers, after the shop day.
        rejected_documents: what was set aside, after the shop day.
        built: rows and content hash of each table that dbt makes, as five syncs left it and after a full refresh.
        published: the same of the marts that analysts read, as five syncs left them.
        fact_ids: (kind, id) of every purchase and event in the warehouse that grew load by load, in the one rebuilt from nothing,
            and in one rebuilt without Messages.
        reconciled: everybody read back and compared with the ledger, after the shop day.
        duplicates: journey triggers that brought nothing new, in all chapters; contract_notes: counts by kind.
    """

    settings: Settings
    sandbox: Sandbox
    shop: dict[str, str] = field(default_factory=dict)
    day: dict[str, Row] = field(default_factory=dict)
    chapters: dict[str, Chapter] = field(default_factory=dict)
    documents: dict[str, Row] = field(default_factory=dict)
    customers: list[Row] = field(default_factory=list)
    former_addresses: dict[str, str] = field(default_factory=dict)
    metrics: list[Row] = field(default_factory=list)
    rejected_documents: list[Row] = field(default_factory=list)
    built: list[Row] = field(default_factory=list)
    published: Row = field(default_factory=dict)
    fact_ids: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    duplicates: list[Row] = field(default_factory=list)
    contract_notes: dict[str, int] = field(default_factory=dict)
    reconciled: Row = field(default_factory=dict)

    def tell(self, name: str) -> Chapter:
        """Run one sync and record it as chapter `name`."""
        marker = self.sandbox.admin("iterable", "GET", "writes")["marker"]
        read = self.sandbox.admin("iterable", "GET", "journal?summary=1")["last_seq"] or 0
        triggered = self.sandbox.admin("iterable", "GET", "triggers?list=0")["marker"]
        report = sync(self.settings)
        journal = self.sandbox.admin("iterable", "GET", f"journal?since={read}&bodies=1")["entries"]
        self.chapters[name] = Chapter(
            report=report,
            writes=self.sandbox.admin("iterable", "GET", f"writes?since={marker}")["by_endpoint"],
            journal=[entry for entry in journal if entry["method"] != "GET"],
            triggers=self.sandbox.admin("iterable", "GET", f"triggers?since={triggered}")["triggers"],
            state=self.sandbox.admin("iterable", "GET", "state"),
            items=_items(self.settings, report.run_id),
        )
        return self.chapters[name]

    @property
    def identity(self) -> str:
        """Type of the Iterable project: hybrid, email or user_id."""
        return self.settings.iterable_identity

    def names_of(self, customer_id: str | None, guest: str | None = None) -> tuple[str, ...]:
        """What a person is called in requests: the customer's id, or their addresses; a guest's address, or the id made for it."""
        if self.identity == "user_id":
            return tuple(name for name in (customer_id, guest and guest_id(guest)) if name)
        if customer_id and self.identity == "hybrid":
            return (customer_id,)
        now = {customer["id"]: customer["email"] for customer in self.customers}
        found = (self.former_addresses.get(customer_id or ""), now.get(customer_id), guest)
        return tuple(dict.fromkeys(name for name in found if name))


def day_of(story: Story) -> Iterator[Sent]:
    """What was sent after the shop day."""
    return story.chapters["shop day"].sent()


def tell_story(sandbox: Sandbox, folder: Path, identity: str) -> Story:
    """Run every chapter, in order; for types other than hybrid only those in which they could differ."""
    sandbox.reset()
    sandbox.admin("iterable", "POST", "settings", {"identity": identity})
    told = Story(sandbox.settings(folder, ITERABLE_IDENTITY=identity), sandbox)
    told.tell("first")
    told.former_addresses = {row["id"]: row["email"] for row in _warehouse(told.settings, _CUSTOMERS)}
    told.tell("unchanged")
    tell_shop_day(told)
    told.tell("after the shop day")
    told.reconciled = _reconciled(told.settings)
    if identity == "hybrid":
        _tell_of_rebuilding(told)
    told.duplicates = sandbox.admin("iterable", "GET", "triggers?list=0")["duplicates"]
    told.contract_notes = sandbox.admin("iterable", "GET", "contract-notes")["counts"]
    return told


def _reconciled(settings: Settings) -> Row:
    client = IterableClient(settings, read_only=True)
    with read_only(settings.ledger) as ledger:
        keys = ledger.sampled_people([number / 10_000 for number in range(10_000)])
        later = now() + timedelta(hours=1)  # nothing is too fresh to be compared
        found = reconcile(ledger, client, keys, later, visibility_s=settings.visibility_seconds)
    client.close()
    return {"asked": len(keys), **asdict(found)}


def _tell_of_rebuilding(told: Story) -> None:
    """Everything that makes the same rows anew."""
    told.sandbox.admin("commercetools", "POST", "touch", {"resource": None})
    told.tell("every version touched")
    _forget_cursors(told.settings)
    told.tell("reloaded from nothing")
    told.built = [_built(told.settings.warehouse)]
    told.published = _built(told.settings.analyst_db)
    _full_refresh(told.settings)
    told.built.append(_built(told.settings.warehouse))
    told.tell("after a full refresh")
    told.fact_ids["grown"] = _fact_ids(told.settings)
    _lose_warehouse(told.settings)
    told.tell("warehouse rebuilt from the ledger")
    told.fact_ids["rebuilt"] = _fact_ids(told.settings)
    told.fact_ids["rebuilt without Messages"] = _fact_ids(_without_messages(told.settings))


def tell_shop_day(told: Story) -> None:
    """The shop day happens and is sent."""
    shop = told.sandbox
    told.shop = shop.admin("commercetools", "GET", "health")["meta"]
    reports = shop.admin("commercetools", "POST", "shop-day", {})["scenarios"]
    told.day = {report["scenario"]: report for report in reports}
    for report in reports:
        for resource, key in (("orders", "order_id"), ("carts", "cart_id")):
            if key in report:
                told.documents[report[key]] = shop.admin("commercetools", "GET", f"documents/{resource}/{report[key]}")
    told.tell("shop day")
    told.customers = _warehouse(told.settings, _CUSTOMERS)
    told.metrics = _warehouse(told.settings, _METRICS)
    told.rejected_documents = _warehouse(
        told.settings, "select resource, id, reason from staging.rejected_documents order by all"
    )


def _rows_of(call: str, body: Any) -> list[Row]:
    """The rows of a request's body, whatever its endpoint wraps them in."""
    if call == "subscriptions/messageChannel":
        return [{"userId": one} for one in body.get("usersByUserId", ())] + [{"email": one} for one in body.get("users", ())]
    rows: list[Row] = body.get("users") or body.get("events") or [body]
    return rows


def _items(settings: Settings, run_id: str) -> list[Row]:
    """The run's rows in the ledger with the identifiers they went under, in the order in which they were planned."""
    query = "select * from items left join item_values using (item_id) where run_id = ? order by item_id"
    with closing(sqlite3.connect(f"file:{settings.ledger}?mode=ro", uri=True)) as ledger:
        return _dictionaries(ledger.execute(query, (run_id,)))


def _warehouse(settings: Settings, query: str) -> list[Row]:
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        return _dictionaries(connection.execute(query))


def _dictionaries(cursor: Any) -> list[Row]:
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


def _forget_cursors(settings: Settings) -> None:
    shutil.rmtree(settings.state_dir / "dlt", ignore_errors=True)
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("delete from raw._dlt_pipeline_state")
        connection.execute("delete from raw_iterable._dlt_pipeline_state")


def _full_refresh(settings: Settings) -> None:
    assert build_everything(settings, full_refresh=True).held == {}


def _built(database: Path) -> Row:
    found = {}
    with duckdb.connect(str(database.resolve()), read_only=True) as connection:
        for (table,) in connection.execute(_BUILT).fetchall():
            query = f"select count(*), sum(hash(model)) from {table} as model"
            found[table] = connection.execute(query).fetchall()
    return found


def _fact_ids(settings: Settings) -> set[tuple[str, str]]:
    return {(row["kind"], row["id"]) for row in _warehouse(settings, _FACT_IDS)}


def _without_messages(settings: Settings) -> Settings:
    """An installation of the same shop, had it none."""
    folder = settings.state_dir / "without-messages"
    folder.mkdir()
    copy = settings.model_copy(update={"warehouse": folder / settings.warehouse.name, "state_dir": folder})
    shutil.copyfile(settings.warehouse, copy.warehouse)
    with duckdb.connect(str(copy.warehouse)) as connection:
        connection.execute(_NO_MESSAGES)
    _full_refresh(copy)
    return copy


def _lose_warehouse(settings: Settings) -> None:
    settings.warehouse.unlink()
