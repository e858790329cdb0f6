"""The steps of a sync, in the order of the design. The command line and the Prefect flow walk the same list."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from activation import crash_points
from activation.consent_counts import consent_counts
from activation.contracts import load_contracts
from activation.data_docs import build_data_docs
from activation.deliver import deliver
from activation.field_types import conflicts
from activation.fold import fold, rebuild_delivered
from activation.freeze import StageCounts, freeze_stage
from activation.history import ask_for_history, let_go
from activation.lists import check_list_sources, create_missing
from activation.opt_out_watch import OptOutWatch, watched_channels
from activation.publish import publish_ledger_views, publish_marts
from activation.received import read_iterable_ids
from activation.settle import resolve_unknown
from activation.standstill import note_settled, still_since
from activation.verdicts import NEVER_HELD
from cartwire import clock, stopping
from cartwire.config_check import check_config
from cartwire.settings import REPOSITORY, Settings
from cartwire.warehouse import demand_project, write_control
from clients.commercetools import CommercetoolsClient
from flows.build_state import model_contents
from flows.context import Run
from flows.dbt import build_everything, build_withdrawals
from flows.inbox import waiting
from flows.kinds import Contracts, check_kinds, event_models, kinds_switched_on, transition_kinds
from flows.upgrade import digest_of_rules
from ingestion.consent_imports import load_consent_imports
from ingestion.iterable import load_iterable, load_lists
from ingestion.source import load_commercetools

WITHDRAWALS = "withdrawals"
AUTHORITY_LOST = (
    "commercetools' Messages date this kind and are switched off: switch them on again,"
    " or let our own history date it from now on with `cartwire authority history --yes`"
)
THE_REST = "rest"
MODELS_OF_THE_REST = (
    "changed_closures",
    "changed_identities",
    "changed_users",
    "changed_purchases",
    "changed_carts",
    "changed_events",
    "changed_lists",
    "changed_grants",
)
MARTS = frozenset(
    (
        "profiles",
        "consent_state",
        "consent_history",
        "consent_gap",
        "customer_metrics",
        "orders",
        "order_lines",
        "carts",
        "refunds",
        "products",
        "deletions",
        "custom_objects",
    )
)


@dataclass(frozen=True)
class Step:
    """A named part of the run. `retries`: how often the flow may repeat it; only where repeating is harmless."""

    name: str
    do: Callable[[Run], None]
    retries: int = 0


def fold_earlier(run: Run) -> None:
    """Verdicts of an earlier run that died before its fold. Of a restored ledger nothing is taken for granted: all is folded anew."""
    if run.ledger.looks_first():
        rebuild_delivered(run.warehouse, run.ledger)
    else:
        fold(run.warehouse, run.ledger)


def read_back(run: Run) -> None:
    """Outcomes an earlier run never learned: look at Iterable after the visibility delay. Withdrawals did not wait for this."""
    if run.ledger.unknown_items(None):
        run.close_warehouse()
        resolve_unknown(
            run.ledger,
            run.iterable,
            None,
            visibility_s=run.settings.visibility_seconds,
            unknown_outcome=unknown_outcomes(run.settings),
            sleep=run.sleep,
        )
        fold(run.warehouse, run.ledger)


def load(run: Run) -> None:
    """commercetools, Iterable and the inbox into `raw` and `raw_iterable`, which proves both keys; then the run's row in `control`."""
    settings = run.settings
    demand_project(run.warehouse, settings.warehouse, settings.ctp_project_key)
    source = CommercetoolsClient.from_settings(settings)

    def progress(step: str, done: int, total: int | None) -> None:
        stopping.check()
        run.progress(step, done, total)

    try:
        report = load_commercetools(run.warehouse, settings, client=source, progress=progress)
        run.loaded = dict(report.rows)
        inbox = waiting(run.ledger, run.warehouse)
        told = load_iterable(run.warehouse, settings, client=run.iterable, webhooks=inbox.webhooks)
        run.is_export_left = told.exports_left > 0
        load_consent_imports(run.warehouse, settings.state_dir, inbox.imports)
        run.ledger.note_inbox_read(inbox.up_to)
        if run.binds:  # not earlier: a mistyped key must not bind the ledger to nobody
            run.ledger.bind(*project_binding(settings), run.started_at)
        _choose_authorities(run, source)
    finally:
        source.close()
    run.kinds_on_since = run.ledger.kinds_on_since(kinds_switched_on(settings), run.started_at, remember=run.binds)
    write_run_row(run)
    ask_for_history(run.warehouse, run.chunk)
    crash_points.reach("loaded-not-built")


def write_run_row(run: Run) -> None:
    """Tell the models which run this is, when it is, where history begins, and whether the ledger knows all that was sent."""
    write_control(
        run.warehouse,
        run_id=run.run_id,
        as_of=clock.now(),
        go_live_at=run.ledger.go_live_at() or run.started_at,
        project_key=run.settings.ctp_project_key,
        identity=run.settings.iterable_identity,
        secret=run.settings.secret_bytes,
        authority=run.authorities,
        kinds_on_since=run.kinds_on_since,
        looks_first=run.ledger.looks_first(),
    )


