"""Injected faults, the journal and the admin routes of the commercetools stand-in."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.commercetools_vendor import FIRST, KEY, SECOND, THIRD, Vendor, refusal, uuid_of

pytest_plugins = ("tests.contract.commercetools_vendor",)

BY_TIME = ["lastModifiedAt asc", "id asc"]


def entries(vendor: Vendor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = vendor.admin("GET", "journal?bodies=1")["entries"]
    return [entry for entry in found if entry["endpoint"] != "oauth token"]


def test_a_status_fault_answers_the_vendors_error_and_ends(vendor: Vendor) -> None:
    vendor.fault("status", status=503, times=2, headers={"Retry-After": "1"})
    first = vendor.get("/orders")
    assert refusal(first)[:2] == (503, "OverCapacity")
    assert first.headers["retry-after"] == "1"
    assert [vendor.get("/orders").status_code for _ in range(3)] == [503, 200, 200]


def test_a_status_fault_may_answer_html(vendor: Vendor) -> None:
    vendor.fault("status", status=502, body="<html>Bad Gateway</html>")
    answer = vendor.get("/orders")
    assert (answer.status_code, answer.text) == (502, "<html>Bad Gateway</html>")
    assert answer.headers["content-type"].startswith("text/html")


def test_a_fault_waits_for_its_nth_match_and_leaves_other_paths_alone(vendor: Vendor) -> None:
    vendor.fault("status", f"/{KEY}/orders", nth=2, times=1)
    assert [vendor.get(path).status_code for path in ("/orders", "/carts", "/orders", "/orders")] == [200, 200, 503, 200]


def test_a_fault_may_be_for_one_method_only(vendor: Vendor) -> None:
    vendor.admin("POST", "faults", {"rules": [{"kind": "status", "match": {"method": "POST", "path": f"/{KEY}/"}}]})
    assert vendor.get(f"/customers/{FIRST}").status_code == 200
    assert vendor.update(f"/customers/{FIRST}", 1).status_code == 503
    vendor.admin("DELETE", "faults")
    assert vendor.update(f"/customers/{FIRST}", 1).status_code == 200


def test_a_fault_may_be_for_one_query_only(vendor: Vendor) -> None:
    match = {"path": f"/{KEY}/orders", "query": "limit=2"}
    vendor.admin("POST", "faults", {"rules": [{"kind": "status", "match": match}]})
    assert [vendor.get("/orders", limit=number).status_code for number in (1, 2)] == [200, 503]


def test_a_fault_may_be_for_large_bodies_only(vendor: Vendor) -> None:
    path = f"/customers/{FIRST}"
    size = len(vendor.update(path, 1).request.content)
    match = {"path": f"/{KEY}/customers", "larger_than": size}
    vendor.admin("POST", "faults", {"rules": [{"kind": "status", "status": 413, "match": match}]})
    assert vendor.get(path).status_code == 200
    assert [vendor.update(path, version).status_code for version in (2, 1_000)] == [200, 413]


def test_a_delay_only_delays(vendor: Vendor) -> None:
    vendor.fault("delay", delay_ms=1)
    assert vendor.get("/orders").status_code == 200
    assert entries(vendor)[0]["fault"] == "delay"


def test_a_dropped_connection_leaves_no_effect_before_and_its_effect_after(vendor: Vendor) -> None:
    path = f"/customers/{FIRST}"
    vendor.fault("drop_before", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        vendor.update(path, 1, {"action": "setLocale", "locale": "de-DE"})
    assert vendor.get(path).json()["version"] == 1
    vendor.fault("drop_after", times=1)
    with pytest.raises(httpx.RemoteProtocolError):
        vendor.update(path, 1, {"action": "setLocale", "locale": "de-DE"})
    assert vendor.get(path).json()["version"] == 2
    assert [(entry["fault"], entry["status"]) for entry in entries(vendor) if entry["fault"]] == [
        ("drop_before", None),
        ("drop_after", 200),
    ]


def test_a_truncated_page_ends_in_the_middle(vendor: Vendor) -> None:
    vendor.fault("truncate", times=1)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        vendor.get("/orders")
    assert vendor.get("/orders").json()["count"] == 20


def test_a_token_may_end_in_the_middle_of_a_scan(vendor: Vendor) -> None:
    vendor.fault("token_expiry", f"/{KEY}/orders", nth=2, times=1)
    assert vendor.get("/orders", limit=10).status_code == 200
    assert refusal(vendor.get("/orders", limit=10, offset=10))[:2] == (401, "invalid_token")
    vendor.token = vendor.token_for("view_orders")
    assert vendor.get("/orders", limit=10, offset=10).status_code == 200


def test_a_row_that_changes_while_its_page_is_served_moves_to_the_end(vendor: Vendor) -> None:
    vendor.fault("mutate", times=1, body={"operation": "touch", "resource": "customers", "id": FIRST})
    assert vendor.ids("/customers", sort=BY_TIME, limit=2) == [FIRST, SECOND]
    assert vendor.ids("/customers", sort=BY_TIME) == [SECOND, THIRD, FIRST]


def test_offset_paging_skips_a_row_when_an_earlier_one_changes(vendor: Vendor) -> None:
    vendor.fault("mutate", times=1, body={"operation": "touch", "resource": "customers"})
    pages = [vendor.ids("/customers", sort=BY_TIME, limit=1, offset=offset) for offset in range(3)]
    assert pages == [[FIRST], [THIRD], [FIRST]]


def test_rows_may_appear_late_and_vanish_while_a_page_is_served(vendor: Vendor) -> None:
    late = {"id": uuid_of(5), "lastModifiedAt": "2026-01-01T12:00:00.000Z", "createdAt": "2026-01-01T12:00:00.000Z"}
    vendor.fault("mutate", times=1, body={"operation": "put", "resource": "customers", "document": late})
    vendor.fault("mutate", nth=2, times=1, body={"operation": "delete", "resource": "customers", "id": THIRD})
    assert [len(vendor.ids("/customers")) for _ in range(3)] == [3, 4, 3]
    assert vendor.ids("/customers", sort=BY_TIME) == [FIRST, uuid_of(5), SECOND]


@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "earthquake"},
        {"kind": "status", "stauts": 500},
        {"kind": "status", "nth": "2"},
        {"kind": "delay", "match": {"url": "/"}},
        {"kind": "status", "match": {"larger_than": "1 MB"}},
    ],
)
def test_a_wrong_fault_rule_is_refused(vendor: Vendor, rule: dict[str, Any]) -> None:
    answer = vendor.client.post("/_sandbox/faults", json={"rules": [rule]})
    assert answer.status_code == 400
    assert answer.json()["error"]
    assert vendor.admin("GET", "faults") == {"rules": []}


def test_the_journal_has_every_request_with_status_endpoint_and_rows(vendor: Vendor) -> None:
    vendor.get("/orders", limit=7)
    vendor.get("/orders", limit=501)
    vendor.update(f"/customers/{FIRST}", 1)
    read, refused, written = entries(vendor)
    assert (read["endpoint"], read["status"], read["rows"], read["query"]) == ("query orders", 200, 7, "limit=7")
    assert (refused["status"], refused["rows"]) == (400, None)
    assert (written["method"], written["body"]) == ("POST", '{"version":1,"actions":[]}')
    later = vendor.admin("GET", f"journal?since={refused['seq']}")
    assert [entry["seq"] for entry in later["entries"]] == [written["seq"]]
    assert "body" not in later["entries"][0]
    assert later["summary"] == {"requests": 1, "writes": 1, "by_endpoint": {"update customers 200": 1}}
    vendor.admin("DELETE", "journal")
    assert vendor.admin("GET", "journal")["summary"]["requests"] == 0


def test_touching_raises_versions_without_a_change_of_content(vendor: Vendor) -> None:
    before = {each["id"]: each for each in vendor.get("/orders", limit=500).json()["results"]}
    assert vendor.admin("POST", "touch", {"resource": "orders"}) == {"touched": 25}
    for after in vendor.get("/orders", limit=500).json()["results"]:
        old = before[after["id"]]
        assert after["version"] == old["version"] + 1
        assert after["lastModifiedAt"] > old["lastModifiedAt"]
        assert {**after, "version": 0, "lastModifiedAt": ""} == {**old, "version": 0, "lastModifiedAt": ""}
    assert vendor.get("/customers").json()["results"][0]["version"] == 1


def test_touching_everything_leaves_messages_alone(vendor: Vendor) -> None:
    vendor.update(f"/customers/{FIRST}", 1, {"action": "changeEmail", "email": "new@example.com"})
    vendor.admin("POST", "touch", {})
    assert vendor.get(f"/customers/{FIRST}").json()["version"] == 3
    assert vendor.get("/categories").json()["results"][0]["version"] == 2
    assert vendor.messages(FIRST)[0]["version"] == 1


def test_the_admin_adds_replaces_and_removes_documents_with_versions(vendor: Vendor) -> None:
    added = vendor.admin("POST", "documents/carts", {"cartState": "Active"})
    assert (added["version"], added["createdAt"]) == (1, added["lastModifiedAt"])
    replaced = vendor.admin("POST", "documents/carts?at=2026-05-05T00:00:00Z", {**added, "cartState": "Merged"})
    assert (replaced["version"], replaced["lastModifiedAt"]) == (2, "2026-05-05T00:00:00.000Z")
    assert vendor.admin("GET", f"documents/carts/{added['id']}") == replaced
    assert vendor.get(f"/carts/{added['id']}").json() == replaced
    vendor.admin("DELETE", f"documents/carts/{added['id']}")
    assert refusal(vendor.get(f"/carts/{added['id']}"))[0] == 404
    assert vendor.messages(added["id"]) == []


def test_the_admin_says_what_is_wrong_with_a_request(vendor: Vendor) -> None:
    for method, path, body in (
        ("POST", "documents/unicorns", {}),
        ("POST", "documents/carts", [1]),
        ("POST", "documents/carts", {"id": "no-uuid"}),
        ("POST", "touch", {"resource": "unicorns"}),
        ("POST", "settings", {"messages": True}),
        ("POST", "clock", {}),
    ):
        answer = vendor.client.request(method, f"/_sandbox/{path}", json=body)
        assert answer.status_code == 400, path
        assert answer.json()["error"]
    assert vendor.client.get(f"/_sandbox/documents/carts/{uuid_of(99)}").status_code == 404


def test_malformed_documents_are_served_as_they_are(vendor: Vendor) -> None:
    odd = f'{{"id": "{uuid_of(77)}", "totalPrice": 7, "lineItems": "none"}}'
    path = f"/_sandbox/documents/orders/{uuid_of(77)}/raw"
    vendor.client.put(path, params={"version": 3, "last_modified_at": "2026-06-01T00:00:00Z"}, content=odd)
    assert odd in vendor.get("/orders", sort="lastModifiedAt desc").text
    assert vendor.get(f"/orders/{uuid_of(77)}").text == odd
    assert uuid_of(77) in vendor.ids("/orders", where="version = 3")
    vendor.client.put(path, content="{broken")
    assert "{broken" in vendor.get("/orders", sort="lastModifiedAt desc").text
    assert len(vendor.ids("/orders", where="orderState is defined", limit=500)) == 25


def test_a_reset_brings_documents_faults_and_journal_back(vendor: Vendor) -> None:
    vendor.update(f"/customers/{FIRST}", 1, {"action": "changeEmail", "email": "new@example.com"})
    vendor.fault("status")
    vendor.admin("POST", "settings", {"messages_enabled": False})
    vendor.admin("POST", "clock", {"offset_seconds": 600})
    vendor.admin("POST", "reset")
    assert vendor.clock.offset_seconds == 0
    assert vendor.get(f"/customers/{FIRST}").json()["version"] == 1
    assert vendor.messages(FIRST) == []
    assert vendor.get("").json()["messages"]["enabled"] is True
    assert [entry["method"] for entry in entries(vendor)] == ["GET", "GET", "GET"]


def test_health_tells_the_clock_and_the_documents(vendor: Vendor) -> None:
    vendor.admin("POST", "clock", {"offset_seconds": 86_400})
    health = vendor.admin("GET", "health")
    assert health["documents"]["orders"] == 25
    assert health["meta"]["weeks"] == "13"
    assert health["now"][:10] == vendor.clock.now_iso()[:10]
