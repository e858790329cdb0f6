"""A config/ folder of the user's own is read where it is, and never written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb

from cartwire.settings import REPOSITORY
from flows.dbt import seed_folder


def test_building_from_a_folder_elsewhere_leaves_its_files_as_they_are(tmp_path: Path) -> None:
    """dbt would overwrite the CSV files of an absolute seed path with the SQL it ran."""
    folder = shutil.copytree(REPOSITORY / "config", tmp_path / "own config")
    (folder / "test_profiles.csv").write_text("email,customer_id,comment\nme@example.com,,me\n")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    seeds = seed_folder(folder)
    environment = {
        **os.environ,
        "CARTWIRE_SEEDS": seeds,
        "CARTWIRE_WAREHOUSE": str(tmp_path / "warehouse.duckdb"),
        "DBT_TARGET_PATH": str(tmp_path / "target"),
    }
    command = [str(Path(sys.executable).with_name("dbt")), "build", "--select", "resource_type:seed"]
    command += ["--indirect-selection", "cautious", "--log-path", str(tmp_path / "logs")]
    result = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env=environment)
    (REPOSITORY / seeds).unlink()

    assert result.returncode == 0, result.stdout[-3000:]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        assert connection.execute("select email from config.test_profiles").fetchall() == [("me@example.com",)]


def test_the_shipped_folder_is_read_as_it_is() -> None:
    assert seed_folder(REPOSITORY / "config") == "config"
