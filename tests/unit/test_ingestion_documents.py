"""Splitting pages into typed rows and broken records."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ingestion.documents import Record, Repeats, Unparsed, split

GOOD = {
    "id": "7f000001-8fcd-1e8b-818f-cd8f0b0a0000",
    "version": 3,
    "createdAt": "2026-01-02T03:04:05.678Z",
    "lastModifiedAt": "2026-02-03T04:05:06.789Z",
    "email": "ada@example.com",
}


def served(*records: Any) -> list[Record]:
    """Records as a page brings them."""
    return [
        record if isinstance(record, Unparsed | msgspec.Raw) else msgspec.Raw(json.dumps(record).encode()) for record in records
    ]


def test_a_good_record_keeps_its_whole_document_and_its_times_to_the_millisecond() -> None:
    documents, malformed = split(served(GOOD))
    assert malformed == []
    assert documents[0].last_modified_at == datetime(2026, 2, 3, 4, 5, 6, 789000, UTC)
    assert documents[0].created_at == datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
    assert json.loads(documents[0].document) == GOOD


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (5, "not a JSON object"),
        (None, "not a JSON object"),
        ([GOOD], "not a JSON object"),
        ({**GOOD, "id": None}, "id is missing"),
        ({**GOOD, "id": ""}, "id is missing"),
        ({key: value for key, value in GOOD.items() if key != "version"}, "version is missing"),
        ({**GOOD, "version": True}, "version is missing"),
        ({**GOOD, "version": "3"}, "version is missing"),
        ({**GOOD, "version": 2**63}, "version is missing"),
        ({**GOOD, "lastModifiedAt": "yesterday"}, "lastModifiedAt is missing"),
        ({**GOOD, "lastModifiedAt": "2026-02-03"}, "lastModifiedAt is missing"),
        ({**GOOD, "firstName": "\ud83d"}, "not valid Unicode"),
        (msgspec.Raw(b'{"id": "\xff", "version": 3}'), "not valid Unicode"),
        (msgspec.Raw(b'{"id": "x", "version": 3, "name": "\xff"}'), "not valid Unicode"),
        (Unparsed('{"id": "x", '), "does not parse"),
    ],
)
def test_a_broken_record_is_set_aside_with_its_reason_and_body_and_its_neighbours_stay(record: Any, reason: str) -> None:
    documents, malformed = split(served(GOOD, record, {**GOOD, "version": 4}))
    assert [document.version for document in documents] == [3, 4]
    assert len(malformed) == 1
    assert reason in malformed[0].reason
    assert malformed[0].body


def test_a_document_is_kept_as_it_was_served() -> None:
    text = '{"id": "x", "version": 1, "lastModifiedAt": "2026-02-03T04:05:06.789Z", "big": 12345678901234567890123, "face": "\\uD83D\\uDE00"}'
    documents, _ = split([msgspec.Raw(text.encode())])
    assert documents[0].document == text


def test_a_missing_creation_time_does_not_break_a_record() -> None:
    documents, malformed = split(served({**GOOD, "createdAt": "?"}))
    assert (documents[0].created_at, malformed) == (None, [])


def test_a_broken_record_without_id_is_found_again_under_the_same_position() -> None:
    first = split(served({"email": "x"}))[1][0].position
    assert first == split(served({"email": "x"}))[1][0].position
    assert first != split(served({"email": "y"}))[1][0].position


def test_a_record_that_the_page_before_brought_is_left_out_and_a_newer_version_is_not() -> None:
    repeats = Repeats()
    repeats.left_out(*split(served(GOOD, 5)))
    documents, malformed = repeats.left_out(*split(served(5, GOOD, {**GOOD, "version": 4})))
    assert [document.version for document in documents] == [4]
    assert malformed == []
