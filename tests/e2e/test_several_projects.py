"""Two installations on one machine sync at the same moment, and neither finds a trace of the other."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from activation.ledger.reading import read_only
from cartwire.cli.processes import installation, sandbox
from cartwire.settings import REPOSITORY
from tests.kill.installation import CARTWIRE

pytestmark = pytest.mark.xdist_group("several")
HOUSEHOLDS = {"north": 12, "south": 20}
FILES = ("ledger.sqlite", "warehouse.duckdb", "analyst.duckdb", "state")


@dataclass
class Brand:
    """One pair of projects, and what its sync left."""

    folder: Path
    environment: dict[str, str]
    report: dict[str, Any]
    files_elsewhere: set[str]


@pytest.fixture(scope="module")
def brands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Brand]]:
    root = tmp_path_factory.mktemp("brands")
    before = _shared_files()
    with (
        sandbox(_options(root, "north"), root / "north.log") as north,
        sandbox(_options(root, "south"), root / "south.log") as south,
    ):
        brands = {name: _brand(root / name, servers) for name, servers in (("north", north), ("south", south))}
        children = {name: _sync(brand) for name, brand in brands.items()}
        for name, child in children.items():
            out, err = child.communicate(timeout=900)
            assert child.returncode == 0, err[-2_000:]
            brands[name].report = json.loads(out)
            brands[name].files_elsewhere = _shared_files() - before
    yield brands


def _options(root: Path, name: str) -> list[str]:
    documents = root / f"{name}.sqlite"
    options = ["--documents", str(documents), "--weeks", "1", "--households", str(HOUSEHOLDS[name])]
    return [*options, "--visibility-seconds", "1", "--no-rate-limits"]


def _brand(folder: Path, servers: dict[str, Any]) -> Brand:
    config = folder / "config"
    folder.mkdir()
    subprocess.run([CARTWIRE, "init", str(config)], check=True, cwd=REPOSITORY, capture_output=True)
    own = {"CARTWIRE_CONFIG": str(config), "CARTWIRE_STATE_DIR": str(folder / "state")}
    return Brand(folder, {**os.environ, **installation(servers, folder), **own}, {}, set())


def _sync(brand: Brand) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [CARTWIRE, "sync", "--json"],
        cwd=REPOSITORY,
        env=brand.environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _shared_files() -> set[str]:
    """What lies in the repository's own var/, but for links to config folders and the documents of other tests."""
    var = REPOSITORY / "var"
    return {str(path) for name in ("dbt", "dlt", "data_docs") if (var / name).exists() for path in (var / name).rglob("*")}


def _customers(brand: Brand) -> set[str]:
    with duckdb.connect(str(brand.folder / "warehouse.duckdb"), read_only=True) as conn:
        return {row[0] for row in conn.execute("select document ->> '$.externalId' from raw.customers").fetchall()}


def test_both_sent_their_own_people_and_no_others(brands: dict[str, Brand]) -> None:
    for name, brand in brands.items():
        assert len(_customers(brand)) == HOUSEHOLDS[name]
        users = next(row for row in brand.report["rows"] if row["object"] == "users")
        assert users["counts"]["planned"] >= HOUSEHOLDS[name]
        assert users["counts"]["planned"] == sum(
            users["counts"][state] for state in ("accepted", "rejected", "held", "suppressed")
        )


def test_each_has_files_of_its_own_and_leaves_none_in_the_repository(brands: dict[str, Brand]) -> None:
    for brand in brands.values():
        assert [name for name in FILES if not (brand.folder / name).exists()] == []
        assert (brand.folder / "state" / "dbt").is_dir()
        assert brand.files_elsewhere == set()


def test_each_ledger_holds_one_run_of_its_own(brands: dict[str, Brand]) -> None:
    runs = {}
    for name, brand in brands.items():
        with read_only(brand.folder / "ledger.sqlite") as ledger:
            runs[name] = [run.run_id for run in ledger.status(10).runs]
        assert runs[name] == [brand.report["run_id"]]
    assert runs["north"] != runs["south"]


def test_each_reads_its_own_config_folder(brands: dict[str, Brand]) -> None:
    targets = {path.resolve() for path in (REPOSITORY / "var" / "seeds").iterdir()}
    assert {(brand.folder / "config").resolve() for brand in brands.values()} <= targets
