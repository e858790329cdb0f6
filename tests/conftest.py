"""Shared by every test: an environment without ours, and one sandbox per worker."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cartwire.settings import REPOSITORY, Settings
from tests.http import HTTP

OURS = ("CARTWIRE_", "CTP_", "ITERABLE_", "PREFECT_API", "DBT_")
SECRET = "test-secret-test-secret-test-secret-test"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The type of Iterable project that tests marked `identities` speak to (make test-identities)."""
    parser.addoption("--identity", choices=("hybrid", "email", "user_id"), default="hybrid")


def pytest_configure() -> None:
    """Nothing a developer has exported or written to .env may decide a test."""
    gc.set_threshold(50_000, 10, 10)  # a tenth of every sync's CPU time went into looking through what pytest and dbt keep
    for name in [name for name in os.environ if name.startswith(OURS)]:
        del os.environ[name]
    os.environ["CARTWIRE_ENV_FILE"] = os.devnull
    os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"


@pytest.fixture(autouse=True)
def environment_as_before() -> Iterator[None]:
    """What a run exports to dbt and Prefect ends with the test."""
    before = {name: value for name, value in os.environ.items() if name.startswith(OURS)}
    yield
    for name in [name for name in os.environ if name.startswith(OURS)]:
        del os.environ[name]
    os.environ.update(before)


@dataclass(frozen=True)
class Sandbox:
    """A running `python -m sandbox`; `identity` is the type of its Iterable project after a reset."""

    commercetools_url: str
    iterable_url: str
    credentials: Mapping[str, str]
    identity: str

    def reset(self) -> None:
        """Both sides back to the documents, no faults, no clock offset."""
        for url in (self.commercetools_url, self.iterable_url):
            HTTP.post(f"{url}/_sandbox/reset").raise_for_status()
        self.admin("iterable", "POST", "settings", {"identity": self.identity})

    def admin(self, side: str, method: str, path: str, body: Any = None) -> Any:
        """Call `/_sandbox/<path>` of `commercetools` or `iterable`; answers the parsed JSON."""
        url = self.commercetools_url if side == "commercetools" else self.iterable_url
        response = HTTP.request(method, f"{url}/_sandbox/{path}", json=body)
        response.raise_for_status()
        return response.json() if response.content else None

    def writes(self) -> dict[str, int]:
        """Write requests Iterable received since the reset, by endpoint."""
        counts: dict[str, int] = self.admin("iterable", "GET", "writes")["by_endpoint"]
        return counts

    def environment(self, folder: Path, **more: object) -> dict[str, str]:
        """Settings of a fresh installation in `folder` against this sandbox, as environment variables."""
        values = {
            **self.credentials,
            "ITERABLE_IDENTITY": self.identity,
            "CARTWIRE_SECRET": SECRET,
            "CARTWIRE_WAREHOUSE": folder / "warehouse.duckdb",
            "CARTWIRE_LEDGER": folder / "ledger.sqlite",
            "CARTWIRE_ANALYST_DB": folder / "analyst.duckdb",
            "CARTWIRE_STATE_DIR": folder,
            "CARTWIRE_VISIBILITY_SECONDS": 1,
            "CARTWIRE_THREADS": 1,  # so small a shop; the other cores are the other workers'
            **more,
        }
        return {name: str(value) for name, value in values.items()}

    def settings(self, folder: Path, **more: object) -> Settings:
        """The same as typed settings."""
        return Settings(**self.environment(folder, **more))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def sandbox_process(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A small shop: 40 households, six weeks; built once per machine, kept in var/documents."""
    documents = REPOSITORY / "var" / "documents" / f"tests-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}.sqlite"
    documents.parent.mkdir(parents=True, exist_ok=True)
    documents.unlink(missing_ok=True)
    options = ["--weeks", "6", "--households", "40", "--event-schemas", "docs/reference/schemas"]
    log = tmp_path_factory.mktemp("sandbox") / "sandbox.log"
    with running_sandbox(documents, log, request.config.getoption("identity"), *options) as running:
        yield running


@contextmanager
def running_sandbox(documents: Path, log: Path, identity: str, *options: str) -> Iterator[Sandbox]:
    """A sandbox without limits, of these documents; made from the package's shopping where there are none."""
    always = ["--documents", str(documents), "--visibility-seconds", "1", "--no-rate-limits"]
    command = [sys.executable, "-m", "sandbox", *always, *options, "--parent-pid", str(os.getpid())]
    with log.open("w") as errors:
        child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=REPOSITORY)
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line, log.read_text()
    ready = json.loads(line)
    credentials = {
        "CTP_PROJECT_KEY": ready["project_key"],
        "CTP_CLIENT_ID": ready["client_id"],
        "CTP_CLIENT_SECRET": ready["client_secret"],
        "CTP_SCOPES": ready["scopes"],
        "CTP_API_URL": ready["commercetools_url"],
        "CTP_AUTH_URL": ready["auth_url"],
        "ITERABLE_API_KEY": ready["iterable_api_key"],
        "ITERABLE_API_URL": ready["iterable_url"],
    }
    try:
        yield Sandbox(ready["commercetools_url"], ready["iterable_url"], credentials, identity)
    finally:
        child.terminate()
        child.wait(10)


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Sandbox:
    """The worker's sandbox, reset."""
    sandbox_process.reset()
    return sandbox_process
