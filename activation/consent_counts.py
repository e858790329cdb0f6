"""Consent in numbers, for the run report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

_COUNTS = Path(__file__).parent / "sql" / "consent_counts.sql"


def consent_counts(conn: duckdb.DuckDBPyConnection) -> tuple[dict[str, Any], ...]:
    """Rows of market, channel, purpose, status, people and how many of them are messageable, of the marts in the warehouse."""
    cursor = conn.execute(_COUNTS.read_text())
    names = [column[0] for column in cursor.description or ()]
    return tuple(dict(zip(names, row, strict=True)) for row in cursor.fetchall())
