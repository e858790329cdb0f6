"""Made-up histories of a shop, written into `raw` as ingestion does: the newest version of a row, and every version once.

Each kind of change counts itself, so that a test can demand that all of them occurred.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

Document = dict[str, Any]
START = datetime(2026, 1, 1, tzinfo=UTC)
COUNTRIES = ("DE", "US", "GB", "JP")
PHONES = ("030 1234567", "+49 30 1234567", "(212) 555-0100", "n/a", "03-5550-0100", "")
KINDS = (
    "new", "update", "touch", "late", "reload", "delete", "owner change", "merge", "broken", "healed", "phone", "consent", "refund",
)  # fmt: skip


class RawHistory:
    """A shop in a warehouse. `advance` makes one load's worth of changes; `occurred` counts them by kind."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, seed: int) -> None:
        self.occurred: Counter[str] = Counter()
        self.connection = connection
        self._random = random.Random(seed)
        self._newest: dict[tuple[str, str], Document] = {}
        self._versions: dict[tuple[str, str], set[int]] = {}
        self._load = 0
        self._made = 0

    def advance(self, changes: int) -> None:
        """So many changes of a random kind, under one load id."""
        self._load += 1
        for _ in range(4 if self._load == 1 else 1):
            self._new()
        for _ in range(changes):
            getattr(self, "_" + self._random.choice(KINDS).replace(" ", "_"))()

    # -- kinds of change -----------------------------------------------------------------------------------------

    def _new(self) -> None:
        self.occurred["new"] += 1
        self._made += 1
        number, country = self._made, self._random.choice(COUNTRIES)
        customer = {
            "id": f"customer-{number}", "email": f"Person{number}@Example.com", "isEmailVerified": bool(number % 2),
            "addresses": [{"id": "a", "country": country, "phone": self._random.choice(PHONES)}],
            "custom": {"fields": {"newsletterOptIn": self._random.choice([True, False]), "loyaltyPoints": number}},
        }  # fmt: skip
        price = {"centAmount": 100 * number, "currencyCode": "EUR", "fractionDigits": 2}
        line = {"id": "l1", "productId": "product-1", "quantity": 1, "price": {"value": price}, "totalPrice": price}
        basket = {"customerId": customer["id"], "customerEmail": customer["email"], "lineItems": [line], "totalPrice": price}
        self._put("customers", customer)
        self._put("orders", {"id": f"order-{number}", "orderState": "Open", "country": country, **basket})
        self._put("carts", {"id": f"cart-{number}", "cartState": "Active", "country": country, **basket})
        paid = {"id": "t1", "type": "Charge", "state": "Success", "amount": price, "timestamp": "2026-01-01T00:00:00.000Z"}
        self._put("payments", {"id": f"payment-{number}", "transactions": [paid]})
        self._put("product_projections", {"id": f"product-{number}", "name": {"en": f"Product {number}"}, "categories": []})
        told = {"type": "OrderStateChanged", "resource": {"id": f"order-{number}"}, "orderState": "Confirmed"}
        self._put("messages", {"id": f"message-{number}", **told})

    def _update(self) -> None:
        if found := self._some("orders"):
            self.occurred["update"] += 1
            self._put("orders", found | {"orderState": self._random.choice(["Confirmed", "Complete", "Cancelled"])})

    def _touch(self) -> None:
        if found := self._some(self._random.choice(["customers", "orders", "carts"])):
            self.occurred["touch"] += 1
            self._put(found["_resource"], found)

    def _late(self) -> None:
        """A version older than the newest turns up: of history only."""
        if (found := self._some("customers")) and (version := self._missing_version("customers", found["id"])):
            self.occurred["late"] += 1
            said = {"fields": {"newsletterOptIn": self._random.choice([True, False])}}
            self._insert("customers_history", "customers", {**found, "version": version, "custom": said})

    def _reload(self) -> None:
        """The same version is written anew, as a load from the beginning into an emptied table does."""
        if found := self._some(self._random.choice(["customers", "orders", "payments"])):
            self.occurred["reload"] += 1
            self._replace(found["_resource"], found)

    def _delete(self) -> None:
        if len(self._of("orders")) > 3 and (found := self._some(self._random.choice(["customers", "orders", "carts"]))):
            self.occurred["delete"] += 1
            self._erase(found["_resource"], found["id"])

    def _owner_change(self) -> None:
        if (order := self._some(self._random.choice(["orders", "carts"]))) and (owner := self._some("customers")):
            self.occurred["owner change"] += 1
            self._put(order["_resource"], order | {"customerId": owner["id"], "customerEmail": owner["email"]})

    def _merge(self) -> None:
        """Two accounts become one: what the second had belongs to the first, and the second is gone."""
        people = self._of("customers")
        if len(people) > 3:
            kept, gone = self._random.sample(people, 2)
            self.occurred["merge"] += 1
            for order in self._of("orders"):
                if order.get("customerId") == gone["id"]:
                    self._put("orders", order | {"customerId": kept["id"], "customerEmail": kept["email"]})
            self._erase("customers", gone["id"])

    def _broken(self) -> None:
        if found := self._some(self._random.choice(["orders", "customers"])):
            self.occurred["broken"] += 1
            broken = {"id": found["id"], "version": found["version"], "custom": "none", "_was": found}
            self._put(found["_resource"], broken)

    def _healed(self) -> None:
        broken = [document for key, document in self._newest.items() if "_was" in document]
        if broken:
            self.occurred["healed"] += 1
            found = self._random.choice(broken)
            self._put(found["_resource"], found["_was"] | {"version": found["version"]})

    def _phone(self) -> None:
        if (found := self._some("customers")) and found.get("addresses"):
            self.occurred["phone"] += 1
            place = {"id": "a", "country": self._random.choice(COUNTRIES), "phone": self._random.choice(PHONES)}
            self._put("customers", found | {"addresses": [place]})

    def _consent(self) -> None:
        if found := self._some(self._random.choice(["customers", "orders"])):
            self.occurred["consent"] += 1
            fields = self._random.choice(
                [{}, {"newsletterOptIn": True}, {"newsletterOptIn": False}, {"newsletterOptIn": "later"}]
            )
            self._put(found["_resource"], found | {"custom": {"fields": fields}})

    def _refund(self) -> None:
        if (found := self._some("payments")) and len(found["transactions"]) < 3:
            self.occurred["refund"] += 1
            number = len(found["transactions"]) + 1
            back = found["transactions"][0] | {"id": f"t{number}", "type": "Refund"}
            self._put("payments", found | {"transactions": [*found["transactions"], back]})

    # -- raw -----------------------------------------------------------------------------------------------------

    def _of(self, resource: str) -> list[Document]:
        return [document for (name, _), document in self._newest.items() if name == resource and "_was" not in document]

    def _some(self, resource: str) -> Document | None:
        found = self._of(resource)
        return self._random.choice(found) if found else None

    def _missing_version(self, resource: str, row_id: str) -> int | None:
        versions = self._versions[resource, row_id]
        return next((version for version in range(1, max(versions)) if version not in versions), None)

    def _put(self, resource: str, document: Document) -> None:
        """A new version; numbers leave gaps, as commercetools' do."""
        version = document.get("version", 0) + self._random.choice([1, 2, 3])
        stored = {**document, "version": version, "_resource": resource}
        self._replace(resource, stored)
        self._insert(f"{resource}_history", resource, stored)

    def _replace(self, resource: str, stored: Document) -> None:
        self.connection.execute(f"delete from raw.{resource} where id = ?", [stored["id"]])
        self._insert(resource, resource, stored)
        self._newest[resource, stored["id"]] = stored

    def _insert(self, table: str, resource: str, stored: Document) -> None:
        modified = START + timedelta(hours=stored["version"])
        served = {name: value for name, value in stored.items() if not name.startswith("_")}
        row = [stored["id"], stored["version"], START, modified, START, json.dumps(served), f"load-{self._load}"]
        self.connection.execute(
            f"insert into raw.{table} (id, version, created_at, last_modified_at, loaded_at, document, _dlt_load_id) "
            "values (?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        self._versions.setdefault((resource, stored["id"]), set()).add(stored["version"])

    def _erase(self, resource: str, row_id: str) -> None:
        for table in (resource, f"{resource}_history"):
            self.connection.execute(f"delete from raw.{table} where id = ?", [row_id])
        del self._newest[resource, row_id]
        del self._versions[resource, row_id]
