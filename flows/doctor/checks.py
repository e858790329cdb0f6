"""What a check answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cartwire.errors import CartwireError


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


def guarded(name: str, check: Callable[[], Check]) -> Check:
    """The check's answer, or its error as a failed check."""
    try:
        return check()
    except CartwireError as error:
        return failed(name, error)


def failed(name: str, error: CartwireError) -> Check:
    """An error as a failed check: our messages say first what is wrong, then what to do."""
    text = str(error)
    for divider in (". ", "; ", ": "):
        found, _, mend = text.partition(divider)
        if mend:
            return Check(name, Verdict.fail, found, mend)
    return Check(name, Verdict.fail, text, "see docs/reference/doctor.md")
