"""What a sync would send now: counted, estimated, sent to nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from activation.contracts import Contract, load_contracts
from activation.event_fields import tables_of_kinds
from activation.freeze import stage_volume
from activation.rehearsal import rehearsed
from activation.routes import IDENTITY_ROUTES, ROUTES
from activation.verdicts import Policy, Verdict, judge
from cartwire.masking import mask_email
from cartwire.settings import REPOSITORY, Settings
from clients.endpoints import ENDPOINTS, Endpoint
from flows.context import Progress, Run, no_progress
from flows.estimate import minutes_of, requests_of
from flows.run import open_run
from flows.steps import MODELS_OF_THE_REST, build, fold_earlier, held_objects, load

EXAMPLES_MAX = 3


@dataclass(frozen=True)
class PlannedKind:
    """One object and kind.

    Attributes:
        states: rows per verdict: staged (would be sent), rejected, held, suppressed.
        reasons: reason → rows, of what would not be sent.
        people: persons among the staged rows.
        requests, minutes: what they cost under the limits and our share of them.
        fields: Iterable field → people whose value would change.
        may_trigger: what journeys may fire on: the event itself, or profile fields.
        examples: a few people, masked unless asked for.
    """

    object: str
    kind: str
    states: dict[str, int]
    reasons: dict[str, int]
    people: int
    requests: int
    minutes: float
    fields: dict[str, int]
    may_trigger: tuple[str, ...]
    examples: tuple[str, ...]

    @property
    def title(self) -> str:
        """The object, and its kind where that says more."""
        return self.object if self.kind == self.object else f"{self.object}: {self.kind}"


@dataclass(frozen=True)
class Plan:
    """All kinds in the order of delivery.

    Attributes:
        history: facts that would be set aside as history, per kind.
        due: what falls due next by time alone: kind → `count`, and `next_at`, ISO 8601, UTC.
        is_first: no sync has met these projects yet.
        looks_first: the ledger may not know all that was sent: a sync looks at Iterable before each row but withdrawals and grants.
        unbuilt: changed model → why it could not be built; a sync would hold everything of it.
    """

    kinds: tuple[PlannedKind, ...]
    history: dict[str, int]
    due: dict[str, dict[str, Any]]
    unbuilt: dict[str, str]
    is_first: bool
    looks_first: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


def plan(
    settings: Settings,
    *,
    progress: Progress = no_progress,
    in_clear: bool = False,
    wait_s: float = 0.0,
    let_go: Sequence[tuple[str, str]] = (),
    then: Callable[[Run, Plan], object] | None = None,
) -> Plan:
    """Load, build and judge as a sync would, then stop before anything is frozen. Binds nothing, writes to no API.

    Args: let_go: (object, subject) of refused rows, as if a replay had let them go. then: called while what was built is still there.
    Raises: what `sync` raises before its delivery.
    """
    with open_run(settings, trigger="plan", progress=progress, wait_s=wait_s, bind=False) as run:
        fold_earlier(run)
        with rehearsed(run.warehouse, let_go):
            load(run)
            build(run)
            found = planned(run, in_clear=in_clear)
            if then:
                then(run, found)
            return found


def planned(run: Run, *, in_clear: bool = False) -> Plan:
    """Judge what a run has built. Reads; the run's warehouse and ledger stay as they are."""
    contracts = load_contracts(REPOSITORY / "models")
    held = held_objects(run, contracts)
    rest = [model for model in MODELS_OF_THE_REST if model in run.built]
    guarded = stage_volume(run.warehouse, run.ledger, rest, held).held
    policy = Policy(contracts=contracts, held=held, held_by_guard=guarded)
    models = ["changed_withdrawals", *rest]
    kinds: list[PlannedKind] = []
    for model in models:
        tables = list(tables_of_kinds(run.warehouse.table(f"changes.{model}").to_arrow_table(), contracts))
        verdicts, _ = judge(tables, policy)
        for table, own in zip(tables, verdicts, strict=True):
            kinds += _kinds(table, own, contracts, run.settings, in_clear)
    unbuilt = {model: reason for model, reason in run.undelivered.items() if model not in run.built}
    return Plan(tuple(kinds), _history(run), _due(run), unbuilt, run.ledger.go_live_at() is None, run.ledger.looks_first())


