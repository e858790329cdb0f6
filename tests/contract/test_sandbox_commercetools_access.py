"""Tokens, scopes, paths and headers of the commercetools stand-in."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.contract.commercetools_vendor import CLIENT, FIRST, KEY, Vendor, refusal

pytest_plugins = ("tests.contract.commercetools_vendor",)

GRANT = {"grant_type": "client_credentials"}

VIEW_SCOPES = [
    ("customers", ["view_customers", "manage_customers"]),
    ("orders", ["view_orders", "manage_orders"]),
    ("carts", ["view_orders", "manage_orders"]),
    ("payments", ["view_payments", "manage_payments"]),
    ("product-projections", ["view_products", "view_published_products", "manage_products"]),
    ("categories", ["view_categories", "view_products"]),
    ("stores", ["view_stores"]),
    ("customer-groups", ["view_customer_groups", "view_customers"]),
    ("channels", ["view_channels", "view_products"]),
    ("types", ["view_types"]),
    ("inventory", ["view_products", "manage_products"]),
    ("discount-codes", ["view_discount_codes"]),
    ("product-types", ["view_products"]),
    ("states", ["view_states"]),
    ("custom-objects", ["view_key_value_documents"]),
    ("business-units", ["view_business_units"]),
    ("messages", ["view_messages", "view_orders"]),
]
EVERY_SCOPE = sorted({scope for _, scopes in VIEW_SCOPES for scope in scopes} | {"view_project_settings"})


def ask_token(vendor: Vendor, form: dict[str, str], auth: tuple[str, str] | None = CLIENT) -> httpx.Response:
    return vendor.client.post("/oauth/token", data=form, auth=auth or httpx.USE_CLIENT_DEFAULT)


def test_client_credentials_by_basic_give_a_bearer_token_with_its_lifetime(vendor: Vendor) -> None:
    answer = ask_token(vendor, {**GRANT, "scope": f"view_orders:{KEY} view_customers:{KEY}"}).json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 172_800)
    assert answer["scope"].split() == [f"view_customers:{KEY}", f"view_orders:{KEY}"]
    assert "refresh_token" not in answer


def test_grant_and_scope_may_come_in_the_query(vendor: Vendor) -> None:
    answer = vendor.client.post("/oauth/token", params={**GRANT, "scope": f"view_types:{KEY}"}, auth=CLIENT)
    assert answer.json()["scope"] == f"view_types:{KEY}"


@pytest.mark.parametrize("auth", [None, (CLIENT[0], "wrong"), ("wrong", CLIENT[1])])
def test_a_token_request_without_the_right_basic_credentials_is_401(vendor: Vendor, auth: tuple[str, str] | None) -> None:
    answer = ask_token(vendor, GRANT, auth)
    assert refusal(answer)[:2] == (401, "invalid_client")
    assert answer.json()["error"] == "invalid_client"


def test_credentials_in_the_form_are_not_taken(vendor: Vendor) -> None:
    answer = ask_token(vendor, {**GRANT, "client_id": CLIENT[0], "client_secret": CLIENT[1]}, None)
    assert refusal(answer)[0] == 401


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({**GRANT, "scope": "view_orders"}, "invalid_scope"),
        ({**GRANT, "scope": "view_orders:another-project"}, "invalid_scope"),
    ],
)
def test_a_wrong_token_request_is_400(vendor: Vendor, form: dict[str, str], code: str) -> None:
    assert refusal(ask_token(vendor, form))[:2] == (400, code)


@pytest.mark.parametrize("authorization", ["", "Bearer nonsense", "Basic ZGVtbzpkZW1v"])
def test_a_call_without_a_valid_token_is_401(vendor: Vendor, authorization: str) -> None:
    answer = vendor.client.get(f"/{KEY}/orders", headers={"Authorization": authorization})
    assert refusal(answer)[:2] == (401, "invalid_token")
    assert answer.json()["error"] == "invalid_token"


def test_a_token_ends_after_its_lifetime(vendor: Vendor) -> None:
    vendor.clock.offset_seconds = 172_799 - 60
    assert vendor.get("/orders").status_code == 200
    vendor.clock.offset_seconds = 172_801
    assert refusal(vendor.get("/orders"))[:2] == (401, "invalid_token")


def test_introspection_tells_scopes_and_end_of_a_live_token_only(vendor: Vendor) -> None:
    token = vendor.token_for("view_orders")
    live = vendor.client.post("/oauth/introspect", data={"token": token}, auth=CLIENT).json()
    assert (live["active"], live["scope"]) == (True, f"view_orders:{KEY}")
    assert live["exp"] > vendor.clock.now_ms()
    assert vendor.client.post("/oauth/introspect", data={"token": "nonsense"}, auth=CLIENT).json() == {"active": False}
    assert refusal(vendor.client.post("/oauth/introspect", data={"token": token}))[0] == 401


@pytest.mark.parametrize(("path", "scopes"), VIEW_SCOPES)
def test_reading_a_resource_needs_one_of_its_scopes(vendor: Vendor, path: str, scopes: list[str]) -> None:
    for scope in scopes:
        assert vendor.call("GET", f"/{path}", vendor.token_for(scope)).status_code == 200
    others = vendor.token_for(" ".join(scope for scope in EVERY_SCOPE if scope not in scopes and not scope.startswith("manage")))
    status, code, message = refusal(vendor.call("GET", f"/{path}", others))
    assert (status, code) == (403, "insufficient_scope")
    assert message.startswith("Insufficient scope. One of the following scopes is missing:")
    assert f"{scopes[0]}:{KEY}" in message


def test_staged_projections_need_view_products(vendor: Vendor) -> None:
    published = vendor.token_for("view_published_products")
    assert vendor.call("GET", "/product-projections", published).status_code == 200
    assert refusal(vendor.call("GET", "/product-projections", published, params={"staged": "true"}))[0] == 403


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_changing_a_customer_needs_manage_customers(vendor: Vendor, method: str) -> None:
    answer = vendor.call(method, f"/customers/{FIRST}", vendor.token_for("view_customers"), params={"version": 1})
    assert refusal(answer)[:2] == (403, "insufficient_scope")


def test_another_project_is_403(vendor: Vendor) -> None:
    answer = vendor.client.get("/another-project/orders", headers={"Authorization": f"Bearer {vendor.token}"})
    assert refusal(answer)[:2] == (403, "insufficient_scope")


def test_project_settings_need_their_scope_and_tell_whether_messages_are_on(vendor: Vendor) -> None:
    assert refusal(vendor.call("GET", "", vendor.token_for("view_orders")))[0] == 403
    settings = vendor.call("GET", "", vendor.token_for("view_project_settings")).json()
    assert (settings["key"], settings["messages"]["enabled"]) == (KEY, True)
    assert (settings["languages"], settings["countries"]) == (["de"], ["DE"])
    vendor.admin("POST", "settings", {"messages_enabled": False})
    assert vendor.get("").json()["messages"]["enabled"] is False


@pytest.mark.parametrize("path", ["/unicorns", "/product_projections", "/customers/", f"/orders/key={FIRST}"])
def test_an_unknown_path_is_404(vendor: Vendor, path: str) -> None:
    assert refusal(vendor.get(path))[:2] == (404, "ResourceNotFound")


@pytest.mark.parametrize(("method", "path"), [("POST", "/customers"), ("DELETE", f"/messages/{FIRST}"), ("PUT", "/orders")])
def test_a_method_that_the_path_has_not_is_405(vendor: Vendor, method: str, path: str) -> None:
    assert refusal(vendor.call(method, path))[0] == 405


def test_the_date_header_is_the_sandbox_clock(vendor: Vendor) -> None:
    vendor.clock.offset_seconds = 3_600
    told = parsedate_to_datetime(vendor.get("/stores").headers["date"])
    assert abs((vendor.clock.now() - told).total_seconds()) < 30


def test_a_correlation_id_comes_back_if_it_is_well_formed(vendor: Vendor) -> None:
    answer = vendor.call("GET", "/stores", headers={"X-Correlation-ID": "run_7-page-0001"})
    assert answer.headers["x-correlation-id"] == "run_7-page-0001"
    for wrong in ("short", "with space in it", "x" * 257):
        answer = vendor.call("GET", "/stores", headers={"X-Correlation-ID": wrong})
        assert answer.headers["x-correlation-id"] != wrong
