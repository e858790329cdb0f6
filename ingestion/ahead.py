"""Fetching and storing at the same time: while one page is written, the next is on its way."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items in the same order; the next is made in a thread of its own while the caller works on this one.

    Never two at once, so what makes them needs no lock. A caller that stops early does not wait for the one under way.
    Raises: what making an item raised, in place of that item.
    """
    end = object()
    upcoming = _made_aside(items, end)
    while (item := upcoming.result()) is not end:
        upcoming = _made_aside(items, end)
        yield item  # type: ignore[misc]


def _made_aside(items: Iterator[T], end: object) -> Future[T | object]:
    made: Future[T | object] = Future()

    def make() -> None:
        try:
            made.set_result(next(items, end))
        except BaseException as error:  # it belongs to whoever asks for the item
            made.set_exception(error)

    Thread(target=make, name="one-ahead", daemon=True).start()  # an executor's thread would keep the process from ending
    return made
