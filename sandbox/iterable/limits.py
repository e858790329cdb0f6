"""The sandbox's own copy of the vendor's documented limits, as data, and the buckets that enforce them.

Source: Iterable's API document (Swagger, info.version 1.8), unchanged in the harvest of 2026-08. Where no number is
published there is no bucket.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

PROFILE_FIELDS_MAX = 1_000  # nested ones counted
EVENT_FIELDS_MAX = 8_000  # per custom event name
VALUE_CHARS_MAX = 32_000
ID_BYTES_MAX = 512
EVENTS_READ_MAX = 200
EVENTS_READ_DEFAULT = 30


@dataclass(frozen=True, slots=True)
class Rate:
    """`requests` per `per_seconds`: bucket size and time to refill it from empty."""

    requests: int
    per_seconds: float


RATES: dict[str, tuple[Rate, ...]] = {
    "users.update": (Rate(500, 1),),
    "users.bulkUpdate": (Rate(5, 1),),
    "users.merge": (Rate(50, 1),),
    "users.forget": (Rate(3, 1), Rate(1_000, 86_400)),
    "users.unforget": (Rate(3, 1), Rate(1_000, 86_400)),
    "users.forgotten": (Rate(3, 1),),
    "users.forgottenUserIds": (Rate(3, 1),),
    "users.getFields": (Rate(3, 1),),
    "users.get": (Rate(100, 1),),
    "users.delete": (Rate(100, 1),),
    "events.track": (Rate(2_000, 1),),
    "events.trackBulk": (Rate(10, 1),),
    "events.get": (Rate(100, 1),),
    "channels": (Rate(100, 1),),
    "messageTypes": (Rate(100, 1),),
    "lists": (Rate(100, 1),),
    "lists.getUsers": (Rate(5, 60),),
    "lists.size": (Rate(5, 60),),
    "export.data": (Rate(4, 60),),
}
RESET_IS_TOLD = frozenset({"users.update", "users.bulkUpdate"})  # the only 429 answers documented with params


@dataclass(slots=True)
class _Bucket:
    rate: Rate
    tokens: float
    at: float

    def refill(self, now: float) -> None:
        gained = max(0.0, now - self.at) * self.rate.requests / self.rate.per_seconds
        self.tokens = min(float(self.rate.requests), self.tokens + gained)
        self.at = now

    def wait_s(self) -> float:
        return max(0.0, (1.0 - self.tokens) * self.rate.per_seconds / self.rate.requests)


@dataclass(slots=True)
class Limiter:
    """Token buckets per endpoint. `monotonic` is real time by default: a moved sandbox clock is no reason for a 429."""

    monotonic: Callable[[], float] = time.monotonic
    _buckets: dict[str, list[_Bucket]] = field(default_factory=dict)

    def take(self, endpoint: str) -> tuple[Rate, float] | None:
        """Take one token. None if there was one, else the exhausted rate and the seconds until the next token."""
        rates = RATES.get(endpoint)
        if rates is None:
            return None
        now = self.monotonic()
        buckets = self._buckets.setdefault(endpoint, [_Bucket(rate, float(rate.requests), now) for rate in rates])
        for bucket in buckets:
            bucket.refill(now)
        for bucket in buckets:
            if bucket.tokens < 1.0:
                return bucket.rate, bucket.wait_s()
        for bucket in buckets:
            bucket.tokens -= 1.0
        return None

    def reset(self) -> None:
        """Fill every bucket."""
        self._buckets.clear()
