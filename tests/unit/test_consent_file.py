"""The CSV of consent collected elsewhere: good rows are statements, bad ones are refused with their line and no content."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cartwire.errors import ConfigError
from cartwire.settings import REPOSITORY
from ingestion.consent_file import COLUMNS, REFUSAL, Refused, Statement, allowed_places, read_file

PLACES = frozenset({("email", "marketing"), ("sms", "marketing")})
GOOD = {
    "email": "Ada@Example.com",
    "channel": "email",
    "purpose": "marketing",
    "status": "granted",
    "stated_at": "2026-02-03T10:11:12+01:00",
    "source": "till",
    "proof_reference": "receipt 7",
}


def write(folder: Path, *rows: dict[str, str], header: tuple[str, ...] = COLUMNS) -> Path:
    path = folder / "consent.csv"
    lines = [",".join(header), *(",".join(row.get(name, "") for name in header) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path: Path) -> tuple[list[Statement], list[Refused]]:
    _, rows = read_file(path, PLACES)
    found = list(rows)
    return [row for row in found if isinstance(row, Statement)], [row for row in found if isinstance(row, Refused)]


def test_a_good_row_is_a_statement_with_the_address_folded_and_the_time_in_utc(tmp_path: Path) -> None:
    ([one], refused) = read(write(tmp_path, GOOD))
    assert refused == []
    assert one.row["email"] == "ada@example.com"
    assert one.row["customer_id"] is None
    assert one.stated_at.isoformat() == one.row["stated_at"] == "2026-02-03T09:11:12+00:00"


def test_the_same_statement_has_the_same_key_whatever_the_order_of_columns(tmp_path: Path) -> None:
    ([first], _) = read(write(tmp_path, GOOD))
    ([again], _) = read(write(tmp_path, {**GOOD, "email": " ada@example.com "}, header=tuple(reversed(COLUMNS))))
    ([other], _) = read(write(tmp_path, {**GOOD, "proof_reference": "receipt 8"}))
    assert first.event_key == again.event_key != other.event_key


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"email": ""}, "email or customer_id is required"),
        ({"email": "ada.example.com"}, "email is no address"),
        (
            {"channel": "fax"},
            "channel and purpose are not in config/iterable_channels.csv; there are email/marketing, sms/marketing",
        ),
        ({"purpose": ""}, "purpose is required"),
        ({"status": "yes"}, "status is not one of granted, denied, withdrawn, pending"),
        ({"stated_at": "3.2.2026"}, "stated_at is no time in ISO 8601"),
        ({"stated_at": "2026-02-03T10:11:12"}, "stated_at has no zone (Z or +hh:mm)"),
        ({"stated_at": "2026-02-03"}, "stated_at has no zone (Z or +hh:mm)"),
        ({"stated_at": "2999-02-03T10:11:12Z"}, "stated_at lies in the future"),
        ({"source": ""}, "source is required"),
        ({"proof_reference": ""}, "a grant needs a proof_reference"),
        (
            {"proof_reference": "x" * 501},
            "proof_reference is longer than 500 characters or has a character that cannot be printed",
        ),
    ],
)
def test_a_bad_row_is_refused_with_its_line_and_the_good_ones_stay(tmp_path: Path, change: dict[str, str], reason: str) -> None:
    statements, [refused] = read(
        write(tmp_path, GOOD, {**GOOD, **change}, {**GOOD, "status": "withdrawn", "proof_reference": ""})
    )
    assert (refused.line, refused.reason) == (3, reason)
    assert "ada" not in refused.reason.lower()
    assert [one.row["status"] for one in statements] == ["granted", "withdrawn"]


def test_lines_are_counted_over_values_of_several_lines_and_empty_lines_are_none(tmp_path: Path) -> None:
    path = tmp_path / "consent.csv"
    path.write_text(
        "email,channel,purpose,status,stated_at,source\n\n"
        '"a@x.com\nb@x.com",email,marketing,withdrawn,2026-02-03T10:11:12Z,till\n'
        "a@x.com,email,marketing,withdrawn,2026-02-03T10:11:12Z\n"
    )
    _, refused = read(path)
    assert [(one.line, one.reason) for one in refused] == [
        (3, "email is longer than 500 characters or has a character that cannot be printed"),
        (5, "5 values for 6 columns"),
    ]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("channel,purpose,status,stated_at,source", "lacks email or customer_id"),
        ("email,channel,purpose,stated_at", "lacks status, source"),
        ("email,channel,purpose,status,stated_at,source,phone", "not known .number 7."),
        ("email,email,channel,purpose,status,stated_at,source", "column twice"),
        ("", "lacks"),
    ],
)
def test_a_wrong_header_refuses_the_file(tmp_path: Path, header: str, message: str) -> None:
    path = tmp_path / "consent.csv"
    path.write_text(header + "\n")
    with pytest.raises(ConfigError, match=message):
        read(path)


@pytest.mark.parametrize(("content", "message"), [(b"\xff\xfe\x00", "not UTF-8"), (b'email,channel\n"a', "lacks")])
def test_a_file_that_is_no_csv_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "consent.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        read(path)


def test_a_quote_left_open_refuses_the_whole_file(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    path.write_text(path.read_text() + '"open')
    with pytest.raises(ConfigError, match="no CSV from line 3 on"):
        read(path)


def test_the_shipped_places_are_those_of_the_channels() -> None:
    assert allowed_places(REPOSITORY / "config") == PLACES


def test_a_mended_file_of_refused_rows_is_imported_as_it_is(tmp_path: Path) -> None:
    ([first], _) = read(write(tmp_path, GOOD))
    ([again], refused) = read(write(tmp_path, {**GOOD, "line": "3", "reason": "no"}, header=(*COLUMNS, *REFUSAL)))
    assert (again.event_key, refused) == (first.event_key, [])


def test_the_example_of_the_reference_page_is_in_order(tmp_path: Path) -> None:
    page = (REPOSITORY / "docs" / "reference" / "consent-import.md").read_text()
    [example] = re.findall(r"```csv\n(.+?)```", page, re.DOTALL)
    path = tmp_path / "consent.csv"
    path.write_text(example)
    statements, refused = read(path)
    assert (len(statements), refused) == (2, [])
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == list(COLUMNS)
