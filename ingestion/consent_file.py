"""The CSV of `cartwire consent import` (docs/reference/consent-import.md): every row is a statement or is refused with its line.

A reason never quotes the row: it says which column is wrong, and what is allowed.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from cartwire import clock
from cartwire.errors import ConfigError
from cartwire.person import fold_email

PERSON = ("email", "customer_id")
REQUIRED = ("channel", "purpose", "status", "stated_at", "source")
OPTIONAL = ("legal_basis", "policy_version", "proof_reference")
COLUMNS = (*PERSON, *REQUIRED, *OPTIONAL)
REFUSAL = ("line", "reason")
"""Columns that a file of refused rows has more, ignored when it is mended and imported."""
STATUSES = ("granted", "denied", "withdrawn", "pending")
TEXT_MAX = 500
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+")
_ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A row that is in order. `row`: COLUMNS, empty ones None, the address folded; `stated_at` UTC; `body`: the same as JSON."""

    event_key: str
    row: Mapping[str, str | None]
    stated_at: datetime
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A row that is not. `line`: where it begins, the header is line 1; `values`: the row as it came, for a file of one's own."""

    line: int
    reason: str
    values: Sequence[str]


class _Wrong(Exception):
    """What is wrong with a row."""


def allowed_places(config: Path) -> frozenset[tuple[str, str]]:
    """(channel, purpose) pairs of config/iterable_channels.csv."""
    with (config / "iterable_channels.csv").open(newline="", encoding="utf-8-sig") as file:
        return frozenset((row["channel"], row["purpose"]) for row in csv.DictReader(file))


def read_file(path: Path, places: frozenset[tuple[str, str]]) -> tuple[list[str], Iterator[Statement | Refused]]:
    """The header, and each row in turn.

    Args: places: (channel, purpose) pairs that a row may name.
    Raises: ConfigError for a header that lacks a column or has one too many, and for a file that is no CSV in UTF-8.
    """
    lines = _lines(path)
    _, header = next(lines, (1, []))
    names = [name.strip() for name in header]
    missing = [name for name in REQUIRED if name not in names]
    if not set(PERSON) & set(names):
        missing.insert(0, " or ".join(PERSON))
    if missing:
        raise ConfigError(f"{path.name}: the header lacks {', '.join(missing)}; columns are {', '.join(COLUMNS)}")
    unknown = [str(number) for number, name in enumerate(names, 1) if name not in (*COLUMNS, *REFUSAL)]
    if unknown or len(set(names)) < len(names):
        raise ConfigError(
            f"{path.name}: the header has a column twice, or one that is not known (number {', '.join(unknown) or '?'});"
            f" columns are {', '.join(COLUMNS)}"
        )
    return names, _rows(names, lines, places)


def _rows(
    names: Sequence[str], lines: Iterator[tuple[int, list[str]]], places: frozenset[tuple[str, str]]
) -> Iterator[Statement | Refused]:
    for line, values in lines:
        if not any(value.strip() for value in values):
            continue
        try:
            yield _statement(names, values, places)
        except _Wrong as error:
            yield Refused(line=line, reason=str(error), values=values)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Records with the line each begins at. Raises: ConfigError where the file cannot be read on."""
    begins_at = 1
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            for values in reader:
                yield begins_at, values
                begins_at = reader.line_num + 1
    except UnicodeDecodeError:
        raise ConfigError(f"{path.name} is not UTF-8 text; save it as CSV in UTF-8") from None
    except csv.Error as error:
        raise ConfigError(f"{path.name} is no CSV from line {begins_at} on ({error}); nothing of it was imported") from None
    except OSError as error:
        raise ConfigError(f"{path.name} cannot be read: {error.strerror}") from None


def _statement(names: Sequence[str], values: Sequence[str], places: frozenset[tuple[str, str]]) -> Statement:
    if len(values) != len(names):
        raise _Wrong(f"{len(values)} values for {len(names)} columns")
    given = {name: value.strip() for name, value in zip(names, values, strict=True)}
    row: dict[str, str | None] = {name: given.get(name) or None for name in COLUMNS}
    if row["email"]:
        row["email"] = fold_email(row["email"])
    _check(row, places)
    stated_at = _moment(str(row["stated_at"]))
    row["stated_at"] = stated_at.isoformat()
    body = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
    return Statement(event_key=hashlib.sha256(body).hexdigest()[:32], row=row, stated_at=stated_at, body=body.decode())


def _check(row: Mapping[str, str | None], places: frozenset[tuple[str, str]]) -> None:
    if not row["email"] and not row["customer_id"]:
        raise _Wrong("email or customer_id is required")
    for name in REQUIRED:
        if not row[name]:
            raise _Wrong(f"{name} is required")
    for name, value in row.items():
        if value and (len(value) > TEXT_MAX or not value.isprintable()):
            raise _Wrong(f"{name} is longer than {TEXT_MAX} characters or has a character that cannot be printed")
    if row["email"] and not _EMAIL.fullmatch(row["email"]):
        raise _Wrong("email is no address")
    if row["status"] not in STATUSES:
        raise _Wrong(f"status is not one of {', '.join(STATUSES)}")
    if (row["channel"], row["purpose"]) not in places:
        known = ", ".join(f"{channel}/{purpose}" for channel, purpose in sorted(places))
        raise _Wrong(f"channel and purpose are not in config/iterable_channels.csv; there are {known}")
    if row["status"] == "granted" and not row["proof_reference"]:
        raise _Wrong("a grant needs a proof_reference")


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _Wrong("stated_at is no time in ISO 8601") from None
    if not _ZONE.search(text) or moment.tzinfo is None:
        raise _Wrong("stated_at has no zone (Z or +hh:mm)")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise _Wrong("stated_at is no time in ISO 8601") from None
    if moment > clock.now():
        raise _Wrong("stated_at lies in the future")
    return moment
