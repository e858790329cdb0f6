"""What each answer of Iterable means, as data: `answers.csv`, first match wins. Source: facts on Iterable's API, sections 2 to 4."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from clients.answers import Answer, Fault

FILE = Path(__file__).with_name("answers.csv")
_FAULTS = {Fault.not_sent: "not sent", Fault.lost: "lost"}


class Action(StrEnum):
    """What is done with the rows of the request, or with the row that the answer names."""

    accept = "accept"  # the effect is there
    read = "read"  # the body has a verdict for each row
    unreachable = "unreachable"  # nothing left: later
    wait = "wait"  # asked to come back: later
    read_back = "read_back"  # nobody knows: look at Iterable
    not_ready = "not_ready"  # what the request names is not there yet: a little later
    feature_absent = "feature_absent"  # the older endpoint is used
    halve = "halve"  # again, in halves
    isolate = "isolate"  # one row spoils it: found by halving, and refused alone
    reject = "reject"  # this row
    hold = "hold"  # this row, and it is planned again by the next run
    stop_object = "stop_object"  # everything of the object waits for the next run
    stop = "stop"  # the run ends


class Again(StrEnum):
    """When a refused row is sent again."""

    data = "data"  # when its data changes
    run = "run"  # by the next run, a few times
    never = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A row of the table.

    Attributes:
        endpoints: pattern of names in `clients.endpoints`.
        status: a number, a class such as 4xx, or how no answer came: `not sent`, `lost`.
        place: where `match` is looked for: `code` (equal), `message` (contained), `rows` (name of a list of failed rows); '' = anywhere.
        again: None where no row is refused.
        meaning: for people; a reason of held rows.
    """

    endpoints: str
    status: str
    place: str
    match: str
    action: Action
    again: Again | None
    meaning: str


@cache
def table() -> tuple[Rule, ...]:
    """All rules, in their order."""
    with FILE.open(newline="", encoding="utf-8") as file:
        return tuple(_rule(**row) for row in csv.DictReader(file))


def _rule(action: str, again: str, **texts: str) -> Rule:
    return Rule(action=Action(action), again=Again(again) if again else None, **texts)


def rule_of(endpoint: str, answer: Answer) -> Rule:
    """The rule of a whole answer. There is one for every status."""
    document = answer.document() or {}
    said = {"code": str(document.get("code", "")), "message": str(document.get("msg", ""))}
    statuses = _statuses(answer)
    for rule in table():
        if rule.status in statuses and fnmatchcase(endpoint, rule.endpoints) and rule.place != "rows":
            heard = said.get(rule.place, "")
            if not rule.place or (heard == rule.match if rule.place == "code" else rule.match in heard):
                return rule
    raise LookupError(f"answers.csv has no rule for status {answer.status}")


def rule_of_rows(name: str) -> Rule:
    """The rule of rows that a 2xx answer lists under this name."""
    return next(rule for rule in table() if rule.place == "rows" and rule.match in (name, "*"))


def _statuses(answer: Answer) -> Sequence[str]:
    if answer.fault in _FAULTS:
        return (_FAULTS[answer.fault],)
    return (str(answer.status), f"{answer.status // 100}xx")
