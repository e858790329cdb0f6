"""The retry policy, without a network."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from clients.retry import RetryPolicy, Transient, retry_after_s


def run(policy: RetryPolicy, faults: list[Transient]) -> tuple[int, list[float]]:
    """How many attempts were made until success or the last fault, and the waits between."""
    waits: list[float] = []
    attempts = 0

    def attempt() -> None:
        nonlocal attempts
        attempts += 1
        if attempts <= len(faults):
            raise faults[attempts - 1]

    try:
        policy.retrying(lambda *_: None, sleep=waits.append)(attempt)
    except Transient:
        attempts = -attempts
    return attempts, waits


def test_waits_grow_within_their_bounds() -> None:
    attempts, waits = run(RetryPolicy(attempts=9, wait_first_s=1, wait_max_s=4), [Transient("x")] * 8)
    assert attempts == 9
    assert all(0 <= wait <= min(4, 2**number) for number, wait in enumerate(waits))
    assert len(set(waits)) > 1, "jittered"


def test_attempts_end() -> None:
    assert run(RetryPolicy(attempts=3), [Transient("x")] * 5)[0] == -3


def test_a_fault_may_ask_for_fewer_attempts() -> None:
    assert run(RetryPolicy(attempts=6), [Transient("x", attempts_max=2)] * 5)[0] == -2


def test_a_wish_longer_than_the_bound_ends_the_call_at_once() -> None:
    assert run(RetryPolicy(attempts=6, retry_after_max_s=10), [Transient("x", retry_after_s=11)]) == (-1, [])


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("12", 12.0),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_understood_as_seconds_and_as_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)) == seconds
