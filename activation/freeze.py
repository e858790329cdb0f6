"""Freeze: a stage's changed rows become ledger items, with the consent of everyone concerned, in one ledger transaction.

Rows stream from DuckDB through verdicts and gate into SQLite, so memory holds one batch. What SQL calls history never
becomes an item; it moves to ``delivered.held_history`` after the ledger has committed, and a crash between the two only
means that the next run moves it.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from activation import crash_points
from activation.contracts import Contract
from activation.event_fields import tables_of_kinds
from activation.gate import GateResult
from activation.guard import VolumeVerdict, delivered_counts, guard_rules, judge_volume
from activation.ledger.items import ConsentRow, NewItem
from activation.planning import new_items, with_fingerprints
from activation.verdicts import Policy, judge
from cartwire.clock import now, to_ms
from cartwire.errors import CartwireError, ConfigError
from cartwire.warehouse import transaction

if TYPE_CHECKING:
    from activation.ledger.store import Ledger

BATCH_ROWS = 100_000
ORDER = "lane, occurred_at, subject"  # a person's rows as they happened; and the same rows are packed the same way
RENDER_ROWS = 2_000  # rows whose fields are Python objects at a time
_SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCounts:
    """What a freeze wrote; counts and reasons only.

    Attributes:
        planned: rows by (object, kind), as the ledger keeps them.
        states: rows by (object, kind, state): staged, rejected, held, suppressed.
        held_by_guard: object to reason. Not sticky: the rows are planned again by the next run.
        released_by_approval: objects that passed the guard only because a person approved.
        history: facts seen for the first time that stay history, by kind; they are no ledger items.
        gates: results for data docs.
    """

    stage: str
    planned: Mapping[tuple[str, str], int] = field(default_factory=dict)
    states: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    held_by_guard: Mapping[str, str] = field(default_factory=dict)
    released_by_approval: frozenset[str] = frozenset()
    history: Mapping[str, int] = field(default_factory=dict)
    gates: Sequence[GateResult] = ()


def freeze_stage(
    conn: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    run_id: str,
    stage: str,
    models: Sequence[str],
    contracts: Mapping[tuple[str, str], Contract],
    *,
    held_objects: Mapping[str, str],
    test_profiles: bool = False,
    moves_history: bool = True,
    only: pa.Table | None = None,
    batch_rows: int = BATCH_ROWS,
) -> StageCounts:
    """Plan a stage: from here on its rows are counted, and each ends in exactly one state.

    Args:
        conn: the run's warehouse connection.
        models: tables of schema `changes` that this run built (`changed_users`), in the order of delivery.
        contracts: of `load_contracts`.
        held_objects: object or kind to reason (failed test, type conflict); its rows become held, and are planned again
            by the next run. Withdrawals are never held.
        moves_history: set aside what this run is the first to see as history; a stage beside the sync's own leaves that alone.
        test_profiles: only people listed in config/test_profiles.csv may leave; the others are suppressed for this run.
        only: columns object and subject: all other rows are left out, planned by no one.
    Raises:
        LedgerError: the stage is frozen already or rows break an invariant; nothing is written then.
        ConfigError: test profiles only, and none are listed.
    """
    if test_profiles:
        _demand_test_profiles(conn)
    volume = stage_volume(conn, ledger, models, held_objects, only)
    tables = [_relation(conn, model, only).order(ORDER) for model in models]
    policy = Policy(
        contracts=contracts,
        held=held_objects,
        held_by_guard=volume.held,
        test_profiles=test_profiles,
    )
    gates: list[GateResult] = []
    states: Counter[tuple[str, str, str]] = Counter()

    def items() -> Iterator[NewItem]:
        for relation in tables:
            for batch in with_fingerprints(relation).to_arrow_reader(batch_rows):
                kinds = list(tables_of_kinds(pa.Table.from_batches([batch]), contracts))
                judged, results = judge(kinds, policy)
                gates.extend(results)
                for table, verdicts in zip(kinds, judged, strict=True):
                    for start in range(0, len(verdicts), RENDER_ROWS):
                        end = start + RENDER_ROWS
                        for item in new_items(table.slice(start, RENDER_ROWS), verdicts[start:end], contracts):
                            states[item.object, item.kind, item.state] += 1
                            yield item

    with _uncollected():
        planned = ledger.freeze(run_id, stage, items(), _consent(conn, tables, models, batch_rows))
    crash_points.reach("frozen-history-not-moved")
    for name in volume.released:
        ledger.use_release(name, run_id)
    history = _move_history(conn, run_id, held_objects) if moves_history and _knows_history(conn, models) else {}
    return StageCounts(
        stage=stage,
        planned=planned,
        states=dict(states),
        held_by_guard=volume.held,
        released_by_approval=volume.released,
        history=history,
        gates=gates,
    )


@contextmanager
def _uncollected() -> Iterator[None]:
    """Rows streaming by make no cycles, but every collection walks all loaded libraries: a quarter of a freeze's time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _relation(conn: duckdb.DuckDBPyConnection, model: str, only: pa.Table | None = None) -> duckdb.DuckDBPyRelation:
    try:
        relation = conn.table(f"changes.{model}")
        return relation if only is None else relation.join(conn.from_arrow(only), "object, subject", how="semi")
    except duckdb.CatalogException as error:
        raise CartwireError(f"changes.{model} does not exist: the run did not build it; run `dbt build`", model=model) from error


