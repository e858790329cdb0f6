"""One test profile all the way: profile, cart, purchase, event, each read back. Through ledger, gate and claim, like any row."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from activation.contracts import load_contracts
from activation.deliver import deliver
from activation.freeze import freeze_stage
from activation.iterable.evidence import Evidence
from activation.ledger import reasons
from activation.ledger.refused import Which
from activation.settle import look
from cartwire import clock
from cartwire.errors import CartwireError, ConfigError
from cartwire.person import fold_email
from cartwire.settings import REPOSITORY, Settings
from flows.context import Progress, Run, no_progress
from flows.run import open_run
from flows.steps import build, fold_earlier, fold_outcomes, held_objects, load, unknown_outcomes

SQL = REPOSITORY / "activation" / "sql"
STAGES = (
    ("smoke: profile and cart", ("smoke_users", "smoke_carts")),
    ("smoke: purchase and event", ("smoke_purchases", "smoke_events")),
)
STEPS = {"users": "profile", "carts": "cart", "purchases": "purchase", "events": "event"}
STATES = ("staged", "sending", "unknown", "accepted", "rejected", "held", "suppressed")
SWITCHED_OFF = "switched off"
READS_MAX = 3


@dataclass(frozen=True)
class SmokeStep:
    """One step. `state`: the ledger's, or `switched off`; `is_read_back`: Iterable shows what was sent; `to_do`: '' when all is well."""

    name: str
    state: str
    is_read_back: bool
    reason: str
    to_do: str

    @property
    def is_ok(self) -> bool:
        """Accepted and seen at Iterable; what config/ switches off is no failure."""
        return self.state == SWITCHED_OFF or (self.state == "accepted" and self.is_read_back)


@dataclass(frozen=True)
class SmokeReport:
    """All steps in the order of sending; no address."""

    run_id: str
    exit_code: int
    steps: tuple[SmokeStep, ...]

    def as_dict(self) -> dict[str, Any]:
        """For `--json` and the ledger."""
        return {**asdict(self), "steps": [{**asdict(step), "ok": step.is_ok} for step in self.steps]}


def smoke(
    settings: Settings,
    *,
    email: str | None = None,
    user_id: str | None = None,
    progress: Progress = no_progress,
    wait_s: float = 0.0,
) -> SmokeReport:
    """Send a profile, a cart, a purchase and an event of one listed test profile, and read each back.

    Args: email, user_id: which row of `config/test_profiles.csv`; its first one when neither is given.
    Raises: ConfigError (nobody of that name is listed, or known in the shop); what `sync` raises.
    """
    who = listed_profile(settings.config, email, user_id)
    with open_run(settings, trigger="smoke", wait_s=wait_s, progress=progress) as run:
        run.ledger.recover()
        run.ledger.start_run(run.run_id, "smoke")
        try:
            report = _walk(run, *who)
        except BaseException as error:
            code = error.exit_code if isinstance(error, CartwireError) else 1
            run.ledger.end_run(run.run_id, "failed", code, {"error": type(error).__name__})
            raise
        finally:
            _clear(run)
        run.ledger.end_run(run.run_id, "done", report.exit_code, report.as_dict())
        return report


