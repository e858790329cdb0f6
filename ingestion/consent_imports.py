"""Imported statements of consent into `raw.consent_imports`, from the JSON that the ledger's inbox keeps of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from ingestion import engine
from ingestion.columns import CONSENT_IMPORTS, Table
from ingestion.report import silent

PIPELINE = "consent_imports"
TABLE = Table(schema="raw", name="consent_imports", columns=CONSENT_IMPORTS, keys=("event_key",), is_insert_only=True)


def load_consent_imports(
    connection: duckdb.DuckDBPyConnection, state_dir: Path, statements: Sequence[tuple[str, datetime, Mapping[str, Any]]]
) -> None:
    """Store statements that the warehouse lacks; nothing is touched where there are none.

    Args: statements: (event key, when it was imported, row of the file as `ingestion.consent_file` checked it).
    Raises: SourceError where the warehouse cannot be written.
    """
    if not statements:
        return
    fields = [name for name in CONSENT_IMPORTS if name not in ("event_key", "stated_at", "imported_at")]
    columns: dict[str, Sequence[object]] = {
        "event_key": [key for key, _, _ in statements],
        "imported_at": [imported_at for _, imported_at, _ in statements],
        "stated_at": [datetime.fromisoformat(row["stated_at"]) for _, _, row in statements],
        **{name: [row.get(name) for _, _, row in statements] for name in fields},
    }
    with engine.open_pipeline(PIPELINE, connection, [TABLE], state_dir) as pipeline:
        engine.run(pipeline, engine.make_source(PIPELINE, {"consent_imports": iter([engine.into(TABLE, columns)])}), silent)
