"""Keeping the only copy: backup beside a running sync, check, and restore of an older one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from activation.ledger.database import open_reader
from activation.ledger.queries import UNEXPLAINED
from activation.ledger.runs import Runs
from cartwire.clock import now
from cartwire.durable import make_durable
from cartwire.errors import ConfigError, LedgerError

Progress = Callable[[int, int], None]
PAGES_PER_STEP = 10_000
# Every finished run, all at once: what the freeze promised beside what became of it.
NOT_CONSERVED = """
with found as (
    select
        run_id, stage, object, kind, count(*) as rows, sum(state in ('staged', 'sending', 'unknown')) as open
    from items group by 1, 2, 3, 4
)
select planned.run_id, planned.object, planned.kind, planned.rows, coalesce(found.rows, 0), coalesce(found.open, 0)
from planned
inner join runs on runs.run_id = planned.run_id and runs.state = 'done'
left join found on found.run_id = planned.run_id and found.stage = planned.stage
    and found.object = planned.object and found.kind = planned.kind
where coalesce(found.rows, 0) <> planned.rows or found.open > 0
union all
select found.run_id, found.object, found.kind, 0, found.rows, found.open
from found left join planned on planned.run_id = found.run_id and planned.stage = found.stage
    and planned.object = found.object and planned.kind = found.kind
where planned.run_id is null
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found. `faults` are sentences without personal data; none: the file is sound and every row is accounted for."""

    version: int
    runs: int
    rows: int
    size_bytes: int
    newest_run: str | None
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The backup as it was checked, and where the former ledger lies now; None if there was none."""

    checked: Checked
    former: Path | None


def backup(ledger: Path, target: Path, progress: Progress = lambda done, total: None) -> Checked:
    """Copy the ledger as of one moment into a new file, also beside a running sync, and check the copy.

    The file appears under its name when it is complete and durable, readable by its owner only.
    Raises: ConfigError where `target` is there already; LedgerError where there is no ledger, or the copy is not sound.
    """
    if target.exists():
        raise ConfigError(f"{target.name} is there already; name a new file")
    open_reader(ledger).close()
    with _fresh_file(target.with_name(f".{target.name}.partial"), "the backup cannot be written") as partial:
        _copy(ledger, partial, progress)
        checked = check(partial)
        if checked.faults:
            raise LedgerError(f"the copy is not sound: {checked.faults[0]}; run `cartwire ledger check`")
        make_durable(partial)
        partial.rename(target)
        make_durable(target.parent)
    return checked


def check(ledger: Path) -> Checked:
    """Read every page, every reference, and account for every row of every finished run. Reads all of the file.

    Raises: LedgerError where there is no ledger, or the file is none.
    """
    reader = Runs(open_reader(ledger), ledger)
    db = reader._db
    try:
        faults = [f"the file is damaged: {line}" for (line,) in db.execute("pragma integrity_check(5)") if line != "ok"]
        if not faults:
            faults += _unaccounted(db)
        runs, newest = db.execute("select count(*), max(run_id) from runs").fetchone()
        (rows,) = db.execute("select count(*) from items").fetchone()
        (version,) = db.execute("pragma user_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise LedgerError(f"the ledger is damaged ({error}): restore a backup with `cartwire ledger restore`") from None
    finally:
        reader.close()
    return Checked(
        version=version, runs=runs, rows=rows, size_bytes=ledger.stat().st_size, newest_run=newest, faults=tuple(faults)
    )


def restore(source: Path, ledger: Path, secret: bytes, progress: Progress = lambda done, total: None) -> Restored:
    """Put a backup in the place of the ledger, under the lease. The next runs look at Iterable before they send anything.

    At every instant there is a ledger, the former or the restored one: a sync that found none would begin as at go-live.
    Raises: LedgerError where the backup is not sound or of another CARTWIRE_SECRET; nothing has changed then.
    """
    from activation.ledger.store import Ledger  # here, for it loads pyarrow

    checked = check(source)
    if checked.faults:
        raise LedgerError(f"this backup is not sound: {checked.faults[0]}")
    with _fresh_file(ledger.with_name(f".{ledger.name}.restored"), "the ledger cannot be restored") as fresh:
        _copy(source, fresh, progress)
        with Ledger.open(fresh, secret) as restored:
            restored.look_first(now())
        make_durable(fresh)
        former = _keep_former(ledger)
        fresh.replace(ledger)
        make_durable(ledger.parent)
    return Restored(checked=checked, former=former)


@contextmanager
def _fresh_file(path: Path, what: str) -> Iterator[Path]:
    """An empty file for its owner only, gone after the block unless it was renamed. Raises: LedgerError where the storage refuses."""
    _remove(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        yield path
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"{what} ({error}): look at disk and permissions of its folder") from None
    finally:
        _remove(path)


def _unaccounted(db: sqlite3.Connection) -> list[str]:
    faults = [
        f"run {run_id}: {name}/{kind} planned {planned}, has {rows}, of them {is_open} open"
        for run_id, name, kind, planned, rows, is_open in db.execute(NOT_CONSERVED)
    ]
    (unexplained,) = db.execute(f"select count(*) from items where {UNEXPLAINED}").fetchone()  # noqa: S608 - a constant
    if unexplained:
        faults.append(f"{unexplained} rows have a state that their history does not explain")
    if broken := len(db.execute("pragma foreign_key_check").fetchall()):
        faults.append(f"{broken} references lead nowhere")
    return faults


def _copy(source: Path, target: Path, progress: Progress) -> None:
    """All committed pages into one file that needs no log beside it."""
    with closing(open_reader(source)) as reader, closing(sqlite3.connect(target)) as writer:
        reader.backup(writer, pages=PAGES_PER_STEP, progress=lambda _, left, total: progress(total - left, total))
        writer.execute("pragma journal_mode = delete")


def _keep_former(ledger: Path) -> Path | None:
    """A second name for the present file, with all its commits. The log of one that cannot be opened gets another name too: beside
    another file it would be taken for that one's."""
    if not ledger.exists():
        return None
    with suppress(sqlite3.Error), closing(sqlite3.connect(ledger)) as db:
        db.execute("pragma wal_checkpoint(truncate)")
    former = ledger.with_name(f"{ledger.stem}-before-{now():%Y%m%dT%H%M%S%f}{ledger.suffix}")
    former.hardlink_to(ledger)
    for suffix in ("-wal", "-shm"):
        if (part := ledger.with_name(f"{ledger.name}{suffix}")).exists():
            part.rename(former.with_name(f"{former.name}{suffix}"))
    return former


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
