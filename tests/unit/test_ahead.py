"""The next item is under way while the caller works on this one, and nothing else changes."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, Timer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.ahead import one_ahead


@given(st.lists(st.none() | st.integers()))
def test_the_same_items_in_the_same_order(items: list[int | None]) -> None:
    assert list(one_ahead(iter(items))) == items


def test_one_is_made_ahead_and_no_more() -> None:
    begun = [Event() for _ in range(4)]

    def made() -> Iterator[int]:
        for number, event in enumerate(begun):
            event.set()
            yield number

    ahead = one_ahead(made())
    assert next(ahead) == 0
    assert begun[1].wait(10)
    assert not begun[2].is_set()
    assert next(ahead) == 1
    assert begun[2].wait(10)


def test_a_fault_comes_in_the_place_of_its_item() -> None:
    def made() -> Iterator[int]:
        yield 1
        raise LookupError("second")

    ahead = one_ahead(made())
    assert next(ahead) == 1
    with pytest.raises(LookupError, match="second"):
        next(ahead)


def test_whoever_stops_early_does_not_wait_for_an_answer_that_does_not_come() -> None:
    answer = Event()

    def made() -> Iterator[int]:
        yield 1
        answer.wait()
        yield 2

    ahead = one_ahead(made())
    assert next(ahead) == 1
    watchdog = Timer(10, answer.set)
    watchdog.start()
    ahead.close()  # type: ignore[attr-defined]
    assert not answer.is_set()
    watchdog.cancel()
    answer.set()
