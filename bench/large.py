"""A made-up shop as large as wanted: first sync, syncs that find nothing new, and one after 1 % of it changed."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import orjson

from bench.memory import peak_mib, reset_peak
from cartwire.cli.processes import installation, sandbox
from cartwire.settings import REPOSITORY, Settings
from clients.endpoints import ENDPOINTS
from flows.context import Run
from flows.report import RunReport
from flows.run import sync
from flows.steps import STEPS
from sandbox.shop.large import LargeShop

CHANGED_SHARE = 0.01
BATCH = 500
ANCHOR_AGO_S = 3600
Figures = dict[str, Any]


def measure(customers: int, orders: int, say: Callable[[str], None]) -> Iterator[tuple[str, Figures]]:
    """Rounds and their figures, one by one. The documents are made once and kept in var/documents.

    Disk for a million customers with three million orders: 28 GB of documents (10 GB on a file system that compresses), 16 GB of warehouse,
    5 GB of ledger and 2 GB for each copy of the marts; and what DuckDB spills and replaces. Beside the documents 31 GB were seen in use.
    """
    documents = REPOSITORY / "var" / "documents" / f"large-{customers}-{orders}.sqlite"
    if not documents.exists():
        documents.parent.mkdir(parents=True, exist_ok=True)
        say(f"making {documents.name}")
        LargeShop(customers, orders, datetime.fromtimestamp(time.time() - ANCHOR_AGO_S, UTC)).write(documents)
    options = ["--documents", str(documents), "--visibility-seconds", "1", "--no-rate-limits"]
    with TemporaryDirectory(dir=documents.parent) as name, sandbox(options, Path(name) / "sandbox.log") as servers:
        variables = installation(servers, Path(name))
        settings = Settings(**variables)  # type: ignore[arg-type]
        for title in ("first sync", "settling sync", "no-op, warm worker"):
            yield title, _one(settings)
        yield "no-op, a process", _as_process(variables)
        _change(documents, servers)
        yield "1 % changed", _one(settings)


def _one(settings: Settings) -> Figures:
    stages: dict[str, dict[str, float]] = {}
    started = time.monotonic()
    reached: dict[str, float] = {}

    def walk(run: Run) -> None:
        for step in STEPS:
            reset_peak()
            reached[step.name] = time.monotonic()
            cpu = time.process_time()
            step.do(run)
            stages[step.name] = {
                "seconds": round(time.monotonic() - reached[step.name], 2),
                "cpu_seconds": round(time.process_time() - cpu, 2),
                "peak_mib": peak_mib(),
            }

    report = sync(settings, trigger="bench", walk=walk)
    return {
        "seconds": round(time.monotonic() - started, 1),
        "cpu_seconds": round(sum(stage["cpu_seconds"] for stage in stages.values()), 1),
        "peak_mib": max(stage["peak_mib"] for stage in stages.values()),
        "to_first_request_s": round(reached["deliver"] - started, 1),
        "documents": sum(report.loaded.values()),
        "documents_per_s": round(sum(report.loaded.values()) / stages["load"]["seconds"]),
        "planned": report.total("planned"),
        "accepted": report.total("accepted"),
        "requests": report.requests,
        "rate_share": _rate_share(report, stages["deliver"]["seconds"]),
        "disk_mib": round(sum(file.stat().st_size for file in settings.state_dir.rglob("*") if file.is_file()) / 2**20),
        "load_average": os.getloadavg()[0],
        "stages": stages,
        "slowest_models": report.slowest_models,
    }


def _rate_share(report: RunReport, seconds: float) -> dict[str, float]:
    """Endpoint → calls made over calls that Iterable's limit allowed while delivering."""
    allowed = {name: endpoint.calls_max / endpoint.window_s * seconds for name, endpoint in ENDPOINTS.items()}
    return {name: round(calls / allowed[name], 2) for name, calls in report.requests.items() if allowed.get(name)}


def _as_process(variables: Mapping[str, str]) -> Figures:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    command = [Path(sys.executable).with_name("cartwire"), "sync", "--json"]
    done = subprocess.run(command, env={**os.environ, **variables}, cwd=REPOSITORY, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = orjson.loads(done.stdout)
    return {
        "seconds": round(time.monotonic() - started, 1),
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak_mib": report["peak_memory_mib"],
        "requests": report["requests"],
        "load_average": os.getloadavg()[0],
    }


def _change(documents: Path, servers: Mapping[str, Any]) -> None:
    """Every hundredth customer has other points, every hundredth order another state."""
    for name, change in (("customers", _other_points), ("orders", _other_state)):
        url = f"{servers['commercetools_url']}/_sandbox/documents/{name}"
        for batch in _batches(documents, name):
            changed = [change(document) for document in batch]
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
            httpx.post(url, content=orjson.dumps(changed), params={"at": now}, timeout=120).raise_for_status()


def _batches(documents: Path, name: str) -> Iterator[list[dict[str, Any]]]:
    every = round(1 / CHANGED_SHARE)
    with closing(sqlite3.connect(f"{documents.resolve().as_uri()}?mode=ro", uri=True)) as database:
        rows = database.execute("select body from documents where resource = ? and rowid % ? = 0", (name, every))
        while found := rows.fetchmany(BATCH):
            yield [orjson.loads(body) for (body,) in found]


def _other_points(customer: dict[str, Any]) -> dict[str, Any]:
    fields = customer.setdefault("custom", {}).setdefault("fields", {})
    fields["loyaltyPoints"] = fields.get("loyaltyPoints", 0) + 1
    return customer


def _other_state(order: dict[str, Any]) -> dict[str, Any]:
    return order | {"orderState": "Confirmed" if order["orderState"] != "Confirmed" else "Complete"}
