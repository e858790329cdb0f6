"""Reading the ledger beside a writing run. Loads nothing heavy, so that `status` and `rejections` answer at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from activation.ledger.database import open_reader
from activation.ledger.queries import Queries


@contextmanager
def read_only(path: Path) -> Iterator[Queries]:
    """The questions of `status`, `rejections` and `release`, for the length of the block.

    Raises: LedgerError where there is no ledger yet.
    """
    reader = Queries(open_reader(path), path)
    try:
        yield reader
    finally:
        reader.close()
