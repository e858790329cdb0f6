"""The report of `cartwire adopt` as one HTML file: no script, no font, no picture from elsewhere; readable in light and dark."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

from flows.adopt import Adoption
from flows.plan import PlannedKind

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5a6475; --line: #d7dce4; --paper: #ffffff; --band: #f4f6f9;
  --stop: #b3261e; --look: #8a5a00; --fine: #1b6e3c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #a0a9b8; --line: #3a4250; --paper: #14181f; --band: #1d232d;
  --stop: #ff8a80; --look: #f2c063; --fine: #7fd6a0; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 2rem 1.5rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; margin: 0 0 .25rem; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
p { margin: .25rem 0 .75rem; } .soft { color: var(--soft); }
ul.findings { list-style: none; padding: 0; margin: 1rem 0; }
ul.findings li { border-left: .3rem solid var(--line); padding: .35rem .75rem; margin: .4rem 0; background: var(--band); }
ul.findings .weight { font-weight: 600; text-transform: uppercase; font-size: .75rem; letter-spacing: .05em; margin-right: .6rem; }
ul.findings li.stop { border-color: var(--stop); } li.stop .weight { color: var(--stop); }
ul.findings li.look { border-color: var(--look); } li.look .weight { color: var(--look); }
ul.findings li.fine { border-color: var(--fine); } li.fine .weight { color: var(--fine); }
.scroll { overflow-x: auto; margin-bottom: 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .92rem; }
th, td { text-align: left; padding: .35rem 1.25rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; } td.number, th.number { text-align: right; }
tr.conflict td { color: var(--stop); font-weight: 600; }
"""
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
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{_text(title)}</h1><p class="soft">Read {_text(adoption.made_at)}. Nothing was written to either side.</p>'
        f"{''.join(sections)}</body></html>\n"
    )


def _findings(adoption: Adoption) -> str:
    order = {"stop": 0, "look": 1, "fine": 2}
    rows = sorted(adoption.findings, key=lambda finding: order[finding.weight])
    items = "".join(
        f'<li class="{row.weight}"><span class="weight">{_WORDS[row.weight]}</span>{_text(row.text)}</li>' for row in rows
    )
    return f'<ul class="findings">{items}</ul>'


def _plan(adoption: Adoption) -> str:
    plan = adoption.plan
    sent = [kind for kind in plan.kinds if kind.states.get("staged")]
    people = "People, requests and minutes follow Iterable's published limits and the share of them that is configured."
    rows = [
        (
            _name(kind),
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
    text += _table(heads, rows) if rows else "<p>Nothing: both sides agree.</p>"
    if plan.history:
        facts = ", ".join(f"{rows:,} {kind}" for kind, rows in sorted(plan.history.items()))
        text += f"<p>Set aside as history, never sent: {_text(facts)}.</p>"
    reasons = [(_name(kind), reason, rows) for kind in plan.kinds for reason, rows in kind.reasons.items()]
    if reasons:
        text += "<h3>Not sent, and why</h3>" + _table(("what", "why", "rows"), reasons)
    return f"<h2>What {'the first' if adoption.is_first else 'the next'} sync would do</h2>{text}"


def _people(adoption: Adoption) -> str:
    rows = [(row["known_where"], row["people"], row["not_messageable"]) for row in adoption.people]
    heads = ("known in", "people", "without a channel that may be used, or opted out")
    return (
        "<h2>People</h2>" + _table(heads, rows) + '<p class="soft">Known at Iterable only: never written to, never counted.</p>'
    )


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
        parts.append(f"<h3>{_text(title)}</h3>" + _table(heads, rows, marked))
    return "".join(parts)


def _purchases(adoption: Adoption) -> str:
    rows = [(row["found_rule"], row["purchases"], _moment(row["newest_at"])) for row in adoption.purchases]
    text = _table(("matched by", "purchases", "newest, UTC"), rows) if rows else "<p>None of others at Iterable.</p>"
    return f"<h2>Purchases others sent</h2>{text}"


def _events(adoption: Adoption) -> str:
    rows = [
        (row["name"], row["events"], (row["newest_at"] or "")[:16], "yes" if row["is_ours"] else "") for row in adoption.events
    ]
    heads = ("event", "in 30 days", "newest, UTC", "a name of ours")
    text = _table(heads, rows) if rows else "<p>None in the last 30 days.</p>"
    return f"<h2>Custom events others sent</h2>{text}"


def _channels(adoption: Adoption) -> str:
    rows = [
        (row["channel"], row["purpose"], row["iterable_channel_name"], "there" if row["is_there"] else "missing")
        for row in adoption.channels
    ]
    types = [(row["name"], row["channel_name"] or "", row["subscription_policy"]) for row in adoption.message_types]
    return (
        "<h2>Channels and message types</h2>"
        + _table(("consent for", "purpose", "channel at Iterable", "found"), rows)
        + _table(("message type", "channel", "policy"), types)
    )


def _lists(adoption: Adoption) -> str:
    rows = [(row["name"], row["type"] or "not there", row["flag"] or "not kept", row["why_not"] or "") for row in adoption.lists]
    return "<h2>Lists</h2>" + (_table(("list", "type", "kept by", "why not"), rows) if rows else "<p>None.</p>")


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]], marked: frozenset[int] | set[int] = frozenset()) -> str:
    lines = list(rows)
    numbers = [bool(lines) and all(isinstance(row[index], int | float) for row in lines) for index in range(len(heads))]
    head = "".join(f"<th{_class(is_number)}>{_text(name)}</th>" for name, is_number in zip(heads, numbers, strict=True))
    body = "".join(
        f"<tr{' class=conflict' if position in marked else ''}>"
        + "".join(f"<td{_class(is_number)}>{_cell(value)}</td>" for value, is_number in zip(row, numbers, strict=True))
        + "</tr>"
        for position, row in enumerate(lines)
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _class(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "&lt; 0.1" if 0 < value < 0.1 else f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else _text(value)


def _text(value: Any) -> str:
    return html.escape("" if value is None else str(value))


def _name(kind: PlannedKind) -> str:
    return kind.object if kind.kind == kind.object else f"{kind.object}: {kind.kind}"


def _minutes(minutes: float) -> str:
    return f"{minutes:.0f} minutes" if minutes >= 1 else "a minute at most"


def _moment(value: Any) -> str:
    return "" if value is None else f"{value:%Y-%m-%d %H:%M}"
