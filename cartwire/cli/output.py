"""How verbs speak: tables for people, one JSON object for machines, a bar on terminals, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

if TYPE_CHECKING:
    from flows.context import Progress
    from flows.report import RunReport

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
of_shadow = click.option("--shadow", is_flag=True, help="Of the rehearsal (`cartwire sync --shadow`), not of the real thing.")
SHADOW_BANNER = "SHADOW: nothing was sent. Accepted means: would have been sent; requests: would have been made."


def emit_json(value: Any) -> None:
    """Print one JSON document."""
    import orjson

    click.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS, default=str).decode())


@contextmanager
def owners_file(path: Path, *, replaces: bool = False, newline: str | None = None) -> Iterator[TextIO]:
    """A text file for its owner only, because personal data go into it. Raises: FileExistsError, unless it `replaces`."""
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if replaces else os.O_EXCL)
    with os.fdopen(os.open(path, flags, 0o600), "w", newline=newline, encoding="utf-8") as file:
        yield file


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Aligned text; numbers to the right."""
    cells = [[_text(row.get(column)) for column in columns] for row in rows]
    widths = [
        max(len(column), *(len(row[index]) for row in cells)) if cells else len(column) for index, column in enumerate(columns)
    ]
    numeric = [bool(rows) and all(isinstance(row.get(column), int | float) for row in rows) for column in columns]
    lines = ["  ".join(_fit(column, widths[i], numeric[i]) for i, column in enumerate(columns)).rstrip()]
    lines += ["  ".join(_fit(cell, widths[i], numeric[i]) for i, cell in enumerate(row)).rstrip() for row in cells]
    return "\n".join(lines)


def _text(value: object) -> str:
    return "" if value is None else f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _fit(text: str, width: int, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)


@contextmanager
def progress(quiet: bool = False) -> Iterator[Progress]:
    """A progress callback: a live bar on a terminal, one line per step elsewhere, both on stderr."""
    if quiet:
        yield lambda step, done, total: None
    elif sys.stderr.isatty():
        with _bar() as callback:
            yield callback
    else:
        yield _lines()


def _lines() -> Progress:
    seen: set[str] = set()

    def callback(step: str, done: int, total: int | None) -> None:
        if step not in seen:
            seen.add(step)
            click.echo(f"· {step}", err=True)

    return callback


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def callback(step: str, done: int, total: int | None) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done, total=total)

        yield callback


def summary(report: RunReport) -> str:
    """The report of a run as text: the table that adds up, then what needs a person."""
    columns = ("planned", "accepted", "rejected", "held", "suppressed")
    rows: list[dict[str, Any]] = [
        {"object": row.object, "kind": row.kind if row.kind != row.object else "", **row.counts} for row in report.rows
    ]
    rows.append({"object": "total", "kind": "", **{name: report.total(name) for name in columns}})
    lines = [SHADOW_BANNER] if report.shadow else []
    lines += [f"run {report.run_id}", table(rows, ("object", "kind", *columns))]
    if report.still_since:
        lines.append(
            f"nothing moved since the build of run {report.still_since}, which left nothing to send: it was not repeated"
        )
    if report.history:
        facts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(report.history.items()))
        lines.append(f"set aside as history (before go-live or too old to act on): {facts}")
    writes = ", ".join(f"{count} {endpoint}" for endpoint, count in sorted(report.requests.items())) or "none"
    lines.append(f"requests: {writes}")
    for name, seconds in sorted(report.latency_s.items()):
        lines.append(f"{name}: accepted {_span(seconds['p50'])} after the change (median), {_span(seconds['p95'])} (p95)")
    if report.grant_window_s:
        median, longest = report.grant_window_s["p50"], report.grant_window_s["max"]
        lines.append(
            f"grants: accepted {median:.2f} s after the last look at the person (median), {longest:.2f} s (longest);"
            " an unsubscribe in between is restored by the next sync"
        )
    if report.data_docs:
        lines.append(f"gate: {report.data_docs}")
    lines += [f"! {sentence}" for sentence in report.attention]
    return "\n".join(lines)


def _span(seconds: float) -> str:
    """A wait as people say it; the exact seconds are in the JSON."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
