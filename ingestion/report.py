"""What a load tells: while it runs, and at its end. Counts only, never rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

Progress = Callable[[str, int, int | None], None]
"""Called with a step's name (a resource, or `store`), rows so far, and rows in all where known."""


def silent(step: str, done: int, total: int | None) -> None:
    """For loads nobody watches."""


@dataclass(slots=True)
class LoadReport:
    """What a load did.

    Attributes:
        rows: good rows read per resource (also those the warehouse had already).
        malformed: broken records met per resource; they are kept in `raw.malformed_documents`.
        full_scans: resources read from the beginning.
        skipped: optional resource → why it was not read.
        requests: calls made to the source, retries included.
        server_time: the source's clock at the first answer, aware UTC; None where the source shows none.
        exports_left: of Iterable's exports, how many this minute still allows.
    """

    rows: dict[str, int] = field(default_factory=dict)
    malformed: dict[str, int] = field(default_factory=dict)
    full_scans: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    requests: int = 0
    server_time: datetime | None = None
    exports_left: int = 0
    elapsed_s: float = 0.0
