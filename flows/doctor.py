"""Checks of settings, both APIs and this machine. Each says what is wrong and how to mend it; none writes to an API."""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from importlib.metadata import version
from typing import TYPE_CHECKING

from cartwire import clock
from cartwire.config_check import check_config
from cartwire.errors import CartwireError
from cartwire.settings import REPOSITORY, Settings

if TYPE_CHECKING:
    from clients.commercetools import CommercetoolsClient
    from clients.iterable import IterableClient

CLOCK_SKEW_MAX_S = 30
DISK_FREE_MIN_BYTES = 2 * 1024**3
_TESTED = {"duckdb": "2.", "dbt-core": "1.11.", "dlt": "1.", "great-expectations": "1.", "prefect": "3."}


class Verdict(StrEnum):
    """How bad it is: `warn` runs, `fail` does not."""

    ok = "ok"
    warn = "warn"
    fail = "fail"


@dataclass(frozen=True)
class Check:
    """One line of the doctor's answer. `mend` is empty when all is well."""

    name: str
    verdict: Verdict
    found: str
    mend: str = ""


def examine(settings: Settings) -> Iterator[Check]:
    """Every check in order; a check that cannot be made because an earlier one failed is left out.

    Yields: Check; CartwireErrors become failed checks, never exceptions.
    """
    yield from _machine(settings)
    yield _guarded("config", lambda: _config(settings))
    yield _guarded("ledger", lambda: _ledger(settings))
    yield _guarded("warehouse", lambda: _warehouse(settings))
    yield from _commercetools(settings)
    yield from _iterable(settings)


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except CartwireError as error:
        first, _, rest = str(error).partition(". ")
        return Check(name, Verdict.fail, first, rest or "See docs/reference/doctor.md.")


def _machine(settings: Settings) -> Iterator[Check]:
    python = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", Verdict.ok, python)
    for package, tested in _TESTED.items():
        found = version(package)
        is_tested = found.startswith(tested)
        mend = "" if is_tested else f"this release was tested with {package} {tested}x; run `make setup`"
        yield Check(package, Verdict.ok if is_tested else Verdict.warn, found, mend)
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.state_dir).free
    is_enough = free >= DISK_FREE_MIN_BYTES
    yield Check(
        "disk",
        Verdict.ok if is_enough else Verdict.warn,
        f"{free / 1024**3:.1f} GiB free",
        "" if is_enough else "free some space or move CARTWIRE_STATE_DIR, CARTWIRE_WAREHOUSE and CARTWIRE_LEDGER",
    )


def _config(settings: Settings) -> Check:
    check_config(settings.config)
    return Check("config", Verdict.ok, str(settings.config))


def _ledger(settings: Settings) -> Check:
    from activation.ledger.store import Ledger
    from flows.steps import project_fingerprints

    if not settings.ledger.exists():
        return Check("ledger", Verdict.ok, "not made yet; the first sync makes it")
    ledger = Ledger.open(settings.ledger, settings.secret_bytes)
    try:
        ledger.check_binding(*project_fingerprints(settings))
    finally:
        ledger.close()
    return Check("ledger", Verdict.ok, str(settings.ledger))


def _warehouse(settings: Settings) -> Check:
    from cartwire.warehouse import open_warehouse

    if not settings.warehouse.exists():
        return Check("warehouse", Verdict.ok, "not made yet; the first sync makes it")
    open_warehouse(settings.warehouse, wait_s=2.0).close()
    return Check("warehouse", Verdict.ok, str(settings.warehouse))


def _commercetools(settings: Settings) -> Iterator[Check]:
    from clients.commercetools import CommercetoolsClient
    from clients.retry import RetryPolicy

    with CommercetoolsClient.from_settings(settings, retry=RetryPolicy(attempts=2)) as client:
        access = _guarded("commercetools access", lambda: _token(client))
        yield access
        if access.verdict is Verdict.fail:
            return
        yield _guarded("commercetools scopes", lambda: _scopes(settings, client))
        yield _guarded("commercetools clock", lambda: _clock(client))
        yield _guarded("commercetools messages", lambda: _messages(client))


def _token(client: CommercetoolsClient) -> Check:
    facts = client.introspect()
    return Check("commercetools access", Verdict.ok, f"project {client.project_key}, {len(facts.scopes)} scopes")


