"""A sandbox process with a small shop, and a warehouse to load it into. Shared by the ingestion tests."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from cartwire.settings import Settings
from clients.commercetools import CommercetoolsClient
from clients.retry import RetryPolicy
from ingestion.report import LoadReport
from ingestion.source import load_commercetools
from sandbox.shop.store_schema import RESOURCES, SCHEMA, id_bin
from tests.http import HTTP

CUSTOMERS = 1_300
"""More than two pages, so that a scan has a first, a middle and a last page."""
QUICK = RetryPolicy(attempts=4, wait_first_s=0.001, wait_max_s=0.002)


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def customer(chance: random.Random, modified: datetime, version: int = 1) -> dict[str, Any]:
    """A customer document of its own; `chance` makes the id."""
    number = chance.getrandbits(128)
    return {
        "id": str(uuid.UUID(int=number, version=4)),
        "version": version,
        "createdAt": iso(modified - timedelta(days=30)),
        "lastModifiedAt": iso(modified),
        "email": f"person{number % 10**9}@example.com",
        "addresses": [],
        "custom": {"type": {"typeId": "type", "id": "t"}, "fields": {"newsletterOptIn": True}},
    }


def write_documents(path: Path) -> None:
    """CUSTOMERS customers modified over yesterday, and two documents of every other resource."""
    chance = random.Random(7)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    rows = []
    for resource in RESOURCES:
        for number in range(CUSTOMERS if resource == "customers" else 2):
            document = customer(chance, yesterday + timedelta(seconds=number))
            rows.append(_row(resource, document))
    with sqlite3.connect(path) as database:
        database.executescript(SCHEMA)
        database.executemany("insert into documents values (?, ?, ?, ?, ?, ?, ?)", rows)
        database.execute("insert into meta values ('anchor', ?)", [iso(datetime.now(UTC))])
    database.close()


def _row(resource: str, document: dict[str, Any]) -> tuple[object, ...]:
    return (
        resource,
        document["id"],
        id_bin(document["id"]),
        document["lastModifiedAt"],
        document["createdAt"],
        document["version"],
        json.dumps(document).encode(),
    )


@dataclass(frozen=True)
class Sandbox:
    """Both stand-ins of one process, and their admin side."""

    commercetools_url: str
    iterable_url: str
    facts: dict[str, Any]

    def admin(self, method: str, path: str, body: Any = None, **parameters: Any) -> Any:
        answer = HTTP.request(method, f"{self.commercetools_url}/_sandbox{path}", json=body, params=parameters, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def fault(self, kind: str, path: str, *, nth: int = 1, times: int | None = 1, **more: Any) -> None:
        """A fault on requests below a path of the project (a path that starts with `/oauth` is taken as it is)."""
        whole = path if path.startswith("/oauth") else f"/{self.facts['project_key']}/{path}"
        rule = {"match": {"method": "*", "path": whole}, "nth": nth, "times": times, "kind": kind, **more}
        self.admin("POST", "/faults", {"rules": [rule]})

    def journal(self, path: str) -> list[dict[str, Any]]:
        """Requests whose path contains `path`, oldest first."""
        entries = self.admin("GET", "/journal")
        listed = entries["entries"] if isinstance(entries, dict) else entries
        return [entry for entry in listed if path in entry["path"]]

    def put(self, resource: str, documents: list[dict[str, Any]], at: datetime | None = None) -> list[dict[str, Any]]:
        answer: list[dict[str, Any]] = self.admin("POST", f"/documents/{resource}", documents, **({"at": iso(at)} if at else {}))
        return answer

    def put_raw(self, resource: str, text: str, *, version: int = 1, row_id: str | None = None) -> None:
        url = f"{self.commercetools_url}/_sandbox/documents/{resource}/{row_id or uuid.uuid4()}/raw"
        HTTP.put(url, content=text.encode(), params={"version": version}).raise_for_status()


@contextmanager
def sandbox_process(folder: Path) -> Iterator[Sandbox]:
    """Start `python -m sandbox` over a small shop; ended by its pid."""
    documents = folder / "documents.sqlite"
    write_documents(documents)
    command = [sys.executable, "-m", "sandbox", "--documents", str(documents), "--no-rate-limits"]
    command += ["--visibility-seconds", "0", "--parent-pid", str(os.getpid())]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        yield Sandbox(facts["commercetools_url"], facts["iterable_url"], facts)
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def required_scopes(scopes: str) -> str:
    """Scopes without those that a load can do without."""
    optional = ("view_discount_codes:", "view_states:", "view_business_units:", "view_key_value_documents:")
    kept = [scope for scope in scopes.split() if not scope.startswith(optional)]
    return " ".join(kept).replace("view_products:", "view_published_products:")


class World:
    """One test's warehouse beside the shared sandbox."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        sandbox.admin("POST", "/reset")
        sandbox.admin("DELETE", "/faults")
        sandbox.admin("DELETE", "/journal")
        self.sandbox = sandbox
        self.settings = settings_for(sandbox, folder)
        self.connection = duckdb.connect(str(self.settings.warehouse))

    def load(self, **changed: Any) -> LoadReport:
        """Load with short waits; `changed` replaces settings of this load."""
        settings = self.settings.model_copy(update=changed)
        with CommercetoolsClient.from_settings(settings, retry=QUICK) as client:
            return load_commercetools(self.connection, settings, client=client)

    def one(self, sql: str) -> Any:
        return self.connection.execute(sql).fetchall()[0][0]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()


def settings_for(sandbox: Sandbox, folder: Path) -> Settings:
    """Settings of a sandbox and a folder, untouched by environment and .env."""
    facts = sandbox.facts
    return Settings(
        _env_file=None,
        CTP_PROJECT_KEY=facts["project_key"],
        CTP_CLIENT_ID=facts["client_id"],
        CTP_CLIENT_SECRET=facts["client_secret"],
        CTP_SCOPES=facts["scopes"],
        CTP_API_URL=facts["commercetools_url"],
        CTP_AUTH_URL=facts["auth_url"],
        ITERABLE_API_KEY=facts["iterable_api_key"],
        ITERABLE_API_URL=facts["iterable_url"],
        ITERABLE_IDENTITY="hybrid",
        CARTWIRE_SECRET="s" * 40,
        CARTWIRE_WAREHOUSE=folder / "warehouse.duckdb",
        CARTWIRE_LEDGER=folder / "ledger.sqlite",
        CARTWIRE_ANALYST_DB=folder / "analyst.duckdb",
        CARTWIRE_STATE_DIR=folder / "var",
        CARTWIRE_SETTLE_SECONDS=300,
    )
