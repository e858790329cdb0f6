"""A plan as one HTML page: what would be sent, person by person, before and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import orjson

from activation.ledger.trying import TriedRow
from activation.trial import Trial
from cartwire.masking import mask_email
from flows.html_page import document, escaped, table
from flows.plan import Plan
from flows.plan_file import SEND, why

PEOPLE_MAX = 500
HIDDEN = "•••"
_HEADS = ("what", "kind", "becomes", "field", "before", "after")


def page(plan: Plan, trial: Trial, made_at: str, *, show_addresses: bool, show_values: bool) -> str:
    """The whole page, everything from outside escaped. Addresses are masked and values hidden unless they are asked for."""
    people: dict[str, list[TriedRow]] = {}
    more: set[str] = set()
    for row in trial.rows():
        if row.person_key in people or len(people) < PEOPLE_MAX:
            people.setdefault(row.person_key, []).append(row)
        else:
            more.add(row.person_key)
    sections = [_summary(plan)]
    sections += [_person(rows, show_addresses, show_values) for rows in people.values()]
    if more:
        sections.append(f'<p class="soft">And {len(more):,} people more; the file of the plan has them all.</p>')
    hidden = "" if show_values else " Values are hidden; --show-values shows them."
    return document("What the next sync would send", f"Planned {made_at}. Nothing was sent.{hidden}", "".join(sections))


def _summary(plan: Plan) -> str:
    rows = [
        (
            kind.title,
            kind.states.get("staged", 0),
            kind.people,
            kind.requests,
            kind.states.get("rejected", 0),
            kind.states.get("held", 0),
            kind.states.get("suppressed", 0),
            ", ".join(kind.may_trigger) or "nothing",
        )
        for kind in plan.kinds
    ]
    heads = ("what", "would be sent", "people", "requests", "rejected", "held", "suppressed", "may fire journeys on")
    looks = "The ledger was restored or lost: each row is looked for at Iterable first, withdrawals and grants excepted, and sent if not there."
    text = table(heads, rows) if rows else "<p>Nothing: both sides agree.</p>"
    return text + f"<p>{looks}</p>" * plan.looks_first


def _person(rows: list[TriedRow], show_addresses: bool, show_values: bool) -> str:
    email = next((row.email for row in rows if row.email), None)
    name = (email if show_addresses else mask_email(email)) if email else rows[0].user_id if show_addresses else None
    lines = [line for row in rows for line in _lines(row, show_values)]
    return f"<h3>{escaped(name or 'person')}</h3><p class='soft'>person_key {escaped(rows[0].person_key)}</p>" + table(
        _HEADS, lines
    )


def _lines(row: TriedRow, show_values: bool) -> Iterator[tuple[str, ...]]:
    becomes = f"sent: {why(row)}" if row.state == SEND else f"{row.state}: {row.reason}"
    start = (row.object, row.kind, becomes)
    if row.fields:
        yield from _under(
            start, ((field, _shown(before, show_values), _shown(after, show_values)) for field, _, before, after in row.fields)
        )
    elif row.fragment and show_values:
        yield (*start, "", "", orjson.dumps(orjson.loads(row.fragment), option=orjson.OPT_INDENT_2).decode())
    else:
        yield (*start, "", "", "")


def _under(start: tuple[str, ...], changes: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    """The first change beside what the row is, the others below it."""
    rest = iter(changes)
    for change in islice(rest, 1):
        yield (*start, *change)
    for change in rest:
        yield ("", "", "", *change)


def _shown(value: str | None, show_values: bool) -> str:
    if value is None:
        return "not there"
    return value if show_values else HIDDEN
