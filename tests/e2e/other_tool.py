"""Another integration that has written to the Iterable project for years: its users, fields, events, and purchases of our orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from clients.commercetools import CommercetoolsClient
from tests.e2e.shop_rows import rows

STRANGER = "only.there@example.com"


@dataclass(frozen=True)
class Traces:
    """What it left: a customer with fields of its own, and orders of ours it sent under its own ids."""

    known: dict[str, Any]
    by_number: dict[str, Any]
    by_content: dict[str, Any]


class OtherTool:
    """Speaks to Iterable with a key of the same project."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._client = httpx.Client(
            base_url=environment["ITERABLE_API_URL"], headers={"Api-Key": environment["ITERABLE_API_KEY"]}, timeout=30
        )

    def post(self, path: str, body: Any) -> Any:
        answer = self._client.post(f"/api/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def delete_user(self, identifier: dict[str, str]) -> None:
        """Delete a user, by `email` or `userId`."""
        path = f"byUserId/{identifier['userId']}" if "userId" in identifier else identifier["email"]
        self._client.delete(f"/api/users/{path}").raise_for_status()

    def bought(self, order: dict[str, Any], person: dict[str, Any], purchase_id: str, **fields: Any) -> None:
        """A purchase of this order as that tool sends it."""
        total = order["totalPrice"]["centAmount"] / 10 ** order["totalPrice"]["fractionDigits"]
        at = datetime.fromisoformat(order["createdAt"]).timestamp()
        self.post(
            "commerce/trackPurchase",
            {
                "id": purchase_id,
                "user": {"email": person["email"], "userId": person["id"]},
                "items": [{"id": "x", "name": "x", "price": total, "quantity": 1}],
                "total": float(total),
                "createdAt": int(at) + 600,
                "dataFields": fields,
            },
        )


def leave_traces(environment: dict[str, str], orders: list[dict[str, Any]], people: dict[str, Any]) -> Traces:
    """Fill the project as that tool did: two of `orders`, one of `people` with fields, a stranger, events."""
    tool = OtherTool(environment)
    first, second = orders[:2]
    known = people[first["customerId"]]
    stranger_id = {"userId": "only-there"} if environment["ITERABLE_IDENTITY"] == "user_id" else {}
    tool.post(
        "users/bulkUpdate",
        {
            "users": [
                {
                    "email": known["email"],
                    "userId": known["id"],
                    "dataFields": {"firstName": known["firstName"], "lastName": "Other", "shoeSize": 42, "<script>": "x"},
                },
                {"email": STRANGER, **stranger_id, "dataFields": {"shoeSize": 38, "firstName": "Nobody"}},
            ]
        },
    )
    tool.bought(first, known, "legacy-1", orderNumber=first["orderNumber"])
    tool.bought(second, people[second["customerId"]], "legacy-2")
    tool.bought(first, known, "legacy-3", orderNumber="not-one-of-ours")
    for name in ("page_viewed", "order_refunded"):
        tool.post(
            "events/track",
            {
                "email": known["email"],
                "userId": known["id"],
                "eventName": name,
                "id": f"e-{name}".replace("_", "-"),
                "dataFields": {"a": 1},
            },
        )
    return Traces(known, first, second)


def recent_orders(settings: Any, since: datetime) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """(complete orders of registered people since then, oldest first; customers by id)."""
    with CommercetoolsClient.from_settings(settings) as client:
        orders = [one for one in _all(client, "orders") if one.get("customerId") and one.get("orderNumber")]
        people = {one["id"]: one for one in _all(client, "customers") if one.get("firstName") and one.get("email")}
    chosen = [one for one in orders if datetime.fromisoformat(one["createdAt"]) >= since and one["customerId"] in people]
    alone = {one["customerId"]: one for one in chosen}  # one each, so that no total meets another's
    return sorted(alone.values(), key=lambda one: one["createdAt"]), people


def _all(client: CommercetoolsClient, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    last = ""
    while True:
        where = f'id > "{last}"' if last else None
        page = rows(client, path, sort=["id asc"], where=where)
        if not page:
            return found
        found += page
        last = page[-1]["id"]
