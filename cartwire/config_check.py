"""Checks the CSV files of CARTWIRE_CONFIG before dbt loads them.

The rules stand beside the types in the folder's own `_config*.yml`, under `meta: cartwire:` of each column, so that what is
documented, what dbt builds and what is checked here is one table:

    required, type (boolean, integer, number, timestamp, time_zone), pattern (whole value), enum, minimum, maximum,
    unique, references (seed.column), matching (a column in which the other row agrees),
    any (a value that stands for all of them), forbidden (values), exactly_one (a value that one row must have),
    one_of (columns of which one must be filled), pattern_by (another column: its value -> pattern here), personal (never shown).

`unique_grain` and `rules_do_not_tie` tests of a seed are checked too. The first wrong row is reported; nothing is written.
"""

from __future__ import annotations

import csv
import re
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

from cartwire.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Column:
    """A column as `_config*.yml` describes it; `rules` is its `meta: cartwire:`."""

    name: str
    rules: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Seed:
    """One CSV file: its columns, the sets of columns that no two rows may agree in, and those by which rules could tie."""

    name: str
    columns: tuple[Column, ...]
    grains: tuple[tuple[str, ...], ...]
    ties: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A file that was read. The first row of data has number 2, as in a spreadsheet."""

    seed: Seed
    rows: tuple[Mapping[str, str], ...]

    def numbered(self) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Rows with their numbers."""
        return enumerate(self.rows, start=2)


def check_config(folder: Path) -> None:
    """Check every file of `folder`.

    Raises: ConfigError naming file, row and column and saying what is allowed; facts: file, row, column.
    """
    seeds = read_seeds(folder)
    known = {f"{seed.name}.csv" for seed in seeds}
    for path in sorted(folder.glob("*.csv")):
        if path.name not in known:
            raise ConfigError(f"{path.name}: no such file is known here; allowed: {', '.join(sorted(known))}.", file=path.name)
    tables = {seed.name: _read(folder / f"{seed.name}.csv", seed) for seed in seeds}
    for table in tables.values():
        for number, row in table.numbered():
            for column in table.seed.columns:
                _check_value(table.seed, number, column, row, tables)
        _check_sets(table)
        _check_ties(table)


def read_seeds(folder: Path) -> tuple[Seed, ...]:
    """Every seed described in the folder's `_config*.yml`, in order of its name.

    Raises: ConfigError when the folder or its descriptions are missing or are no YAML.
    """
    files = sorted(folder.glob("_config*.yml"))
    if not files:
        raise ConfigError(
            f"{folder} (CARTWIRE_CONFIG) has no _config*.yml. Run `cartwire init <folder>` for a copy of the shipped files."
        )
    seeds = []
    for path in files:
        try:
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            seeds += [_seed(entry) for entry in document["seeds"]]
        except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{path.name}: not readable as a list of seeds. Take the shipped file.", file=path.name) from error
    return tuple(sorted(seeds, key=lambda seed: seed.name))


def _seed(entry: Mapping[str, Any]) -> Seed:
    columns = tuple(Column(column["name"], column.get("meta", {}).get("cartwire", {})) for column in entry["columns"])
    tests = [test["unique_grain"]["arguments"]["columns"] for test in entry.get("data_tests", []) if "unique_grain" in test]
    unique = [[column.name] for column in columns if column.rules.get("unique")]
    ties = [test["rules_do_not_tie"]["arguments"] for test in entry.get("data_tests", []) if "rules_do_not_tie" in test]
    return Seed(entry["name"], columns, tuple(tuple(grain) for grain in [*tests, *unique]), ties[0] if ties else None)


def _read(path: Path, seed: Seed) -> Table:
    names = [column.name for column in seed.columns]
    if not path.exists():
        raise ConfigError(f"{path.name} is missing; its columns are {', '.join(names)}.", file=path.name)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = list(csv.reader(file, strict=True))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is not UTF-8 text; save it as CSV in UTF-8.", file=path.name) from error
    except csv.Error as error:
        raise ConfigError(f"{path.name} is not readable as CSV: {error}.", file=path.name) from error
    header = lines[0] if lines else []
    if header != names:
        odd = next((name for name in [*header, *names] if name not in names or name not in header), None)
        what = (
            f"column {odd} is {'unknown' if odd not in names else 'missing'}"
            if odd is not None
            else "the columns are in another order"
        )
        raise ConfigError(
            f"{path.name}, row 1: {what}; the first row must be {','.join(names)}.", file=path.name, row=1, column=odd
        )
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(names):
            raise ConfigError(
                f"{path.name}, row {number}: {len(line)} values for {len(names)} columns; a value with a comma needs double quotes.",
                file=path.name,
                row=number,
            )
    return Table(seed, tuple(dict(zip(names, line, strict=True)) for line in lines[1:]))


