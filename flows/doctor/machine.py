"""This machine: versions, disk, and the files of this installation."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cartwire.config_check import check_config
from cartwire.lock import holder
from cartwire.settings import Settings
from flows.doctor.checks import Check, Verdict, guarded

DISK_FREE_MIN_BYTES = 2 * 1024**3
TESTED = {"duckdb": "2.", "dbt-core": "1.11.", "dlt": "1.", "great-expectations": "1.", "prefect": "3."}
_NOT_MADE = "not made yet; the first sync makes it"


def versions() -> Iterator[Check]:
    """Python, and the libraries whose behaviour this release was tested with."""
    yield Check("python", Verdict.ok, ".".join(map(str, sys.version_info[:3])))
    for package, tested in TESTED.items():
        try:
            found = version(package)
        except PackageNotFoundError:
            yield Check(package, Verdict.fail, "not installed", "run `make setup`")
            continue
        is_tested = found.startswith(tested)
        mend = "" if is_tested else f"this release was tested with {package} {tested}x; run `make setup`"
        yield Check(package, Verdict.ok if is_tested else Verdict.warn, found, mend)


def disk(settings: Settings) -> Check:
    """Room where the files of this installation grow."""
    folders = {settings.state_dir, *(path.parent for path in (settings.warehouse, settings.ledger, settings.analyst_db))}
    free = min(shutil.disk_usage(_existing(folder)).free for folder in folders)
    is_enough = free >= DISK_FREE_MIN_BYTES
    return Check(
        "disk",
        Verdict.ok if is_enough else Verdict.warn,
        f"{free / 1024**3:.1f} GiB free",
        ""
        if is_enough
        else "free some space, or move CARTWIRE_WAREHOUSE, CARTWIRE_LEDGER, CARTWIRE_ANALYST_DB and CARTWIRE_STATE_DIR",
    )


def config(settings: Settings) -> Check:
    """Every row of the CSV files."""

    def check() -> Check:
        check_config(settings.config)
        return Check("config", Verdict.ok, str(settings.config))

    return guarded("config", check)


def ledger(settings: Settings) -> Check:
    """The ledger opens, belongs to this secret, and is bound to these projects."""

    def check() -> Check:
        from activation.ledger.database import open_reader
        from activation.ledger.store import Ledger
        from flows.steps import project_binding

        if not settings.ledger.exists():
            return Check("ledger", Verdict.ok, _NOT_MADE)
        with Ledger(open_reader(settings.ledger), settings.ledger) as found:
            found.check_secret(settings.secret_bytes)
            found.check_binding(*project_binding(settings))
        return Check("ledger", Verdict.ok, str(settings.ledger))

    return guarded("ledger", check)


def warehouse(settings: Settings) -> Check:
    """The warehouse opens, unless a sync has it, and holds this project's data."""

    def check() -> Check:
        from cartwire.warehouse import demand_project, open_warehouse

        if not settings.warehouse.exists():
            return Check("warehouse", Verdict.ok, _NOT_MADE)
        if (pid := holder(settings.ledger)) is not None:
            return Check("warehouse", Verdict.ok, f"in use by the running sync (process {pid})")
        connection = open_warehouse(settings.warehouse, wait_s=2.0)
        try:
            demand_project(connection, settings.warehouse, settings.ctp_project_key)
        finally:
            connection.close()
        return Check("warehouse", Verdict.ok, str(settings.warehouse))

    return guarded("warehouse", check)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
