"""How often and how long to try again. One policy object, so that tests and doctor need not wait."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_base, wait_random_exponential

RETRY_STATUSES = frozenset({429, 502, 503, 504})
"""Answers that mean "later". A 400 is never among them: the same question gets the same refusal."""


class Transient(Exception):
    """One attempt failed for a reason that may pass.

    `reason` is safe to log; `retry_after_s` is the vendor's wish, if any; `attempts_max` bounds the attempts further than the policy.
    """

    def __init__(
        self, reason: str, *, status: int | None = None, retry_after_s: float | None = None, attempts_max: int | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.retry_after_s = retry_after_s
        self.attempts_max = attempts_max


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Attempts in all, and the bounds of the jittered exponential wait between two of them, seconds.

    `retry_after_max_s` bounds how long a `Retry-After` is obeyed; a longer wish ends the call, or a run would hang for hours.
    """

    attempts: int = 6
    wait_first_s: float = 0.5
    wait_max_s: float = 30.0
    retry_after_max_s: float = 300.0

    def retrying(
        self, on_retry: Callable[[Transient, int, float], None], *, sleep: Callable[[float], None] = time.sleep
    ) -> Retrying:
        """A tenacity loop that repeats a block on `Transient` and finally re-raises the last one.

        Args:
            on_retry: called before each wait with the fault, the number of the attempt that failed, and the wait in seconds.
            sleep: replaced in tests.
        """

        def announce(state: RetryCallState) -> None:
            if (fault := _fault(state)) and state.next_action is not None:
                on_retry(fault, state.attempt_number, state.next_action.sleep)

        return Retrying(
            retry=retry_if_exception_type(Transient),
            stop=_enough(self),
            wait=_JitterOrRetryAfter(self),
            before_sleep=announce,
            sleep=sleep,
            reraise=True,
        )


class _JitterOrRetryAfter(wait_base):
    """Full jitter, but never earlier than the vendor asked for."""

    def __init__(self, policy: RetryPolicy) -> None:
        self._jitter = wait_random_exponential(multiplier=policy.wait_first_s, max=policy.wait_max_s)

    def __call__(self, retry_state: RetryCallState) -> float:
        return max(self._jitter(retry_state), _wished(retry_state))


def _enough(policy: RetryPolicy) -> Callable[[RetryCallState], bool]:
    attempts_used = stop_after_attempt(policy.attempts)

    def is_enough(state: RetryCallState) -> bool:
        fault = _fault(state)
        attempts_max = fault.attempts_max if fault else None
        is_last = attempts_max is not None and state.attempt_number >= attempts_max
        return is_last or attempts_used(state) or _wished(state) > policy.retry_after_max_s

    return is_enough


def _wished(state: RetryCallState) -> float:
    fault = _fault(state)
    return fault.retry_after_s or 0.0 if fault else 0.0


def _fault(state: RetryCallState) -> Transient | None:
    fault = state.outcome.exception() if state.outcome else None
    return fault if isinstance(fault, Transient) else None


def retry_after_s(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds asked for by a `Retry-After` header (seconds or an HTTP date, RFC 9110); None when absent or unreadable."""
    if not header:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - (now or datetime.now(UTC))).total_seconds())
