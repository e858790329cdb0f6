"""The worker without a Prefect server: it survives a bad run, ends cleanly when asked, and goes on where it ended.

The fixture lives through it once; each test reads one claim off its record. It waits for conditions, never for a length of time.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from activation.ledger.reading import read_only
from cartwire.settings import REPOSITORY
from cartwire.warehouse import open_warehouse
from tests.conftest import Sandbox
from tests.e2e.waiting import until
from tests.e2e.worker_process import health, refused, run_states, served
from tests.kill.comparison import compare
from tests.kill.installation import CARTWIRE, Installation
from tests.kill.shopping import Wanted

pytestmark = pytest.mark.xdist_group("worker")
QUICK = ("--every", "5")
SELDOM = ("--every", "1000000")
KEY_WITHDRAWN = {"match": {"path": "/oauth/token"}, "kind": "status", "status": 401, "times": None}
SLOW_ANSWERS = {"match": {"path": "/api/commerce"}, "kind": "delay", "delay_ms": 700}


@dataclass
class Lived:
    """What happened, in order."""

    first: dict[str, Any] = field(default_factory=dict)
    first_run: str = ""
    second_worker: subprocess.CompletedProcess[str] | None = None
    bad_run: dict[str, Any] = field(default_factory=dict)
    states_after_bad_run: list[tuple[str, int | None]] = field(default_factory=list)
    idle_return_code: int | None = None
    return_code: int | None = None
    stopped: dict[str, Any] = field(default_factory=dict)
    states_after_stop: list[tuple[str, int | None]] = field(default_factory=list)
    open_rows: dict[str, int] = field(default_factory=dict)
    fates: Counter[str] = field(default_factory=Counter)
    status: dict[str, Any] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    other_secret: subprocess.CompletedProcess[str] | None = None


@pytest.fixture(scope="module")
def lived(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    sandbox_process.reset()
    installation = Installation(sandbox_process, tmp_path_factory.mktemp("worker"))
    record = Lived()
    with served(installation, *SELDOM) as worker:
        _first_run_and_rest(record, installation, worker)
    with served(installation, *QUICK) as worker:
        _bad_run(record, installation, sandbox_process)
        _stop_while_sending(record, installation, sandbox_process, worker)
    runs = len(record.states_after_stop)
    with served(installation, *QUICK):
        until("the run after the stop is done", lambda: ("done", 0) in run_states(installation)[runs:])
    record.faults = compare(installation, Wanted()).faults
    record.other_secret = refused(installation, CARTWIRE_SECRET="another-secret-another-secret-another-secret")
    return record


def _first_run_and_rest(record: Lived, installation: Installation, worker: subprocess.Popen[bytes]) -> None:
    folder = installation.folder
    until("the first run is done", lambda: health(folder)["state"] == "waiting" and run_states(installation) != [])
    record.first, record.first_run = health(folder), installation.newest_run()
    open_warehouse(installation.warehouse, wait_s=0).close()
    record.second_worker = refused(installation)
    worker.send_signal(signal.SIGINT)
    record.idle_return_code = worker.wait(60)


def _bad_run(record: Lived, installation: Installation, sandbox: Sandbox) -> None:
    runs = len(run_states(installation))
    sandbox.admin("commercetools", "POST", "faults", {"rules": [KEY_WITHDRAWN]})
    until("a run has failed", lambda: ("failed", 2) in run_states(installation))
    until("that is written down", lambda: health(installation.folder)["runs"]["sync"]["exit_code"] == 2)
    record.bad_run = health(installation.folder)["runs"]["sync"]
    sandbox.admin("commercetools", "DELETE", "faults")
    until("the run after the failed one is done", lambda: run_states(installation)[-1] == ("done", 0))
    record.states_after_bad_run = run_states(installation)[runs:]


def _stop_while_sending(record: Lived, installation: Installation, sandbox: Sandbox, worker: subprocess.Popen[bytes]) -> None:
    sandbox.admin("iterable", "POST", "faults", {"rules": [SLOW_ANSWERS]})
    sandbox.admin("commercetools", "POST", "shop-day", {})
    sent = sandbox.writes().get("commerce.trackPurchase", 0)
    until("a run is sending", lambda: sandbox.writes().get("commerce.trackPurchase", 0) > sent)
    worker.send_signal(signal.SIGTERM)
    record.return_code = worker.wait(240)
    sandbox.admin("iterable", "DELETE", "faults")
    record.stopped, record.states_after_stop = health(installation.folder), run_states(installation)
    with read_only(installation.ledger) as ledger:
        record.open_rows = ledger.status(1).open_rows
    record.fates = installation.states([installation.newest_run()])
    shown = subprocess.run(
        [CARTWIRE, "status", "--json"], cwd=REPOSITORY, env=installation.environment, capture_output=True, check=True
    )
    record.status = json.loads(shown.stdout)


def test_the_health_file_tells_the_last_run_and_the_next_one_due(lived: Lived) -> None:
    run = lived.first["runs"]["sync"]
    assert run["run_id"] == lived.first_run
    assert run["started_at"] < run["ended_at"] <= lived.first["updated_at"]
    assert run["next_due_at"] > run["started_at"]
    assert (lived.first["state"], lived.first["prefect"], run["error"]) == ("waiting", "none", None)


def test_a_second_worker_of_the_same_installation_is_refused(lived: Lived) -> None:
    assert lived.second_worker is not None
    assert lived.second_worker.returncode == 12
    assert f"process {lived.first['pid']}" in lived.second_worker.stderr


def test_a_worker_that_waits_holds_no_warehouse_and_ends_at_once_when_asked(lived: Lived) -> None:
    assert lived.first["state"] == "waiting"  # the fixture opened the warehouse for writing then
    assert lived.idle_return_code == 0


def test_a_run_that_fails_ends_neither_the_worker_nor_the_schedule(lived: Lived) -> None:
    assert lived.bad_run["exit_code"] == 2
    assert lived.bad_run["error"].startswith("ConfigError: ")
    assert ("failed", 2) in lived.states_after_bad_run
    assert lived.states_after_bad_run[-1] == ("done", 0)


def test_a_worker_asked_to_stop_ends_with_nothing_in_flight(lived: Lived) -> None:
    assert lived.return_code == 0
    assert lived.states_after_stop[-1] == ("failed", 12)
    assert set(lived.open_rows) <= {"staged"}
    assert lived.fates["accepted"] > 0
    assert lived.fates["staged"] > 0


def test_status_tells_a_stopped_run_and_worker_from_dead_ones(lived: Lived) -> None:
    assert lived.status["runs"][0]["state"] == "stopped: the next sync goes on"
    assert (lived.status["worker"]["state"], lived.status["worker"]["is_alive"]) == ("stopped", False)
    assert lived.status["lease_holder_pid"] is None


def test_the_next_worker_sends_the_rest_once(lived: Lived) -> None:
    assert lived.faults == []


@pytest.fixture
def untouched(sandbox: Sandbox, tmp_path: Path) -> Iterator[Installation]:
    yield Installation(sandbox, tmp_path)


def test_a_wrong_setting_ends_the_worker_before_its_first_run(untouched: Installation) -> None:
    ended = refused(untouched, CTP_API_URL="ftp://nowhere.example")
    assert ended.returncode == 2
    assert "CTP_API_URL" in ended.stderr
    assert not untouched.ledger.exists()


def test_a_wrong_row_of_config_ends_the_worker_before_its_first_run(untouched: Installation, tmp_path: Path) -> None:
    subprocess.run([CARTWIRE, "init", str(tmp_path / "mine")], check=True, cwd=REPOSITORY, capture_output=True)
    markets = tmp_path / "mine" / "markets.csv"
    markets.write_text(markets.read_text() + "one,too,few\n")
    ended = refused(untouched, CARTWIRE_CONFIG=str(tmp_path / "mine"))
    assert ended.returncode == 2
    assert "markets.csv" in ended.stderr
    assert not untouched.ledger.exists()


def test_another_secret_than_the_ledgers_ends_the_worker_before_its_first_run(lived: Lived) -> None:
    assert lived.other_secret is not None
    assert lived.other_secret.returncode == 6
    assert "CARTWIRE_SECRET" in lived.other_secret.stderr
