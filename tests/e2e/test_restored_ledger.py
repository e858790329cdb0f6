"""The day's last sync is not in the backup that has to take the ledger's place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from clients.commercetools import CommercetoolsClient
from tests.conftest import Sandbox
from tests.e2e.command import cartwire
from tests.e2e.first_sync import FirstSync
from tests.e2e.people import user_of
from tests.e2e.shop_rows import rows

pytestmark = pytest.mark.xdist_group("first sync")

EMAIL = 101
"""Iterable's channel."""


def test_after_restoring_an_older_ledger_nothing_fires_twice_and_the_next_change_arrives(
    sandbox: Sandbox, first_sync: FirstSync, tmp_path: Path
) -> None:
    environment = first_sync.begin(tmp_path)
    backup = str(tmp_path / "backup.sqlite")
    assert cartwire(environment, "ledger", "backup", backup, "--json").json()["faults"] == []
    sandbox.admin("commercetools", "POST", "shop-day", {})
    day = cartwire(environment, "sync", "--json")
    assert day.json()["requests"]["events/trackBulk"] > 0
    marker = sandbox.admin("iterable", "GET", "writes")["marker"]
    fired = sandbox.admin("iterable", "GET", "triggers?list=0")["marker"]

    assert cartwire(environment, "ledger", "restore", backup).code == 11, "it shows first"
    assert cartwire(environment, "ledger", "restore", backup, "--yes", "--json").json()["restored"]
    shown = cartwire(environment, "plan")
    looked = cartwire(environment, "sync", "--json")
    after = cartwire(environment, "sync", "--json")

    assert "a sync looks for each row at Iterable" in shown.out
    assert looked.code == 0
    assert set(looked.json()["requests"]) <= {"looked first", "subscriptions/unsubscribe", "subscriptions/subscribe"}
    written = sandbox.admin("iterable", "GET", f"writes?since={marker}")
    assert set(written["by_endpoint"]) <= {"subscriptions.bulk"}, "an unsubscribe is said again: harmless, and at once"
    assert sandbox.admin("iterable", "GET", f"triggers?since={fired}&list=0")["total"] == 0
    assert sandbox.admin("iterable", "GET", "triggers?list=0")["duplicates"] == []
    assert after.json()["requests"] == {}, "and the next one need not look any more"
    assert cartwire(environment, "ledger", "check", "--json").json()["faults"] == []


def test_after_restoring_an_older_ledger_an_opt_out_that_it_takes_for_old_is_said_again(
    sandbox: Sandbox, first_sync: FirstSync, tmp_path: Path
) -> None:
    """Created unsubscribed, then subscribed by a sync that the backup does not know, then opted out again."""
    environment = first_sync.begin(tmp_path)
    backup = str(tmp_path / "backup.sqlite")
    person = next(one for one in _refusers(sandbox, tmp_path) if EMAIL in _left(sandbox, one))
    assert cartwire(environment, "ledger", "backup", backup, "--json").code == 0
    _says(sandbox, person, is_willing=True)
    assert cartwire(environment, "sync", "--json").code == 0
    assert EMAIL not in _left(sandbox, person)

    assert cartwire(environment, "ledger", "restore", backup, "--yes", "--json").code == 0
    _says(sandbox, person, is_willing=False)
    assert cartwire(environment, "sync", "--json").code == 0
    assert EMAIL in _left(sandbox, person)
    assert cartwire(environment, "sync", "--json").json()["requests"] == {}, "once is enough"


def _refusers(sandbox: Sandbox, folder: Path) -> list[dict[str, Any]]:
    with CommercetoolsClient.from_settings(sandbox.settings(folder)) as client:
        people = [one for one in rows(client, "customers", sort=["id asc"]) if "id" in one and one.get("isEmailVerified")]
    return [one for one in people if one.get("custom", {}).get("fields", {}).get("newsletterOptIn") is False]


def _left(sandbox: Sandbox, person: dict[str, Any]) -> list[int]:
    users = sandbox.admin("iterable", "GET", "state")["users"]
    left: list[int] = user_of(sandbox.identity, users, person).get("unsubscribedChannelIds", [])
    return left


def _says(sandbox: Sandbox, person: dict[str, Any], *, is_willing: bool) -> None:
    person["custom"]["fields"]["newsletterOptIn"] = is_willing
    sandbox.admin("commercetools", "POST", "documents/customers", person)
