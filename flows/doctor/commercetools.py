"""The commercetools side: credentials, scopes, region, clock, Messages. Scopes: docs/reference/sandbox.md."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from cartwire import clock
from cartwire.errors import CartwireError
from cartwire.settings import Settings
from clients.commercetools import CommercetoolsClient
from clients.retry import RetryPolicy
from flows.doctor.checks import Check, Verdict, failed, guarded
from ingestion.resources import RESOURCES

CLOCK_SKEW_MAX_S = 30
_PROJECT_SETTINGS = "view_project_settings"


def check_commercetools(settings: Settings) -> Iterator[Check]:
    """Checks that need the API; each needs the one before."""
    with CommercetoolsClient.from_settings(settings, retry=RetryPolicy(attempts=2)) as client:
        try:
            facts = client.introspect()
        except CartwireError as error:
            yield failed("commercetools access", error)
            return
        yield Check("commercetools access", Verdict.ok, f"project {client.project_key}, {len(facts.scopes)} scopes")
        granted = granted_scopes(facts.scopes, settings.ctp_project_key)
        yield _scopes(settings.ctp_project_key, granted)
        readable = [resource.path for resource in RESOURCES if may_read(resource.scopes, granted)]
        if not readable:
            return
        try:
            answer = client.query(readable[-1], limit=1)
        except CartwireError as error:
            yield failed("commercetools region", error)
            return
        yield Check("commercetools region", Verdict.ok, settings.ctp_api_url)
        yield _clock(answer.server_time)
        if may_read((_PROJECT_SETTINGS,), granted):
            yield guarded("commercetools messages", lambda: _messages(client))


def granted_scopes(scopes: frozenset[str], project_key: str) -> set[str]:
    """Names of the scopes that hold for the whole project; one with a store key opens only that store's own addresses."""
    parts = [scope.split(":") for scope in scopes]
    names = {part[0] for part in parts if part[1:] == [project_key]}
    return names | {name.replace("manage_", "view_", 1) for name in names}


def may_read(scopes: tuple[str, ...], granted: set[str]) -> bool:
    """One of the scopes is enough; `manage_project` opens everything."""
    return "manage_project" in granted or bool(granted & set(scopes))


def _scopes(project_key: str, granted: set[str]) -> Check:
    unread = [resource for resource in RESOURCES if not may_read(resource.scopes, granted)]
    required = {resource.scopes[0] for resource in unread if not resource.is_optional}
    if not may_read((_PROJECT_SETTINGS,), granted):
        required.add(_PROJECT_SETTINGS)
    optional = {resource.scopes[0] for resource in unread if resource.is_optional}
    if not required and not optional:
        return Check("commercetools scopes", Verdict.ok, "everything that is loaded can be read")
    missing = "missing: " + " ".join(f"{scope}:{project_key}" for scope in sorted(required | optional))
    mend = "make an API client with these and update CTP_CLIENT_ID, CTP_CLIENT_SECRET and CTP_SCOPES"
    if required:
        return Check("commercetools scopes", Verdict.fail, missing, mend)
    skipped = ", ".join(resource.name for resource in unread)
    return Check("commercetools scopes", Verdict.warn, missing, f"optional, for what is skipped without them ({skipped}): {mend}")


def _clock(server_time: datetime) -> Check:
    skew = abs((clock.now() - server_time.astimezone(UTC)).total_seconds())
    is_close = skew <= CLOCK_SKEW_MAX_S
    return Check(
        "commercetools clock",
        Verdict.ok if is_close else Verdict.warn,
        f"{skew:.0f} s apart",
        "" if is_close else "set this machine's clock by NTP: the age of facts is reckoned with it",
    )


def _messages(client: CommercetoolsClient) -> Check:
    if client.project().get("messages", {}).get("enabled"):
        return Check("commercetools messages", Verdict.ok, "on: cancellations are dated by them")
    return Check(
        "commercetools messages",
        Verdict.warn,
        "off: changes of state are dated by the version that first shows them",
        "optional: switch on the Messages query feature before the first sync; the choice is recorded then",
    )
