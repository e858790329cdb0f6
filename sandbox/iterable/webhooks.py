"""System webhooks: what happens to subscriptions is posted to an address, once, without waiting for visibility.

Delivery is not guaranteed at the vendor: nothing is tried again here, and `webhook_copies` posts the same more than once.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx

TIMEOUT_S = 10.0


class Webhooks:
    """Posts in a thread of its own, in order; the answers are kept for tests."""

    def __init__(self) -> None:
        self._thread: ThreadPoolExecutor | None = None
        self._sent: list[tuple[str, Future[int]]] = []

    def tell(self, url: str, headers: Mapping[str, str], body: Mapping[str, Any], copies: int) -> None:
        """Post `{email, userId, eventName, dataFields}`; answers at once."""
        self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="webhooks")
        for _ in range(copies):
            self._sent.append((body["eventName"], self._thread.submit(_post, url, dict(headers), dict(body))))

    def report(self) -> dict[str, Any]:
        """Event names and statuses of what was posted, 0 for no answer; None for what is under way."""
        return {
            "deliveries": [
                {"eventName": name, "status": future.result() if future.done() else None} for name, future in self._sent
            ]
        }


def _post(url: str, headers: dict[str, str], body: dict[str, Any]) -> int:
    try:
        return httpx.post(url, json=body, headers=headers, timeout=TIMEOUT_S).status_code
    except httpx.HTTPError:
        return 0
