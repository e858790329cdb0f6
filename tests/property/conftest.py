"""The project compiled once per worker, and a small warehouse for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.property.compiled_marts import Project, compile_project
from tests.property.small_marts import SmallMarts

IDENTITIES = ("hybrid", "email", "user_id")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A build by dbt costs ten times its SQL."""
    return compile_project(tmp_path_factory.mktemp("compiled") / "project")


@pytest.fixture
def identity() -> str:
    """Type of the Iterable project; a test that is told for all of them parametrizes this."""
    return "hybrid"


@pytest.fixture
def marts(project: Project, identity: str, tmp_path: Path) -> Iterator[SmallMarts]:
    """Two channels at Iterable, nobody in the shop."""
    small = SmallMarts(tmp_path, project, identity)
    small.put("raw_iterable.channels", id=101, name="Email Marketing", channel_type="Marketing", message_medium="Email")
    small.put("raw_iterable.channels", id=103, name="SMS Marketing", channel_type="Marketing", message_medium="SMS")
    yield small
    small.close()
