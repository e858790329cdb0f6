"""What sending costs: the arithmetic that plan, backfill and its chunks share."""

from __future__ import annotations

import pytest

from clients.endpoints import ENDPOINTS
from flows.estimate import minutes_of, requests_of, rows_within

EVENTS, PURCHASES = ENDPOINTS["events/trackBulk"], ENDPOINTS["commerce/trackPurchase"]


def test_a_request_has_one_row_of_each_person_and_no_more_than_its_endpoint_takes() -> None:
    assert requests_of(EVENTS, [1_001, 5, 1]) == 2 + 1 + 1
    assert requests_of(PURCHASES, [3, 2]) == 5
    assert requests_of(EVENTS, []) == 0


def test_minutes_are_those_of_the_pace_that_our_buckets_keep() -> None:
    assert minutes_of(PURCHASES, 6_020, 0.5) == 2.0  # 20 at once, then half of the 100 a second
    assert minutes_of(PURCHASES, 6_020, 1.0) == 1.25  # never more than the limit in any second, the first burst included


def test_a_minute_has_as_many_rows_as_take_a_minute() -> None:
    rows = rows_within(PURCHASES, 60, 0.7)
    assert minutes_of(PURCHASES, requests_of(PURCHASES, [rows]), 0.7) == pytest.approx(1.0, abs=0.01)
    assert rows_within(EVENTS, 60, 0.7) == 420_000
    assert rows_within(PURCHASES, 0.001, 0.7) >= 1
