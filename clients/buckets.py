"""One token bucket per Iterable quota, shared by all threads of the process; it slows itself when Iterable says so."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping

from clients.endpoints import ENDPOINTS, Endpoint

PAUSE_BASE_S = 1.0
PAUSE_MAX_S = 60.0
RATE_FLOOR = 0.05  # share of the table's rate that repeated 429s never push below
ROUNDING = 1e-6  # of a token: sums of floats must not ask for a wait of nothing
RECOVERY_PER_CALL = 0.02  # share of the table's rate won back by each call that was not throttled


class Bucket:
    """Calls per second for one quota.

    Burst plus refill never exceed the published limit in any window: rate = min(share of the limit, limit - burst).
    A 429 halves the rate and pauses everyone; each good answer wins a little back (additive increase).
    """

    def __init__(
        self,
        endpoint: Endpoint,
        rate_share: float,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,  # spreads retries, guards nothing
    ) -> None:
        self.rate_max = calls_per_second(endpoint, rate_share)
        self.rate = self.rate_max
        self._burst = float(endpoint.burst_calls)
        self._tokens = self._burst
        self._monotonic, self._sleep, self._jitter = monotonic, sleep, jitter
        self._filled_at = monotonic()
        self._paused_until = 0.0
        self._throttled_in_a_row = 0
        self._lock = threading.Lock()

    def take(self) -> None:
        """Wait until one call may leave."""
        while (wait_s := self.try_take()) > 0:
            self._sleep(wait_s)

    def try_take(self) -> float:
        """Take one call if it may leave now (0.0), else say after how many seconds to ask again."""
        with self._lock:
            now = self._monotonic()
            if now < self._paused_until:
                return self._paused_until - now
            self._tokens = min(self._burst, self._tokens + max(0.0, now - self._filled_at) * self.rate)
            self._filled_at = now
            if self._tokens >= 1.0 - ROUNDING:
                self._tokens -= 1.0
                return 0.0
            return (1.0 - self._tokens) / self.rate

    def wait_s(self) -> float:
        """Seconds until one call may leave, without taking it; 0.0 when it may leave now."""
        with self._lock:
            now = self._monotonic()
            tokens = min(self._burst, self._tokens + max(0.0, now - self._filled_at) * self.rate)
            return max(self._paused_until - now, 0.0 if tokens >= 1.0 - ROUNDING else (1.0 - tokens) / self.rate, 0.0)

    def throttled(self, wait_s: float | None) -> float:
        """Record a 429: pause `wait_s` (what Iterable asked for), else exponentially with jitter. Returns the pause."""
        with self._lock:
            self._throttled_in_a_row += 1
            if wait_s is None:
                ceiling = min(PAUSE_MAX_S, PAUSE_BASE_S * 2 ** (self._throttled_in_a_row - 1))
                wait_s = ceiling * (0.5 + 0.5 * self._jitter())
            self._paused_until = max(self._paused_until, self._monotonic() + wait_s)
            self.rate = max(self.rate / 2, self.rate_max * RATE_FLOOR)
            self._tokens, self._filled_at = 0.0, self._paused_until
            return wait_s

    def passed(self) -> None:
        """Record a call that was not throttled."""
        with self._lock:
            self._throttled_in_a_row = 0
            self.rate = min(self.rate_max, self.rate + self.rate_max * RECOVERY_PER_CALL)


def seconds_for(endpoint: Endpoint, calls: int, rate_share: float) -> float:
    """After a silence, from the first of so many calls to the last, where nothing but the limit holds them up."""
    return max(0, calls - endpoint.burst_calls) / calls_per_second(endpoint, rate_share)


def calls_per_second(endpoint: Endpoint, rate_share: float) -> float:
    """The pace that is kept: our share of the limit, and no more than lets a burst go before it."""
    room = max(endpoint.calls_max - endpoint.burst_calls, endpoint.calls_max * 0.5)
    return min(endpoint.calls_max * rate_share, room) / endpoint.window_s


def make_buckets(
    rate_share: float, endpoints: Mapping[str, Endpoint] = ENDPOINTS, *, sleep: Callable[[float], None] = time.sleep
) -> dict[str, Bucket]:
    """One bucket per quota key, in the table's order; endpoints that share a key share the bucket."""
    buckets: dict[str, Bucket] = {}
    for endpoint in endpoints.values():
        if endpoint.quota_key not in buckets:
            buckets[endpoint.quota_key] = Bucket(endpoint, rate_share, sleep=sleep)
    return buckets
