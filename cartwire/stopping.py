"""Asking this process to end a run cleanly. Signals concern the process, so there is one wish for all of it.

Whoever works for long looks here at places where stopping loses nothing: between steps, between pages, between requests. What is
in flight is settled first; the ledger and the next run do the rest.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cartwire.errors import CartwireError

_REQUESTED = threading.Event()


class RunStopped(CartwireError):
    """Somebody asked the process to end; the run ended before its time, with nothing in flight. The next run goes on."""

    exit_code = 12


def request() -> None:
    """Ask every run of this process to end at its next good place."""
    _REQUESTED.set()


def is_requested() -> bool:
    """Whether somebody asked."""
    return _REQUESTED.is_set()


def check() -> None:
    """A good place to stop. Raises: RunStopped if somebody asked."""
    if _REQUESTED.is_set():
        raise RunStopped("stopped because the process was asked to end; the next run goes on where this one ended")


def sleep(seconds: float) -> None:
    """`time.sleep` that ends early. Raises: RunStopped if somebody asked, before or meanwhile."""
    _REQUESTED.wait(seconds)
    check()


def wait(seconds: float) -> bool:
    """Wait that long or until somebody asks. Returns: whether somebody has."""
    return _REQUESTED.wait(seconds)


@contextmanager
def on_signals(announce: Callable[[], None] = lambda: None) -> Iterator[None]:
    """SIGTERM and SIGINT ask once for the length of the block; a second one ends the process at once, which the ledger survives.

    Main thread only. Args: announce: called at the first signal, in the handler.
    """
    numbers = (signal.SIGTERM, signal.SIGINT)

    def ask(_number: int, _frame: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_DFL)
        request()
        announce()

    before = [signal.signal(number, ask) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        _REQUESTED.clear()
