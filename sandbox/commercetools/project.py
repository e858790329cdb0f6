"""Project settings: GET /{projectKey}."""

from __future__ import annotations

from typing import Any

from sandbox.commercetools.options import Options
from sandbox.commercetools.store import Store


def project_settings(store: Store, options: Options) -> dict[str, Any]:
    """The answer's body. Countries and languages are those of the stores; Messages can be switched off by the admin."""
    stores = store.find("stores")
    return {
        "key": options.project_key,
        "name": "Sandbox shop",
        "countries": sorted({country["code"] for shop in stores for country in shop.get("countries", [])}),
        "currencies": ["USD", "EUR", "GBP", "JPY", "KWD"],
        "languages": sorted({language for shop in stores for language in shop.get("languages", [])}),
        "createdAt": store.meta().get("anchor", "2026-01-01T00:00:00.000Z"),
        "messages": {"enabled": store.messages_enabled, "deleteDaysAfterCreation": 15},
        "carts": {"deleteDaysAfterLastModification": 90},
        "version": 1,
    }
