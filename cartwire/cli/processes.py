"""Local servers the demo starts: each is ours by process id and ends with us."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from cartwire.errors import CartwireError
from cartwire.settings import REPOSITORY


def free_port() -> int:
    """A loopback port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end_by_term_as_by_ctrl_c() -> None:
    """SIGTERM interrupts too, so that blocks are left and the servers that were started in them end. Main thread only."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def process(arguments: list[str], log: Path, environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A child whose stderr goes to `log`; ended (TERM, then KILL) with the block."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as errors:
        child = subprocess.Popen(
            arguments,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=REPOSITORY,
            env={**os.environ, **(environment or {})},
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def sandbox(arguments: list[str], log: Path) -> Iterator[dict[str, Any]]:
    """`python -m sandbox`; yields the line it prints when both APIs listen.

    Raises: CartwireError naming the log when it ends before listening.
    """
    command = [sys.executable, "-m", "sandbox", *arguments, "--parent-pid", str(os.getpid())]
    with process(command, log) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        if not line:
            raise CartwireError(f"the sandbox did not start; its messages are in {log}")
        yield json.loads(line)


def installation(servers: Mapping[str, Any], folder: Path) -> dict[str, str]:
    """Settings, as environment variables, of an installation in `folder` against a sandbox (what `sandbox` yields)."""
    values = {
        "CTP_PROJECT_KEY": servers["project_key"],
        "CTP_CLIENT_ID": servers["client_id"],
        "CTP_CLIENT_SECRET": servers["client_secret"],
        "CTP_SCOPES": servers["scopes"],
        "CTP_API_URL": servers["commercetools_url"],
        "CTP_AUTH_URL": servers["auth_url"],
        "ITERABLE_API_KEY": servers["iterable_api_key"],
        "ITERABLE_API_URL": servers["iterable_url"],
        "CARTWIRE_SECRET": "sandbox-secret-sandbox-secret-sandbox-secret",
        "CARTWIRE_WAREHOUSE": folder / "warehouse.duckdb",
        "CARTWIRE_LEDGER": folder / "ledger.sqlite",
        "CARTWIRE_ANALYST_DB": folder / "analyst.duckdb",
        "CARTWIRE_STATE_DIR": folder,
        "CARTWIRE_VISIBILITY_SECONDS": 1,
    }
    return {name: str(value) for name, value in values.items()}


@contextmanager
def prefect_server(home: Path, log: Path, port: int) -> Iterator[str]:
    """A local Prefect server; yields its API address at once, before it answers (see `wait_for`)."""
    environment = {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with process(command, log, environment):
        yield f"http://127.0.0.1:{port}/api"


def wait_for(url: str, log: Path, timeout_s: float = 90.0) -> None:
    """Until the address answers 2xx. Raises: CartwireError naming the log after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise CartwireError(f"nothing answered at {url} within {timeout_s:.0f} s; see {log}")