def _kinds(
    table: pa.Table,
    verdicts: Sequence[Verdict],
    contracts: Mapping[tuple[str, str], Contract],
    settings: Settings,
    in_clear: bool,
) -> list[PlannedKind]:
    if table.num_rows == 0:
        return []
    pairs = list(zip(table.column("object").to_pylist(), table.column("kind").to_pylist(), strict=True))
    found = []
    for name, kind in sorted(set(pairs)):
        positions = [index for index, pair in enumerate(pairs) if pair == (name, kind)]
        staged = table.take(pa.array([index for index in positions if verdicts[index].state == "staged"], pa.int64()))
        states = Counter(str(verdicts[index].state) for index in positions)
        reasons = Counter(verdicts[index].reason for index in positions if verdicts[index].reason)
        keys = staged.column("person_key").to_pylist()
        endpoint = _endpoint(name, staged)
        requests = _requests(endpoint, keys)
        found.append(
            PlannedKind(
                object=name,
                kind=kind,
                states=dict(states),
                reasons=dict(reasons.most_common()),
                people=len(set(keys)),
                requests=requests,
                minutes=minutes_of(endpoint, requests, settings.rate_share),
                fields=_fields(staged),
                may_trigger=_may_trigger(name, kind, staged, contracts.get((name, kind))),
                examples=_examples(staged, in_clear),
            )
        )
    return found


def _endpoint(name: str, staged: pa.Table) -> Endpoint:
    """Rows of one kind take one endpoint; identity rows name it."""
    named = staged.column("endpoint").to_pylist() if "endpoint" in staged.column_names else []
    route = IDENTITY_ROUTES[named[0] if named else "users/update"] if name == "identities" else ROUTES[name]
    return ENDPOINTS[route.endpoint]


def _requests(endpoint: Endpoint, person_keys: list[str]) -> int:
    """One row per person and request, as the packing does it; bodies over the byte limit can add a few."""
    turns = Counter(Counter(person_keys).values())
    sizes = [sum(people for rows, people in turns.items() if rows > turn) for turn in range(max(turns, default=0))]
    return requests_of(endpoint, sizes)


def _fields(staged: pa.Table) -> dict[str, int]:
    if "changed_fields" not in staged.column_names:
        return {}
    changed = Counter(change["field"] for changes in staged.column("changed_fields").to_pylist() for change in changes or ())
    return dict(changed.most_common())


def _may_trigger(name: str, kind: str, staged: pa.Table, contract: Contract | None) -> tuple[str, ...]:
    if staged.num_rows == 0:
        return ()
    if name in ("events", "purchases", "carts") or kind == "list_add":
        return (kind,)
    may = {column.field for column in contract.columns if column.may_trigger} if contract else set()
    return tuple(field for field in _fields(staged) if field in may)


def _examples(staged: pa.Table, in_clear: bool) -> tuple[str, ...]:
    emails = [email for email in staged.column("email").slice(0, EXAMPLES_MAX).to_pylist() if email]
    return tuple(emails if in_clear else map(mask_email, emails))


def _due(run: Run) -> dict[str, dict[str, Any]]:
    if "next_due" not in run.built:
        return {}
    rows = run.warehouse.execute(
        "select kind, due_count, next_due_at from changes.next_due order by next_due_at, kind"
    ).fetchall()
    return {kind: {"count": count, "next_at": f"{moment.isoformat(timespec='seconds')}Z"} for kind, count, moment in rows}


def _history(run: Run) -> dict[str, int]:
    return dict(
        run.warehouse.execute("select kind, count(*) from changes.new_held_history group by kind order by kind").fetchall()
    )
