"""What a delete in commercetools changes at Iterable and in the marts: one installation, told once."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cartwire.person import person_key
from clients.commercetools import CommercetoolsClient
from tests.conftest import SECRET, Sandbox
from tests.e2e.command import Outcome, cartwire
from tests.e2e.people import user_of
from tests.e2e.shop_rows import rows
from tests.http import HTTP

pytestmark = [pytest.mark.xdist_group("deletes"), pytest.mark.identities]
TWO_DAYS_S = 172_800
COUNTED = "select profile_id, currency_code, order_count, lifetime_value_gross from marts.customer_metrics"


@dataclass
class Deleted:
    """Who lost what, what each command answered, and the marts before and after."""

    sandbox: Sandbox
    folder: Path
    customer: str = ""
    told_customer: str = ""
    unknown_customer: dict[str, Any] = field(default_factory=dict)
    unknown_order: dict[str, Any] = field(default_factory=dict)
    order: dict[str, Any] = field(default_factory=dict)
    cancelled_order: dict[str, Any] = field(default_factory=dict)
    swept_cart: dict[str, Any] = field(default_factory=dict)
    expired_cart: dict[str, Any] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    writes: dict[str, dict[str, int]] = field(default_factory=dict)
    sent: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    carts: dict[str, dict[str, Any]] = field(default_factory=dict)
    metrics: dict[str, dict[tuple[str, str], tuple[int, Any]]] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    states: dict[str, dict[str, Any]] = field(default_factory=dict)

    def tell(self, name: str, *arguments: str, **changes: str) -> None:
        before = self.sandbox.writes()
        seq = self.sandbox.admin("iterable", "GET", "journal?summary=1")["last_seq"] or 0
        self.outcomes[name] = cartwire(self.sandbox.environment(self.folder, **changes), *arguments)
        after = self.sandbox.writes()
        journal = self.sandbox.admin("iterable", "GET", f"journal?since={seq}&bodies=1")["entries"]
        calls = [json.loads(entry["body"]) for entry in journal if entry["path"].startswith("/api/events/track")]
        self.sent[name] = [event for call in calls for event in call.get("events", [call])]
        self.writes[name] = {call: count - before.get(call, 0) for call, count in after.items() if count > before.get(call, 0)}
        assert self.outcomes[name].code == 0, self.outcomes[name].err

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.folder / "warehouse.duckdb")) as connection:
            return connection.execute(sql).fetchall()

    def remember_metrics(self, name: str) -> None:
        self.metrics[name] = {(row[0], row[1]): (row[2], row[3]) for row in self.rows(COUNTED)}

    def user(self, customer_id: str) -> dict[str, Any]:
        users: list[dict[str, Any]] = self.sandbox.admin("iterable", "GET", "state")["users"]
        return user_of(self.sandbox.identity, users, {"id": customer_id, "email": self.addresses[customer_id]})


@pytest.fixture(scope="module")
def deleted(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Deleted:
    sandbox_process.reset()
    told = Deleted(sandbox_process, tmp_path_factory.mktemp("deletes"))
    _delete_before_the_first_load(told)
    told.tell("first", "sync", "--json")
    told.remember_metrics("first")
    told.addresses = dict(told.rows("select customer_id, email from marts.profiles where customer_id is not null"))
    _choose(told)
    _delete(told)
    _now(told, "orders", told.unknown_order)
    told.tell("sweep", "sweep", "--json")
    told.tell("after", "sync", "--json")
    told.remember_metrics("after")
    told.tell("unchanged", "sync", "--json")
    told.carts["unchanged"] = {cart["id"]: told.user(cart["customerId"])["cart"] for cart in (told.swept_cart, told.expired_cart)}
    told.states["unchanged"] = sandbox_process.admin("iterable", "GET", "state")
    told.tell("rejections", "rejections", "--held", "--reason", "account not in the shop", "--json")
    _now(told, "customers", told.unknown_customer)
    sandbox_process.admin("commercetools", "POST", "clock", {"offset_seconds": TWO_DAYS_S})
    told.tell("two days later", "sync", "--json", CARTWIRE_CLOCK_OFFSET_SECONDS=str(TWO_DAYS_S))
    told.states["two days later"] = sandbox_process.admin("iterable", "GET", "state")
    return told


def _delete_before_the_first_load(told: Deleted) -> None:
    """A customer with orders, no cart in use and an address of their own, deleted before anybody loaded the shop."""
    with CommercetoolsClient.from_settings(told.sandbox.settings(told.folder)) as client:
        orders, carts, customers = (rows(client, path, sort=["id asc"], limit=500) for path in ("orders", "carts", "customers"))
    shared = Counter(row.get("email", "").lower() for row in customers)
    shared.update({row.get("customerEmail", "").lower() for row in (*orders, *carts) if "customerId" not in row})
    ordered = Counter(row.get("customerId") for row in orders if row["orderState"] == "Complete")
    busy = {row.get("customerId") for row in carts if row["cartState"] == "Active"}
    found = (row for row in customers if ordered[row["id"]] and row["id"] not in busy and shared[row["email"].lower()] == 1)
    told.unknown_customer = next(found)
    template = next(row for row in orders if row.get("customerId") == told.unknown_customer["id"])
    dateless = {name: value for name, value in template.items() if name not in ("createdAt", "completedAt")}
    told.unknown_order = {
        **dateless,
        "id": str(uuid.UUID(int=7, version=4)),
        "orderNumber": "of-an-unknown-account",
        "version": 1,
    }
    told.sandbox.admin("commercetools", "DELETE", f"documents/customers/{told.unknown_customer['id']}")


def _now(told: Deleted, resource: str, document: dict[str, Any]) -> None:
    """The shop has a document from now on, whatever it says of itself."""
    now = told.sandbox.admin("commercetools", "GET", "clock")["now"]
    stored = {"createdAt": now, **document, "lastModifiedAt": now}
    told.sandbox.admin("commercetools", "POST", f"documents/{resource}", stored)


def _choose(told: Deleted) -> None:
    with CommercetoolsClient.from_settings(told.sandbox.settings(told.folder)) as client:
        orders = rows(client, "orders", sort=["createdAt desc", "id asc"], limit=500)
        carts = {row["id"]: row for row in rows(client, "carts", sort=["id asc"], limit=500)}
    current = [row[0] for row in told.rows("select cart_id from marts.carts where is_current and item_count > 0 order by 1")]
    shown = [carts[cart_id] for cart_id in current if _is_only_cart(carts[cart_id], carts) and _has_cart(told, carts[cart_id])]
    told.swept_cart, told.expired_cart = shown[:2]
    busy = {told.swept_cart["customerId"], told.expired_cart["customerId"]}
    busy.add(told.unknown_customer["id"])
    mine = [order for order in orders if order.get("customerId") and order["customerId"] not in busy]
    told.order = next(order for order in mine if order["orderState"] == "Complete")
    others = [order for order in mine if order["customerId"] != told.order["customerId"]]
    told.cancelled_order = next(order for order in others if order["orderState"] == "Complete")
    kept = {told.order["customerId"], told.cancelled_order["customerId"], *busy}
    people = sorted({order["customerId"] for order in mine} - kept)
    told.customer, told.told_customer = people[:2]


def _is_only_cart(cart: dict[str, Any], carts: dict[str, dict[str, Any]]) -> bool:
    owner = cart.get("customerId")
    return (
        owner is not None and sum(one.get("customerId") == owner and one["cartState"] == "Active" for one in carts.values()) == 1
    )


def _has_cart(told: Deleted, cart: dict[str, Any]) -> bool:
    return bool(told.user(cart["customerId"]).get("cart"))


def _delete(told: Deleted) -> None:
    """Customers and orders with and without a Message, a cart by the sweep's account, another by its lifetime."""
    sandbox = told.sandbox
    remove = "documents/{}/{}".format
    sandbox.admin("commercetools", "DELETE", remove("customers", told.customer))
    sandbox.admin("commercetools", "DELETE", remove("orders", told.order["id"]))
    sandbox.admin("commercetools", "DELETE", remove("carts", told.swept_cart["id"]))
    expired = {**told.expired_cart, "deleteDaysAfterLastModification": 1}
    sandbox.admin("commercetools", "POST", "documents/carts", expired)
    _through_the_api(told, "orders", told.cancelled_order["id"], {"action": "changeOrderState", "orderState": "Cancelled"})
    _through_the_api(told, "customers", told.told_customer, None)
    _through_the_api(told, "orders", told.cancelled_order["id"], None)


