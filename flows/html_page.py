"""One HTML file that needs nothing else: no script, no font, no picture from elsewhere; readable in light and dark."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any

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


def document(title: str, made: str, body: str) -> str:
    """The whole page. `title` and `made` (of when it is) are text, `body` is HTML made with `table` and `escaped`."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escaped(title)}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{escaped(title)}</h1><p class="soft">{escaped(made)}</p>'
        f"{body}</body></html>\n"
    )


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]], marked: frozenset[int] | set[int] = frozenset()) -> str:
    """Rows of text and numbers, escaped; numbers to the right, rows at the places of `marked` in the colour of trouble."""
    lines = list(rows)
    numbers = [bool(lines) and all(isinstance(row[index], int | float) for row in lines) for index in range(len(heads))]
    head = "".join(f"<th{_class(is_number)}>{escaped(name)}</th>" for name, is_number in zip(heads, numbers, strict=True))
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
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else escaped(value)


def escaped(value: Any) -> str:
    """Escaped; nothing for None."""
    return html.escape("" if value is None else str(value))
