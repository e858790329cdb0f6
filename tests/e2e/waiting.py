"""Bounded waiting for a condition; nothing here is asserted about how long it took."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 240.0


def until(what: str, holds: Callable[[], bool]) -> None:
    """Wait for a condition. Fails naming it after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.1)
