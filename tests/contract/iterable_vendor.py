"""The Iterable stand-in on a real socket, for contract tests: fixture `iterable_vendor`, emptied before each test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from clients import tls
from sandbox.clock import Clock
from sandbox.faults import FaultPlan
from sandbox.iterable.app import create_app
from sandbox.iterable.options import Options
from sandbox.iterable.project import Project
from sandbox.journal import Journal
from sandbox.server import serve


class Vendor:
    """A client of the stand-in, with hands on its clock and settings. Visibility is immediate unless set."""

    def __init__(self, url: str, project: Project, clock: Clock) -> None:
        self.project = project
        self.key = project.options.api_key
        self.client = httpx.Client(base_url=url, headers={"Api-Key": self.key}, verify=tls.context(), timeout=30)
        self._clock = clock
        self.tick_s = 0.0

    def reset(self) -> None:
        self._clock.offset_seconds = 0.0
        self.tick_s = 0.0
        self.admin("reset", {})
        self.project.limiter.monotonic = lambda: self.tick_s

    def post(self, path: str, body: Any) -> httpx.Response:
        return self.client.post(f"/api/{path}", json=body)

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.client.get(f"/api/{path}", params=params)

    def ok(self, path: str, body: Any) -> Any:
        """Post what must be taken, and give the answer's JSON."""
        answer = self.post(path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def bulk(self, *rows: dict[str, Any], **more: Any) -> Any:
        """users/bulkUpdate of these rows; the batch must be taken."""
        return self.ok("users/bulkUpdate", {"users": list(rows), **more})

    def fields(self, email: str) -> dict[str, Any] | None:
        """The data fields a read sees, None for an unknown person."""
        user = self.get("users/getByEmail", email=email).json().get("user")
        return None if user is None else user["dataFields"]

    def events(self, email: str) -> list[dict[str, Any]]:
        """What a read sees of a person's events, newest first."""
        found: list[dict[str, Any]] = self.get(f"events/{email}", limit=200).json()["events"]
        return found

    def admin(self, path: str, body: Any = None) -> Any:
        """A /_sandbox route: POST with a body, GET without. It must succeed."""
        url = f"/_sandbox/{path}"
        answer = self.client.get(url) if body is None else self.client.post(url, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def settings(self, **changes: Any) -> None:
        self.admin("settings", changes)

    def notes(self) -> dict[str, int]:
        """Contract notes by kind."""
        counts: dict[str, int] = self.admin("contract-notes")["counts"]
        return counts

    def wait(self, seconds: float) -> None:
        """Move the sandbox clock on."""
        self._clock.offset_seconds += seconds


@pytest.fixture(scope="session")
def running_iterable_vendor() -> Iterator[Vendor]:
    clock = Clock()
    app = create_app(Options(visibility_seconds=0), clock, FaultPlan(), Journal())
    with serve({"iterable": app}) as servers:
        vendor = Vendor(servers.urls["iterable"], app.state.project, clock)
        yield vendor
        vendor.client.close()


@pytest.fixture
def iterable_vendor(running_iterable_vendor: Vendor) -> Vendor:
    running_iterable_vendor.reset()
    return running_iterable_vendor
