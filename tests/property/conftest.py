"""The project compiled once for all workers, and a small warehouse for each test."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from tests.property.compiled_marts import Project, compile_project
from tests.property.small_marts import SmallMarts

IDENTITIES = ("hybrid", "email", "user_id")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A build by dbt costs ten times its SQL: one worker makes it, the others wait and take it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    made = folder / "compiled.pickle"
    with FileLock(folder / "compiled.lock"):
        if not made.exists():
            made.write_bytes(pickle.dumps(compile_project(folder / "compiled")))
    found: Project = pickle.loads(made.read_bytes())
    return found


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
