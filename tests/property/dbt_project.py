"""dbt on a warehouse of a test's own; the project is parsed once per worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cartwire.settings import REPOSITORY, Settings
from flows.dbt import options, parsed_project
from flows.dbt_spared import spared


def settings_of(warehouse: Path) -> Settings:
    """Of an installation that only builds: what dbt writes lies beside the warehouse, whose name has to be `warehouse.duckdb`."""
    assert warehouse.name == "warehouse.duckdb", "of another database the project would be parsed anew"
    values = {"memory_gib": 0.0, "threads": 0, "config": REPOSITORY / "config"}
    return Settings.model_construct(warehouse=warehouse, state_dir=warehouse.parent, **values)


def dbt(warehouse: Path, *arguments: str) -> Any:
    """dbt's outcome of a command."""
    from dbt.cli.main import dbtRunner

    settings = settings_of(warehouse)
    manifest = parsed_project(settings)
    with spared():
        return dbtRunner(manifest=manifest).invoke([*arguments, *options(settings)])


def nodes_of(outcome: Any) -> list[Any]:
    """The nodes of a command that succeeded. Fails with dbt's messages."""
    results = getattr(outcome.result, "results", [])
    assert outcome.success, [result.message for result in results if str(result.status) == "error"] or outcome.exception
    return [result.node for result in results]
