"""dbt without our command line, from the repository root, on an empty warehouse: what an analytics engineer does first."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cartwire.settings import REPOSITORY

DBT = str(Path(sys.executable).with_name("dbt"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plain-dbt")


def dbt(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "CARTWIRE_WAREHOUSE": str(folder / "warehouse.duckdb"),
        "DBT_TARGET_PATH": str(folder / "target"),
    }
    command = [DBT, "--no-use-colors", *arguments, "--log-path", str(folder / "logs")]
    return subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env=environment)


@pytest.mark.xdist_group("plain-dbt")
@pytest.mark.parametrize("verb", ["run", "build", "docs"])
def test_plain_dbt_works_on_an_empty_warehouse(folder: Path, verb: str) -> None:
    """In this order: `run` first meets an empty file; `build` includes every test, and no unit test of a rule is silently skipped."""
    commands = {"run": [["seed"], ["run"]], "build": [["build"]], "docs": [["docs", "generate"]]}
    for arguments in commands[verb]:
        result = dbt(folder, *arguments)
        assert result.returncode == 0, result.stdout[-3000:]
    if verb == "build":
        results = json.loads((folder / "target" / "run_results.json").read_text())["results"]
        unit_tests = [entry["status"] for entry in results if entry["unique_id"].startswith("unit_test.")]
        assert len(unit_tests) >= 20
        assert set(unit_tests) == {"pass"}