def _scopes(settings: Settings, client: CommercetoolsClient) -> Check:
    from ingestion.resources import RESOURCES

    granted = {scope.partition(":")[0] for scope in client.introspect().scopes}
    granted |= {scope.replace("manage_", "view_", 1) for scope in granted}
    missing = sorted({resource.scope for resource in RESOURCES if not _may_read(resource.scope, granted)})
    if not missing:
        return Check("commercetools scopes", Verdict.ok, "every resource can be read")
    wanted = " ".join(f"{scope}:{settings.ctp_project_key}" for scope in missing)
    return Check(
        "commercetools scopes",
        Verdict.fail,
        f"missing: {wanted}",
        "make an API client with these and update CTP_CLIENT_ID, _SECRET, _SCOPES",
    )


def _may_read(scope: str, granted: set[str]) -> bool:
    """Broader scopes open more (facts: commercetools, section 1)."""
    wider = {
        "view_categories": {"view_products"},
        "view_channels": {"view_products"},
        "view_customer_groups": {"view_customers"},
        "view_messages": {"view_orders"},
    }
    return "view_project" in granted or bool(granted & ({scope} | wider.get(scope, set())))


def _clock(client: CommercetoolsClient) -> Check:
    server = client.get("/stores", [("limit", "1")]).server_time
    skew = abs((clock.now() - server.astimezone(UTC)).total_seconds())
    is_close = skew <= CLOCK_SKEW_MAX_S
    return Check(
        "commercetools clock",
        Verdict.ok if is_close else Verdict.warn,
        f"{skew:.0f} s apart",
        "" if is_close else "set this machine's clock by NTP: event times and history limits use it",
    )


def _messages(client: CommercetoolsClient) -> Check:
    if client.project().get("messages", {}).get("enabled"):
        return Check("commercetools messages", Verdict.ok, "on: cancellations are dated by them")
    return Check(
        "commercetools messages",
        Verdict.warn,
        "off: changes of state are dated by the version that first shows them",
        "optional: Merchant Center > Settings > Messages, before the first sync (the choice is recorded at go-live)",
    )


def _iterable(settings: Settings) -> Iterator[Check]:
    from clients.iterable import IterableClient

    client = IterableClient(settings)
    try:
        access = _guarded("iterable access", lambda: Check("iterable access", Verdict.ok, f"{len(client.channels())} channels"))
        yield access
        if access.verdict is Verdict.fail:
            return
        yield _guarded("iterable channels", lambda: _channels(settings, client))
        yield _guarded("iterable project type", lambda: _project_type(client))
        yield _guarded("iterable fields", lambda: _fields(client))
    finally:
        client.close()


def _channels(settings: Settings, client: IterableClient) -> Check:
    with (settings.config / "iterable_channels.csv").open(newline="") as file:
        wanted = {row["iterable_channel_name"] for row in csv.DictReader(file)}
    missing = sorted(wanted - {channel["name"] for channel in client.channels()})
    if missing:
        return Check(
            "iterable channels",
            Verdict.fail,
            f"not in the project: {', '.join(missing)}",
            "correct config/iterable_channels.csv, or make the channel in Iterable (Settings > Channels)",
        )
    return Check("iterable channels", Verdict.ok, ", ".join(sorted(wanted)))


def _project_type(client: IterableClient) -> Check:
    """As far as the API shows it: only e-mail-based projects have the profile field `emailListIds`."""
    fields = client.get_fields()
    if "emailListIds" in fields and "userListIds" not in fields:
        return Check(
            "iterable project type",
            Verdict.fail,
            "the project looks e-mail-based",
            "this release sends to hybrid projects only; check Settings > Project Settings and ITERABLE_IDENTITY",
        )
    return Check("iterable project type", Verdict.ok, "nothing speaks against hybrid")


def _fields(client: IterableClient) -> Check:
    from activation.contracts import load_contracts
    from activation.field_types import conflicts

    found = conflicts(load_contracts(REPOSITORY / "models"), client.get_fields())
    if found:
        return Check(
            "iterable fields",
            Verdict.fail,
            "; ".join(found.values()),
            "map the attribute to another field name in config/attribute_map.csv",
        )
    return Check("iterable fields", Verdict.ok, "no type conflict")
