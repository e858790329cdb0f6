"""What came back from Iterable, as a value: status, headers, body, or the way in which no answer came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson

from cartwire.errors import DeliveryError
from clients.retry import retry_after_s

WAIT_MAX_S = 600.0  # a longer wish is an error in the answer, not a reason to hang


class Fault(StrEnum):
    """What became of a call on the way."""

    none = "none"  # an answer came
    not_sent = "not_sent"  # no connection: the request never left
    lost = "lost"  # it may have arrived; no answer did


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. `status` is 0 and `body` empty unless `fault` is none; header names are lower case."""

    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    elapsed_s: float = 0.0
    fault: Fault = Fault.none

    def document(self) -> dict[str, Any] | None:
        """The body as a JSON object, or None where it is anything else (HTML from a proxy, cut short, empty)."""
        try:
            parsed = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None
        return parsed if isinstance(parsed, dict) else None


def asked_wait_s(answer: Answer) -> float | None:
    """Seconds Iterable asks to wait: ``params.rateLimitReset``, else Retry-After, else None."""
    params = (answer.document() or {}).get("params")
    reset = params.get("rateLimitReset") if isinstance(params, dict) else None
    if isinstance(reset, int | float) and 0 <= reset <= WAIT_MAX_S:
        return float(reset)
    wished_s = retry_after_s(answer.headers.get("retry-after"))
    return min(wished_s, WAIT_MAX_S) if wished_s is not None else None


def refused_key(answer: Answer) -> DeliveryError:
    """The error of a 401 or 403, or of an address that is not Iterable's API."""
    if answer.status in (401, 403):
        return DeliveryError(
            f"Iterable refused the API key ({answer.status}): check ITERABLE_API_KEY (server-side, this project) and that"
            " ITERABLE_API_URL is the project's data center",
            status=answer.status,
        )
    return DeliveryError(f"Iterable's API is not at this address ({answer.status}): check ITERABLE_API_URL", status=answer.status)
