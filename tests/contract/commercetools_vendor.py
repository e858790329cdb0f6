"""The commercetools stand-in on a real socket, over a tiny documents file: fixtures `vendor` and `strict_vendor`.

PYTEST_DONT_REWRITE: the test modules import names from here before pytest loads it as their plugin.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from clients import tls
from sandbox.clock import Clock
from sandbox.commercetools.app import create_app
from sandbox.commercetools.options import Options
from sandbox.commercetools.store import Store
from sandbox.faults import FaultPlan
from sandbox.journal import Journal
from sandbox.server import serve
from sandbox.shop.store_schema import SCHEMA, id_bin

KEY = Options().project_key
CLIENT = (Options().client_id, Options().client_secret)
# Smallest first as text. commercetools compares each half of the bytes backwards, which puts them the other way round.
FIRST = "00000001-0000-4000-8000-000000000000"
SECOND = "00000100-0000-4000-8000-000000000000"
THIRD = "01000000-0000-4000-8000-000000000000"
BINARY_ORDER = [THIRD, SECOND, FIRST]


def document(resource_id: str, at: str, **fields: Any) -> dict[str, Any]:
    return {"id": resource_id, "version": 1, "createdAt": at, "lastModifiedAt": at, **fields}


def uuid_of(number: int) -> str:
    """A UUID whose binary order is that of the numbers."""
    return f"00000000-0000-{0x4000 + number // 256:04x}-8000-{number % 256:012x}"


DOCUMENTS: dict[str, list[dict[str, Any]]] = {
    "customers": [
        document(
            FIRST,
            "2026-01-01T00:00:00.000Z",
            key="ada",
            email="Ada@example.com",
            isEmailVerified=True,
            addresses=[{"country": "DE", "city": "Jena"}, {"country": "GB"}],
            stores=[],
            custom={"type": {"typeId": "type", "id": uuid_of(900)}, "fields": {"newsletterOptIn": True, "loyaltyPoints": 12}},
        ),
        document(SECOND, "2026-01-02T00:00:00.000Z", email="bo@example.com", locale="en-GB", addresses=[{"country": "US"}]),
        document(THIRD, "2026-01-03T00:00:00.000Z", email="cy@example.com", locale="de-DE", addresses=[]),
    ],
    "orders": [
        document(
            uuid_of(number),
            "2026-02-01T00:00:00.000Z",
            orderNumber=f"n{number}",
            customerEmail=f"p{number}@example.com",
            orderState="Open" if number % 2 else "Complete",
            totalPrice={"currencyCode": "EUR", "centAmount": 100 * number, "fractionDigits": 2},
        )
        for number in range(1, 26)
    ],
    "carts": [document(uuid_of(1), "2026-03-01T00:00:00.000Z", cartState="Active")],
    "payments": [document(uuid_of(1), "2026-03-01T00:00:00.000Z", key="pay")],
    "product_projections": [document(uuid_of(1), "2026-03-01T00:00:00.000Z", key="tea", name={"en-GB": "Tea"})],
    "categories": [document(uuid_of(1), "2026-03-01T00:00:00.000Z", key="drinks", name={"en": "Drinks"})],
    "stores": [document(uuid_of(1), "2026-03-01T00:00:00.000Z", key="de", languages=["de"], countries=[{"code": "DE"}])],
    "customer_groups": [document(uuid_of(1), "2026-03-01T00:00:00.000Z", key="staff", name="Staff")],
    "channels": [document(uuid_of(1), "2026-03-01T00:00:00.000Z", key="web-de", roles=["ProductDistribution"])],
    "inventory": [document(uuid_of(1), "2026-03-01T00:00:00.000Z", sku="tea", quantityOnStock=9, availableQuantity=7)],
    "discount_codes": [document(uuid_of(1), "2026-03-01T00:00:00.000Z", code="SPRING", isActive=True)],
    "product_types": [document(uuid_of(1), "2026-03-01T00:00:00.000Z", key="grocery", name="Grocery", description="")],
    "states": [document(uuid_of(1), "2026-03-01T00:00:00.000Z", key="packed", type="OrderState")],
    "custom_objects": [document(uuid_of(1), "2026-03-01T00:00:00.000Z", container="slots", key="de", value={"days": 2})],
    "business_units": [document(uuid_of(1), "2026-03-01T00:00:00.000Z", key="office", name="Office", status="Active")],
    "types": [document(uuid_of(1), "2026-03-01T00:00:00.000Z", key="customer-attributes", fieldDefinitions=[])],
}


def write_documents(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as file:
        file.executescript(SCHEMA)
        for resource, documents in DOCUMENTS.items():
            for each in documents:
                times = (each["lastModifiedAt"], each["createdAt"])
                row = (resource, each["id"], id_bin(each["id"]), *times, each["version"], orjson.dumps(each))
                file.execute("insert into documents values (?, ?, ?, ?, ?, ?, ?)", row)
        file.execute("insert into meta values ('weeks', '13'), ('households', '801')")
        file.commit()
    return path


class Vendor:
    """A client of the stand-in that holds a token for everything, with hands on its clock and store."""

    def __init__(self, url: str, store: Store, clock: Clock) -> None:
        self.store, self.clock = store, clock
        self.client = httpx.Client(base_url=url, verify=tls.context(), timeout=30)

    def reset(self) -> None:
        self.clock.offset_seconds = 0.0
        self.admin("POST", "reset")
        self.token = self.token_for(None)

    def token_for(self, scope: str | None) -> str:
        """A bearer token; scope None for all the client has, else names without the project key."""
        form = {"grant_type": "client_credentials"}
        if scope is not None:
            form["scope"] = " ".join(f"{name}:{KEY}" for name in scope.split())
        answer = self.client.post("/oauth/token", data=form, auth=CLIENT)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def call(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.token}", **more.pop("headers", {})}
        return self.client.request(method, f"/{KEY}{path}", headers=headers, **more)

    def get(self, path: str, **parameters: Any) -> httpx.Response:
        return self.call("GET", path, params=parameters)

    def ids(self, path: str, **parameters: Any) -> list[str]:
        """The ids of one page, which must be answered."""
        answer = self.get(path, **parameters)
        assert answer.status_code == 200, answer.text
        return [result["id"] for result in answer.json()["results"]]

    def update(self, path: str, version: int, *actions: dict[str, Any]) -> httpx.Response:
        return self.call("POST", path, json={"version": version, "actions": list(actions)})

    def messages(self, resource_id: str) -> list[dict[str, Any]]:
        """The Messages about a resource, oldest first."""
        answer = self.get("/messages", where=f'resource(id = "{resource_id}")', sort="sequenceNumber asc")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["results"]
        return found

    def admin(self, method: str, path: str, body: Any = None) -> Any:
        """A /_sandbox route, which must succeed."""
        answer = self.client.request(method, f"/_sandbox/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, kind: str, path: str = f"/{KEY}/*", **rule: Any) -> None:
        self.admin("POST", "faults", {"rules": [{"kind": kind, "match": {"path": path}, **rule}]})


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, first error code and message of a refused call; checks the documented shape of the body."""
    body = answer.json()
    assert body["statusCode"] == answer.status_code
    assert body["message"] == body["errors"][0]["message"]
    return answer.status_code, body["errors"][0]["code"], body["message"]


@pytest.fixture(scope="session")
def running_vendors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Vendor]]:
    path = write_documents(tmp_path_factory.mktemp("shop") / "documents.sqlite")
    clock = Clock()
    modes = {"lenient": Options(), "strict": Options(undocumented="strict")}
    stores = {mode: Store(path, clock) for mode in modes}
    apps = {mode: create_app(stores[mode], clock, FaultPlan(), Journal(), options) for mode, options in modes.items()}
    with serve(apps) as servers:
        vendors = {mode: Vendor(servers.urls[mode], stores[mode], clock) for mode in modes}
        yield vendors
        for each in vendors.values():
            each.client.close()


@pytest.fixture
def vendor(running_vendors: dict[str, Vendor]) -> Vendor:
    running_vendors["lenient"].reset()
    return running_vendors["lenient"]


@pytest.fixture
def strict_vendor(running_vendors: dict[str, Vendor]) -> Vendor:
    running_vendors["strict"].reset()
    return running_vendors["strict"]
