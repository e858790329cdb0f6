"""Keys, limits, sizes, paths and faults of the Iterable stand-in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from tests.http import HTTP

if TYPE_CHECKING:
    from tests.contract.iterable_vendor import Vendor

pytest_plugins = ("tests.contract.iterable_vendor",)


def test_a_call_without_a_key_is_401_bad_api_key(iterable_vendor: Vendor) -> None:
    answer = HTTP.get(f"{iterable_vendor.client.base_url}/api/channels")
    assert (answer.status_code, answer.json()["code"]) == (401, "BadApiKey")
    assert answer.json().keys() == {"msg", "code", "params"}


@pytest.mark.parametrize(("undocumented", "code"), [("lenient", "BadApiKey"), ("strict", "Success")])
def test_a_wrong_key_is_401_even_where_the_code_says_success(iterable_vendor: Vendor, undocumented: str, code: str) -> None:
    iterable_vendor.settings(undocumented=undocumented)
    answer = iterable_vendor.client.get("/api/channels", headers={"Api-Key": "x" * 32})
    assert (answer.status_code, answer.json()["code"]) == (401, code)


@pytest.mark.parametrize("header", ["Api-Key", "Api_Key"])
def test_both_spellings_of_the_key_header_are_taken(iterable_vendor: Vendor, header: str) -> None:
    answer = HTTP.get(f"{iterable_vendor.client.base_url}/api/channels", headers={header: iterable_vendor.key})
    assert answer.status_code == 200


def test_a_client_side_key_may_not_call_bulk_endpoints(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(api_key_type="client")
    refused = iterable_vendor.post("users/bulkUpdate", {"users": []})
    assert (refused.status_code, refused.json()["code"]) == (401, "BadApiKey")
    assert refused.json()["params"].keys() == {"ip", "endpoint", "apiKeyIdentifier", "apiKeyType"}
    assert iterable_vendor.get("channels").status_code == 200


def test_a_sixth_bulk_update_within_a_second_is_429_with_the_reset_in_params(iterable_vendor: Vendor) -> None:
    statuses = [iterable_vendor.post("users/bulkUpdate", {"users": []}).status_code for _ in range(5)]
    refused = iterable_vendor.post("users/bulkUpdate", {"users": []})
    assert statuses == [200] * 5
    assert (refused.status_code, refused.json()["code"]) == (429, "RateLimitExceeded")
    assert refused.json()["params"] == {"rateLimitLimit": 5, "rateLimitRemaining": 0, "rateLimitReset": 1}
    assert "retry-after" not in refused.headers


def test_tokens_come_back_with_time(iterable_vendor: Vendor) -> None:
    for _ in range(6):
        iterable_vendor.post("users/bulkUpdate", {"users": []})
    iterable_vendor.tick_s += 0.2
    assert iterable_vendor.post("users/bulkUpdate", {"users": []}).status_code == 200
    assert iterable_vendor.post("users/bulkUpdate", {"users": []}).status_code == 429


@pytest.mark.parametrize(
    ("path", "params", "allowed", "refill_s"),
    [("export/data.json", {"dataTypeName": "user"}, 4, 15), ("users/getFields", {}, 3, 1 / 3)],
)
def test_reads_have_limits_whose_429_has_no_params(
    iterable_vendor: Vendor, path: str, params: dict[str, str], allowed: int, refill_s: float
) -> None:
    statuses = [iterable_vendor.get(path, **params).status_code for _ in range(allowed)]
    refused = iterable_vendor.get(path, **params)
    assert statuses == [200] * allowed
    assert (refused.status_code, refused.json()["params"]) == (429, None)
    assert refused.json()["msg"] == f"Exceeded rate limit for endpoint: /api/{path}, project: 8575"
    iterable_vendor.tick_s += refill_s + 0.01
    assert iterable_vendor.get(path, **params).status_code == 200


def test_a_thousand_erasures_a_day_is_the_cap(iterable_vendor: Vendor) -> None:
    statuses = []
    for number in range(1_002):
        iterable_vendor.tick_s += 0.5
        statuses.append(iterable_vendor.post("users/forget", {"email": f"f{number}@shop.example.com"}).status_code)
    # 501 seconds let the daily bucket regain five of its thousand tokens, so the cap is met a little later.
    assert statuses == [200] * 1_002
    for number in range(6):
        iterable_vendor.tick_s += 0.5
        statuses.append(iterable_vendor.post("users/forget", {"email": f"g{number}@shop.example.com"}).status_code)
    assert statuses[-1] == 429


def test_limits_can_be_switched_off(iterable_vendor: Vendor) -> None:
    iterable_vendor.settings(rate_limits=False)
    assert {iterable_vendor.post("users/bulkUpdate", {"users": []}).status_code for _ in range(12)} == {200}


@pytest.mark.parametrize(("undocumented", "bytes_max"), [("lenient", 4_194_304), ("strict", 4_000_000)])
def test_a_body_over_four_megabytes_is_413_counted_in_bytes(iterable_vendor: Vendor, undocumented: str, bytes_max: int) -> None:
    iterable_vendor.settings(undocumented=undocumented)
    head, tail = b'{"users":[],"x":"', b'"}'
    filling = "é".encode() * ((bytes_max - len(head) - len(tail)) // 2)
    fits = (head + filling + tail).ljust(bytes_max)
    call = {"url": "/api/users/bulkUpdate", "headers": {"Content-Type": "application/json"}}
    assert iterable_vendor.client.post(content=fits, **call).status_code != 413
    assert iterable_vendor.client.post(content=fits + b" ", **call).status_code == 413


def test_a_count_limit_is_batch_too_large_where_the_project_has_one(iterable_vendor: Vendor) -> None:
    rows = [{"email": f"a{number}@example.com"} for number in range(3)]
    assert iterable_vendor.bulk(*rows)["successCount"] == 3
    iterable_vendor.settings(rows_max=2)
    refused = iterable_vendor.post("users/bulkUpdate", {"users": rows})
    assert (refused.status_code, refused.json()["code"]) == (400, "BatchTooLarge")


def test_a_body_that_is_no_json_is_bad_json_body(iterable_vendor: Vendor) -> None:
    answer = iterable_vendor.client.post("/api/users/update", content=b"{")
    assert (answer.status_code, answer.json()["code"]) == (400, "BadJsonBody")


def test_an_unknown_path_is_404_in_the_vendors_shape(iterable_vendor: Vendor) -> None:
    answer = iterable_vendor.post("users/nothing/here", {})
    assert (answer.status_code, answer.json()["code"]) == (404, "NotFound")


@pytest.mark.parametrize(("undocumented", "status"), [("lenient", 200), ("strict", 400)])
def test_an_unknown_key_is_ignored_with_a_note_or_refused(iterable_vendor: Vendor, undocumented: str, status: int) -> None:
    iterable_vendor.settings(undocumented=undocumented)
    answer = iterable_vendor.post("users/update", {"email": "a@example.com", "surprise": 1})
    assert answer.status_code == status
    assert ("unknown_key" in iterable_vendor.notes()) == (status == 200)


def test_an_injected_502_is_html_as_from_the_ingress_and_has_no_effect(iterable_vendor: Vendor) -> None:
    rule = {"match": {"method": "POST", "path": "/api/users/update"}, "times": 1, "kind": "status", "status": 502}
    iterable_vendor.admin("faults", {"rules": [rule]})
    broken = iterable_vendor.post("users/update", {"email": "a@example.com"})
    assert (broken.status_code, broken.headers["content-type"].split(";")[0]) == (502, "text/html")
    assert iterable_vendor.fields("a@example.com") is None
    assert iterable_vendor.post("users/update", {"email": "a@example.com"}).status_code == 200


def test_a_lost_answer_leaves_the_effect_behind(iterable_vendor: Vendor) -> None:
    rule = {"match": {"method": "POST", "path": "/api/events/track"}, "times": 1, "kind": "drop_after"}
    iterable_vendor.admin("faults", {"rules": [rule]})
    with pytest.raises(httpx.TransportError):
        iterable_vendor.post("events/track", {"email": "a@example.com", "eventName": "e", "id": "e-1", "createdAt": 1})
    assert [event["id"] for event in iterable_vendor.events("a@example.com")] == ["e-1"]


def test_a_request_dropped_before_handling_has_no_effect(iterable_vendor: Vendor) -> None:
    rule = {"match": {"method": "POST", "path": "/api/events/track"}, "times": 1, "kind": "drop_before"}
    iterable_vendor.admin("faults", {"rules": [rule]})
    with pytest.raises(httpx.TransportError):
        iterable_vendor.post("events/track", {"email": "a@example.com", "eventName": "e", "id": "e-1", "createdAt": 1})
    assert iterable_vendor.events("a@example.com") == []
