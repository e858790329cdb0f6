"""Fetching and storing at the same time: while one page is written, the next is on its way."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items in the same order; the next is made in a thread of its own while the caller works on this one.

    Never two at once, so what makes them needs no lock. Raises: what making an item raised, in place of that item.
    """
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="one-ahead") as pool:
        upcoming = pool.submit(next, items, end)
        while (item := upcoming.result()) is not end:
            upcoming = pool.submit(next, items, end)
            yield item  # type: ignore[misc]
