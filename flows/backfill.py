"""Letting history go: what it would be, and chunk after chunk, each by a complete sync of its own."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from activation.history import Chunk, LetGo, asked, history_counts, history_turns, knows_history, subjects_of
from activation.ledger.backfills import Backfill, BackfillState, Criteria
from activation.ledger.reading import read_only
from activation.routes import ROUTES
from cartwire import clock, stopping
from cartwire.errors import ConfigError
from cartwire.lock import lease
from cartwire.settings import Settings
from cartwire.warehouse import open_warehouse
from clients.endpoints import ENDPOINTS
from flows.context import Progress, Run, no_progress
from flows.estimate import minutes_of, requests_of, rows_within
from flows.run import sync, walk_steps

if TYPE_CHECKING:
    import duckdb

OBJECTS = ("purchases", "events")
CHUNK_SECONDS = 60.0
CHUNK_ROWS_MAX = 100_000
WAIT_S = 600.0
BETWEEN_CHUNKS_S = 1.0
"""Somebody who waits for the lease asks for it five times in that time."""
EXAMPLES_MAX = 5
AS_BEFORE = "as before"
NOT_MET = "no sync has met this history yet: run `cartwire sync` first; it sends none of it"


@dataclass(frozen=True)
class Outlook:
    """What a backfill would still do.

    Attributes:
        kinds: per kind and market: facts, people, the first and last moment, and purchases that wait for a live cart.
        requests, minutes: what it costs under the limits and our share of them.
        may_trigger: names of events, or purchases, on which journeys start that do not filter on isBackfill.
        emptied_carts: people whose live cart it empties at Iterable and sends again.
    """

    kinds: tuple[dict[str, Any], ...]
    facts: int
    waiting: int
    requests: int
    minutes: float
    may_trigger: tuple[str, ...]
    emptied_carts: int

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


NOTHING_LEFT = Outlook((), 0, 0, 0, 0.0, (), 0)


@dataclass(frozen=True)
class Progressed:
    """What one command brought about.

    Attributes:
        backfill: as it stands now.
        chunks: runs that let something go.
        states: facts per final state; `as before`: their earlier verdict stands, or their models no longer tell them.
        left: what is still to do.
        blocked: why it ended early; empty otherwise.
    """

    backfill: Backfill
    chunks: int
    states: dict[str, int]
    left: Outlook
    blocked: tuple[str, ...]


def chosen_kinds(settings: Settings, names: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """(object, kind) for names of objects and kinds, as `objects.csv` lists them. Raises: ConfigError listing what is known."""
    with (settings.config / "objects.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.DictReader(file) if row["object"] in OBJECTS]
    enabled = [(row["object"], row["kind"]) for row in rows if row["is_enabled"] == "true"]
    for name in names:
        if not any(name in (row["object"], row["kind"]) for row in rows):
            known = sorted({row[column] for row in rows for column in ("object", "kind")})
            raise ConfigError(f"{name} has no history; known: {', '.join(known)}")
        if not any(name in pair for pair in enabled):
            raise ConfigError(f"{name} is switched off in config/objects.csv: switch it on, sync, then let its history go")
    return tuple(pair for pair in enabled if set(pair) & set(names))


def check_market(settings: Settings, market_code: str) -> None:
    """Raises: ConfigError listing the markets of `markets.csv`."""
    with (settings.config / "markets.csv").open(newline="", encoding="utf-8-sig") as file:
        known = sorted(row["market_code"] for row in csv.DictReader(file))
    if market_code not in known:
        raise ConfigError(f"{market_code} is no market; config/markets.csv has: {', '.join(known)}")


def look(settings: Settings, criteria: Criteria, *, ids: Sequence[str] | None = None) -> tuple[Criteria, Outlook]:
    """What a backfill would do, from the last build. Args: ids: as people know them; the criteria returned have their subjects.

    Raises: ConfigError where no sync has built the warehouse, or ids are no history; LeaseTaken.
    """
    if not settings.warehouse.exists():
        raise ConfigError(NOT_MET)
    with lease(settings.ledger, wait_s=WAIT_S), open_warehouse(settings.warehouse) as conn:
        if not knows_history(conn):
            raise ConfigError(NOT_MET)
        if ids is not None:
            criteria = replace(criteria, ids=_subjects(subjects_of(conn, ids)))
        return criteria, _outlook(settings, conn, Chunk(backfill_id=0, criteria=criteria, after=None, rows_max=0))


def _subjects(known: dict[str, str | None]) -> tuple[str, ...]:
    strangers = [given for given, subject in known.items() if subject is None]
    if strangers:
        raise ConfigError(
            f"{len(strangers)} of {len(known)} ids are no history that is held ({', '.join(strangers[:EXAMPLES_MAX])}):"
            " take ids as Iterable knows them, or ids or numbers of orders"
        )
    return tuple(sorted({subject for subject in known.values() if subject}))


def _outlook(settings: Settings, conn: duckdb.DuckDBPyConnection, chunk: Chunk) -> Outlook:
    with asked(conn, chunk):
        counts, turns = history_counts(conn), history_turns(conn)
    costs = [(ENDPOINTS[ROUTES[name].endpoint], people) for (name, _), people in turns.items()]
    requests = [(endpoint, requests_of(endpoint, people)) for endpoint, people in costs]
    return Outlook(
        kinds=tuple(
            {
                "object": count.object,
                "kind": count.kind,
                "market": count.market_code,
                "facts": count.facts,
                "people": count.people,
                "waiting": count.waiting,
                "first_at": _text(count.first_at),
                "last_at": _text(count.last_at),
            }
            for count in counts
        ),
        facts=sum(count.facts for count in counts),
        waiting=sum(count.waiting for count in counts),
        requests=sum(number for _, number in requests),
        minutes=round(sum(minutes_of(endpoint, number, settings.rate_share) for endpoint, number in requests), 2),
        may_trigger=tuple(sorted({count.kind for count in counts if count.facts})),
        emptied_carts=sum(count.emptied_carts for count in counts),
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%SZ}"


def rows_of_a_chunk(settings: Settings, criteria: Criteria) -> int:
    """As many facts as leave in about a minute, were they all of the slowest kind."""
    endpoints = [ENDPOINTS[ROUTES[name].endpoint] for name, _ in criteria.kinds]
    return min(CHUNK_ROWS_MAX, *(rows_within(endpoint, CHUNK_SECONDS, settings.rate_share) for endpoint in endpoints))


def run_backfill(
    settings: Settings,
    backfill_id: int,
    *,
    rows_max: int | None = None,
    progress: Progress = no_progress,
    tell: Callable[[Progressed], None] = lambda _: None,
) -> Progressed:
    """Let it go chunk after chunk until its pass is over, somebody pauses it, or something holds it back.

    Each chunk is a complete sync, so nothing else waits for the backfill's end; between two of them the lease is free. A chunk counts
    as done when its run has ended: a run that dies is offered again, and what Iterable accepted of it is not.

    Args: rows_max: facts a chunk; default: about a minute's. tell: called after each chunk.
    Raises: what `sync` raises; RunStopped where somebody asked the process to end.
    """
    states: Counter[str] = Counter()
    chunks = 0
    blocked: tuple[str, ...] = ()
    while True:
        backfill = known_backfill(settings, backfill_id)
        if blocked or backfill.state is not BackfillState.open:
            with lease(settings.ledger, wait_s=WAIT_S), open_warehouse(settings.warehouse) as conn:
                left = _outlook(settings, conn, Chunk.of(backfill, 0))
            return Progressed(backfill, chunks, dict(states), left, blocked)
        step = _Step(settings, backfill_id, rows_max)
        sync(settings, trigger="backfill", wait_s=WAIT_S, progress=progress, walk=step.walk)
        states.update(step.states)
        chunks += bool(step.states)
        blocked = step.blocked
        if step.states and not blocked:
            tell(Progressed(backfill, chunks, dict(states), step.left, ()))
            stopping.sleep(BETWEEN_CHUNKS_S)


def known_backfill(settings: Settings, backfill_id: int) -> Backfill:
    """One that the ledger knows. Raises: ConfigError; LedgerError where there is no ledger yet."""
    with read_only(settings.ledger) as ledger:
        backfill = ledger.backfill(backfill_id)
    if backfill is None:
        raise ConfigError(f"there is no backfill {backfill_id}; `cartwire backfill list` shows them")
    return backfill


class _Step:
    """One chunk: walks a sync that lets it go, then moves the backfill on. Place and state are read under the lease of that sync.

    Attributes: as of `Progressed`, of this chunk.
    """

    def __init__(self, settings: Settings, backfill_id: int, rows_max: int | None) -> None:
        self._settings, self._backfill_id, self._rows_max = settings, backfill_id, rows_max
        self.states: dict[str, int] = {}
        self.blocked: tuple[str, ...] = ()
        self.left = NOTHING_LEFT

    def walk(self, run: Run) -> None:
        backfill = run.ledger.backfill(self._backfill_id)
        if backfill is None or backfill.state is not BackfillState.open:  # somebody was quicker
            walk_steps(run)
            return
        run.chunk = Chunk.of(backfill, self._rows_max or rows_of_a_chunk(self._settings, backfill.criteria))
        walk_steps(run)
        self.blocked = _blocked(run, run.chunk)
        if run.let_go is not None and not self.blocked:
            self._settle(run, run.chunk, run.let_go)
        run.close_warehouse()

    def _settle(self, run: Run, chunk: Chunk, gone: LetGo) -> None:
        verdicts = run.ledger.chunk_verdicts(run.run_id, gone.subjects)
        self.states, self.blocked = dict(verdicts.states), verdicts.blocked
        if untold := len(gone.subjects) - sum(self.states.values()):
            self.states[AS_BEFORE] = untold
        if self.blocked:
            return
        is_over = gone.is_all and not run.history  # what this run was the first to see as history, the next one can let go
        left_behind = verdicts.left_behind + gone.passed_over + (gone.waiting_ahead if is_over else 0)
        run.ledger.advance_backfill(chunk.backfill_id, gone.last, left_behind=left_behind, is_over=is_over)
        self.left = _outlook(self._settings, run.warehouse, replace(chunk, after=gone.last or chunk.after))


def _blocked(run: Run, chunk: Chunk) -> tuple[str, ...]:
    """Why a whole kind of the chunk could not be sent."""
    full = [pause.sentence for pause in run.pauses if pause.is_full]
    kinds = chunk.criteria.kinds
    names = {"released_history", *(f"changed_{name}" for name, _ in kinds), *(kind for _, kind in kinds)}
    failed = [f"{name}: {why}" for name, why in {**run.held, **run.undelivered}.items() if name in names]
    found = tuple(full + failed)
    return found if found or run.let_go is not None else ("the build did not come to the history to let go",)


def new_criteria(
    kinds: Iterable[tuple[str, str]],
    *,
    since: datetime,
    until: datetime,
    market_code: str | None,
    includes_live_carts: bool,
) -> Criteria:
    """Criteria of aware datetimes. Raises: ConfigError where the period is empty."""
    if since >= until:
        raise ConfigError(f"--since {since:%Y-%m-%d %H:%MZ} is not before --until {until:%Y-%m-%d %H:%MZ}")
    return Criteria(
        kinds=tuple(kinds),
        since_ms=clock.to_ms(since),
        until_ms=clock.to_ms(until),
        market_code=market_code,
        includes_live_carts=includes_live_carts,
    )
