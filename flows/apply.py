"""Apply a plan: send exactly its requests, or nothing where the world has moved since it was made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from activation.ledger.trying import TriedRow
from activation.trial import Trial, tried
from cartwire import __version__, clock
from cartwire.errors import ConfigError
from cartwire.settings import Settings
from flows.context import Applying, Progress, Run, no_progress
from flows.plan_file import SEND, PlanFile, PlannedLine
from flows.report import RunReport
from flows.run import open_run, recorded, walk_steps
from flows.steps import (
    MODELS_OF_THE_REST,
    THE_REST,
    WITHDRAWALS,
    Step,
    build,
    deliver_withdrawals,
    fold_earlier,
    fold_outcomes,
    freeze,
    load,
    project_binding,
    publish,
    read_back,
    send,
    stage_rest,
    stage_withdrawals,
    unknown_outcomes,
)
from flows.upgrade import digest_of_rules

LOOKING = (Step("fold earlier", fold_earlier), Step("load", load), Step("read back", read_back), Step("build", build))
SENDING = (
    Step("withdrawals", deliver_withdrawals),
    Step("publish", publish),
    Step("freeze", freeze),
    Step("deliver", send),
    Step("fold", fold_outcomes),
)
OTHER_CONTENT = "would be sent with another content now"
NO_LONGER = "is no longer to be sent: it was sent meanwhile, or the shop has it otherwise now"
OTHER_PACKING = "the same rows are other requests now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A row that is not as planned."""

    object: str
    kind: str
    person_key: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What an apply did.

    Attributes:
        report: of its run; None where it refused.
        moved: why it refused, row by row.
        others: rows that changed since the plan and are not in it; the next sync sends them.
    """

    report: RunReport | None
    moved: tuple[Moved, ...] = ()
    others: int = 0

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {"applied": self.report is not None, **asdict(self)}


def header_of(run: Run) -> dict[str, Any]:
    """What a plan is a plan of: an apply with another answer refuses."""
    source, target, identity = project_binding(run.settings)
    return {
        "made_at": clock.now().isoformat(timespec="seconds"),
        "run_id": run.run_id,
        "cartwire": __version__,
        "commercetools": source,
        "iterable": target,
        "identity": identity,
        "rules": digest_of_rules(run.settings),
    }


def trial_of(run: Run) -> AbstractContextManager[Trial]:
    """For the block: what the run has built, planned and delivered to nobody."""
    stages = {WITHDRAWALS: lambda: stage_withdrawals(run), THE_REST: lambda: stage_rest(run, moves_history=False)}
    return tried(run.ledger, run.iterable, run.run_id, stages, unknown_outcomes(run.settings))


def apply(settings: Settings, plan: PlanFile, *, wait_s: float = 0.0, progress: Progress = no_progress) -> Applied:
    """Load and build anew; where every planned row and request is as it was, send them and nothing else.

    Rows that changed since and are not in the plan wait for the next sync. Consent is asked again at each claim, and what people leave at
    Iterable is read before the first request: a request that is not as planned by then is held.
    Raises: ConfigError where the plan is of another project, of other rules or of another cartwire; what `sync` raises.
    """
    if settings.shadow:
        raise ConfigError("a rehearsal applies no plan: unset CARTWIRE_SHADOW")
    with open_run(settings, trigger="apply", wait_s=wait_s, progress=progress) as run:
        _demand_same(plan.header, header_of(run))
        if run.ledger.looks_first():
            raise ConfigError("the ledger was restored: run `cartwire sync` first, which looks at Iterable before it sends")
        run.ledger.recover()
        walk_steps(run, LOOKING)
        run.applied = Applying(_table(plan), frozenset(plan.requests))
        with trial_of(run) as trial:
            moved = tuple(_moved(plan, trial))
        others = _changed(run) - len(plan.rows)
        if moved:
            return Applied(report=None, moved=moved, others=max(0, others))
        run.is_settled = False
        return Applied(report=recorded(run, partial(walk_steps, steps=SENDING)), others=max(0, others))


def _demand_same(planned: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    meanings = {
        "commercetools": "of another commercetools project",
        "iterable": "of another Iterable project or key",
        "identity": "for another ITERABLE_IDENTITY",
        "cartwire": "of another version of cartwire",
        "rules": "of other rules: config/ or the models have changed since",
    }
    for name, meaning in meanings.items():
        if planned.get(name) != now[name]:
            raise ConfigError(f"this plan is {meaning}; make a new one with `cartwire plan --out`")


def _table(plan: PlanFile) -> pa.Table:
    objects, subjects = zip(*plan.rows, strict=True) if plan.rows else ((), ())
    return pa.table({"object": pa.array(objects, pa.string()), "subject": pa.array(subjects, pa.string())})


def _moved(plan: PlanFile, trial: Trial) -> Iterator[Moved]:
    """What is not as planned; nothing where each request is."""
    found = {(row.object, row.subject): row for row in trial.rows()}
    is_same = True
    for (name, subject), planned in plan.rows.items():
        if what := _difference(planned, found.get((name, subject))):
            is_same = False
            yield Moved(object=name, kind=planned.kind, person_key=planned.person_key, what=what)
    if is_same and plan.requests != tuple(request.sent for request in trial.requests()):
        yield Moved(object="", kind="", person_key="", what=OTHER_PACKING)


def _difference(planned: PlannedLine, row: TriedRow | None) -> str:
    if row is None:
        return NO_LONGER
    if row.state != SEND:
        return f"would be {row.state} now: {row.reason}"
    if hashlib.sha256(row.fragment or b"").hexdigest() == planned.sha256:
        return ""
    now = {field: after for field, _, _, after in row.fields}
    other = sorted(field for field in now.keys() | planned.fields if now.get(field) != planned.fields.get(field))
    return f"{OTHER_CONTENT}{': ' if other else ''}{', '.join(other)}"


def _changed(run: Run) -> int:
    """Rows that a sync would send now."""
    models = ["changed_withdrawals", *(model for model in MODELS_OF_THE_REST if model in run.built)]
    tables = (run.warehouse.table(f"changes.{model}").filter("verdict = 'send'") for model in models)
    return sum(table.shape[0] for table in tables)