def _through_the_api(told: Deleted, path: str, row_id: str, action: dict[str, Any] | None) -> None:
    """An update, or a delete where there is no action: both leave their Messages."""
    settings = told.sandbox.settings(told.folder)
    token = HTTP.post(
        f"{settings.ctp_auth_url}/oauth/token",
        data={"grant_type": "client_credentials"},
        auth=(settings.ctp_client_id, settings.ctp_client_secret.get_secret_value()),
    ).json()["access_token"]
    url = f"{settings.ctp_api_url}/{settings.ctp_project_key}/{path}/{row_id}"
    headers = {"Authorization": f"Bearer {token}"}
    version = HTTP.get(url, headers=headers).json()["version"]
    if action is None:
        HTTP.delete(url, params={"version": version}, headers=headers).raise_for_status()
    else:
        HTTP.post(url, json={"version": version, "actions": [action]}, headers=headers).raise_for_status()


def test_the_sweep_tells_what_vanished_and_writes_nothing_to_iterable(deleted: Deleted) -> None:
    found = {row["resource"]: row for row in deleted.outcomes["sweep"].json()["resources"]}
    assert {name: row["vanished"] for name, row in found.items() if row["vanished"]} == {"customers": 2, "orders": 2, "carts": 1}
    assert deleted.writes["sweep"] == {}


