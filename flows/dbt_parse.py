"""dbt's parse of the project, kept once per checkout: a new installation begins with it instead of parsing every file.

dbt itself says what of a kept parse still holds: it compares files, variables, profile and versions.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cartwire.settings import REPOSITORY

_FILE = "partial_parse.msgpack"
_KEPT = REPOSITORY / "var" / "parsed"


@contextlib.contextmanager
def kept_parse(target: Path, *about: str) -> Iterator[None]:
    """For the block dbt finds in its folder `target` the parse of another installation, where it has none of its own; whatever it
    parsed anew is kept for the next one.

    about: what a parse is useless without: dbt would drop one that was made under another value.
    A folder that cannot be written costs time and nothing else.
    """
    kept, own = _KEPT / f"{hashlib.sha256(repr(about).encode()).hexdigest()[:16]}.msgpack", target / _FILE
    if not own.exists():
        with contextlib.suppress(OSError):
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(kept, own)
    before = _written_at(own)
    yield
    if _written_at(own) not in (before, None):
        with contextlib.suppress(OSError):
            _replace(kept, own)


def _written_at(path: Path) -> int | None:
    return path.stat().st_mtime_ns if path.exists() else None


def _replace(kept: Path, own: Path) -> None:
    """Whole or not at all: another installation may be reading."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=kept.parent)
    os.close(handle)
    shutil.copyfile(own, name)
    Path(name).replace(kept)
