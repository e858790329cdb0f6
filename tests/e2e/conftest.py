"""The story is told once per worker."""

from __future__ import annotations

import pytest

from tests.conftest import Sandbox
from tests.e2e.story import Story, tell_story


@pytest.fixture(scope="session")
def story(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return tell_story(sandbox_process, tmp_path_factory.mktemp("story"))
