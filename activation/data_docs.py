"""great-expectations' data docs of a run's gates, built from counts alone.

The pages are rendered by the library from results that this module puts together out of `gate.Check`: rows, nulls and
unexpected rows per rule. There is no place in them where a value could stand.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from activation.gate import Check, GateResult, expectations_library


@dataclass(slots=True, kw_only=True)
class Summary:
    """A run's gate of one kind of row: counts only."""

    object: str
    kind: str
    rows: int = 0
    rejected: int = 0
    checks: dict[tuple[str, str, str], Check] = field(default_factory=dict)


def build_data_docs(results: Sequence[GateResult], folder: Path, *, run_id: str, at: datetime) -> Path | None:
    """Write one page per checked kind of row, and an index.

    Args:
        results: the run's gates; those without rows or rules get no page.
        folder: the data docs folder; the run's pages go into `folder/<run_id>/`, the newest index to `folder/index.html`.
        run_id: shown on the pages; at: when the gates ran, aware UTC.
    Returns: the index, or None when nothing was checked (great-expectations is then not even imported).
    """
    shown = merged(results)
    if not shown:
        return None
    target = folder / run_id
    target.mkdir(parents=True, exist_ok=True)
    lines = []
    for result in shown:
        name = f"{result.object}-{result.kind}.html"
        (target / name).write_text(_page(result, run_id, at), encoding="utf-8")
        label = html.escape(f"{result.object} / {result.kind}")
        lines.append(
            f'<li><a href="{html.escape(f"{run_id}/{name}")}">{label}</a>: '
            f"{result.rows} rows checked, {result.rejected} rejected</li>"
        )
    index = folder / "index.html"
    title = html.escape(f"Gates of run {run_id}, {at:%Y-%m-%d %H:%M} UTC")
    index.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title}</h1><ul>{''.join(lines)}</ul></body></html>\n",
        encoding="utf-8",
    )
    return index


def merged(results: Sequence[GateResult]) -> list[Summary]:
    """One summary per object and kind: a freeze gates in batches. Without rows or rules there is nothing to show."""
    summaries: dict[tuple[str, str], Summary] = {}
    for result in results:
        if not result.rows or not result.checks:
            continue
        summary = summaries.setdefault((result.object, result.kind), Summary(object=result.object, kind=result.kind))
        summary.rows += result.rows
        summary.rejected += len(result.rejections)
        for check in result.checks:
            key = (check.rule.frame, check.rule.column, check.rule.expectation)
            total = summary.checks.setdefault(key, Check(rule=check.rule))
            total.rows += check.rows
            total.nulls += check.nulls
            total.unexpected += check.unexpected
    return list(summaries.values())


def _page(result: Summary, run_id: str, at: datetime) -> str:
    gx = expectations_library()
    from great_expectations.render.renderer import ValidationResultsPageRenderer

    checks = list(result.checks.values())
    failed = sum(1 for check in checks if check.unexpected)
    validation = gx.core.ExpectationSuiteValidationResult(
        success=failed == 0,
        suite_name=f"{result.object}/{result.kind}",
        results=[_check_result(gx, check) for check in checks],
        statistics={
            "evaluated_expectations": len(checks),
            "successful_expectations": len(checks) - failed,
            "unsuccessful_expectations": failed,
            "success_percent": 100 * (len(checks) - failed) / len(checks),
        },
        meta={
            "great_expectations_version": gx.__version__,
            # the library tries to read the name as a time, and 6 in 10,000 of our ids would be one of an impossible zone
            "run_id": {"run_name": f"run {run_id}", "run_time": at.isoformat()},
            "active_batch_definition": {
                "datasource_name": "changes",
                "data_connector_name": "arrow",
                "data_asset_name": result.kind,
                "batch_identifiers": {"run": run_id},
            },
        },
    )
    rendered = ValidationResultsPageRenderer(run_info_at_end=True).render(validation)
    return str(_view().render(rendered))


@cache
def _view() -> Any:
    """The library's page, whose templates are then compiled once and not for every page."""
    from great_expectations.render.view import DefaultJinjaPageView

    return DefaultJinjaPageView()


def _check_result(gx: Any, check: Check) -> Any:
    place = f"{check.rule.frame}.{check.rule.column}" if check.rule.frame else check.rule.column
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    present = check.rows - check.nulls
    return gx.core.ExpectationValidationResult(
        success=check.unexpected == 0,
        expectation_config=ExpectationConfiguration(
            type=check.rule.expectation, kwargs={"column": place, **check.rule.arguments}
        ),
        result={
            "element_count": check.rows,
            "missing_count": check.nulls,
            "unexpected_count": check.unexpected,
            "unexpected_percent": 100 * check.unexpected / present if present else 0.0,
        },
        exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
    )
