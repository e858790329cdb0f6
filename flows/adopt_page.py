"""The report of `cartwire adopt` as one HTML file."""

from __future__ import annotations

from typing import Any

from flows.adopt import Adoption
from flows.html_page import document, escaped, table

_OWNERS = {
    "both": "Others and we write these",
    "others": "Others write these; cartwire never touches them",
    "ours": "Only cartwire writes these",
    "Iterable": "Iterable's own",
}
_WORDS = {"stop": "decide first", "look": "look at", "fine": "fine"}


def page(adoption: Adoption) -> str:
    """The whole page. Everything that came from outside is escaped; no address is in an `Adoption` unless it was asked for."""
    sections = [
        _findings(adoption),
        _plan(adoption),
        _people(adoption),
        _fields(adoption),
        _purchases(adoption),
        _events(adoption),
        _channels(adoption),
        _lists(adoption),
    ]
    title = "What is there, before cartwire's first sync" if adoption.is_first else "What is there beside cartwire"
    return document(title, f"Read {adoption.made_at}. Nothing was written to either side.", "".join(sections))


def _findings(adoption: Adoption) -> str:
    order = {"stop": 0, "look": 1, "fine": 2}
    rows = sorted(adoption.findings, key=lambda finding: order[finding.weight])
    items = "".join(
        f'<li class="{row.weight}"><span class="weight">{_WORDS[row.weight]}</span>{escaped(row.text)}</li>' for row in rows
    )
    return f'<ul class="findings">{items}</ul>'


def _plan(adoption: Adoption) -> str:
    plan = adoption.plan
    sent = [kind for kind in plan.kinds if kind.states.get("staged")]
    people = "People, requests and minutes follow Iterable's published limits and the share of them that is configured."
    rows = [
        (
            kind.title,
            kind.states.get("staged", 0),
            kind.people,
            kind.requests,
            kind.minutes,
            kind.states.get("held", 0),
            kind.states.get("suppressed", 0),
            ", ".join(kind.may_trigger) or "nothing",
        )
        for kind in plan.kinds
    ]
    total = ("all", *(sum(getattr(kind, name) for kind in sent) for name in ("requests", "minutes")))
    heads = ("what", "would be sent", "people", "requests", "minutes", "held", "suppressed", "may fire journeys on")
    text = f"<p>{people} In all {total[1]:,} requests, about {_minutes(total[2])}.</p>"
    text += table(heads, rows) if rows else "<p>Nothing: both sides agree.</p>"
    if plan.history:
        facts = ", ".join(f"{rows:,} {kind}" for kind, rows in sorted(plan.history.items()))
        text += f"<p>Set aside as history, never sent: {escaped(facts)}.</p>"
    reasons = [(kind.title, reason, rows) for kind in plan.kinds for reason, rows in kind.reasons.items()]
    if reasons:
        text += "<h3>Not sent, and why</h3>" + table(("what", "why", "rows"), reasons)
    return f"<h2>What {'the first' if adoption.is_first else 'the next'} sync would do</h2>{text}"


def _people(adoption: Adoption) -> str:
    rows = [(row["known_where"], row["people"], row["not_messageable"]) for row in adoption.people]
    heads = ("known in", "people", "without a channel that may be used, or opted out")
    return "<h2>People</h2>" + table(heads, rows) + '<p class="soft">Known at Iterable only: never written to, never counted.</p>'


def _fields(adoption: Adoption) -> str:
    parts = ["<h2>Profile fields</h2>"]
    heads = ("field", "type there", "type here", "people there", "fills", "overwrites", "clears")
    for owner, title in _OWNERS.items():
        fields = [field for field in adoption.fields if field.owner == owner]
        if not fields:
            continue
        rows = [
            (one.field, one.type_there or "", one.type_here or "", one.people_there, one.fills, one.overwrites, one.clears)
            for one in fields
        ]
        marked = {index for index, one in enumerate(fields) if one.is_conflict}
        parts.append(f"<h3>{escaped(title)}</h3>" + table(heads, rows, marked))
    return "".join(parts)


def _purchases(adoption: Adoption) -> str:
    rows = [(row["found_rule"], row["purchases"], _moment(row["newest_at"])) for row in adoption.purchases]
    text = table(("matched by", "purchases", "newest, UTC"), rows) if rows else "<p>None of others at Iterable.</p>"
    return f"<h2>Purchases others sent</h2>{text}"


def _events(adoption: Adoption) -> str:
    rows = [
        (row["name"], row["events"], (row["newest_at"] or "")[:16], "yes" if row["is_ours"] else "") for row in adoption.events
    ]
    heads = ("event", "in 30 days", "newest, UTC", "a name of ours")
    text = table(heads, rows) if rows else "<p>None in the last 30 days.</p>"
    return f"<h2>Custom events others sent</h2>{text}"


def _channels(adoption: Adoption) -> str:
    rows = [
        (row["channel"], row["purpose"], row["iterable_channel_name"], "there" if row["is_there"] else "missing")
        for row in adoption.channels
    ]
    types = [(row["name"], row["channel_name"] or "", row["subscription_policy"]) for row in adoption.message_types]
    return (
        "<h2>Channels and message types</h2>"
        + table(("consent for", "purpose", "channel at Iterable", "found"), rows)
        + table(("message type", "channel", "policy"), types)
    )


def _lists(adoption: Adoption) -> str:
    rows = [(row["name"], row["type"] or "not there", row["flag"] or "not kept", row["why_not"] or "") for row in adoption.lists]
    return "<h2>Lists</h2>" + (table(("list", "type", "kept by", "why not"), rows) if rows else "<p>None.</p>")


def _minutes(minutes: float) -> str:
    return f"{minutes:.0f} minutes" if minutes >= 1 else "a minute at most"


def _moment(value: Any) -> str:
    return "" if value is None else f"{value:%Y-%m-%d %H:%M}"
