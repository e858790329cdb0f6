"""The token bucket: never over the limit in any window, slower after a 429, quicker again after."""

from __future__ import annotations

import pytest

from clients.buckets import Bucket, make_buckets, seconds_for
from clients.endpoints import ENDPOINTS, AfterLoss, Endpoint


class Time:
    def __init__(self) -> None:
        self.now_s = 100.0

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


def bucket_of(endpoint: Endpoint, time: Time, share: float = 0.7) -> Bucket:
    return Bucket(endpoint, share, monotonic=lambda: time.now_s, sleep=time.sleep, jitter=lambda: 1.0)


@pytest.mark.parametrize("name", sorted(ENDPOINTS))
@pytest.mark.parametrize("share", [0.1, 0.7, 1.0])
def test_no_window_of_any_endpoint_sees_more_calls_than_its_limit(name: str, share: float) -> None:
    endpoint, time = ENDPOINTS[name], Time()
    bucket = bucket_of(endpoint, time, share)
    calls = []
    for _ in range(round(endpoint.calls_max * 3) + 3):
        bucket.take()
        calls.append(time.now_s)
    for start in calls:
        assert sum(start <= at < start + endpoint.window_s - 1e-6 for at in calls) <= endpoint.calls_max


@pytest.mark.parametrize("name", sorted(ENDPOINTS))
@pytest.mark.parametrize("calls", [1, 25, 1_000])
def test_an_estimate_is_what_the_bucket_then_takes(name: str, calls: int) -> None:
    time = Time()
    bucket = bucket_of(ENDPOINTS[name], time)
    for _ in range(calls):
        bucket.take()
    assert time.now_s - 100 == pytest.approx(seconds_for(ENDPOINTS[name], calls, 0.7), rel=1e-6, abs=1e-6)


def test_a_429_pauses_for_as_long_as_asked_and_halves_the_rate() -> None:
    time = Time()
    bucket = bucket_of(ENDPOINTS["users/bulkUpdate"], time)
    bucket.take()
    bucket.throttled(7.0)
    assert bucket.try_take() == pytest.approx(7.0)
    assert bucket.rate == pytest.approx(bucket.rate_max / 2)
    bucket.take()
    assert time.now_s >= 107.0


def test_pauses_nobody_asked_for_grow_and_end_at_a_minute() -> None:
    bucket = bucket_of(ENDPOINTS["commerce/trackPurchase"], Time())
    assert [bucket.throttled(None) for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_the_rate_comes_back_with_calls_that_pass_and_never_above_the_table() -> None:
    bucket = bucket_of(ENDPOINTS["commerce/trackPurchase"], Time())
    bucket.throttled(0.0)
    for _ in range(200):
        bucket.passed()
    assert bucket.rate == bucket.rate_max


def test_endpoints_of_one_quota_share_one_bucket() -> None:
    buckets = make_buckets(0.7)
    assert set(buckets) == {endpoint.quota_key for endpoint in ENDPOINTS.values()}
    assert len(buckets) < len(ENDPOINTS)


def test_every_row_of_the_table_states_its_source_and_every_write_what_a_lost_answer_means() -> None:
    for name, endpoint in ENDPOINTS.items():
        assert "read 2026-" in endpoint.source, name
        assert (endpoint.after_loss is AfterLoss.none) == (endpoint.method == "GET"), name
        assert endpoint.is_published or "our default" in endpoint.source, name
