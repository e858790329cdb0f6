"""The run report: what was planned, what became of it, how fast, and what needs a person."""

from __future__ import annotations

import resource
from dataclasses import asdict, dataclass, field
from typing import Any

from flows.context import Run

SKIPPED = 12
_COLUMNS = ("planned", "accepted", "verified", "rejected", "held", "suppressed")


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
        still_since: run id of the build that this run would only have repeated and left out; None when it built.
        grant_window_s: seconds from the last look at somebody to the acceptance of the request that subscribed them, p50 and max over
            requests; an unsubscribe in between is restored by the next sync. Empty without such a request.
        seconds: step → wall time.
        slowest_models: model → wall time, of the models that took the build longest; empty where nothing was built.
        history: facts set aside as history when first seen, per kind.
        consent: profiles per market, channel, purpose and status, and how many of them may be messaged, as of this run's build.
        data_docs: path of great-expectations' pages of this run's gates; None when nothing was gated.
        shadow: a rehearsal: nothing was sent, accepted means would have been sent, requests would have been made.
        attention: sentences for a person: what is held or rejected, and the command that shows it.
    """

    run_id: str
    exit_code: int
    rows: tuple[CountRow, ...]
    by_market: tuple[dict[str, Any], ...]
    latency_s: dict[str, dict[str, float]]
    grant_window_s: dict[str, float]
    history: dict[str, int]
    loaded: dict[str, int]
    seconds: dict[str, float]
    slowest_models: dict[str, float]
    requests: dict[str, int]
    peak_memory_mib: int
    consent: tuple[dict[str, Any], ...] = ()
    data_docs: str | None = None
    still_since: str | None = None
    shadow: bool = False
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
    counts = ledger.counts(run_id)
    rows = tuple(CountRow(row.object, row.kind, {name: getattr(row, name) for name in _COLUMNS}) for row in counts)
    alarming = ledger.held_for_attention(run_id)
    full_pause = [pause.sentence for pause in run.pauses if pause.is_full]
    rejected = sum(row.rejected for row in counts)
    attention = [f"{rows_held} {kind} held: {reason}" for _, kind, reason, rows_held in alarming]
    attention += [f"{name} is held: {reason}" for name, reason in sorted(run.undelivered.items())]
    attention += [f"{sentence}; only withdrawals were sent, `cartwire resume` lifts it" for sentence in full_pause]
    if rejected:
        attention.append(f"{rejected} rejected; `cartwire rejections` shows the reasons")
    return RunReport(
        run_id=run_id,
        exit_code=11 if alarming or run.undelivered else 10 if rejected else SKIPPED if full_pause else 0,
        rows=rows,
        by_market=tuple(
            {"object": name, "kind": kind, "market": market, "planned": planned, "accepted": accepted}
            for name, kind, market, planned, accepted in ledger.market_counts(run_id)
        ),
        latency_s={row.object: {"p50": row.p50_s, "p95": row.p95_s} for row in ledger.latencies(run_id)},
        grant_window_s=_window(ledger.windows_ms(run_id)),
        history=run.history,
        loaded=run.loaded,
        seconds=run.seconds,
        slowest_models=run.slowest_models,
        requests={endpoint: requests for endpoint, requests, _ in ledger.request_counts(run_id)},
        peak_memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        consent=run.consent,
        data_docs=str(run.data_docs) if run.data_docs else None,
        still_since=run.still_since,
        shadow=run.settings.shadow,
        attention=tuple(attention),
    )


def _window(windows_ms: list[int]) -> dict[str, float]:
    """p50 (nearest rank) and max, in seconds."""
    if not windows_ms:
        return {}
    return {"p50": windows_ms[(len(windows_ms) - 1) // 2] / 1000, "max": windows_ms[-1] / 1000}