def send_withdrawals(run: Run) -> None:
    """Stage 1, before anything else is built: nobody waits for a test to be unsubscribed."""
    if _is_still(run):
        return
    build_withdrawals(run.settings)
    deliver_withdrawals(run)


def deliver_withdrawals(run: Run) -> None:
    """Freeze and send the withdrawals that were built."""
    read_iterable_ids(run.warehouse, run.ledger)
    if stage_withdrawals(run).planned:
        run.is_settled = False
        run.close_warehouse()
        _deliver(run, WITHDRAWALS)


def stage_withdrawals(run: Run) -> StageCounts:
    """Their rows into the ledger."""
    return freeze_stage(
        run.warehouse,
        run.ledger,
        run.run_id,
        WITHDRAWALS,
        ["changed_withdrawals"],
        load_contracts(REPOSITORY / "models"),
        held_objects={},
        test_profiles=run.only_test_profiles,
        only=run.applied.rows if run.applied else None,
    )


def stage_rest(run: Run, *, moves_history: bool = True) -> StageCounts:
    """All other rows that may be delivered, gated, into the ledger."""
    contracts = load_contracts(REPOSITORY / "models")
    return freeze_stage(
        run.warehouse,
        run.ledger,
        run.run_id,
        THE_REST,
        [model for model in MODELS_OF_THE_REST if model in run.built],
        contracts,
        held_objects=held_objects(run, contracts),
        test_profiles=run.only_test_profiles,
        moves_history=moves_history,
        only=run.applied.rows if run.applied else None,
    )


def make_lists(run: Run) -> None:
    """Static lists that config/ wants and Iterable lacks; not in a rehearsal, and not while everything is paused."""
    if run.settings.shadow or any(pause.is_full or pause.name == "lists" for pause in run.ledger.pauses()):
        return
    if lists := create_missing(run.iterable, run.settings.config, clock.now_ms):
        load_lists(run.warehouse, run.settings, run.iterable, lists)


def build(run: Run) -> None:
    """Everything else, with its data tests; what failed is held downstream.

    Left out where nothing moved since a build that left nothing to do.
    """
    if _is_still(run):
        return
    result = build_everything(run.settings)
    run.failed_tests = result.failed_tests
    run.slowest_models = result.slowest_models
    run.built = result.built
    run.held |= result.held
    events = event_models(load_contracts(REPOSITORY / "models"))
    run.undelivered = {model: why for model, why in run.held.items() if model.startswith("changed_") or model in events}
    run.undelivered |= run.lost_authorities


def publish(run: Run) -> None:
    """The marts of this build into the analysts' file; where one failed, analysts keep the version before."""
    if run.built >= MARTS:
        publish_marts(run.warehouse, run.settings.analyst_db, run.run_id, model_contents(run.warehouse, MARTS))
    crash_points.reach("marts-published-not-frozen")


def freeze(run: Run) -> None:
    """Gate the changed rows and write them, with the consent of everyone concerned, into the ledger; then let the warehouse go.

    Under a full pause nothing is planned, so that a pause of a week leaves no week of held rows.
    """
    run.pauses = run.ledger.pauses()
    if run.still_since or run.built >= {"profiles", "consent_state"}:
        run.consent = consent_counts(run.warehouse)
    if run.still_since or any(pause.is_full for pause in run.pauses):
        run.close_warehouse()
        return
    if run.chunk and "released_history" in run.built:
        run.let_go = let_go(run.warehouse)
    counts = stage_rest(run, moves_history=run.applied is None)
    run.history = dict(counts.history)
    run.watched = watched_channels(run.warehouse)
    if run.is_settled and not (run.held or run.failed_tests or counts.planned or counts.history):
        note_settled(run.warehouse, run.run_id, digest_of_rules(run.settings), clock.now())
    run.close_warehouse()
    if counts.gates:
        folder = run.settings.state_dir / "data_docs"
        beside_delivery = ThreadPoolExecutor(1, thread_name_prefix="pages")
        run.pages = beside_delivery.submit(build_data_docs, counts.gates, folder, run_id=run.run_id, at=clock.now())
        beside_delivery.shutdown(wait=False)


def _is_still(run: Run) -> bool:
    """Whether a build would only repeat an earlier one; remembers which. A plan builds always: it shows what is there."""
    may_be = run.binds and run.chunk is None and not run.ledger.looks_first()
    run.still_since = still_since(run.warehouse, digest_of_rules(run.settings), clock.now()) if may_be else None
    return run.still_since is not None


def held_objects(run: Run, contracts: Contracts) -> dict[str, str]:
    """Object or kind → why this run must not deliver it: a failed test, a type that conflicts at Iterable, or a pause."""
    failed = {model.removeprefix("changed_"): reason for model, reason in run.undelivered.items()}
    mapped = run.warehouse.execute("select iterable_field, type from config.attribute_map where is_enabled").fetchall()
    return {**failed, **conflicts(contracts, run.iterable.get_fields(), mapped), **_paused(run)}


