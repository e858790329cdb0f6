"""Acting as a person of the Iterable stand-in: which events an act writes, and that webhooks tell them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.server import serve

if TYPE_CHECKING:
    from tests.contract.iterable_vendor import Vendor

pytest_plugins = ("tests.contract.iterable_vendor",)

ANN = "ann@example.com"


def exported(vendor: Vendor, kind: str) -> list[dict[str, Any]]:
    answer = vendor.get("export/data.json", dataTypeName=kind, range="All")
    return [json.loads(line) for line in answer.text.splitlines()]


def act(vendor: Vendor, name: str, **more: Any) -> Any:
    return vendor.admin("person-acts", {"email": ANN, "act": name, **more})


@pytest.mark.parametrize(
    ("name", "more", "channel", "source"),
    [
        ("unsubscribe", {}, 101, "EmailLink"),
        ("unsubscribe", {"channelId": 103, "source": "HostedPage"}, 103, "HostedPage"),
        ("spam_complaint", {}, 101, "Complaint"),
        ("hard_bounce", {}, 101, "HardBounce"),
        ("sms_stop", {}, 103, "SMS"),
    ],
)
def test_every_way_of_leaving_a_channel_writes_an_unsubscribe_that_names_the_way(
    iterable_vendor: Vendor, name: str, more: dict[str, Any], channel: int, source: str
) -> None:
    iterable_vendor.bulk({"email": ANN})
    assert act(iterable_vendor, name, **more)["unsubscribedChannelIds"] == [channel]
    [event] = exported(iterable_vendor, "emailUnSubscribe")
    assert (event["channelIds"], event["unsubSource"], event["email"]) == ([channel], source, ANN)


def test_our_own_unsubscribe_names_the_api_as_its_source(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN})
    iterable_vendor.ok("users/updateSubscriptions", {"email": ANN, "unsubscribedChannelIds": [101]})
    [event] = exported(iterable_vendor, "emailUnSubscribe")
    assert event["unsubSource"] == "API"


def test_complaints_and_bounces_are_events_of_their_own_and_a_soft_bounce_leaves_the_channel_open(
    iterable_vendor: Vendor,
) -> None:
    iterable_vendor.bulk({"email": ANN})
    assert act(iterable_vendor, "soft_bounce")["unsubscribedChannelIds"] == []
    act(iterable_vendor, "hard_bounce")
    act(iterable_vendor, "spam_complaint")
    assert [event["recipientState"] for event in exported(iterable_vendor, "emailBounce")] == ["SoftBounce", "HardBounce"]
    assert [event["email"] for event in exported(iterable_vendor, "emailComplaint")] == [ANN]


def test_who_comes_back_writes_a_subscribe(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN})
    for name in ("unsubscribe", "sms_stop", "subscribe", "sms_start"):
        last = act(iterable_vendor, name)
    assert last["unsubscribedChannelIds"] == []
    events = exported(iterable_vendor, "emailSubscribe")
    assert [(event["channelIds"], event["signupSource"]) for event in events] == [([101], "EmailLink"), ([103], "SMS")]
    assert [event["smsMessage"] for event in exported(iterable_vendor, "smsReceived")] == ["STOP", "START"]


def test_a_double_opt_in_is_recorded_when_it_is_confirmed(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN})
    assert act(iterable_vendor, "double_opt_in_confirm", messageTypeId=205)["subscribedMessageTypeIds"] == [205]
    [event] = exported(iterable_vendor, "emailSubscribe")
    assert (event["messageTypeIds"], event["signupSource"]) == ([205], "SMS")


@pytest.mark.parametrize(
    "body", [{"email": ANN, "act": "dance"}, {"email": "no@example.com", "act": "subscribe"}, {"email": ANN}]
)
def test_an_act_nobody_can_do_is_refused(iterable_vendor: Vendor, body: dict[str, Any]) -> None:
    iterable_vendor.bulk({"email": ANN})
    assert iterable_vendor.client.post("/_sandbox/person-acts", json=body).status_code == 400


@pytest.fixture
def receiver() -> Iterator[tuple[str, list[tuple[str | None, dict[str, Any]]]]]:
    """An address that takes everything, and what it took: a header and the body."""
    taken: list[tuple[str | None, dict[str, Any]]] = []

    async def take(request: Request) -> Response:
        taken.append((request.headers.get("x-key"), await request.json()))
        return Response(status_code=200)

    with serve({"hook": Starlette(routes=[Route("/hook", take, methods=["POST"])])}) as servers:
        yield f"{servers.urls['hook']}/hook", taken


def test_a_webhook_tells_what_happened_before_reads_show_it_and_copies_are_possible(
    iterable_vendor: Vendor, receiver: tuple[str, list[tuple[str | None, dict[str, Any]]]]
) -> None:
    url, taken = receiver
    iterable_vendor.bulk({"email": ANN, "userId": "u-1"})
    iterable_vendor.settings(webhook_url=url, webhook_headers={"X-Key": "k"}, webhook_copies=2, visibility_seconds=60)
    act(iterable_vendor, "unsubscribe")
    deadline = time.monotonic() + 10
    while None in [one["status"] for one in iterable_vendor.admin("webhooks")["deliveries"]]:
        assert time.monotonic() < deadline
    assert iterable_vendor.admin("webhooks")["deliveries"] == [{"eventName": "emailUnSubscribe", "status": 200}] * 2
    assert exported(iterable_vendor, "emailUnSubscribe") == []
    (key, first), (_, second) = taken
    assert first == second
    assert (key, first["email"], first["userId"], first["eventName"]) == ("k", ANN, "u-1", "emailUnSubscribe")
    assert (first["dataFields"]["channelIds"], first["dataFields"]["unsubSource"]) == ([101], "EmailLink")


def test_a_receiver_that_is_not_there_costs_the_delivery_and_nothing_else(iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN})
    iterable_vendor.settings(webhook_url="http://127.0.0.1:9/hook")
    assert act(iterable_vendor, "unsubscribe")["unsubscribedChannelIds"] == [101]
    deadline = time.monotonic() + 30
    while iterable_vendor.admin("webhooks")["deliveries"][0]["status"] is None:
        assert time.monotonic() < deadline
    assert iterable_vendor.admin("webhooks")["deliveries"][0]["status"] == 0
