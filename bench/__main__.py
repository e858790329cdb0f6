"""`python -m bench [--full | --customers N --orders N | --ledger-items N | --estimate] [--write]`: what syncs cost in time, memory and requests.

Without numbers: each stage of a first, a changed and an unchanged sync of the demo's shop. With them: a made-up shop that large, or
`cartwire explain` on a made-up ledger that large. With --estimate: what a plan says of the time sending takes, and the time it takes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from bench import estimate, large, large_ledger
from bench.memory import peak_mib, reset_peak
from bench.page import RESULTS
from cartwire.cli.processes import installation, sandbox
from cartwire.settings import REPOSITORY, Settings
from flows.context import Run
from flows.run import sync
from flows.steps import STEPS


def main() -> int:
    """Run the three syncs, print a table, and with --write keep it in bench/results/."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="the whole year instead of 13 weeks")
    parser.add_argument("--write", action="store_true", help="keep the figures in bench/results/")
    parser.add_argument("--customers", type=int, help="a made-up shop with so many customers")
    parser.add_argument("--orders", type=int, help="its orders; default: three per customer")
    parser.add_argument("--ledger-items", type=int, help="a made-up ledger of so many rows: how long explaining a person takes")
    parser.add_argument("--estimate", action="store_true", help="a plan's estimate against a delivery of several minutes")
    arguments = parser.parse_args()
    if arguments.estimate:
        return _estimate(write=arguments.write)
    if arguments.ledger_items:
        return _large_ledger(arguments.ledger_items, write=arguments.write)
    if arguments.customers:
        return _large(arguments.customers, arguments.orders or 3 * arguments.customers, write=arguments.write)
    weeks = 52 if arguments.full else 13
    measured = _measure(weeks)
    name = f"stages-{weeks}w"
    text = _table(measured)
    print(text)
    if arguments.write:
        RESULTS.mkdir(exist_ok=True)
        facts = {"command": f"python -m bench{' --full' if arguments.full else ''}", **_machine(), "syncs": measured}
        (RESULTS / f"{name}.json").write_text(json.dumps(facts, indent=2) + "\n")
    return 0


def _large(customers: int, orders: int, *, write: bool) -> int:
    limit = os.environ.get("CARTWIRE_MEMORY_GIB", "")
    command = (
        f"{f'CARTWIRE_MEMORY_GIB={limit} ' * bool(limit)}make bench ARGS='--customers {customers} --orders {orders} --write'"
    )
    rounds: dict[str, large.Figures] = {}
    facts = {"command": command, "customers": customers, "orders": orders, **_machine(), "rounds": rounds}
    for title, figures in large.measure(customers, orders, say=print):
        print(title, json.dumps(figures, indent=2), flush=True)
        rounds[title] = figures
        if write:
            _keep(f"large-{customers}", facts)
    return 0


def _large_ledger(items: int, *, write: bool) -> int:
    measured = large_ledger.measure(items, say=print)
    facts = {"command": f"make bench ARGS='--ledger-items {items} --write'", **_machine(), **measured}
    print(json.dumps(facts, indent=2))
    if write:
        _keep(f"ledger-{items}", facts)
    return 0


def _estimate(*, write: bool) -> int:
    measured = estimate.measure({"users": 20_000, "purchases": 5_000, "carts": 8_000, "events": 20_000}, say=print)
    facts = {"command": "make bench ARGS='--estimate --write'", **_machine(), **measured}
    print(json.dumps(facts, indent=2))
    if write:
        _keep("estimate", facts)
    return 0


def _keep(name: str, facts: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(facts, indent=2) + "\n")
    print("run `make docs` to bring docs/reference/bench.md up to date")


def _measure(weeks: int) -> dict[str, dict[str, dict[str, float]]]:
    documents = REPOSITORY / "var" / "documents" / f"{weeks}w-801.sqlite"
    documents.parent.mkdir(parents=True, exist_ok=True)
    options = ["--documents", str(documents), "--weeks", str(weeks), "--households", "801", "--visibility-seconds", "1"]
    with tempfile.TemporaryDirectory() as folder, sandbox(options, Path(folder) / "sandbox.log") as servers:
        settings = Settings(**installation(servers, Path(folder)))  # type: ignore[arg-type]
        measured = {"first": _one(settings)}
        httpx.post(f"{servers['commercetools_url']}/_sandbox/shop-day", json={}, timeout=60).raise_for_status()
        measured["after a shop day"] = _one(settings)
        measured["unchanged"] = _one(settings)
        return measured


def _one(settings: Settings) -> dict[str, dict[str, float]]:
    stages: dict[str, dict[str, float]] = {}

    def walk(run: Run) -> None:
        for step in STEPS:
            reset_peak()
            started = time.monotonic()
            step.do(run)
            stages[step.name] = {"seconds": round(time.monotonic() - started, 2), "peak_mib": peak_mib()}

    sync(settings, trigger="bench", walk=walk)
    return stages


def _machine() -> dict[str, str]:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=REPOSITORY
    ).stdout.strip()
    return {
        "commit": commit,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
    }


def _table(measured: dict[str, dict[str, dict[str, float]]]) -> str:
    names = list(measured)
    lines = ["| stage | " + " | ".join(f"{name}: s | MiB" for name in names) + " |", "| --- |" + " ---: | ---: |" * len(names)]
    for step in STEPS:
        cells = [f"{measured[name][step.name]['seconds']:.1f} | {measured[name][step.name]['peak_mib']:.0f}" for name in names]
        lines.append(f"| {step.name} | " + " | ".join(cells) + " |")
    totals = [
        f"{sum(stage['seconds'] for stage in stages.values()):.1f} | {max(stage['peak_mib'] for stage in stages.values()):.0f}"
        for stages in measured.values()
    ]
    lines.append("| all | " + " | ".join(totals) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
