"""Nobody is locked out while a sync runs: an analyst's queries, `status`, `rejections`, and a person's own `dbt run`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cartwire.settings import REPOSITORY
from tests.conftest import Sandbox
from tests.e2e.waiting import PATIENCE_S, until
from tests.kill.installation import CARTWIRE, Installation

pytestmark = pytest.mark.xdist_group("analysts")
DBT = Path(sys.executable).with_name("dbt")


@dataclass
class Watched:
    """Two syncs, and what others saw meanwhile."""

    exit_codes: list[int] = field(default_factory=list)
    looks: list[dict[str, Any]] = field(default_factory=list)
    commands: list[subprocess.CompletedProcess[str]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    dbt: subprocess.CompletedProcess[str] | None = None
    dbt_waited: bool = False


@pytest.fixture(scope="module")
def watched(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    folder = tmp_path_factory.mktemp("watched")
    sandbox_process.reset()
    installation = Installation(sandbox_process, folder)
    record = Watched()
    with analyst(folder) as looks:
        record.exit_codes.append(installation.sync().returncode)
        sandbox_process.admin("commercetools", "POST", "shop-day", {})
        with installation.started() as sync:
            until("the sync holds the warehouse", lambda: is_locked(installation.warehouse))
            sync.send_signal(signal.SIGSTOP)
            with started_dbt(installation, folder) as dbt:
                log = folder / "dbt-logs" / "dbt.log"
                until("dbt wants to connect", lambda: log.exists() and "Opening a new connection" in log.read_text())
                ask(record, installation)
                record.dbt_waited = dbt.poll() is None and is_locked(installation.warehouse)
                sync.send_signal(signal.SIGCONT)
                while sync.poll() is None:
                    ask(record, installation)
                output = dbt.communicate(timeout=PATIENCE_S)[0]
                record.dbt = subprocess.CompletedProcess(dbt.args, dbt.returncode, output)
        record.exit_codes.append(sync.returncode)
    record.looks = [json.loads(line) for line in looks.read_text().splitlines()]
    return record


@contextmanager
def analyst(folder: Path) -> Iterator[Path]:
    """The query loop, from before the first version exists; yields the file of its looks."""
    looks, stop = folder / "looks.jsonl", folder / "stop"
    with looks.open("w") as output:
        command = [sys.executable, "-m", "tests.e2e.analyst", folder / "analyst.duckdb", stop]
        child = subprocess.Popen(command, cwd=REPOSITORY, stdout=output)
    try:
        yield looks
    finally:
        stop.touch()
        child.wait(60)
    assert child.returncode == 0


@contextmanager
def started_dbt(installation: Installation, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A person's `dbt run` of one model."""
    environment = {**os.environ, "CARTWIRE_WAREHOUSE": str(installation.warehouse), "DBT_TARGET_PATH": str(folder / "dbt-target")}
    command = [DBT, "run", "--select", "stg_commercetools__channels", "--log-path", folder / "dbt-logs"]
    child = subprocess.Popen(
        command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


def is_locked(warehouse: Path) -> bool:
    """Whether another process holds the warehouse now."""
    try:
        duckdb.connect(str(warehouse)).close()
    except duckdb.IOException:
        return True
    return False


def ask(record: Watched, installation: Installation) -> None:
    """`status` and `rejections`, once each."""
    for verb in ("status", "rejections"):
        done = subprocess.run(
            [CARTWIRE, verb, "--json"], cwd=REPOSITORY, env=installation.environment, capture_output=True, text=True
        )
        record.commands.append(done)
        if verb == "status" and done.returncode == 0:
            record.statuses.append(json.loads(done.stdout))


def test_both_syncs_end_well_beside_everybody_else(watched: Watched) -> None:
    assert watched.exit_codes == [0, 0]


def test_no_query_of_an_analyst_fails(watched: Watched) -> None:
    assert len(watched.looks) > 10
    assert [look for look in watched.looks if "error" in look] == []


def test_no_analyst_sees_half_a_run(watched: Watched) -> None:
    totals: dict[str, set[tuple[Any, ...]]] = {}
    for look in watched.looks:
        assert look["is_same_again"]
        assert look["orphaned_lines"] == 0
        assert look["consent_rows"] == look["profiles"] * look["channels"]
        assert look["metric_orders"] == look["counted_orders"]
        totals.setdefault(look["run_id"], set()).add((look["orders"], look["order_total"], look["line_total"]))
    assert len(totals) == 2, "looks before and after the second publication"
    assert all(len(seen) == 1 for seen in totals.values())
    assert len(set.union(*totals.values())) == 2


def test_status_and_rejections_answer_while_a_sync_runs(watched: Watched) -> None:
    assert len(watched.commands) >= 4
    assert {done.returncode for done in watched.commands} == {0}
    running = [status for status in watched.statuses if status["runs"][0]["state"] == "running"]
    assert running
    assert all(status["lease_holder_pid"] for status in running)


def test_a_plain_dbt_run_beside_a_sync_waits_and_then_works(watched: Watched) -> None:
    assert watched.dbt_waited
    assert watched.dbt is not None
    assert watched.dbt.returncode == 0, watched.dbt.stdout
    assert "OK created sql view model staging.stg_commercetools__channels" in re.sub(r"\x1b\[\d*m", "", watched.dbt.stdout)