def _knows_history(conn: duckdb.DuckDBPyConnection, models: Sequence[str]) -> bool:
    if _only_withdrawals(models):
        return False
    return conn.execute((_SQL / "count_history_models.sql").read_text()).fetchall() == [(1,)]


def _only_withdrawals(models: Sequence[str]) -> bool:
    return all(model == "changed_withdrawals" for model in models)


def stage_volume(
    conn: duckdb.DuckDBPyConnection,
    ledger: Ledger,
    models: Sequence[str],
    held_objects: Mapping[str, str],
    only: pa.Table | None = None,
) -> VolumeVerdict:
    """What the volume guard says to a stage: it counts what would be sent; rows held for another reason are no flood."""
    changed: Counter[str] = Counter()
    for model in models:
        rows = _relation(conn, model, only).filter("verdict = 'send'").aggregate("object, kind, count(*)", "object, kind")
        for name, kind, count in rows.fetchall():
            if name not in held_objects and kind not in held_objects:
                changed[name] += count
    return judge_volume(changed, delivered_counts(conn), guard_rules(conn), ledger.release_approved)


def _demand_test_profiles(conn: duckdb.DuckDBPyConnection) -> None:
    if conn.execute((_SQL / "count_test_profiles.sql").read_text()).fetchall() == [(0,)]:
        raise ConfigError(
            "only test profiles may leave, but config/test_profiles.csv lists nobody: add an address or customer id"
        )


def _consent(
    conn: duckdb.DuckDBPyConnection, tables: Sequence[duckdb.DuckDBPyRelation], models: Sequence[str], batch_rows: int
) -> Iterator[ConsentRow]:
    """Consent of everyone in the stage. Stage 1 knows opt-outs only; it can close channels but never open one."""
    if not tables:
        return
    people = pa.concat_tables([table.project("person_key").distinct().to_arrow_table() for table in tables])
    query = "withdrawn_consent.sql" if _only_withdrawals(models) else "consent.sql"
    cursor = conn.cursor()
    try:
        cursor.register("concerned", people)
        for batch in cursor.sql((_SQL / query).read_text()).to_arrow_reader(batch_rows):
            for key, channel, purpose, status, is_messageable, stated_at in zip(
                *(column.to_pylist() for column in batch.columns), strict=True
            ):
                yield ConsentRow(
                    person_key=key,
                    channel=channel,
                    purpose=purpose,
                    status=status,
                    is_messageable=is_messageable,
                    stated_at_ms=None if stated_at is None else to_ms(stated_at),
                )
    finally:
        cursor.close()


def _move_history(conn: duckdb.DuckDBPyConnection, run_id: str, held_objects: Mapping[str, str]) -> Mapping[str, int]:
    """Facts that are history, seen for the first time: into delivered.held_history, counted by kind.

    Facts of a held object stay where they are: their models failed a test, so what they call history may be wrong.
    """
    with transaction(conn):
        moment = now().replace(tzinfo=None)
        conn.execute((_SQL / "move_history.sql").read_text(), [run_id, moment, list(held_objects)])
        counts = conn.execute((_SQL / "count_history.sql").read_text(), [run_id]).fetchall()
    return dict(counts)
