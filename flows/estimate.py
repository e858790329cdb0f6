"""What sending costs under Iterable's limits and our share of them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from clients.buckets import calls_per_second, seconds_for
from clients.endpoints import Endpoint


def requests_of(endpoint: Endpoint, people_by_turn: Iterable[int]) -> int:
    """Requests for people with a first, second, ... row; a request has one row per person. Bodies over the byte limit can add a few."""
    return sum(math.ceil(people / endpoint.rows_max) for people in people_by_turn)


def minutes_of(endpoint: Endpoint, requests: int, share: float) -> float:
    """How long they take at that share of the endpoint's limit."""
    return round(seconds_for(endpoint, requests, share) / 60, 2)


def rows_within(endpoint: Endpoint, seconds: float, share: float) -> int:
    """How many rows can leave in that time, one per person and request."""
    return max(1, int(seconds * calls_per_second(endpoint, share)) * endpoint.rows_max)
