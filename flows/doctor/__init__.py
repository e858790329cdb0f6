"""Checks of settings, both APIs and this machine. Each says what is wrong and how to mend it; none writes to an API.

`docs/reference/doctor.md` explains each check; a test breaks each one alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from cartwire.errors import ConfigError
from cartwire.settings import env_file, load_settings
from flows.doctor.checks import Check, Verdict
from flows.doctor.commercetools import check_commercetools
from flows.doctor.iterable import check_iterable
from flows.doctor.machine import TESTED, config, disk, ledger, versions, warehouse

__all__ = ["CHECKS", "Check", "Verdict", "examine"]

CHECKS = (
    "settings",
    "python",
    *TESTED,
    "disk",
    "config",
    "ledger",
    "warehouse",
    "commercetools access",
    "commercetools scopes",
    "commercetools region",
    "commercetools clock",
    "commercetools messages",
    "iterable access",
    "iterable project type",
    "iterable channels",
    "iterable message types",
    "iterable lists",
    "iterable fields",
)
"""Names of all checks in the order they are made."""


def examine() -> Iterator[Check]:
    """Every check in order; one that cannot be made because an earlier one failed is left out.

    Yields: Check; CartwireErrors become failed checks, never exceptions.
    """
    try:
        settings = load_settings()
    except ConfigError as error:
        head, _, rest = str(error).partition("\n")
        yield Check("settings", Verdict.fail, head.rstrip(":"), rest.strip())
        return
    yield Check("settings", Verdict.ok, f"environment and {env_file()}")
    yield from versions()
    yield disk(settings)
    found = config(settings)
    yield found
    yield ledger(settings)
    yield warehouse(settings)
    yield from check_commercetools(settings)
    yield from check_iterable(settings, has_config=found.verdict is not Verdict.fail)