def _paused(run: Run) -> dict[str, str]:
    """Object or kind → the pause on it, as it stands now."""
    run.pauses = run.ledger.pauses()
    full = [pause.sentence for pause in run.pauses if pause.is_full]
    named = {pause.name: pause.sentence for pause in run.pauses if not pause.is_full}
    objects = [name for (name,) in run.warehouse.execute("select distinct object from config.objects").fetchall()] if full else []
    return {**{name: full[0] for name in objects if name not in NEVER_HELD}, **named}


def send(run: Run) -> None:
    """Deliver lane by lane; at the end everything planned has one verdict."""
    _deliver(run, THE_REST)
    run.ledger.prove_conservation(run.run_id)


def _deliver(run: Run, stage: str) -> None:
    deliver(
        run.ledger,
        run.iterable,
        run.run_id,
        stage,
        visibility_s=0 if run.settings.shadow else run.settings.visibility_seconds,
        unknown_outcome=unknown_outcomes(run.settings),
        is_shadow=run.settings.shadow,
        looks_first=run.ledger.looks_first(),
        watch=_watch(run) if stage == THE_REST else None,
        planned=run.applied.requests if run.applied else None,
        progress=run.progress,
        sleep=run.sleep,
    )


def _watch(run: Run) -> OptOutWatch:
    known_at_ms = clock.to_ms(run.started_at)  # the load read what people left before that
    return OptOutWatch(
        run.ledger, run.iterable, run.run_id, run.watched, known_at_ms=known_at_ms, is_export_left=run.is_export_left
    )


def fold_outcomes(run: Run) -> None:
    """Verdicts into `delivered`, so that the next diff sees them; then the ledger views for analysts."""
    fold(run.warehouse, run.ledger)
    run.close_warehouse()
    crash_points.reach("folded-not-published")
    if not run.still_since:
        publish_ledger_views(run.settings.ledger, run.settings.analyst_db)
    if run.pages:
        run.data_docs = run.pages.result()


def prune(run: Run) -> None:
    """Payloads that are old enough go, at most once a day, and in one sync so many that nobody waits."""
    if run.settings.payload_days:
        run.ledger.prune_daily(payloads_until_ms(run.settings.payload_days))


def payloads_until_ms(days: int) -> int:
    """What was settled before then is old enough."""
    return clock.to_ms(clock.now() - timedelta(days=days))


STEPS: Sequence[Step] = (
    Step("fold earlier", fold_earlier, retries=1),
    Step("load", load, retries=1),
    Step("withdrawals", send_withdrawals),
    Step("read back", read_back),
    Step("lists", make_lists),
    Step("build", build),
    Step("publish", publish),
    Step("freeze", freeze),
    Step("deliver", send),
    Step("fold", fold_outcomes, retries=1),
    Step("prune", prune, retries=1),
)


def check_before_start(settings: Settings) -> None:
    """What must be right before anything is touched. Raises: ConfigError naming file, row and column."""
    check_config(settings.config)
    check_kinds(settings, load_contracts(REPOSITORY / "models"))
    check_list_sources(settings.config, REPOSITORY / "models")


def unknown_outcomes(settings: Settings) -> dict[str, str]:
    """Object → `resend` or `hold`, for a lost row that cannot be read back (`config/objects.csv`; the careful one of its kinds)."""
    with (settings.config / "objects.csv").open(newline="") as file:
        rows = [(row["object"], row["unknown_outcome"]) for row in csv.DictReader(file)]
    return {name: "hold" if (name, "hold") in rows else outcome for name, outcome in rows}


def project_binding(settings: Settings) -> tuple[str, str, str]:
    """What a ledger is bound to: a fingerprint of each project (keys go in hashed only), and the type of the Iterable project."""
    source = f"{settings.ctp_api_url}|{settings.ctp_project_key}"
    target = f"{settings.iterable_api_url}|{settings.iterable_api_key.get_secret_value()}"
    fingerprints = hashlib.sha256(source.encode()).hexdigest(), hashlib.sha256(target.encode()).hexdigest()
    return *fingerprints, settings.iterable_identity


def _choose_authorities(run: Run, source: CommercetoolsClient) -> None:
    """Where transitions of a plain field are read from (design: one authority), recorded once the ledger is bound.

    Another one would tell the past again by other ids, so it takes a person: while Messages are the authority and are switched
    off, these kinds are held.
    """
    kinds = transition_kinds(load_contracts(REPOSITORY / "models"))
    missing = [kind for kind in kinds if run.ledger.authority(kind) is None]
    enabled = source.project().get("messages", {}).get("enabled", False)
    run.authorities |= dict.fromkeys(missing, "messages" if enabled else "history")
    if run.ledger.go_live_at() is not None:
        for kind in missing:
            run.ledger.set_authority(kind, run.authorities[kind])
    run.authorities |= {kind: run.ledger.authority(kind) or run.authorities[kind] for kind in kinds}
    run.lost_authorities = {} if enabled else {kind: AUTHORITY_LOST for kind in kinds if run.authorities[kind] == "messages"}
