"""A rehearsal: everything but sending, with state of its own, beside the real thing. Told once; each test reads one claim off it."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from activation.ledger import reasons
from tests.conftest import Sandbox
from tests.e2e.command import Outcome, cartwire

pytestmark = [pytest.mark.xdist_group("shadow"), pytest.mark.identities]


@dataclass
class Rehearsal:
    """Outcomes, the writes both stand-ins counted during each, and a hash of the real ledger before and after a shadow."""

    folder: Path
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    iterable_writes: dict[str, int] = field(default_factory=dict)
    commercetools_writes: dict[str, int] = field(default_factory=dict)
    real_files: dict[str, dict[str, str]] = field(default_factory=dict)
    shadow_items: list[dict[str, Any]] = field(default_factory=list)
    shadow_faults: set[str] = field(default_factory=set)

    def counts(self, name: str) -> dict[str, dict[str, int]]:
        return {row["kind"]: row["counts"] for row in self.outcomes[name].json()["rows"]}


@pytest.fixture(scope="module")
def told(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Rehearsal:
    folder = tmp_path_factory.mktemp("shadow")
    sandbox_process.reset()
    rehearsal = Rehearsal(folder)
    environment = sandbox_process.environment(folder)

    def tell(name: str, *arguments: str) -> None:
        marker = sandbox_process.admin("iterable", "GET", "writes")["marker"]
        seen = sandbox_process.admin("commercetools", "GET", "journal?summary=1")["last_seq"] or 0
        rehearsal.outcomes[name] = cartwire(environment, *arguments)
        rehearsal.iterable_writes[name] = sandbox_process.admin("iterable", "GET", f"writes?since={marker}")["total"]
        calls = sandbox_process.admin("commercetools", "GET", f"journal?since={seen}")["entries"]
        writing = [call for call in calls if call["method"] != "GET" and not call["path"].startswith(("/oauth", "/_sandbox"))]
        rehearsal.commercetools_writes[name] = len([call for call in writing if not call["path"].endswith("/graphql")])
        rehearsal.real_files[name] = _real_files(folder)

    tell("shadow", "sync", "--shadow", "--json")
    tell("shadow again", "sync", "--shadow", "--json")
    tell("real", "sync", "--json")
    sandbox_process.admin("commercetools", "POST", "shop-day", {})
    tell("shadow of the shop day", "sync", "--shadow", "--json")
    tell("shadow for people", "sync", "--shadow")
    tell("status", "status")
    tell("status of the shadow", "status", "--shadow")
    tell("real shop day", "sync", "--json")
    with closing(sqlite3.connect(folder / "shadow" / "ledger.sqlite")) as db:
        db.row_factory = sqlite3.Row
        rehearsal.shadow_items = [dict(row) for row in db.execute("select * from items where state = 'accepted'")]
        rehearsal.shadow_faults = {row["fault"] for row in db.execute("select fault from requests")}
    return rehearsal


def _real_files(folder: Path) -> dict[str, str]:
    """Every file of the real installation by a hash of its bytes; the lease and read-only side files of SQLite excepted."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file() and not path.name.endswith((".lease", "-shm", "-wal"))
    }


SHADOWS = ("shadow", "shadow again", "shadow of the shop day", "shadow for people")


@pytest.mark.parametrize("name", SHADOWS)
def test_a_shadow_writes_to_neither_api(told: Rehearsal, name: str) -> None:
    assert told.outcomes[name].code == 0
    assert told.iterable_writes[name] == 0
    assert told.commercetools_writes[name] == 0


def test_a_shadow_touches_no_file_of_the_real_installation(told: Rehearsal) -> None:
    assert told.real_files["shadow again"] == {}
    assert "ledger.sqlite" in told.real_files["real"]
    assert told.real_files["shadow of the shop day"] == told.real_files["real"]


def test_a_shadow_shows_what_the_real_sync_then_sends(told: Rehearsal) -> None:
    assert told.counts("shadow")["users"]["accepted"] > 30
    for kind, counts in told.counts("shadow").items():
        assert told.counts("real")[kind]["planned"] == counts["planned"], kind
    real = told.counts("real shop day")
    for kind, counts in told.counts("shadow of the shop day").items():
        assert real[kind]["planned"] == counts["planned"], kind
    assert {"purchases", "order_refunded", "withdrawals"} <= real.keys()


def test_the_next_shadow_shows_differences_only(told: Rehearsal) -> None:
    assert told.outcomes["shadow again"].json()["rows"] == []
    assert 0 < told.counts("shadow of the shop day")["users"]["planned"] < told.counts("shadow")["users"]["planned"]


def test_what_a_shadow_calls_accepted_is_marked_on_row_request_and_report(told: Rehearsal) -> None:
    assert told.shadow_items
    assert {item["reason"] for item in told.shadow_items} == {reasons.ASSUMED}
    assert told.shadow_faults == {"shadow"}
    assert told.outcomes["shadow"].json()["shadow"] is True
    assert told.outcomes["real"].json()["shadow"] is False
    assert told.outcomes["shadow for people"].out.startswith("SHADOW: nothing was sent.")
    assert told.outcomes["status of the shadow"].out.startswith("SHADOW: nothing was sent.")
    assert "SHADOW" not in told.outcomes["status"].out


def test_the_real_sync_refuses_the_ledger_of_a_shadow_and_a_shadow_the_real_one(
    told: Rehearsal, sandbox: Sandbox, tmp_path: Path
) -> None:
    shadow_ledger = told.folder / "shadow" / "ledger.sqlite"
    refused = cartwire(sandbox.environment(tmp_path, CARTWIRE_LEDGER=shadow_ledger), "sync")
    assert refused.code == 6
    assert "a shadow: nothing in it was ever sent" in refused.err
    (tmp_path / "shadow").mkdir()
    (tmp_path / "shadow" / "ledger.sqlite").write_bytes((told.folder / "ledger.sqlite").read_bytes())
    refused = cartwire(sandbox.environment(tmp_path), "sync", "--shadow")
    assert refused.code == 6
    assert "the real one" in refused.err
    assert sandbox.writes() == {}
