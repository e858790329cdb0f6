"""The day's last sync is not in the backup that has to take the ledger's place."""

from __future__ import annotations

from pathlib import Path

from tests.conftest import Sandbox
from tests.e2e.command import cartwire


def test_after_restoring_an_older_ledger_nothing_fires_twice_and_the_next_change_arrives(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    environment = sandbox.environment(tmp_path)
    backup = str(tmp_path / "backup.sqlite")
    assert cartwire(environment, "sync", "--json").code == 0
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