def test_each_deletion_says_how_it_was_learned(deleted: Deleted) -> None:
    rows = dict(deleted.rows("select resource_id, resource || ' ' || learned_by from marts.deletions"))
    assert rows == {
        deleted.customer: "customers sweep",
        deleted.told_customer: "customers message",
        deleted.order["id"]: "orders sweep",
        deleted.cancelled_order["id"]: "orders message",
        deleted.swept_cart["id"]: "carts sweep",
    }


def test_a_deleted_customer_is_messageable_nowhere(deleted: Deleted) -> None:
    ids = f"('{deleted.customer}', '{deleted.told_customer}')"
    assert deleted.rows(f"select bool_and(is_deleted), count(*) from marts.profiles where customer_id in {ids}") == [(True, 2)]
    consent = deleted.rows(
        "select distinct is_messageable, decided_by from marts.consent_state inner join marts.profiles using (profile_id)"
        f" where customer_id in {ids}"
    )
    assert consent == [(False, "person_deleted")]
    assert deleted.rows("select count(*) from marts.profiles where is_deleted") == [(2,)]


def test_a_deleted_order_stays_in_the_mart_and_counts_in_no_metric(deleted: Deleted) -> None:
    for order in (deleted.order, deleted.cancelled_order):
        facts = deleted.rows(
            f"select is_deleted, deleted_at is not null, is_counted, counted_reason from marts.orders where order_id = '{order['id']}'"
        )
        assert facts == [(True, True, False, "deleted_order")]
        before = deleted.metrics["first"][order["customerId"], order["totalPrice"]["currencyCode"]]
        after = deleted.metrics["after"].get((order["customerId"], order["totalPrice"]["currencyCode"]), (0, 0))
        assert after[0] == before[0] - 1
        assert deleted.user(order["customerId"])["dataFields"]["orderCount"] == after[0]


def test_no_event_is_sent_about_an_order_that_was_cancelled_and_deleted(deleted: Deleted) -> None:
    assert deleted.rows(
        f"select count(*) from activation.order_cancelled where order_id = '{deleted.cancelled_order['id']}'"
    ) == [(1,)]
    orders = {deleted.cancelled_order["id"], deleted.order["id"]}
    events = [row for rows in (deleted.sent["after"], deleted.sent["two days later"]) for row in rows]
    assert [row["eventName"] for row in events if orders & set(json.dumps(row).split('"'))] == []
    assert "commerce.trackPurchase" not in deleted.writes["after"]


def test_a_cart_that_vanished_is_emptied_once_and_is_no_order(deleted: Deleted) -> None:
    cart = deleted.swept_cart["id"]
    facts = deleted.rows(f"select gone_reason, cart_status, is_current, due_at from marts.carts where cart_id = '{cart}'")
    assert facts == [("deleted", "active", False, None)]
    assert deleted.writes["after"]["commerce.updateCart"] == 1
    assert deleted.carts["unchanged"][cart] == []


def test_a_cart_past_its_lifetime_is_emptied_without_any_sweep(deleted: Deleted) -> None:
    cart = deleted.expired_cart["id"]
    facts = deleted.rows(f"select gone_reason, cart_status, is_current, due_at from marts.carts where cart_id = '{cart}'")
    assert facts == [("expired", "active", False, None)]
    assert deleted.carts["unchanged"][cart] != []
    assert deleted.user(deleted.expired_cart["customerId"])["cart"] == []
    assert deleted.writes["two days later"]["commerce.updateCart"] == 1


def test_the_next_sync_of_an_unchanged_shop_says_nothing_again(deleted: Deleted) -> None:
    assert deleted.writes["unchanged"] == {}


def test_nothing_is_sent_of_an_account_whose_customer_was_deleted_before_the_first_load(deleted: Deleted) -> None:
    customer, state = deleted.unknown_customer, deleted.states["unchanged"]
    profile = deleted.rows(f"select distinct profile_id from marts.orders where customer_id = '{customer['id']}'")
    assert profile == [(customer["id"],)]
    assert customer["email"].lower() not in {user["email"] for user in state["users"]}
    assert _purchases_of_the_unknown_order(deleted, "unchanged") == []
    held = deleted.outcomes["rejections"].json()["rejections"]
    assert {"users", "purchases"} <= {row["object"] for row in held}
    assert {row["person_key"] for row in held} == {person_key(SECRET.encode(), f"customer:{customer['id']}")}


def test_when_the_customer_of_such_an_account_is_there_user_and_fresh_facts_follow_once(deleted: Deleted) -> None:
    user = deleted.user(deleted.unknown_customer["id"])
    assert user["dataFields"]["profileType"] == "registered"
    [purchase] = _purchases_of_the_unknown_order(deleted, "two days later")
    assert purchase["versions"] == 1
    rule = deleted.rows(f"select identity_rule from marts.profiles where customer_id = '{deleted.unknown_customer['id']}'")
    assert rule == [("own_account",)]


def _purchases_of_the_unknown_order(deleted: Deleted, name: str) -> list[dict[str, Any]]:
    order_id = deleted.unknown_order["id"]
    return [one for one in deleted.states[name]["purchases"] if one["data"].get("orderId") == order_id]
