"""Keyset paging against a source that answers predicates in memory, with ids in an order of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from cartwire.errors import SourceError
from clients.commercetools import Page
from clients.commercetools_errors import UnreadablePage
from ingestion.documents import Record, Unparsed, head
from ingestion.paging import Horizon, changes, full_scan, iso

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
SINCE = datetime(2026, 11, 23, 11, 0, 0, tzinfo=UTC)


class Source:
    """Rows as (order, record): the order stands for the binary order of ids, which text order does not follow."""

    def __init__(self, records: list[Any]) -> None:
        self.records = records
        self.asked: list[dict[str, Any]] = []

    def query(
        self,
        path: str,
        *,
        where: str | None = None,
        variables: Mapping[str, str] | None = None,
        sort: tuple[str, ...] = (),
        limit: int = 500,
        offset: int = 0,
        extra: Mapping[str, str] | None = None,
    ) -> Page:
        self.asked.append({"where": where, "variables": variables, "sort": sort, "limit": limit, "offset": offset})
        start = 0
        last = (variables or {}).get("last")
        if last is not None:
            start = next(i for i, row in enumerate(self.records) if isinstance(row, dict) and row.get("id") == last) + 1
        rows = self.records[start + offset : start + offset + limit]
        if any(isinstance(row, Unparsed) for row in rows):
            raise UnreadablePage("broken", b"".join(row.text.encode() for row in rows if isinstance(row, Unparsed)), NOW)
        return Page([served(row) for row in rows], NOW)


def record(name: str, modified: str = "2026-11-23T11:30:00.000Z") -> dict[str, Any]:
    return {"id": name, "version": 1, "lastModifiedAt": modified}


def served(row: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(row).encode())


def ids(pages: list[list[Record]]) -> list[str]:
    heads = [head(record) for page in pages for record in page]
    return [one.id for one in heads if one and one.id]


def test_a_full_scan_continues_from_the_last_row_of_the_page_not_from_the_greatest_id() -> None:
    source = Source([record(name) for name in ("z", "m", "a", "q", "b")])
    assert ids(list(full_scan(source, "customers", Horizon(), limit=2))) == ["z", "m", "a", "q", "b"]
    assert [ask["variables"] for ask in source.asked] == [None, {"last": "m"}, {"last": "q"}]
    assert {ask["sort"] for ask in source.asked} == {("id asc",)}


def test_a_full_last_page_is_followed_by_an_empty_one() -> None:
    source = Source([record(name) for name in "abcd"])
    assert [len(page) for page in full_scan(source, "customers", Horizon(), limit=2)] == [2, 2, 0]


def test_the_horizon_is_the_server_time_of_the_first_answer_and_bounds_every_later_request() -> None:
    source = Source([record(name) for name in "abc"])
    horizon = Horizon()
    list(changes(source, "orders", SINCE, horizon, limit=2))
    assert horizon.server_time == NOW
    first, second = source.asked
    assert first["where"] == "lastModifiedAt >= :since"
    assert second["where"] == "(lastModifiedAt > :at or (lastModifiedAt = :at and id > :last)) and lastModifiedAt <= :horizon"
    assert second["variables"] == {"at": "2026-11-23T11:30:00.000Z", "last": "b", "horizon": "2026-11-23T12:00:00.999Z"}
    assert second["sort"] == ("lastModifiedAt asc", "id asc")


def test_the_next_resource_of_a_load_is_bounded_from_its_first_request() -> None:
    source = Source([])
    list(changes(source, "orders", SINCE, Horizon(NOW), limit=2))
    assert source.asked[0]["where"] == "lastModifiedAt >= :since and lastModifiedAt <= :horizon"


def test_broken_records_at_the_end_of_a_page_do_not_hide_the_rows_after_them() -> None:
    source = Source([record("a"), 5, record("b"), {}, record("c")])
    assert ids(list(full_scan(source, "customers", Horizon(), limit=2))) == ["a", "b", "c"]


def test_a_whole_page_of_broken_records_is_stepped_over() -> None:
    source = Source([record("a"), 1, 2, 3, 4, 5, record("b")])
    assert ids(list(full_scan(source, "customers", Horizon(), limit=2))) == ["a", "b"]


def test_a_page_that_does_not_parse_is_read_row_by_row_and_only_the_broken_row_is_set_aside() -> None:
    source = Source([record("a"), Unparsed("{broken"), record("b"), record("c"), record("d")])
    pages = list(full_scan(source, "customers", Horizon(), limit=3))
    assert ids(pages) == ["a", "b", "c", "d"]
    assert [row for page in pages for row in page if isinstance(row, Unparsed)] == [Unparsed("{broken")]


def test_a_server_that_ignores_the_predicate_stops_the_load_instead_of_looping() -> None:
    class Deaf(Source):
        def query(self, path: str, **arguments: Any) -> Page:
            return Page([served(row) for row in self.records[:2]], NOW)

    with pytest.raises(SourceError, match="repeats the same page"):
        list(full_scan(Deaf([record("a"), record("b"), record("c")]), "customers", Horizon(), limit=2))


def test_cursor_text_is_utc_with_milliseconds_and_z() -> None:
    assert iso(datetime(2026, 1, 2, 3, 4, 5, 67000, UTC)) == "2026-01-02T03:04:05.067Z"
