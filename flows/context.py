"""What one run carries from step to step."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from cartwire import clock, stopping
from cartwire.settings import Settings
from cartwire.warehouse import open_warehouse

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from activation.as_planned import Sent
    from activation.history import Chunk, LetGo
    from activation.ledger.pauses import Pause
    from activation.ledger.store import Ledger
    from activation.opt_out_watch import WatchedChannel
    from clients.iterable import IterableClient


class Progress(Protocol):
    """Where a run says how far it is. `total` None = unknown."""

    def __call__(self, step: str, done: int, total: int | None) -> None: ...


def no_progress(step: str, done: int, total: int | None) -> None:
    """For runs nobody watches."""


@dataclass(frozen=True)
class Applying:
    """What an applied plan lets through. `rows`: columns object and subject."""

    rows: pa.Table
    requests: frozenset[Sent]


@dataclass
class Run:
    """One sync from lease to report. Steps read and write it; nothing else holds run state.

    Attributes:
        run_id: time of start and a random tail; never personal.
        trigger: `manual`, `schedule`, `demo`, `replay`, `release` or `backfill`.
        only_test_profiles: people outside `config/test_profiles.csv` are suppressed in this run and planned again by the next.
        chunk: the history this run is to let go; None in an ordinary run.
        let_go: what of it the build let go; None where the build or a full pause did not come to that.
        binds: False for a plan: it leaves the ledger unbound.
        started_at: go-live, if this run binds the ledger; what happens during a long first load is not history.
        built: models this run has built; only these are delivered.
        held: model name → reason it must not be delivered in this run.
        undelivered: of these, the changed models and event models, whose rows therefore stay here.
        watched: which channels of Iterable stand for which consent, for looks at who leaves while the run sends.
        applied: of a plan that this run applies: all that may be frozen and leave.
        is_export_left: whether the load left an export of Iterable's four a minute for such a look.
        pauses: the operator's switches as they stood when the stage of everything but withdrawals was to be frozen.
        lost_authorities: kinds whose authority is switched off in the shop → why their rows are held.
        kinds_on_since: kind of fact → since when it is switched on.
        authorities: kind of transition → `messages` or `history`, whichever dates it in this installation.
        history: facts set aside as history in this run, per kind.
        consent: profiles per market, channel, purpose and status; empty where consent could not be built.
        pages: the gate's data docs, being written beside the delivery; None when nothing was gated.
        data_docs: their index, once they are there.
        is_settled: False once this run found something to send; then its build is no base for leaving out the next.
        still_since: run id of the build that this run would only have repeated, and left out.
        seconds: step name → wall time.
        slowest_models: model → wall time, of the models that took this run's build longest.
    """

    settings: Settings
    ledger: Ledger
    iterable: IterableClient
    run_id: str = field(default_factory=lambda: f"{clock.now():%Y%m%dT%H%M%S}-{secrets.token_hex(3)}")
    trigger: str = "manual"
    only_test_profiles: bool = False
    chunk: Chunk | None = None
    let_go: LetGo | None = None
    binds: bool = True
    started_at: datetime = field(default_factory=clock.now)
    progress: Progress = no_progress
    sleep: Callable[[float], None] = stopping.sleep
    built: frozenset[str] = frozenset()
    held: dict[str, str] = field(default_factory=dict)
    undelivered: dict[str, str] = field(default_factory=dict)
    pauses: tuple[Pause, ...] = ()
    watched: tuple[WatchedChannel, ...] = ()
    is_export_left: bool = True
    applied: Applying | None = None
    history: dict[str, int] = field(default_factory=dict)
    loaded: dict[str, int] = field(default_factory=dict)
    authorities: dict[str, str] = field(default_factory=dict)
    lost_authorities: dict[str, str] = field(default_factory=dict)
    kinds_on_since: dict[str, datetime] = field(default_factory=dict)
    failed_tests: tuple[str, ...] = ()
    consent: tuple[dict[str, Any], ...] = ()
    pages: Future[Path | None] | None = None
    data_docs: Path | None = None
    is_settled: bool = True
    still_since: str | None = None
    seconds: dict[str, float] = field(default_factory=dict)
    slowest_models: dict[str, float] = field(default_factory=dict)
    _connection: duckdb.DuckDBPyConnection | None = None

    @property
    def warehouse(self) -> duckdb.DuckDBPyConnection:
        """The run's one connection, opened at first use and kept until `close_warehouse`."""
        if self._connection is None:
            self._connection = open_warehouse(
                self.settings.warehouse, memory_gib=self.settings.memory_gib, threads=self.settings.threads
            )
        return self._connection

    def close_warehouse(self) -> None:
        """Let other processes in; called before any request to Iterable that writes."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the block's wall time to `seconds[step]`."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[step] = round(self.seconds.get(step, 0.0) + time.monotonic() - started, 3)
