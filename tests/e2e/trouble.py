"""One installation that meets everything that holds, refuses or interrupts a sync. Told once; each test reads one claim off it.

Its config lets one person leave with `--test-profiles`, and its guard on users speaks from eleven rows on.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb

from activation.ledger.reading import read_only
from activation.ledger.store import Ledger
from cartwire.settings import REPOSITORY
from clients.commercetools import CommercetoolsClient
from clients.retry import RetryPolicy
from tests.conftest import SECRET, Sandbox
from tests.e2e.command import Outcome, cartwire
from tests.e2e.people import user_of
from tests.e2e.shop_rows import rows

OTHER_CLIENT = {"CTP_CLIENT_SECRET": "a-wrong-secret"}
OUTCOMES = ("accepted", "rejected", "held", "suppressed")


@dataclass
class Chapter:
    """A command, and what Iterable received during it: writes by endpoint."""

    outcome: Outcome
    writes: dict[str, int]

    def counts(self, kind: str) -> dict[str, int]:
        """Planned and outcomes of a kind in a run report, zeros where the run had none."""
        rows = [row["counts"] for row in self.outcome.json()["rows"] if row["kind"] == kind]
        return rows[0] if rows else dict.fromkeys(("planned", *OUTCOMES), 0)


@dataclass
class Trouble:
    """All chapters by name, the people in them, and the ledger's facts after the first plan."""

    sandbox: Sandbox
    folder: Path
    environment: dict[str, str]
    listed: dict[str, Any] = field(default_factory=dict)
    unsubscriber: dict[str, Any] = field(default_factory=dict)
    chapters: dict[str, Chapter] = field(default_factory=dict)
    bound_after_plan: tuple[object, object] = (None, None)
    addresses: frozenset[str] = frozenset()
    set_aside: list[tuple[str, str]] = field(default_factory=list)
    fired_twice: list[dict[str, Any]] | None = None
    received: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def tell(self, name: str, *arguments: str, **changes: str) -> Chapter:
        """Run a command with settings changed as given."""
        before = self.sandbox.admin("iterable", "GET", "writes")["marker"]
        outcome = cartwire({**self.environment, **changes}, *arguments)
        writes = self.sandbox.admin("iterable", "GET", f"writes?since={before}")["by_endpoint"]
        self.chapters[name] = Chapter(outcome, writes)
        self.received[name] = self.sandbox.admin("iterable", "GET", "state")["users"]
        return self.chapters[name]


def tell_trouble(sandbox: Sandbox, folder: Path) -> Trouble:
    """Run every chapter, in order."""
    sandbox.reset()
    config = shutil.copytree(REPOSITORY / "config", folder / "config")
    told = Trouble(sandbox, folder, sandbox.environment(folder, CARTWIRE_CONFIG=config))
    people = _customers(told)
    told.addresses = frozenset(person["email"].lower() for person in people)
    told.listed, told.unsubscriber = _willing(people)[0], _unwilling(people)[0]
    _rewrite(config / "objects.csv", "users,users,true,,0.5,1000,", "users,users,true,,0.5,10,")
    _rewrite(config / "test_profiles.csv", "test.customer@example.com", told.listed["email"])
    known = {"email": told.unsubscriber["email"].lower(), "userId": told.unsubscriber["id"], "dataFields": {}}
    sandbox.admin("iterable", "POST", "users", {"users": [known]})

    told.tell("plan of a fresh ledger", "plan")
    with Ledger.open(folder / "ledger.sqlite", SECRET.encode()) as ledger:
        told.bound_after_plan = ledger.go_live_at(), ledger.authority("order_cancelled")
    told.tell("test profiles", "sync", "--test-profiles", "--json")
    told.tell("guarded", "sync", "--json")
    told.tell("guarded for people", "status")
    told.tell("plan of what is guarded", "plan", "--json", "--show-addresses")
    told.tell("release asks", "release", "users")
    told.tell("release asks a machine", "release", "users", "--json")
    told.tell("released", "release", "users", "--yes", "--json")
    told.tell("release of nothing", "release", "users")
    _interruptions(told)
    _holds(told)
    told.fired_twice = sandbox.admin("iterable", "GET", "triggers?list=0")["duplicates"]
    return told


