"""What commercetools has, read by the client and parsed."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from clients.commercetools import CommercetoolsClient


def rows(client: CommercetoolsClient, path: str, **query: Any) -> list[dict[str, Any]]:
    """One page of a resource; records that are no object are left out."""
    found = [_parsed(record) for record in client.query(path, **query).records]
    return [row for row in found if isinstance(row, dict)]


def _parsed(record: msgspec.Raw) -> Any:
    return json.loads(str(record, "utf-8", "replace"))
