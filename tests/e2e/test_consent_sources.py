"""Consent from outside of a load, on one installation: a webhook and an imported file close at once, are loaded by the next sync, and
come back after the warehouse was deleted. The story is told once; each test reads one claim off its record.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cartwire.settings import REPOSITORY
from tests.conftest import Sandbox
from tests.e2e.command import Outcome, cartwire
from tests.e2e.first_sync import FirstSync
from tests.e2e.waiting import until

pytestmark = [pytest.mark.xdist_group("first sync"), pytest.mark.identities]

SHARED = "shared-secret-shared-secret-shared-secret"
COUNTS = {
    "webhooks": "select count(*) from raw_iterable.consent_events where origin = 'webhook'",
    "exports": "select count(*) from raw_iterable.consent_events where origin = 'export' and said_through = 'EmailLink'",
    "statements": "select count(*) from staging.stg_iterable__consent_events where said_through = 'EmailLink'",
    "imports": "select count(*) from raw.consent_imports",
    "imported statements": "select count(*) from staging.stg_imports__consent_statements",
}
WILLING = """
select profiles.customer_id, profiles.email from marts.profiles
inner join marts.consent_state using (profile_id)
where channel = 'email' and is_messageable and profiles.customer_id is not null
order by 1 limit 2
"""


@dataclass
class Told:
    """Outcomes by chapter, open e-mail channels in the ledger and counts in the warehouse after it."""

    folder: Path
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    open: dict[str, int] = field(default_factory=dict)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def note(self, chapter: str, *, warehouse: bool = False) -> None:
        with closing(sqlite3.connect(self.folder / "ledger.sqlite")) as db:
            query = "select count(*) from consent where is_messageable = 1 and channel = 'email'"
            self.open[chapter] = db.execute(query).fetchone()[0]
        if warehouse:
            self.counts[chapter] = {name: self.ask(query)[0][0] for name, query in COUNTS.items()}

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with closing(duckdb.connect(str(self.folder / "warehouse.duckdb"), read_only=True)) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="module")
def told(sandbox_process: Sandbox, first_sync: FirstSync, tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("consent-sources")
    environment = first_sync.begin(folder, CARTWIRE_WEBHOOK_SECRET=SHARED)
    story = Told(folder)
    story.note("first")
    (_, linked_email), (imported, imported_email) = story.ask(WILLING)
    _by_webhook(sandbox_process, environment, folder, linked_email)
    story.note("webhook")
    path = _file(folder, imported, imported_email)
    story.outcomes["dry run"] = cartwire(environment, "consent", "import", str(path), "--dry-run", "--json")
    story.note("dry run")
    refused = folder / "refused.csv"
    story.outcomes["import"] = cartwire(environment, "consent", "import", str(path), "--rejected", str(refused), "--json")
    story.note("import")
    story.outcomes["again"] = cartwire(environment, "consent", "import", str(path))
    time.sleep(1.1)  # the stand-in's visibility
    story.outcomes["second"] = cartwire(environment, "sync", "--json")
    story.note("second", warehouse=True)
    (folder / "warehouse.duckdb").unlink()
    story.outcomes["anew"] = cartwire(environment, "sync", "--json")
    story.note("anew", warehouse=True)
    return story


def _by_webhook(sandbox: Sandbox, environment: dict[str, str], folder: Path, email: str) -> None:
    """The person uses the link in a message, and the receiver is told."""
    command = [str(Path(sys.executable).with_name("cartwire")), "webhooks", "--port", "0"]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}, cwd=REPOSITORY)
    try:
        assert child.stdout is not None
        url = child.stdout.readline().split()[-1]
        headers = {"X-Cartwire-Secret": SHARED}
        sandbox.admin("iterable", "POST", "settings", {"webhook_url": url, "webhook_headers": headers})
        sandbox.admin("iterable", "POST", "person-acts", {"email": email, "act": "unsubscribe"})
        deliveries: list[dict[str, Any]] = []

        def answered() -> bool:
            deliveries[:] = sandbox.admin("iterable", "GET", "webhooks")["deliveries"]
            return bool(deliveries) and None not in [one["status"] for one in deliveries]

        until("the webhook is answered", answered)
        assert [one["status"] for one in deliveries] == [200]
        sandbox.admin("iterable", "POST", "settings", {"webhook_url": None})
    finally:
        child.terminate()
        assert child.wait(30) == 0


def _file(folder: Path, customer_id: str, email: str) -> Path:
    path = folder / "till.csv"
    path.write_text(
        "customer_id,email,channel,purpose,status,stated_at,source,legal_basis,policy_version,proof_reference\n"
        f"{customer_id},,email,marketing,withdrawn,2026-02-03T10:11:12Z,call centre,,,call 17\n"
        f",{email},fax,marketing,granted,2026-02-03T10:11:12Z,till,consent,3,receipt 1\n"
        ",somebody.new@example.com,sms,marketing,granted,2026-02-03T10:11:12+01:00,till,consent,3,receipt 2\n"
    )
    return path


def test_a_webhook_and_an_imported_withdrawal_close_the_channel_before_any_sync(told: Told) -> None:
    assert told.open["webhook"] == told.open["first"] - 1
    assert told.open["dry run"] == told.open["webhook"]
    assert told.open["import"] == told.open["webhook"] - 1


def test_good_rows_go_in_and_bad_ones_are_rejected_with_their_line(told: Told) -> None:
    assert told.outcomes["import"].code == told.outcomes["dry run"].code == 10
    report = told.outcomes["import"].json()
    assert (report["read"], report["valid"], report["imported"], report["channels_closed"]) == (3, 2, 2, 1)
    assert [row["line"] for row in report["rejected"]] == [3]
    assert told.outcomes["dry run"].json()["imported"] == 0
    assert "@" not in told.outcomes["import"].out + told.outcomes["import"].err


def test_rejected_rows_are_written_for_their_owner_only_to_be_mended(told: Told) -> None:
    path = told.folder / "refused.csv"
    header, row = path.read_text().splitlines()
    assert header.endswith(",proof_reference,line,reason")
    assert ",fax,marketing,granted," in row
    assert path.stat().st_mode & 0o077 == 0


def test_the_same_file_again_changes_nothing(told: Told) -> None:
    assert told.outcomes["again"].out.startswith("0 rows imported, 2 known already, 1 rejected")


def test_the_next_sync_loads_both_and_one_happening_is_one_statement(told: Told) -> None:
    assert told.outcomes["second"].code in (0, 11)
    assert told.counts["second"] == {"webhooks": 1, "exports": 1, "statements": 1, "imports": 2, "imported statements": 2}


def test_nothing_of_it_is_lost_with_the_warehouse(told: Told) -> None:
    assert told.outcomes["anew"].code in (0, 11)
    assert told.counts["anew"] == told.counts["second"]


def test_what_closed_it_stays_closed_through_both_syncs(told: Told) -> None:
    assert told.open["second"] <= told.open["import"]
