"""The shared story of the end-to-end tests: a first sync, a shop day, and every reason for a sync that must write nothing.

It runs once per worker (tests that use it carry the xdist group `story`); each test reads one claim off its record.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from cartwire.settings import Settings
from flows.dbt import build_everything
from flows.report import RunReport
from flows.run import sync
from tests.conftest import Sandbox


@dataclass
class Chapter:
    """One sync: its report, and what Iterable saw of it."""

    report: RunReport
    writes: dict[str, int]
    journal: list[dict[str, Any]]
    triggers: list[dict[str, Any]]


@dataclass
class Story:
    """All chapters by name."""

    settings: Settings
    sandbox: Sandbox
    day: dict[str, dict[str, Any]] = field(default_factory=dict)
    chapters: dict[str, Chapter] = field(default_factory=dict)

    def tell(self, name: str) -> Chapter:
        """Run one sync and record it as chapter `name`."""
        before = self.sandbox.admin("iterable", "GET", "writes")["marker"]
        triggered = self.sandbox.admin("iterable", "GET", "triggers?list=0")["marker"]
        report = sync(self.settings)
        journal = self.sandbox.admin("iterable", "GET", f"journal?since={before}&bodies=1")["entries"]
        self.chapters[name] = Chapter(
            report=report,
            writes=self.sandbox.admin("iterable", "GET", f"writes?since={before}")["by_endpoint"],
            journal=[entry for entry in journal if entry["method"] != "GET"],
            triggers=self.sandbox.admin("iterable", "GET", f"triggers?since={triggered}")["triggers"],
        )
        return self.chapters[name]


def tell_story(sandbox: Sandbox, folder: Path) -> Story:
    """Run every chapter, in order."""
    sandbox.reset()
    told = Story(sandbox.settings(folder), sandbox)
    told.tell("first")
    told.tell("unchanged")
    reports = sandbox.admin("commercetools", "POST", "shop-day", {})["scenarios"]
    told.day = {report["scenario"]: report for report in reports}
    told.tell("shop day")
    told.tell("after the shop day")
    sandbox.admin("commercetools", "POST", "touch", {"resource": None})
    told.tell("every version touched")
    _forget_cursors(told.settings)
    told.tell("reloaded from nothing")
    _full_refresh(told.settings)
    told.tell("after a full refresh")
    _lose_warehouse(told.settings)
    told.tell("warehouse rebuilt from the ledger")
    return told


def _forget_cursors(settings: Settings) -> None:
    shutil.rmtree(settings.state_dir / "dlt", ignore_errors=True)
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.execute("delete from raw._dlt_pipeline_state")
        connection.execute("delete from raw_iterable._dlt_pipeline_state")


def _full_refresh(settings: Settings) -> None:
    assert build_everything(settings, full_refresh=True).held == {}


def _lose_warehouse(settings: Settings) -> None:
    settings.warehouse.unlink()