def listed_profile(config: Path, email: str | None, user_id: str | None) -> tuple[str | None, str | None]:
    """(folded address, customer id) of the chosen row of `test_profiles.csv`. Raises: ConfigError."""
    with (config / "test_profiles.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = [(fold_email(row["email"]) or None, row["customer_id"] or None) for row in csv.DictReader(file)]
    wanted = (fold_email(email) if email else None, user_id)
    for row in rows:
        if wanted == (None, None) or (wanted[0] and wanted[0] == row[0]) or (wanted[1] and wanted[1] == row[1]):
            return row
    raise ConfigError("only people of config/test_profiles.csv are ever smoke-tested: add the address or customer id there first")


def _walk(run: Run, email: str | None, user_id: str | None) -> SmokeReport:
    run.progress("load and build", 0, None)
    fold_earlier(run)
    load(run)
    smoke_id = run.run_id.lower()
    run.warehouse.execute((SQL / "smoke_control.sql").read_text())
    run.warehouse.execute(
        "insert into control.smoke values (?, ?, ?, ?)",
        [smoke_id, None if user_id else email, user_id, clock.now().replace(tzinfo=None)],
    )
    build(run)
    run.warehouse.execute((SQL / "smoke_rows.sql").read_text())
    if run.warehouse.execute("select count(*) from changes.smoke_users").fetchall() == [(0,)]:
        raise ConfigError("this test profile is no customer or guest with an address in the shop: register it there, then sync")
    steps: list[SmokeStep] = []
    for stage, models in STAGES:
        steps += _stage(run, stage, models)
    fold_outcomes(run)
    failed = [step for step in steps if not step.is_ok]
    rejected = any(step.state == "rejected" for step in steps)
    return SmokeReport(run.run_id, 0 if not failed else 10 if rejected else 11, tuple(steps))


def _stage(run: Run, stage: str, models: Sequence[str]) -> list[SmokeStep]:
    """Freeze, deliver, wait, read back; a row that was held or refused ends its step."""
    run.progress(stage, 0, None)
    contracts = load_contracts(REPOSITORY / "models")
    held = held_objects(run, contracts)
    freeze_stage(
        run.warehouse,
        run.ledger,
        run.run_id,
        stage,
        models,
        contracts,
        held_objects=held,
        test_profiles=True,
        moves_history=False,
    )
    run.close_warehouse()
    deliver(
        run.ledger,
        run.iterable,
        run.run_id,
        stage,
        visibility_s=run.settings.visibility_seconds,
        unknown_outcome=unknown_outcomes(run.settings),
        sleep=run.sleep,
    )
    objects = [model.removeprefix("smoke_") for model in models]
    rows = {
        row["object"]: row for row in run.ledger.rejections(Which(run_id=run.run_id, states=STATES)) if row["object"] in objects
    }
    accepted = {name: row["item_id"] for name, row in rows.items() if row["state"] == "accepted"}
    seen = _read_back(run, accepted)
    return [_step(name, rows.get(name), name in seen) for name in objects]


def _read_back(run: Run, accepted: dict[str, int]) -> set[str]:
    """Objects whose effect Iterable shows, looked for after each visibility delay."""
    seen: set[str] = set()
    for _ in range(READS_MAX if accepted else 0):
        run.sleep(run.settings.visibility_seconds)
        for name, item_id in accepted.items():
            (item,) = run.ledger.items_of([item_id])
            if name not in seen and look(run.iterable, item) is Evidence.present:
                seen.add(name)
        if seen == accepted.keys():
            break
    return seen


def _step(name: str, row: dict[str, Any] | None, is_read_back: bool) -> SmokeStep:
    if row is None:
        return SmokeStep(STEPS[name], SWITCHED_OFF, False, "", f"{name} is switched off in config/objects.csv: not tested")
    return SmokeStep(STEPS[name], row["state"], is_read_back, row["reason"], _to_do(row["state"], row["reason"], is_read_back))


def _to_do(state: str, reason: str, is_read_back: bool) -> str:
    """What a person does about a step that is not well."""
    if state == "accepted":
        return "" if is_read_back else f"Iterable accepted it and does not show it after {READS_MAX} delays: {_LATE}"
    if state == "suppressed":
        return "give this test profile a consent in the shop, or list one that has it"
    if state == "rejected":
        return "Iterable or the gate refused it: correct what the reason names, then try again"
    if reason.startswith("paused"):
        return "lift the pause with cartwire resume, or wait"
    if reason == reasons.PERSON_NOT_ACCEPTED:
        return "see the step profile"
    return "correct what the reason names, then try again; cartwire doctor looks at keys and the project"


_LATE = "raise CARTWIRE_VISIBILITY_SECONDS, then try again; if it stays away, ask Iterable"


def _clear(run: Run) -> None:
    """No row of a smoke test stays where a sync could find it."""
    run.warehouse.execute((SQL / "smoke_clear.sql").read_text())
    run.close_warehouse()
