"""JSON Schemas that the sender publishes about its events. The vendor knows none; a violation is only a note in the journal."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs

_FILE = re.compile(r"(\w+)\.v(\d+)\.json")


class EventSchemas:
    """Schemas of a folder of `<event>.v<version>.json`; of several versions of an event the newest counts.

    Without a folder nothing is judged, and an event without a schema is not either.
    """

    def __init__(self, folder: Path | None = None) -> None:
        newest: dict[str, tuple[int, Path]] = {}
        for path in sorted(folder.iterdir()) if folder else ():
            if match := _FILE.fullmatch(path.name):
                newest[match[1]] = max(newest.get(match[1], (0, path)), (int(match[2]), path))
        self._validators: Mapping[str, Any] = {
            name: jsonschema_rs.validator_for(json.loads(path.read_text(encoding="utf-8"))) for name, (_, path) in newest.items()
        }

    def fault(self, name: str, row: Mapping[str, Any]) -> str | None:
        """Place and keyword of the first violation, never a value; None where there is none."""
        validator = self._validators.get(name)
        error = next(iter(validator.iter_errors(row)), None) if validator else None
        if error is None:
            return None
        return f"{name}: {'.'.join(str(part) for part in error.instance_path) or 'the row'} ({error.schema_path[-1]})"
