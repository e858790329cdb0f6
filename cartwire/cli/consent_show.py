"""`cartwire consent show`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cartwire import clock
from cartwire.cli.output import as_json, emit_json, of_shadow, owners_file, table
from cartwire.settings import load_settings

if TYPE_CHECKING:
    from activation.person_consent import PersonConsent

REASONS = {
    "most_restrictive": "of the newest word of each system this is the most restrictive",
    "most_recent": "this is the newest word",
    "withdrawal_wins": "this is the newest word, and a refusal stands until a later explicit grant",
    "commercetools": "only what the shop heard counts",
    "iterable": "only what Iterable heard counts",
    "import": "only what was imported counts",
    "person_deleted": "the customer was deleted",
    "suppressed": "the address, its domain or the number is on the suppression list",
    "too_young": "the person is younger than the market's minimum age",
    "expired": "the grant is older than the market lets it count",
    "unconfirmed": "the grant waits for its confirmation (double opt-in)",
    "grant_taken_away": "the tick was taken away without a refusal",
    "nothing_said": "nobody has said anything that counts",
}
"""Sentence of every `decided_by`."""
_HISTORY = ("stated_at", "channel", "purpose", "status", "system", "source", "notes", "proof_reference")
_WRITES = ("at", "object", "subscription", "state", "reason")


@click.command("show")
@click.argument("who", metavar="EMAIL_OR_CUSTOMER_ID")
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.html", help="Write it as a page too.")
@of_shadow
@as_json
def show(who: str, page: Path | None, shadow: bool, as_json: bool) -> None:
    """Consent of one person: status per channel and purpose, whose word and which rule decided, every statement, what Iterable has.

    As the newest published sync had it, and what closed since. Works while a sync runs. Shows personal data: the person's own.
    """
    from activation.person_consent import consent_of

    settings = load_settings(shadow=shadow)
    people = consent_of(who, settings.analyst_db, settings.ledger)
    if page:
        _write(page, people)
    if as_json:
        emit_json({"people": [_as_dict(person) for person in people]})
    else:
        click.echo("\n\n".join(_told(person) for person in people))


def _as_dict(person: PersonConsent) -> dict[str, Any]:
    from dataclasses import asdict

    states = [{**row, "why": why(row), "at_iterable": at_iterable(row)} for row in person.states]
    return {**asdict(person), "states": states, "closed_since": closed_since(person)}


def why(state: dict[str, Any]) -> str:
    """Whose word decided, under which rule, in a sentence."""
    word = ""
    if state["statement_id"] is not None:
        word = f"{state['source']} in {state['system']} on {_moment(state['stated_at'])}; "
    due = f"; changes by time alone on {_moment(state['due_at'])}" if state["due_at"] else ""
    rule = "no rule of its own (default)" if state["rule_id"] == "default" else f"rule {state['rule_id']}"
    return f"{word}{REASONS[state['decided_by']]}; {rule}{due}"


def at_iterable(state: dict[str, Any]) -> str:
    """What Iterable has of a channel and purpose, as far as we know."""
    since = f" since {_moment(state['gap_since_at'])}" if state["gap_since_at"] else ""
    if state["gap_more_open"] == "iterable":
        return f"Iterable has them subscribed{since}"
    if state["gap_more_open"] == "consent":
        return f"Iterable has them unsubscribed{since}"
    return "Iterable does not differ, as far as we know"


def closed_since(person: PersonConsent) -> list[str]:
    """Channel and purpose that a webhook or an import closed after what was published; the next sync weighs it."""
    open_then = {(row["channel"], row["purpose"]): row["published_at"] for row in person.states if row["is_messageable"]}
    return [
        f"{row['channel']} {row['purpose']}"
        for row in person.at_sending
        if row["status"] in ("denied", "withdrawn")
        and (published_at := open_then.get((row["channel"], row["purpose"]))) is not None
        and clock.from_ms(row["learned_at_ms"]).replace(tzinfo=None) > published_at
    ]


def _told(person: PersonConsent) -> str:
    lines = [f"{_name(person)}, market {person.market_code}"]
    for state in person.states:
        verb = "may be messaged" if state["is_messageable"] else "is not messaged"
        lines += [
            f"\n{state['channel']} {state['purpose']}: {state['status']}, {verb}",
            f"  {why(state)}",
            f"  {at_iterable(state)}",
        ]
    lines += [f"\n! {name} was closed since; nothing is sent, and the next sync weighs it" for name in closed_since(person)]
    if person.history:
        lines.append("\nsaid, newest first:\n" + table(_history(person), _HISTORY))
    if person.writes:
        lines.append("\nsent to Iterable, or about to be:\n" + table(_writes(person), _WRITES))
    return "\n".join(lines)


def _name(person: PersonConsent) -> str:
    customer = f"customer {person.customer_id}" if person.customer_id else "guest"
    return f"{customer} {person.email}" if person.email else customer


def _history(person: PersonConsent) -> list[dict[str, Any]]:
    winners = {row["statement_id"] for row in person.states}
    notes: dict[str, Callable[[dict[str, Any]], bool]] = {
        "decides": lambda row: row["statement_id"] in winners,
        "changes nothing": lambda row: not row["is_decisive"],
        "told by a program": lambda row: not row["is_explicit"],
    }
    return [
        {
            **row,
            "stated_at": _moment(row["stated_at"]),
            "notes": ", ".join(note for note, applies in notes.items() if applies(row)),
        }
        for row in person.history
    ]


def _writes(person: PersonConsent) -> list[dict[str, Any]]:
    return [
        {
            **row,
            "at": _moment(clock.from_ms(row["changed_at_ms"])),
            "subscription": row["subject"].partition(":")[2],
        }
        for row in person.writes
    ]


def _moment(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M}Z"


def _write(path: Path, people: list[PersonConsent]) -> None:
    """For its owner only: it is one person's data."""
    from flows.html_page import document, escaped, table

    parts = []
    for person in people:
        states = [
            (row["channel"], row["purpose"], row["status"], "yes" if row["is_messageable"] else "no", why(row), at_iterable(row))
            for row in person.states
        ]
        said = [[row[name] for name in _HISTORY] for row in _history(person)]
        sent = [[row[name] for name in _WRITES] for row in _writes(person)]
        parts += [
            f"<h2>{escaped(_name(person))}</h2><p>Market {escaped(person.market_code)}</p>",
            table(("channel", "purpose", "status", "messaged", "why", "at Iterable"), states),
            *(f"<p>{escaped(name)} was closed since; the next sync weighs it.</p>" for name in closed_since(person)),
            "<h3>What was said, newest first</h3>" + table(_HISTORY, said) if said else "",
            "<h3>What was sent to Iterable, or is about to be</h3>" + table(_WRITES, sent) if sent else "",
        ]
    made = f"Written {_moment(clock.now())}, of what the newest published sync had. Times are UTC."
    with owners_file(path, replaces=True) as file:
        file.write(document("Consent of one person", made, "".join(parts)))
