"""Incremental models keep what earlier code opened; after an upgrade they are made anew, without anybody having to know."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from cartwire.settings import REPOSITORY, Settings
from cartwire.warehouse import open_warehouse, transaction

_CODE = ("dbt_project.yml", "models", "macros")
_TESTED_CODE = (*_CODE, "tests/dbt")
_TABLE = "create schema if not exists control; create table if not exists control.built (code_digest varchar)"


def needs_full_refresh(settings: Settings) -> bool:
    """Whether this warehouse was last built by other SQL than the project has now, or never."""
    with closing(open_warehouse(settings.warehouse)) as connection:
        connection.execute(_TABLE)
        return connection.execute("select code_digest from control.built").fetchall() != [(_code_digest(),)]


def remember_built(settings: Settings) -> None:
    """Every incremental model of this warehouse is now of the project's present SQL."""
    with closing(open_warehouse(settings.warehouse)) as connection:
        connection.execute(_TABLE)
        with transaction(connection):
            connection.execute("delete from control.built")
            connection.execute("insert into control.built values (?)", [_code_digest()])


def digest_of_rules(settings: Settings) -> str:
    """sha256 over everything that decides what a build makes of the same rows: SQL, YAML, data tests and the user's config."""
    return _digest([*(REPOSITORY / source for source in _TESTED_CODE), settings.config])


def digest_of_sql(settings: Settings) -> str:
    """The same but for the rows of config/: SQL reads those as tables."""
    return _digest([*(REPOSITORY / source for source in _TESTED_CODE), *sorted(settings.config.glob("*.yml"))])


def _code_digest() -> str:
    """sha256 over names and contents of the project's SQL and YAML."""
    return _digest([REPOSITORY / source for source in _CODE])


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        for file in [path] if path.is_file() else sorted(child for child in path.rglob("*") if child.is_file()):
            digest.update(f"{file.relative_to(path.parent)}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()
