"""An installation as the first sync of the untouched shop leaves it: lived through once, copied for every story that begins there.

Tests that use it carry the xdist group `first sync`, so that one worker lives through it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import Sandbox
from tests.e2e.command import Outcome, cartwire

_SNAPSHOT = "first sync"


@dataclass(frozen=True)
class FirstSync:
    """`outcome`: of `cartwire sync --json`."""

    sandbox: Sandbox
    outcome: Outcome
    _folder: Path

    def begin(self, folder: Path, **more: object) -> dict[str, str]:
        """Put a copy into `folder` and Iterable's side back to that moment. Returns: the copy's environment."""
        self.sandbox.reset()
        self.sandbox.admin("iterable", "POST", "restore", {"name": _SNAPSHOT})
        shutil.copytree(self._folder, folder, symlinks=True, dirs_exist_ok=True)
        return self.sandbox.environment(folder, **more)


def live_through(sandbox: Sandbox, folder: Path) -> FirstSync:
    """The first sync."""
    sandbox.reset()
    outcome = cartwire(sandbox.environment(folder), "sync", "--json")
    assert outcome.code == 0, outcome.err
    sandbox.admin("iterable", "POST", "snapshot", {"name": _SNAPSHOT})
    return FirstSync(sandbox, outcome, folder)
