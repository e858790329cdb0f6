"""A ledger, a client and the Iterable stand-in on a real socket; the visibility delay passes by moving both clocks."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from pydantic import SecretStr

from activation.deliver import DeliveryReport, deliver
from activation.ledger.items import ConsentRow, NewItem
from activation.ledger.refused import Which
from activation.ledger.store import Ledger
from cartwire.clock import now_ms
from clients import tls
from clients.endpoints import ENDPOINTS
from clients.iterable import IterableClient
from clients.retry import RetryPolicy
from sandbox.clock import Clock
from sandbox.faults import FaultPlan
from sandbox.iterable.app import create_app
from sandbox.iterable.options import Options
from sandbox.journal import Journal
from sandbox.server import RunningServers, serve

SECRET = b"s" * 32
VISIBILITY_S = 60.0
GOODS = {"id": "p-1", "name": "Tea", "price": 2.5, "quantity": 1}


@dataclass(frozen=True)
class ClientSettings:
    iterable_api_url: str
    iterable_api_key: SecretStr
    rate_share: float = 0.7


class World:
    """One run after the other against one project. `sleep` moves time instead of spending it."""

    def __init__(self, servers: RunningServers, clock: Clock, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.url = servers.urls["iterable"]
        self.path = folder / "ledger.sqlite"
        self.ledger = Ledger.open(self.path, SECRET)
        self.vendor = httpx.Client(base_url=self.url, verify=tls.context(), timeout=30)
        self.client = self.new_client()
        self.slept_s = 0.0
        self._clock, self._monkeypatch = clock, monkeypatch
        self._runs = itertools.count(1)
        self._numbers = itertools.count(1_000)
        clock.offset_seconds = 0.0
        self.admin("reset", {})
        self.vendor.delete("/_sandbox/faults")
        self.admin("settings", {"visibility_seconds": VISIBILITY_S})

    def new_client(
        self, *, key: str = Options().api_key, url: str | None = None, sleep: Callable[[float], None] = time.sleep
    ) -> IterableClient:
        settings = ClientSettings(url or self.url, SecretStr(key))
        return IterableClient(settings, retries=RetryPolicy(attempts=3, wait_first_s=0.01, wait_max_s=0.05), sleep=sleep)

    def close(self) -> None:
        self.client.close()
        self.vendor.close()
        self.ledger.close()

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        self._clock.offset_seconds += seconds
        self._monkeypatch.setenv("CARTWIRE_CLOCK_OFFSET_SECONDS", str(self._clock.offset_seconds))

    def admin(self, path: str, body: Any = None) -> Any:
        """A /_sandbox route: POST with a body, GET without."""
        url = f"/_sandbox/{path}"
        answer = self.vendor.get(url) if body is None else self.vendor.post(url, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, path: str, kind: str, *, nth: int = 1, times: int | None = 1, **more: Any) -> None:
        rule = {"match": {"method": "*", "path": path}, "nth": nth, "times": times, "kind": kind, **more}
        self.admin("faults", {"rules": [rule]})

    def next_number(self) -> int:
        """For a fact that was never there before."""
        return next(self._numbers)

    def frozen(self, *items: NewItem, consent: list[ConsentRow] | None = None) -> str:
        """A run with one frozen stage of these items."""
        run_id = f"run-{next(self._runs)}"
        self.ledger.start_run(run_id, "test")
        self.ledger.freeze(run_id, "main", items, consent or [])
        return run_id

    def deliver(self, run_id: str, **options: Any) -> DeliveryReport:
        client = options.pop("client", self.client)
        options = {"visibility_s": VISIBILITY_S, "sleep": self.sleep, **options}
        report = deliver(self.ledger, client, run_id, "main", **options)
        self.ledger.prove_conservation(run_id)
        self.ledger.end_run(run_id, "done", 0)
        return report

    def run(self, *items: NewItem, **options: Any) -> str:
        run_id = self.frozen(*items, consent=options.pop("consent", None))
        self.deliver(run_id, **options)
        return run_id

    def states(self, run_id: str) -> dict[str, str]:
        """Subject → state."""
        rows = self.ledger.rejections(Which(run_id=run_id, states=STATES), rows_max=100_000)
        return {row["subject"]: row["state"] for row in rows}

    def reasons(self, run_id: str) -> dict[str, str]:
        rows = self.ledger.rejections(Which(run_id=run_id, states=("rejected", "held", "suppressed")), rows_max=100_000)
        return {row["subject"]: row["reason"] for row in rows}

    def new_list(self, name: str) -> int:
        """A static list made in the vendor's own way; answers its number."""
        answer = self.vendor.post("/api/lists", json={"name": name}, headers={"Api-Key": Options().api_key})
        return int(answer.raise_for_status().json()["listId"])

    def people(self, *left: tuple[int, list[int]]) -> None:
        """People who are there, and the channels they have left by now, without any event."""
        users = [
            {"email": f"person{number}@example.com", "dataFields": {"unsubscribedChannelIds": channels}}
            for number, channels in left
        ]
        self.admin("users", {"users": users})

    def leaves(self, person: int, **what: Any) -> None:
        """A person leaves a channel (101) or message type by themselves."""
        self.admin("person-unsubscribes", {"email": f"person{person}@example.com", **(what or {"channelId": 101})})

    def forget(self, email: str) -> None:
        """Somebody is forgotten in Iterable's own app."""
        self.admin("forget", {"email": email})

    def without_limits(self) -> None:
        """For many requests: neither side counts them."""
        self.admin("settings", {"rate_limits": False})
        for name, endpoint in list(ENDPOINTS.items()):
            self._monkeypatch.setitem(ENDPOINTS, name, replace(endpoint, calls_max=10_000, burst_calls=1_000))
        self.client.close()
        self.client = self.new_client()

    def left(self, field: str = "unsubscribedChannelIds") -> dict[str, list[int]]:
        """Address → an array of the profile."""
        return {one["email"]: one["dataFields"].get(field, []) for one in self.admin("state")["users"]}

    def triggers(self) -> dict[str, Any]:
        report: dict[str, Any] = self.admin("triggers")
        return report

    def writes(self) -> dict[str, Any]:
        report: dict[str, Any] = self.admin("writes")
        return report


