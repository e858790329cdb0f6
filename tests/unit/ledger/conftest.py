"""A fresh ledger with a run under way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from activation.ledger.store import Ledger
from tests.unit.ledger.given import SECRET


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger.open(path, SECRET) as opened:
        opened.start_run("r1", "test")
        yield opened
