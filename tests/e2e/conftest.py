"""The story is told once per worker and type of Iterable project."""

from __future__ import annotations

import pytest

from tests.conftest import Sandbox
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
