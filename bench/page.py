"""The page of measurements, from the results that `python -m bench ... --write` keeps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
_INTRO = (
    "Kept results of `make bench`, with the commit, day, machine and load they were measured under. Seconds of wall time are only as "
    "good as the machine was quiet: compare `load` with its number of cores, and the CPU seconds beside.\n"
)
_COLUMNS = (
    ("round", "round"),
    ("s", "seconds"),
    ("CPU s", "cpu_seconds"),
    ("peak MiB", "peak_mib"),
    ("disk MiB after", "disk_mib"),
    ("to first request s", "to_first_request_s"),
    ("documents/s", "documents_per_s"),
    ("planned", "planned"),
    ("requests", "requests"),
    ("share of the allowed rate", "rate_share"),
    ("load", "load_average"),
)


def bench_page(results: Path = RESULTS) -> str:
    """Markdown: one table per kept result of a large shop, one paragraph per kept result of a large ledger and of a plan's estimate."""
    parts = ["# Measurements\n", _INTRO]
    for path in sorted(results.glob("large-*.json")):
        parts.append(_table(json.loads(path.read_text())))
    for path in sorted(results.glob("ledger-*.json")):
        parts.append(_of_ledger(json.loads(path.read_text())))
    if (path := results / "estimate.json").exists():
        parts.append(_of_estimate(json.loads(path.read_text())))
    return "\n".join(parts)


def _table(result: dict[str, Any]) -> str:
    head = [f"## {result['customers']:,} customers, {result['orders']:,} orders\n"]
    head.append(f"`{result['command']}`, {result['date']}, commit {result['commit']}, {result['machine']}.\n")
    names = [title for title, _ in _COLUMNS]
    head += ["| " + " | ".join(names) + " |", "| --- |" + " ---: |" * (len(names) - 1)]
    for title, figures in result["rounds"].items():
        cells = [_cell({"round": title, **figures}.get(key)) for _, key in _COLUMNS]
        head.append("| " + " | ".join(cells) + " |")
    head += ["", *(_slowest(title, figures) for title, figures in result["rounds"].items() if figures.get("slowest_models"))]
    return "\n".join([*head, ""])


def _slowest(title: str, figures: dict[str, Any]) -> str:
    """What bounds the build of a round."""
    models = ", ".join(f"`{model}` {seconds:,.1f} s" for model, seconds in figures["slowest_models"].items())
    return f"Slowest models, {title}: {models}.\n"


def _of_ledger(result: dict[str, Any]) -> str:
    alone, beside = result["explain_alone"], result["explain_beside_a_writer"]
    return (
        f"## A ledger of {result['items']:,} rows\n\n"
        f"`{result['command']}`, {result['date']}, commit {result['commit']}, {result['machine']}.\n\n"
        f"`cartwire explain`, whole processes about {alone['asked']} people: median {alone['p50_s']} s, at most {alone['max_s']} s; beside a"
        f" writer that commits all the time: median {beside['p50_s']} s, at most {beside['max_s']} s. The file takes"
        f" {result['mib_per_million_items']:,} MiB per million rows. The analysts' copy of it: {result['copy_whole_s']:,.0f} s the first time,"
        f" {result['copy_after_a_run_s']:.1f} s after a run of a thousand rows.\n"
    )


def _of_estimate(result: dict[str, Any]) -> str:
    rows = ", ".join(f"{count:,} {name}" for name, count in result["rows"].items())
    return (
        f"## A plan's estimate\n\n`{result['command']}`, {result['date']}, commit {result['commit']}, {result['machine']}.\n\n"
        f"{rows} in {result['requests']:,} requests: {result['estimated_s']:,.0f} s estimated by `cartwire plan --out`, {result['taken_s']:,.0f} s"
        f" taken with the limits on ({result['taken_per_estimated']:.2f} of it).\n"
    )


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{number} {name}" for name, number in sorted(value.items())) or "none"
    return (
        ""
        if value is None
        else f"{value:,.1f}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )
