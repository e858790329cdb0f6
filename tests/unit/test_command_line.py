"""Every verb answers --help; the quick ones load nothing heavy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from cartwire.cli.main import VERBS, main_group
from cartwire.settings import REPOSITORY
from tests.unit.test_consent_show import TABLES as TABLES_OF_CONSENT
from tests.unit.test_settings import GOOD, dotenv

HEAVY = ("great_expectations", "dbt", "prefect", "pandas", "dlt", "duckdb", "pyarrow")
PROBE = """
import sys
sys.argv = ["cartwire", *sys.argv[1:]]
from cartwire.cli.main import main
try:
    main()
finally:
    print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""


def run(*arguments: str, env_file: Path | str = os.devnull) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CARTWIRE_ENV_FILE": str(env_file)}
    return subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, env=environment, cwd=REPOSITORY
    )


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "sandbox"])
def test_each_verb_explains_itself(verb: str) -> None:
    result = CliRunner().invoke(main_group, [verb, "--help"])
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 4


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["status"], ["rejections", "--json"], ["sync", "--help"]])
def test_quick_verbs_import_nothing_heavy(tmp_path: Path, arguments: list[str]) -> None:
    env_file = dotenv(tmp_path, {**GOOD, "CARTWIRE_LEDGER": str(tmp_path / "ledger.sqlite")})
    result = run(*arguments, env_file=env_file)
    assert result.returncode == 0, result.stderr
    loaded = result.stderr.rpartition("LOADED ")[2].split()
    assert "click" in loaded
    assert not set(HEAVY) & set(loaded)


def test_status_of_an_existing_ledger_imports_nothing_heavy(tmp_path: Path) -> None:
    from activation.ledger.store import Ledger

    Ledger.open(tmp_path / "ledger.sqlite", GOOD["CARTWIRE_SECRET"].encode()).close()
    env_file = dotenv(tmp_path, {**GOOD, "CARTWIRE_LEDGER": str(tmp_path / "ledger.sqlite")})
    for verb in (["status"], ["rejections"], ["release", "users"], ["explain", "c-ada"], ["ledger", "check"], ["replay"]):
        result = run(*verb, "--json", env_file=env_file)
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)
        assert not set(HEAVY) & set(result.stderr.rpartition("LOADED ")[2].split())


def test_showing_consent_loads_a_database_and_nothing_heavier(tmp_path: Path) -> None:
    from activation.ledger.store import Ledger

    Ledger.open(tmp_path / "ledger.sqlite", GOOD["CARTWIRE_SECRET"].encode()).close()
    with duckdb.connect(str(tmp_path / "analyst.duckdb")) as connection:
        connection.execute(TABLES_OF_CONSENT)
    files = {"CARTWIRE_LEDGER": str(tmp_path / "ledger.sqlite"), "CARTWIRE_ANALYST_DB": str(tmp_path / "analyst.duckdb")}
    page = str(tmp_path / "page.html")
    result = run("consent", "show", "c1", "--json", "--page", page, env_file=dotenv(tmp_path, {**GOOD, **files}))
    assert result.returncode == 0, result.stderr
    assert set(HEAVY) & set(result.stderr.rpartition("LOADED ")[2].split()) == {"duckdb"}


def test_missing_settings_exit_with_2_and_are_json_when_asked() -> None:
    result = run("status", "--json")
    assert result.returncode == 2
    assert "CTP_PROJECT_KEY is missing" in json.loads(result.stdout)["error"]
    assert "CTP_PROJECT_KEY is missing" in result.stderr


def test_init_copies_config_once(tmp_path: Path) -> None:
    target = tmp_path / "config"
    first = CliRunner().invoke(main_group, ["init", str(target)])
    assert first.exit_code == 0
    assert (target / "markets.csv").read_bytes() == (REPOSITORY / "config" / "markets.csv").read_bytes()
    (target / "markets.csv").write_text("mine")
    again = CliRunner().invoke(main_group, ["init", str(target)])
    assert again.exit_code != 0
    assert (target / "markets.csv").read_text() == "mine"
