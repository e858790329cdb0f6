"""The lease: one sync at a time per ledger. `flock` dies with its process, so a killed run never blocks the next."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cartwire.errors import LedgerError


class LeaseTaken(LedgerError):
    """Another process of this installation is running a sync; facts: holder_pid."""

    exit_code = 12


def lease_path(ledger: Path) -> Path:
    """The lock file beside the ledger."""
    return ledger.with_name(ledger.name + ".lease")


def worker_path(ledger: Path) -> Path:
    """What the long-lived worker of an installation takes the lease of, beside that of its runs."""
    return ledger.with_name(ledger.name + ".worker")


def sweep_path(ledger: Path) -> Path:
    """What a sweep takes the lease of while it reads: it keeps no sync waiting, and there is one at a time."""
    return ledger.with_name(ledger.name + ".sweep")


@contextmanager
def lease(ledger: Path, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the lease of this ledger for the block.

    Args: wait_s: how long to wait for another holder, seconds; 0 fails at once.
    Raises: LeaseTaken after the wait, naming the holder's process id.
    """
    path = lease_path(ledger)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, wait_s)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def holder(ledger: Path) -> int | None:
    """Process id of the running holder, or None when the lease is free. Takes nothing."""
    path = lease_path(ledger)
    if not path.exists():
        return None
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(descriptor, 32, 0).decode() or "0"
        return int(text)
    finally:
        os.close(descriptor)
    return None


def _acquire(descriptor: int, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= deadline:
                pid = os.pread(descriptor, 32, 0).decode() or "unknown"
                raise LeaseTaken(
                    f"another sync is running (process {pid}). Wait for it with --wait, or look at it with `cartwire status`.",
                    holder_pid=pid,
                ) from None
            time.sleep(0.2)
