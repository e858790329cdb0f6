"""`cartwire explain`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cartwire import clock
from cartwire.cli.moments import Moment
from cartwire.cli.output import as_json, emit_json, of_shadow, owners_file, table
from cartwire.settings import load_settings

if TYPE_CHECKING:
    from activation.explain import Explanation

ERASED = "(erased)"
_FIELDS = ("field", "type", "value", "since", "run_id")
_OBJECTS = ("object", "kind", "which", "since", "run_id", "content")
_FACTS = ("object", "kind", "rows", "first_at", "last_at")
_NOT_SENT = ("at", "object", "kind", "state", "reason", "next_step")
_CONSENT = ("channel", "purpose", "status", "is_messageable", "learned_at")
_REQUESTS = ("at", "run", "endpoint", "row", "from", "outcome", "sent")


@click.command("explain")
@click.argument("who", metavar="EMAIL_OR_ID")
@click.option("--at", type=Moment(), metavar="TIME", help="As it was then (ISO 8601; UTC without a zone). Default: now.")
@click.option("--show-values", is_flag=True, help="Show addresses and what fields held before and after: the person's own data.")
@click.option(
    "--limit", "requests_max", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Requests shown, newest first."
)
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.html", help="Write it as a page too.")
@of_shadow
@as_json
def command(
    who: str, at: datetime | None, show_values: bool, requests_max: int, page: Path | None, shadow: bool, as_json: bool
) -> None:
    """What we sent to one person, when, in which run and why; what Iterable has from us; what was not sent and what comes next.

    EMAIL_OR_ID: an address (also a former one), a customer id, a userId at Iterable, or the person_key of `rejections` and the
    analysts' tables. From the ledger alone: works while a sync runs, and when the warehouse is gone.
    """
    from activation.explain import explain

    settings = load_settings(shadow=shadow)
    moment = at or clock.now()
    people = explain(who, settings.ledger, settings.secret_bytes, moment, requests_max=requests_max, with_values=show_values)
    if page:
        _write(page, people, moment)
    if as_json:
        emit_json({"at": moment.isoformat(), "people": [asdict(person) for person in people]})
    elif people:
        click.echo("\n\n".join(_told(person, requests_max) for person in people))
    else:
        click.echo(
            "nothing was ever planned for this address or id, so nothing was sent. An address is the one of the account, or of a"
            " guest's order or cart; an id is commercetools' own id of the customer"
        )


def _told(person: Explanation, requests_max: int) -> str:
    parts = [f"{_title(person)}\n{_rows_planned(person)}"]
    for title, rows, columns in _sections(person):
        parts.append(f"{title}:\n{table(rows, columns)}")
    if len(person.requests) == requests_max:
        parts.append(f"the newest {requests_max} requests are shown; --limit shows more")
    return "\n\n".join(parts)


def _title(person: Explanation) -> str:
    names = [name for name in (person.email, person.user_id and f"userId {person.user_id}") if name]
    return f"{', '.join(names) or 'person'} (person_key {person.person_key})"


def _rows_planned(person: Explanation) -> str:
    gone = f"; Iterable deleted the person for us at {person.gone_at}" if person.gone_at else ""
    return f"{person.planned_rows} rows planned so far{gone}"


def _sections(person: Explanation) -> list[tuple[str, list[dict[str, Any]], tuple[str, ...]]]:
    """What there is to tell: title, rows, columns. Columns of values that were not asked for are left out."""
    found = [
        ("Iterable's profile has from us", [_field(row) for row in person.fields], _FIELDS),
        ("and beside the profile", [_object(row) for row in person.objects], _OBJECTS),
        ("purchases and events it accepted", list(person.facts), _FACTS),
        ("not sent", list(person.not_sent), _NOT_SENT),
        ("stopped by a person", [_pause(row) for row in person.pauses], ("what", "since", "by", "reason")),
        ("consent that every request looks at (now)", [_consent(row) for row in person.consent], _CONSENT),
        ("requests, newest first", [line for row in person.requests for line in _request(row)], _REQUESTS),
    ]
    return [
        (title, rows, tuple(column for column in columns if any(column in row for row in rows)))
        for title, rows, columns in found
        if rows
    ]


def _field(row: dict[str, Any]) -> dict[str, Any]:
    if row["is_removed"] or row["is_erased"]:
        return {**row, "value": "(removed)" if row["is_removed"] else ERASED}
    return {**row, "value": _readable(row["value"])} if "value" in row else row


def _object(row: dict[str, Any]) -> dict[str, Any]:
    content = {"content": _payload(row)} if "fragment" in row else {}
    return {**row, "which": row["bulk_key"], **content}


def _pause(row: dict[str, Any]) -> dict[str, Any]:
    return {"what": row["name"] or "everything", "since": row["paused_at"], "by": row["paused_by"], "reason": row["reason"]}


def _consent(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "is_messageable": "yes" if row["is_messageable"] else "no"}


def _request(row: dict[str, Any]) -> list[dict[str, Any]]:
    """A line for the row; with values one more for each further field of it."""
    outcome = f"{row['event'] or 'no answer'}{' ' + str(row['status']) if row['status'] else ''}"
    if row["reason"]:
        outcome += f": {row['reason']}"
    if row["event"] in (None, "lose") and row["state"] not in ("sending", "unknown"):
        outcome += f", then {row['state']}"
    if row["is_verified"]:
        outcome += ", read back"
    is_erased = row.get("fragment") is None
    changes = [_change(change, is_erased) for change in row["changes"]]
    sent = (changes or [_payload(row)]) if "fragment" in row else [", ".join(changes)]
    first = {
        "at": row["claimed_at"],
        "run": f"{row['run_id']} ({row['trigger']})",
        "endpoint": row["endpoint"],
        "row": row["kind"],
        "from": f"{row['model']}, source of {row['source_modified_at']}" if row["source_modified_at"] else row["model"],
        "outcome": outcome,
        "sent": sent[0],
    }
    return [first, *({"sent": one} for one in sent[1:])]


def _payload(row: dict[str, Any]) -> str:
    return ERASED if row["fragment"] is None else str(row["fragment"])


def _change(change: dict[str, Any], is_row_erased: bool) -> str:
    filtered = "" if change["is_delivered"] else " (left out by Iterable)"
    if "after" not in change:
        return f"{change['field']}{filtered}"
    before = ERASED if is_row_erased and change["before"] is None else _readable(change["before"])
    after = ERASED if change["is_erased"] else _readable(change["after"])
    return f"{change['field']}: {before} → {after}{filtered}"


def _readable(value: str | None) -> str:
    from activation.iterable.values import LIST_SEPARATOR

    return "(nothing)" if value is None else value.replace(LIST_SEPARATOR, ", ")


def _write(path: Path, people: list[Explanation], at: datetime) -> None:
    """For its owner only: it is one person's data."""
    from flows.html_page import document, escaped, table

    parts = []
    for person in people:
        parts.append(f"<h2>{escaped(_title(person))}</h2><p>{escaped(_rows_planned(person))}</p>")
        for title, rows, columns in _sections(person):
            parts.append(f"<h3>{escaped(title)}</h3>" + table(columns, [[row.get(name) for name in columns] for row in rows]))
    if not people:
        parts.append("<p>Nothing was ever planned for this address or id, so nothing was sent.</p>")
    with owners_file(path, replaces=True) as file:
        file.write(document("What was sent to one person", f"As of {at:%Y-%m-%d %H:%M:%S}Z. Times are UTC.", "".join(parts)))
