"""Write requests, counted: what "zero write requests" is proved with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sandbox.iterable.errors import Failure


@dataclass(frozen=True, slots=True)
class Write:
    """One request that could have changed something, whatever came of it.

    `rows` is how many rows its body carried, `failures` those refused inside a 200.
    """

    at: float
    endpoint: str
    status: int
    rows: int
    failures: tuple[Failure, ...]


class Writes:
    """All write requests since the reset, in order."""

    def __init__(self) -> None:
        self._all: list[Write] = []

    def add(self, write: Write) -> None:
        """Record one answered request."""
        self._all.append(write)

    def report(self, since: int = 0) -> dict[str, Any]:
        """Requests and rows by endpoint after a marker, and the next marker."""
        chosen = self._all[since:]
        accepted = [write for write in chosen if write.status < 300]
        rows: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for write in accepted:
            rows[write.endpoint] += write.rows - len(write.failures)
            failed[write.endpoint] += len(write.failures)
        return {
            "marker": len(self._all),
            "total": len(chosen),
            "accepted": len(accepted),
            "by_endpoint": dict(Counter(write.endpoint for write in chosen)),
            "by_status": {str(status): count for status, count in Counter(write.status for write in chosen).items()},
            "rows_accepted": dict(rows),
            "rows_refused": {endpoint: count for endpoint, count in failed.items() if count},
        }

    def refused_rows(self, since: int = 0) -> dict[str, Any]:
        """Every row refused inside a 200, with its reason as the vendor names it."""
        rows = [
            {"endpoint": write.endpoint, "reason": one.reason, "email": one.email, "userId": one.user_id}
            for write in self._all[since:]
            for one in write.failures
        ]
        return {"counts": dict(Counter(row["reason"] for row in rows)), "rows": rows}
