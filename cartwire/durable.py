"""What has to be on disk before the next step: a file, or a folder after a rename in it."""

from __future__ import annotations

import os
from pathlib import Path


def make_durable(path: Path) -> None:
    """Return when the file's content, or the folder's list of names, survives a loss of power. Raises: OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
