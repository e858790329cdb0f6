"""Small, seeded changes in the shop, and what each of them has to lead to at Iterable, written down independently of the models."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson

from sandbox.shop.day_lines import copied_lines, market_of_document, set_quantity, set_total
from tests.conftest import Sandbox

Document = dict[str, Any]
_NOT_COPIED = (
    "customerGroup",
    "anonymousId",
    "completedAt",
    "returnInfo",
    "shipmentState",
    "custom",
    "discountCodes",
    "paymentInfo",
)

SPOILS = {
    "killer row": ("favouriteStoreVisitAt", "0000-01-01T00:00:00.000Z"),
    "row refused in a 200": ("ageRange", "x" * 33_000),
}
"""Custom fields of a customer that pass the gate and that Iterable refuses: there is no year 0 (its whole request is refused), and no
text may be so long (its row is)."""

# Changes of the others are held by rule: another profile owns their address.
OWN_IDENTIFIER = """
select profiles.customer_id from marts.profiles as profiles
inner join changes.recipients as recipients on profiles.profile_id = recipients.profile_id
where profiles.customer_id is not null and recipients.hold_reason is null
"""


@dataclass
class Wanted:
    """What people did since the beginning, as commercetools ids: the comparison looks each of them up at Iterable.

    A cancelled order is wanted as a cancellation only: the purchase itself may never have been due.
    """

    orders: set[str] = field(default_factory=set)
    cancelled: set[str] = field(default_factory=set)
    refunds: set[str] = field(default_factory=set)
    first_names: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    opted_out: dict[str, bool] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    """Customers whose profile Iterable has to refuse as it is now, and for which of `SPOILS`."""
    mended: set[str] = field(default_factory=set)
    """Customers whose profile it had to refuse before."""


class Shopping:
    """A shop whose documents are known from the installation's first load."""

    def __init__(self, sandbox: Sandbox, warehouse: Path, random_source: random.Random) -> None:
        self.wanted = Wanted()
        self._sandbox, self._random = sandbox, random_source
        with duckdb.connect(str(warehouse), read_only=True) as conn:
            known = {one for (one,) in conn.execute(OWN_IDENTIFIER).fetchall()}
            self._customers = [one for one in _documents(conn, "customers") if one["id"] in known and "custom" in one]
            self._orders = [order for order in _documents(conn, "orders") if _is_copyable(order)]
            self._payments = [one for one in _documents(conn, "payments") if _was_charged(one)]
            self._carts = [
                cart for cart in _documents(conn, "carts") if cart.get("cartState") == "Active" and "customerId" in cart
            ]
        self._own_orders: list[Document] = []
        self._spoiled: list[tuple[Document, str, Any]] = []
        self._serial = 0

    def go_on(self, *, much: bool) -> None:
        """Some more changes; `much`: of every kind, and enough for a dozen requests, else a few."""
        repeats = 2 if much else 1
        for _ in range(repeats):
            self.order(self._random.choice(self._customers))
            self.rename(self._random.choice(self._customers))
            self.say_about_newsletter(self._random.choice(self._customers))
            self.edit_cart(self._random.choice(self._carts))
        for change in (self.order_as_guest, self.move_address, self.cancel, self.refund):
            if much or self._random.random() < 0.4:
                change()

    def order(self, customer: Document) -> None:
        """A customer orders."""
        self._place({"customerId": customer["id"], "customerEmail": customer["email"]})

    def order_as_guest(self) -> None:
        """Somebody never seen before orders."""
        self._place({"customerEmail": f"kill.guest.{self._next()}@example.com", "anonymousId": str(self._uuid())})

    def cancel(self) -> None:
        """An order of an earlier day is cancelled; the Message that tells of it comes with it."""
        open_orders = [order for order in self._own_orders if order["orderState"] == "Open"]
        if not open_orders[:-4]:
            return
        order = self._random.choice(open_orders[:-4])
        order["orderState"] = "Cancelled"
        changed = self._put("orders", order)
        message = {
            "id": str(self._uuid()),
            "version": 1,
            "sequenceNumber": 2,
            "resource": {"typeId": "order", "id": order["id"]},
            "resourceVersion": changed["version"],
            "type": "OrderStateChanged",
            "orderState": "Cancelled",
            "oldOrderState": "Open",
        }
        self._put("messages", message)
        self.wanted.cancelled.add(order["id"])
        self.wanted.orders.discard(order["id"])

    def refund(self) -> None:
        """A payment is given back in part."""
        payment = self._random.choice(self._payments)
        amount = payment["amountPlanned"] | {"centAmount": 1 + self._random.randrange(50)}
        transaction_id = str(self._uuid())
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        facts = {"id": transaction_id, "timestamp": now, "type": "Refund", "amount": amount, "state": "Success"}
        payment["transactions"].append(facts)
        self._put("payments", payment)
        self.wanted.refunds.add(transaction_id)

    def rename(self, customer: Document) -> None:
        """A first name changes."""
        customer["firstName"] = f"Name {self._next()}"
        self._put("customers", customer)
        self.wanted.first_names[customer["id"]] = customer["firstName"]

    def move_address(self) -> None:
        """A customer has a new, verified e-mail address."""
        customer = self._random.choice(self._customers)
        customer |= {"email": f"kill.address.{self._next()}@example.com", "isEmailVerified": True}
        self._put("customers", customer)
        self.wanted.addresses[customer["id"]] = customer["email"]

    def say_about_newsletter(self, customer: Document) -> None:
        """A customer changes their mind about the newsletter."""
        fields = customer["custom"]["fields"]
        fields["newsletterOptIn"] = not fields.get("newsletterOptIn", False)
        self._put("customers", customer)
        self.wanted.opted_out[customer["id"]] = not fields["newsletterOptIn"]

    def spoil(self, how: str) -> None:
        """A customer gets a value that Iterable refuses, one of `SPOILS`."""
        customer = self._random.choice(self._customers)
        name, value = SPOILS[how]
        self._spoiled.append((customer, name, customer["custom"]["fields"].get(name)))
        customer["custom"]["fields"][name] = value
        self._put("customers", customer)
        self.wanted.refused[customer["id"]] = how

    def mend(self) -> None:
        """Whatever was spoiled is as it was before."""
        for customer, name, before in self._spoiled:
            customer["custom"]["fields"].pop(name)
            if before is not None:
                customer["custom"]["fields"][name] = before
            self._put("customers", customer)
        self._spoiled.clear()
        self.wanted.mended |= self.wanted.refused.keys()
        self.wanted.refused.clear()

    def edit_cart(self, cart: Document) -> None:
        """One more of the first thing in a cart."""
        line = cart["lineItems"][0]
        set_quantity(line, line["quantity"] + 1, market_of_document(cart))
        set_total(cart)
        self._put("carts", cart)

    def _place(self, who: Document) -> None:
        template = self._random.choice(self._orders)
        key = str(self._uuid())
        order = {name: value for name, value in template.items() if name not in _NOT_COPIED and not name.startswith("customer")}
        for name in ("version", "createdAt", "lastModifiedAt"):
            order.pop(name, None)
        order |= who | {
            "id": key,
            "orderNumber": f"kill-{self._next()}",
            "orderState": "Open",
            "paymentState": "Pending",
            "origin": "Customer",
            "cart": {"typeId": "cart", "id": str(self._uuid())},
            "lineItems": copied_lines(template, key, (2, 1)),
        }
        set_total(order)
        self._own_orders.append(self._put("orders", order))
        self.wanted.orders.add(key)

    def _put(self, resource: str, document: Document) -> Document:
        kept: Document = self._sandbox.admin("commercetools", "POST", f"documents/{resource}", document)
        return kept

    def _next(self) -> int:
        self._serial += 1
        return self._serial

    def _uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self._random.getrandbits(128), version=4)


def _documents(conn: duckdb.DuckDBPyConnection, resource: str) -> list[Document]:
    rows = conn.execute(f"select cast(document as varchar) from raw.{resource} order by id").fetchall()
    return [orjson.loads(text) for (text,) in rows]


def _is_copyable(order: Document) -> bool:
    return len([line for line in order["lineItems"] if line["totalPrice"]["centAmount"]]) > 1


def _was_charged(payment: Document) -> bool:
    kinds = [one["type"] for one in payment["transactions"]]
    return "Charge" in kinds and "Refund" not in kinds and "customer" in payment
