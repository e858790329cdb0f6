"""The files a supervisor gets: a unit that systemd accepts and that gives little away, an image without secrets."""

from __future__ import annotations

import configparser
import fnmatch
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from cartwire.errors import ConfigError, LedgerError
from cartwire.settings import REPOSITORY
from flows.serve import WorkerRunning

UNIT = REPOSITORY / "deploy" / "cartwire.service"
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def service() -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    parser.read(UNIT)
    return parser["Service"]


def test_the_unit_runs_the_worker_as_somebody_without_rights(service: configparser.SectionProxy) -> None:
    assert service["User"] not in ("", "root", "0")
    assert service["ExecStart"].endswith("/bin/cartwire serve")
    assert service["NoNewPrivileges"] == "true"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""


def test_the_unit_restarts_what_may_recover_and_nothing_else(service: configparser.SectionProxy) -> None:
    assert service["Restart"] == "on-failure"
    hopeless = {ConfigError.exit_code, LedgerError.exit_code, WorkerRunning.exit_code}
    assert {int(code) for code in service["RestartPreventExitStatus"].split()} == hopeless


def test_systemd_accepts_the_unit_where_it_is_installed(tmp_path: Path) -> None:
    analyse = shutil.which("systemd-analyze")
    text = UNIT.read_text().replace("/opt/cartwire", str(REPOSITORY))
    assert str(REPOSITORY / ".venv") in text
    if analyse is not None:
        placed = tmp_path / UNIT.name
        placed.write_text(text)
        done = subprocess.run([analyse, "verify", str(placed)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_image_installs_by_hash_and_runs_as_a_user() -> None:
    assert DOCKERFILE.count("--require-hashes") == 2
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    users = re.findall(r"^USER (\S+)$", final, re.MULTILINE)
    assert users and users[-1] not in ("root", "0")
    assert "status" in final and "--max-age" in final
    assert 'CMD ["serve"]' in final


def test_the_image_gets_what_a_run_reads_and_no_secret_or_data() -> None:
    rules = [line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]

    def is_copied(path: str) -> bool:
        copied = True
        for rule in rules:
            pattern = rule.removeprefix("!")
            parents = [path, *(str(parent) for parent in Path(path).parents)]
            if any(fnmatch.fnmatch(one, pattern) for one in parents):
                copied = rule.startswith("!")
        return copied

    project = yaml.safe_load((REPOSITORY / "dbt_project.yml").read_text())
    read = ["profiles.yml", "requirements.lock", "config/markets.csv", *project["model-paths"], *project["macro-paths"]]
    assert [path for path in [*read, *(f"{path}/generic" for path in project["test-paths"])] if not is_copied(path)] == []
    assert [path for path in (".env", "var/ledger.sqlite", ".git/config", "tests/conftest.py") if is_copied(path)] == []
