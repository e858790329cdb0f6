"""The worker with a real Prefect server: its runs fire by schedule, it is killed in the middle, and the next run finishes the work.

The fixture lives through it once; each test reads one claim off its record. It waits for conditions, never for a length of time.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cartwire.cli.processes import free_port, prefect_server, wait_for
from cartwire.lock import lease
from cartwire.settings import REPOSITORY
from tests.conftest import Sandbox
from tests.e2e.waiting import until
from tests.e2e.worker_process import health, kill, run_states, served
from tests.http import HTTP
from tests.kill.comparison import compare
from tests.kill.installation import CARTWIRE, Installation
from tests.kill.shopping import Wanted

pytestmark = pytest.mark.xdist_group("schedule")
EVERY_S = 15
ENDS = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
ENDED = ("Completed", "Failed", "Crashed", "Skipped")
DEPLOYMENT = "sync-cartwire-demo"


@dataclass
class Scheduled:
    """What happened, in order, and what the Prefect server had stored at the end."""

    skipped_states: list[str] = field(default_factory=list)
    runs_before_kill: list[str] = field(default_factory=list)
    status_after_kill: dict[str, Any] = field(default_factory=dict)
    prefect_states_after_kill: list[str] = field(default_factory=list)
    states_while_paused: list[str] = field(default_factory=list)
    prefect_states_after_restart: list[str] = field(default_factory=list)
    state_by_hand: str = ""
    health: dict[str, Any] = field(default_factory=dict)
    runs_at_the_end: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    flow_runs: list[dict[str, Any]] = field(default_factory=list)
    task_runs: list[dict[str, Any]] = field(default_factory=list)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    logs: list[dict[str, Any]] = field(default_factory=list)
    personal: set[str] = field(default_factory=set)


class Deployment:
    """`cartwire serve` in a session of its own, and the Prefect server it talks to."""

    def __init__(self, sandbox: Sandbox, folder: Path, api: str) -> None:
        self.installation = Installation(sandbox, folder)
        self._api = api
        self.prefect = {"PREFECT_API_URL": api, "PREFECT_HOME": str(folder / "prefect"), "DO_NOT_TRACK": "1"}

    def served(self) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """The worker, killed at the end of the block if it is still there."""
        return served(self.installation, "--every", str(EVERY_S), environment=self.prefect)

    def start_by_hand(self) -> str:
        """What the button in Prefect's pages does. Answers the id of the run."""
        found = HTTP.get(f"{self._api}/deployments/name/sync/{DEPLOYMENT}", timeout=30).raise_for_status().json()
        made = HTTP.post(f"{self._api}/deployments/{found['id']}/create_flow_run", json={}, timeout=30).raise_for_status()
        return str(made.json()["id"])

    def state_of(self, flow_run_id: str) -> str:
        """Name of a flow run's state."""
        return str(HTTP.get(f"{self._api}/flow_runs/{flow_run_id}", timeout=30).raise_for_status().json()["state_name"])

    def ledger_states(self) -> list[str]:
        """State of each run, oldest first."""
        return [state for state, _ in run_states(self.installation)]

    def stored(self, what: str) -> list[dict[str, Any]]:
        """Everything of one kind that the Prefect server keeps, through its API."""
        body = {"sort": "TIMESTAMP_ASC"} if what == "logs" else {}
        found: list[dict[str, Any]] = []
        while page := self._page(what, {**body, "offset": len(found), "limit": 200}):
            found += page
        return found

    def states(self, *types: str) -> list[str]:
        """Names of the states of the runs of the flow whose state is of one of these types."""
        return [run["state_name"] for run in self.stored("flow_runs") if run["state_type"] in types]

    def status(self) -> dict[str, Any]:
        """`cartwire status --json`."""
        done = subprocess.run(
            [CARTWIRE, "status", "--json"], env=self.installation.environment, cwd=REPOSITORY, capture_output=True, check=True
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def pause(self) -> None:
        """`cartwire pause`."""
        subprocess.run(
            [CARTWIRE, "pause", "--reason", "a rehearsal"], env=self.installation.environment, cwd=REPOSITORY, check=True
        )

    def _page(self, what: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        response = HTTP.post(f"{self._api}/{what}/filter", json=body, timeout=30).raise_for_status()
        page: list[dict[str, Any]] = response.json()
        return page


@pytest.fixture(scope="module")
def scheduled(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduled]:
    folder = tmp_path_factory.mktemp("scheduled")
    log = folder / "prefect.log"
    sandbox_process.reset()
    with prefect_server(folder / "prefect", log, free_port()) as api:
        wait_for(f"{api}/health", log)
        yield _live_through(Deployment(sandbox_process, folder, api), sandbox_process)


def _live_through(deployment: Deployment, sandbox: Sandbox) -> Scheduled:
    record = Scheduled()
    ledger = deployment.installation.ledger
    with deployment.served() as worker:
        with lease(ledger):
            until("a scheduled run met the lease and ended", lambda: deployment.states(*ENDS) != [])
            record.skipped_states = deployment.states(*ENDS)
        until("a scheduled run is done", lambda: "done" in deployment.ledger_states())
        record.runs_before_kill = deployment.ledger_states()
        sandbox.admin("commercetools", "POST", "shop-day", {})
        slow = {"match": {"path": "/api/commerce"}, "kind": "delay", "delay_ms": 700}
        sandbox.admin("iterable", "POST", "faults", {"rules": [slow]})
        purchases = sandbox.writes().get("commerce.trackPurchase", 0)
        until("the next run is sending", lambda: sandbox.writes().get("commerce.trackPurchase", 0) > purchases)
        kill(worker)
    record.status_after_kill = deployment.status()
    record.prefect_states_after_kill = deployment.states("RUNNING")
    sandbox.admin("iterable", "DELETE", "faults")
    runs = len(deployment.ledger_states())
    by_hand = deployment.start_by_hand()
    with deployment.served():
        until("the run after the kill is done", lambda: "done" in deployment.ledger_states()[runs:])
        until("the run started by hand is done", lambda: deployment.state_of(by_hand) in ENDED)
        record.health = health(deployment.installation.folder)
        deployment.pause()
        ended = len(deployment.states(*ENDS))
        until("a scheduled run met the pause and ended", lambda: "Skipped" in deployment.states(*ENDS)[ended:])
        record.states_while_paused = deployment.states(*ENDS)[ended:]
    record.state_by_hand = deployment.state_of(by_hand)
    record.prefect_states_after_restart = deployment.states("CRASHED")
    record.runs_at_the_end = deployment.ledger_states()
    record.faults = compare(deployment.installation, Wanted()).faults
    record.flow_runs, record.task_runs = deployment.stored("flow_runs"), deployment.stored("task_runs")
    record.artifacts, record.logs = deployment.stored("artifacts"), deployment.stored("logs")
    record.personal = _personal_data(deployment.installation)
    return record


def _personal_data(installation: Installation) -> set[str]:
    """Addresses, phone numbers and full names of everyone in the shop."""
    with duckdb.connect(str(installation.warehouse), read_only=True) as conn:
        rows = conn.execute("select email, phone_e164, first_name || ' ' || last_name from marts.profiles").fetchall()
    return {value for row in rows for value in row if value}


def test_a_scheduled_run_that_meets_the_lease_ends_as_skipped(scheduled: Scheduled) -> None:
    assert set(scheduled.skipped_states) == {"Skipped"}
    assert scheduled.runs_before_kill == ["done"]


def test_a_scheduled_run_of_a_paused_installation_ends_as_skipped(scheduled: Scheduled) -> None:
    """The server may hear of the killed run's end among them; that there is one crash and no more has its own test."""
    assert "Skipped" in scheduled.states_while_paused
    assert set(scheduled.states_while_paused) <= {"Skipped", "Completed", "Crashed"}


def test_the_deployment_fires_by_schedule_more_than_once(scheduled: Scheduled) -> None:
    fired = [run for run in scheduled.flow_runs if run["auto_scheduled"] and run["start_time"]]
    assert len(fired) >= 3
    assert {run["state_name"] for run in fired} <= {"Completed", "Skipped", "Running", "Crashed", "Pending"}


def test_status_reports_a_run_whose_worker_was_killed(scheduled: Scheduled) -> None:
    newest = scheduled.status_after_kill["runs"][0]
    assert newest["state"] == "died: the next sync recovers it"
    assert scheduled.status_after_kill["lease_holder_pid"] is None
    assert sum(scheduled.status_after_kill["open_rows"].values()) > 0
    assert "Running" in scheduled.prefect_states_after_kill


def test_the_next_worker_tells_the_server_that_the_killed_run_is_dead(scheduled: Scheduled) -> None:
    assert scheduled.prefect_states_after_restart == ["Crashed"]


def test_a_run_started_by_hand_at_the_server_runs_in_the_worker(scheduled: Scheduled) -> None:
    assert scheduled.state_by_hand == "Completed"
    assert scheduled.health["prefect"] == "connected"


def test_the_next_scheduled_run_completes_the_work(scheduled: Scheduled) -> None:
    assert scheduled.runs_at_the_end[:3] == ["done", "crashed", "done"]
    assert scheduled.faults == []


def test_the_prefect_server_holds_no_personal_data(scheduled: Scheduled) -> None:
    assert len(scheduled.personal) > 50
    assert all(set(run["parameters"]) <= {"trigger", "only_test_profiles", "wait_s"} for run in scheduled.flow_runs)
    assert any(run["parameters"] for run in scheduled.flow_runs)
    kept = json.dumps([scheduled.flow_runs, scheduled.task_runs, scheduled.artifacts, scheduled.logs], ensure_ascii=False)
    assert "read back" in kept
    assert [value for value in scheduled.personal if value in kept] == []


def test_each_completed_run_leaves_how_many_people_consent_per_market(scheduled: Scheduled) -> None:
    consent = [json.loads(one["data"]) for one in scheduled.artifacts if one["key"] == "consent-counts"]
    assert consent
    for rows in consent:
        assert {row["status"] for row in rows} <= {"granted", "pending", "denied", "withdrawn", "unknown"}
        assert len({row["market"] for row in rows}) > 1
        assert sum(row["messageable"] for row in rows) > 0


def test_each_completed_run_leaves_an_artifact_of_counts(scheduled: Scheduled) -> None:
    counts = [json.loads(one["data"]) for one in scheduled.artifacts if one["key"] == "sync-counts"]
    assert len(counts) >= 2
    users = [row["planned"] for table in counts for row in table if row["object"] == "users"]
    assert max(users) > 40
    for row in (row for table in counts for row in table):
        assert row["planned"] == row["accepted"] + row["rejected"] + row["held"] + row["suppressed"]


def test_without_an_answering_server_the_worker_goes_on_by_its_own_clock(sandbox: Sandbox, tmp_path: Path) -> None:
    installation = Installation(sandbox, tmp_path)
    nobody = {"PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api", "PREFECT_HOME": str(tmp_path / "prefect")}
    with served(installation, environment=nobody):
        until("a run is done", lambda: run_states(installation) == [("done", 0)])
        assert health(tmp_path)["prefect"] == "unreachable"