def _check_value(seed: Seed, number: int, column: Column, row: Mapping[str, str], tables: Mapping[str, Table]) -> None:
    value, rules = row[column.name], column.rules

    def refuse(allowed: str) -> ConfigError:
        shown = "the value" if rules.get("personal") else f'"{value}"'
        return _refusal(seed, number, column.name, f"{shown} is not allowed; allowed: {allowed}.")

    if value != value.strip():
        raise refuse("the same without spaces around it")
    others = rules.get("one_of")
    if others and not any(row[name] for name in others):
        raise _refusal(seed, number, column.name, f"one of {' and '.join(others)} must be filled.")
    if not value:
        if rules.get("required"):
            raise _refusal(seed, number, column.name, f"is empty; allowed: {_allowed(rules)}.")
        return
    if "type" in rules and not _TYPES[rules["type"]][0](value):
        raise refuse(_TYPES[rules["type"]][1])
    if "enum" in rules and value not in rules["enum"]:
        raise refuse(", ".join(rules["enum"]))
    if "pattern" in rules and not re.fullmatch(rules["pattern"], value):
        raise refuse(f"what matches {rules['pattern']}")
    if value in rules.get("forbidden", ()):
        raise refuse(f"any name but {', '.join(rules['forbidden'])}")
    if ("minimum" in rules and float(value) < rules["minimum"]) or ("maximum" in rules and float(value) > rules["maximum"]):
        raise refuse(_range(rules))
    for other, patterns in rules.get("pattern_by", {}).items():
        if row[other] in patterns and not re.fullmatch(patterns[row[other]], value):
            raise refuse(f"what matches {patterns[row[other]]} where {other} is {row[other]}")
    if "references" in rules and value != rules.get("any"):
        name, target = rules["references"].split(".")
        same = rules.get("matching")
        if value not in {other[target] for other in tables[name].rows if same is None or other[same] == row[same]}:
            raise refuse(_allowed(rules))


def _check_sets(table: Table) -> None:
    for grain in table.seed.grains:
        seen: dict[tuple[str, ...], int] = {}
        for number, row in table.numbered():
            key = tuple(row[name].lower() for name in grain)
            if key in seen:
                message = f"says the same as row {seen[key]}; allowed: each combination of {', '.join(grain)} once."
                raise _refusal(table.seed, number, grain[-1], message)
            seen[key] = number
    for column in table.seed.columns:
        wanted = column.rules.get("exactly_one")
        if wanted is None:
            continue
        numbers = [number for number, row in table.numbered() if row[column.name].lower() == wanted]
        if len(numbers) != 1:
            message = f"{len(numbers)} rows say {wanted}; allowed: exactly one."
            raise _refusal(table.seed, numbers[1] if numbers else 1, column.name, message)


def _check_ties(table: Table) -> None:
    """Two rules that name equally many columns must not fit the same case at the same instant (tests/dbt/generic/)."""
    if table.seed.ties is None:
        return
    subject, scope = table.seed.ties["subject"], table.seed.ties["scope"]
    enabled = [(number, row) for number, row in table.numbered() if row["is_enabled"] == "true"]
    for (number, row), (other_number, other) in combinations(enabled, 2):
        if (
            row[subject] == other[subject]
            and [row[name] for name in scope].count("*") == [other[name] for name in scope].count("*")
            and all(row[name] == other[name] or "*" in (row[name], other[name]) for name in scope)
            and (row["valid_from"] or "0") < (other["valid_until"] or "9")
            and (other["valid_from"] or "0") < (row["valid_until"] or "9")
        ):
            message = (
                f"ties with row {number}: both name equally much and could fit one person; name more in one, or switch it off."
            )
            raise _refusal(table.seed, other_number, scope[0], message)


def _refusal(seed: Seed, number: int, column: str, message: str) -> ConfigError:
    file = f"{seed.name}.csv"
    return ConfigError(f"{file}, row {number}, column {column}: {message}", file=file, row=number, column=column)


def _allowed(rules: Mapping[str, Any]) -> str:
    if "enum" in rules:
        return ", ".join(rules["enum"])
    if "references" in rules:
        name, target = rules["references"].split(".")
        same = f" of the same {rules['matching']}" if "matching" in rules else ""
        return f"a {target} of {name}.csv{same}" + (f", or {rules['any']}" if "any" in rules else "")
    if "type" in rules:
        return _TYPES[rules["type"]][1]
    return f"what matches {rules['pattern']}" if "pattern" in rules else "any text"


def _range(rules: Mapping[str, Any]) -> str:
    parts = [f"{word} {rules[key]}" for key, word in (("minimum", "at least"), ("maximum", "at most")) if key in rules]
    return " and ".join(parts)


def _is_number(value: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(\.\d+)?", value) is not None


def _is_timestamp(value: str) -> bool:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return False
    return moment.tzinfo is None


_TYPES: dict[str, tuple[Callable[[str], bool], str]] = {
    "boolean": (lambda value: value in ("true", "false"), "true, false"),
    "integer": (lambda value: re.fullmatch(r"[+-]?\d{1,9}", value) is not None, "a whole number"),
    "number": (_is_number, "a number with a point"),
    "timestamp": (_is_timestamp, "a UTC time such as 2026-11-01 00:00:00"),
    "time_zone": (lambda value: value in zoneinfo.available_timezones(), "an IANA name such as Europe/Berlin"),
}
