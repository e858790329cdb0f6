"""Payloads are erased by the syncs themselves; nothing that a sync, a check or a person needs is gone with them."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.conftest import Sandbox
from tests.e2e.command import cartwire
from tests.e2e.first_sync import FirstSync

TWO_DAYS_S = 2 * 24 * 60 * 60
PAYLOADS = """
select count(*) from item_values inner join items using (item_id)
where object in ('users', 'events') and fragment is not null
    and cast(fragment as text) not like '{"dataFields":{"unsubscribedChannelIds":[%]}}'
"""


@pytest.mark.identities
@pytest.mark.xdist_group("first sync")
def test_two_days_later_a_sync_erases_and_nothing_is_sent_again_even_from_a_new_warehouse(
    sandbox: Sandbox, first_sync: FirstSync, tmp_path: Path
) -> None:
    today = first_sync.begin(tmp_path)
    later = {**today, "CARTWIRE_CLOCK_OFFSET_SECONDS": str(TWO_DAYS_S)}
    kept = cartwire(today, "ledger", "prune", "--days", "1", "--json")
    unset = cartwire(today, "ledger", "prune", "--yes")
    payloads = _payloads(tmp_path)

    sandbox.admin("commercetools", "POST", "clock", {"offset_seconds": TWO_DAYS_S})
    pruning = cartwire({**later, "CARTWIRE_PAYLOAD_DAYS": "1"}, "sync", "--json")
    left = _payloads(tmp_path)
    time.sleep(1.1)
    reconciled = cartwire(later, "reconcile", "--sample", "1000", "--json")
    still = cartwire(later, "sync", "--json")
    (tmp_path / "warehouse.duckdb").unlink()
    anew = cartwire(later, "sync", "--json")

    assert (kept.code, kept.json()["payloads"]) == (0, 0)
    assert unset.code == 2 and "CARTWIRE_PAYLOAD_DAYS" in unset.message
    assert payloads > 40
    assert pruning.code == 0
    sent_since = sum(row["counts"]["planned"] for row in pruning.json()["rows"] if row["object"] in ("users", "events"))
    assert left <= sent_since
    assert (reconciled.code, reconciled.json()["drifts"]) == (0, [])
    assert reconciled.json()["fields"] > 1_000
    assert still.json()["requests"] == anew.json()["requests"] == {}
    assert cartwire(later, "ledger", "check", "--json").json()["faults"] == []
    person = _somebody(tmp_path)
    told = cartwire(later, "explain", person, "--show-values")
    assert told.code == 0 and "(erased)" in told.out


def _payloads(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger:
        return int(ledger.execute(PAYLOADS).fetchone()[0])


def _somebody(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as ledger:
        query = "select person_key from items inner join item_values using (item_id) where object = 'users' and fragment is null"
        return str(ledger.execute(query).fetchone()[0])
