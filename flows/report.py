"""The run report: what was planned, what became of it, how fast, and what needs a person."""

from __future__ import annotations

import resource
from dataclasses import asdict, dataclass, field
from typing import Any

from flows.context import Run

_OUTCOMES = ("accepted", "rejected", "held", "suppressed")


@dataclass(frozen=True)
class CountRow:
    """Counts of one object and kind: planned and its four outcomes."""

    object: str
    kind: str
    counts: dict[str, int]


@dataclass(frozen=True)
class RunReport:
    """The facts of one run, without any row of data.

    Attributes:
        rows: counts per object and kind.
        by_market: accepted per kind and market, the baseline of volume alerts.
        latency_s: per object, p50 and p95 of accepted_at - source_modified_at, seconds.
        history: facts set aside as history when first seen, per kind.
        attention: sentences for a person: what is held or rejected, and the command that shows it.
    """

    run_id: str
    exit_code: int
    rows: tuple[CountRow, ...]
    by_market: tuple[dict[str, Any], ...]
    latency_s: dict[str, dict[str, float]]
    history: dict[str, int]
    loaded: dict[str, int]
    seconds: dict[str, float]
    requests: dict[str, int]
    peak_memory_mib: int
    attention: tuple[str, ...] = field(default=())

    def total(self, outcome: str) -> int:
        """Sum of `planned` or one outcome over all objects."""
        return sum(row.counts.get(outcome, 0) for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`, the ledger and Prefect."""
        return asdict(self)


def make_report(run: Run) -> RunReport:
    """Read the run's counts back from the ledger; nothing is taken from memory of the delivery."""
    ledger, run_id = run.ledger, run.run_id
    rows = tuple(
        CountRow(row["object"], row["kind"], {name: int(row[name]) for name in ("planned", *_OUTCOMES)})
        for row in ledger.counts(run_id)
    )
    alarming = ledger.held_for_attention(run_id)
    rejected = sum(row.counts["rejected"] for row in rows)
    attention = [f"{row['object']}: {row['rows']} held: {row['reason']}" for row in alarming]
    attention += [f"{name} is held: {reason}" for name, reason in sorted(run.held.items()) if name.startswith("changed_")]
    if rejected:
        attention.append(f"{rejected} rejected; `cartwire rejections` shows the reasons")
    return RunReport(
        run_id=run_id,
        exit_code=11 if alarming or run.held else 10 if rejected else 0,
        rows=rows,
        by_market=tuple(ledger.accepted_by_market(run_id)),
        latency_s=ledger.latency(run_id),
        history=run.history,
        loaded=run.loaded,
        seconds=run.seconds,
        requests=ledger.request_counts(run_id),
        peak_memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        attention=tuple(attention),
    )
