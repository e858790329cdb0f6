"""A loaded shop to sweep (fixture `world`), and hands on it. Shared by the tests of the sweep.

PYTEST_DONT_REWRITE: the test modules import names from here before pytest loads it as their plugin.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from clients.commercetools import CommercetoolsClient
from ingestion.ids import SeenIds, read_ids
from ingestion.report import silent
from ingestion.sweep import SweepReport, Swept, mark_vanished
from tests.e2e.ingestion_world import QUICK, Sandbox, World, sandbox_process

SETTLE = timedelta(minutes=5)


@pytest.fixture(scope="module")
def swept_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox_process(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def world(swept_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A shop that is loaded; retries are short."""
    made = World(swept_sandbox, tmp_path_factory.mktemp("world"))
    made.load()
    _leave_the_second_of_the_load()
    with patch("clients.commercetools.RetryPolicy", lambda: QUICK):
        yield made
    made.connection.close()


def _leave_the_second_of_the_load() -> None:
    """A sweep begins at the server's clock, which has whole seconds, and leaves alone what was loaded since."""
    time.sleep(1 - time.time() % 1)


def seen_ids(world: World) -> Any:
    client = CommercetoolsClient.from_settings(world.settings, retry=QUICK)
    return read_ids(client, world.settings.state_dir, silent)


def mark(world: World, seen: SeenIds, *, settle: timedelta = SETTLE, **allowed: int) -> SweepReport:
    return mark_vanished(world.connection, seen, settle=settle, allowed=allowed)


def sweep(world: World, **allowed: int) -> dict[str, Swept]:
    with seen_ids(world) as seen:
        return {one.resource: one for one in mark(world, seen, **allowed).resources}


def findings(world: World) -> list[tuple[str, str, str]]:
    """(resource, id, finding) in the order in which they were found; nothing before the first sweep."""
    if not world.one("select count(*) from information_schema.tables where table_name = 'sweep_findings'"):
        return []
    return world.rows("select resource, id, finding from control.sweep_findings order by observed_at, finding desc, id")


def ids_of(world: World, resource: str, count: int) -> list[str]:
    return [row[0] for row in world.rows(f"select id from raw.{resource} order by id limit {count}")]


def delete(world: World, resource: str, *ids: str) -> None:
    for row_id in ids:
        world.sandbox.admin("DELETE", f"/documents/{resource}/{row_id}")