def _interruptions(told: Trouble) -> None:
    """A shop day that a chain of failing syncs meets before a good one."""
    told.sandbox.admin("commercetools", "POST", "shop-day", {})
    told.tell("plan of the shop day", "plan", "--json")
    quick = partial(RetryPolicy, attempts=2, wait_first_s=0.001, wait_max_s=0.002)
    with patch("clients.commercetools.RetryPolicy", quick), patch("clients.iterable.RetryPolicy", quick):
        told.tell("wrong credentials", "sync", **OTHER_CLIENT)
        scopes = [scope for scope in told.environment["CTP_SCOPES"].split() if "payments" not in scope]
        told.tell("missing scope", "sync", CTP_SCOPES=" ".join(scopes))
        for name, side, path in (("no shop", "commercetools", "/cartwire-demo/*"), ("no Iterable", "iterable", "/api/*")):
            rule = {"match": {"path": path}, "kind": "drop_before"}
            told.sandbox.admin(side, "POST", "faults", {"rules": [rule]})
            told.tell(name, "sync")
            told.sandbox.admin(side, "DELETE", "faults")
    told.tell("after all of them", "sync", "--json")
    told.tell("rejections", "rejections", "--held", "--json")
    with duckdb.connect(str(told.folder / "warehouse.duckdb")) as connection:
        told.set_aside = connection.sql("select resource, reason from staging.rejected_documents").fetchall()


def _holds(told: Trouble) -> None:
    """A field type that conflicts, then a failing test while somebody unsubscribes, then both mended."""
    sandbox = told.sandbox
    fixed = sandbox.admin("iterable", "GET", "state")["fields"]["loyaltyPoints"]
    willing = _willing(_customers(told))[1:3]
    _edit(told, willing[0], firstName="Renamed")
    sandbox.admin("iterable", "POST", "fields", {"fields": {"loyaltyPoints": "string"}})
    told.tell("type conflict", "sync", "--json")
    sandbox.admin("iterable", "POST", "fields", {"fields": {"loyaltyPoints": fixed}})
    order = _orders(told)[0]
    sandbox.admin("commercetools", "POST", "documents/orders", {**order, "lineItems": [order["lineItems"][0]] * 2})
    _edit(
        told, willing[1], custom={**willing[1]["custom"], "fields": {**willing[1]["custom"]["fields"], "newsletterOptIn": False}}
    )
    told.tell("failing test", "sync", "--json")
    sandbox.admin("commercetools", "POST", "documents/orders", order)
    told.tell("mended", "sync", "--json")


def _edit(told: Trouble, person: dict[str, Any], **changes: Any) -> None:
    told.sandbox.admin("commercetools", "POST", "documents/customers", {**person, **changes})


def _customers(told: Trouble) -> list[dict[str, Any]]:
    return _all(told, "customers")


def _orders(told: Trouble) -> list[dict[str, Any]]:
    return [order for order in _all(told, "orders") if order.get("customerId") and order.get("lineItems")]


def _all(told: Trouble, path: str) -> list[dict[str, Any]]:
    with CommercetoolsClient.from_settings(told.sandbox.settings(told.folder)) as client:
        return [row for row in rows(client, path, sort=["id asc"]) if "id" in row]


def _willing(people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [person for person in people if _opt_in(person) is True and person.get("isEmailVerified") and person.get("firstName")]


def _unwilling(people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [person for person in people if _opt_in(person) is False and person.get("isEmailVerified")]


def _opt_in(person: dict[str, Any]) -> object:
    return person.get("custom", {}).get("fields", {}).get("newsletterOptIn")


def _rewrite(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text, path.name
    path.write_text(text.replace(before, after, 1))


def received_user(told: Trouble, chapter: str, person: dict[str, Any]) -> dict[str, Any]:
    """A customer as Iterable had them after a chapter; {} if it did not."""
    return user_of(told.sandbox.identity, told.received[chapter], person)


def newest_runs(told: Trouble) -> dict[str, int | None]:
    """Run id → exit code, from the ledger."""
    with read_only(told.folder / "ledger.sqlite") as ledger:
        return {run.run_id: run.exit_code for run in ledger.status(100).runs}