STATES = ("staged", "sending", "unknown", "accepted", "rejected", "held", "suppressed", "superseded")


def user(number: int, **more: Any) -> NewItem:
    email = more.pop("email", f"person{number}@example.com")
    document = {"email": email, "dataFields": more.pop("data", {"firstName": f"Name {number}", "consent": {"email": True}})}
    if more.get("user_id"):
        document["userId"] = more["user_id"]
    return NewItem(
        object="users",
        kind="users",
        subject=f"person-{number}",
        person_key=f"person-{number}",
        fingerprint="f",
        lane=3,
        email=email,
        fragment=orjson.dumps(document),
        **more,
    )


def purchase(number: int, person: int, **more: Any) -> NewItem:
    document = {
        "id": f"order-{number}",
        "user": {"email": f"person{person}@example.com"},
        "items": [GOODS],
        "total": 2.5,
        "createdAt": 1_790_000_000 + number,
        "dataFields": {"currencyCode": "EUR"},
    }
    return NewItem(
        object="purchases",
        kind="purchases",
        subject=f"order-{number}",
        person_key=f"person-{person}",
        fingerprint="f",
        lane=4,
        email=f"person{person}@example.com",
        fragment=orjson.dumps(document),
        **more,
    )


def cart(person: int, **more: Any) -> NewItem:
    document = {"user": {"email": f"person{person}@example.com"}, "items": [GOODS]}
    return NewItem(
        object="carts",
        kind="carts",
        subject=f"cart-{person}",
        person_key=f"person-{person}",
        fingerprint="f",
        lane=5,
        email=f"person{person}@example.com",
        fragment=orjson.dumps(document),
        **more,
    )


def event(number: int, person: int, name: str = "order_cancelled", **more: Any) -> NewItem:
    document = {
        "id": f"event-{number}",
        "eventName": name,
        "email": f"person{person}@example.com",
        "createdAt": 1_790_000_000 + number,
        "dataFields": {"orderId": str(number)},
    }
    return NewItem(
        object="events",
        kind=name,
        subject=f"event-{number}",
        person_key=f"person-{person}",
        fingerprint="f",
        lane=6,
        email=f"person{person}@example.com",
        fragment=orjson.dumps(document),
        **more,
    )


def withdrawal(person: int, channel: int = 101) -> NewItem:
    email = f"person{person}@example.com"
    return NewItem(
        object="withdrawals",
        kind="withdrawals",
        subject=f"person-{person}:{channel}",
        person_key=f"person-{person}",
        fingerprint="f",
        lane=1,
        email=email,
        fragment=orjson.dumps({"email": email}),
        bulk_key=str(channel),
    )


def grant(person: int, target: str = "messageChannel/101", *, stated_at_ms: int | None = None, **more: Any) -> NewItem:
    """A grant of somebody whom planning knew to have left the channel, on the word they gave now unless told otherwise."""
    email = f"person{person}@example.com"
    scope = more.pop("scope", ("email:marketing",))
    document = {
        "email": email,
        "channelId": more.pop("channel_id", int(target.split("/")[1])),
        "isChannelLeft": more.pop("is_channel_left", True),
        "policy": more.pop("policy", "OptOut"),
        "consentScope": list(scope),
        "statedAtMs": now_ms() if stated_at_ms is None else stated_at_ms,
    }
    return NewItem(
        object="grants",
        kind="grants",
        subject=f"person-{person}:{target}",
        person_key=f"person-{person}",
        fingerprint="f",
        lane=9,
        email=email,
        fragment=orjson.dumps(document),
        bulk_key=target,
        consent_requirement="channel",
        consent_scope=scope,
        occurred_at_ms=document["statedAtMs"],
        **more,
    )


def granted(person: int, channel: str = "email", **more: Any) -> ConsentRow:
    """A person's consent to marketing on a channel."""
    values = {"purpose": "marketing", "status": "granted", "is_messageable": True, **more}
    return ConsentRow(person_key=f"person-{person}", channel=channel, **values)


@pytest.fixture(scope="session")
def delivery_servers() -> Iterator[tuple[RunningServers, Clock]]:
    clock = Clock()
    app = create_app(Options(visibility_seconds=VISIBILITY_S), clock, FaultPlan(), Journal())
    with serve({"iterable": app}) as servers:
        yield servers, clock


@pytest.fixture
def world(delivery_servers: tuple[RunningServers, Clock], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("CARTWIRE_CLOCK_OFFSET_SECONDS", "0")
    monkeypatch.delenv("CARTWIRE_CRASH_AT", raising=False)
    one = World(*delivery_servers, tmp_path, monkeypatch)
    yield one
    one.close()
