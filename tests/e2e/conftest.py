"""The story is told once per worker and type of Iterable project; a first sync is lived through once per worker."""

from __future__ import annotations

import pytest

from tests.conftest import Sandbox
from tests.e2e.first_sync import FirstSync, live_through
from tests.e2e.story import Story, tell_story

_TOLD: dict[str, Story] = {}


def _story(identity: str, sandbox: Sandbox, folders: pytest.TempPathFactory) -> Story:
    if identity not in _TOLD:
        _TOLD[identity] = tell_story(sandbox, folders.mktemp("story"), identity)
    return _TOLD[identity]


@pytest.fixture(scope="session", params=["hybrid", "email", "user_id"])
def story(request: pytest.FixtureRequest, sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The story at each type of project."""
    return _story(request.param, sandbox_process, tmp_path_factory)


@pytest.fixture(scope="session")
def whole_story(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The story with every chapter, as it is told of a hybrid project."""
    return _story("hybrid", sandbox_process, tmp_path_factory)


@pytest.fixture(scope="session")
def first_sync(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> FirstSync:
    """What stories that begin after a first sync copy."""
    return live_through(sandbox_process, tmp_path_factory.mktemp("first-sync"))
