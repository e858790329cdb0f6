"""The volume guard: an object of which implausibly much changed is held whole until a person has looked.

A wrong mapping or a half-loaded source shows as a flood of changes. The first delivery of an object is no flood (there
is nothing delivered to compare with), and withdrawals are never held: an opt-out must not wait for anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from activation.ledger.reasons import HELD_BY_GUARD

NEVER_GUARDED = frozenset({"withdrawals"})
_SQL = Path(__file__).parent / "sql"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRule:
    """When an object's change is implausible: more rows than `rows_min`, and more than `share` of what was delivered."""

    share: float
    rows_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeVerdict:
    """`held`: object to reason, with the counts and what to do. `released`: objects that pass only by approval."""

    held: Mapping[str, str]
    released: frozenset[str]


def guard_rules(conn: duckdb.DuckDBPyConnection) -> Mapping[str, GuardRule]:
    """The guards of `config/objects.csv` by object; the strictest of an object's kinds. Objects without numbers have none."""
    rows = conn.execute((_SQL / "guard_rules.sql").read_text()).fetchall()
    return {name: GuardRule(share=float(share), rows_min=int(rows_min)) for name, share, rows_min in rows}


def delivered_counts(conn: duckdb.DuckDBPyConnection) -> Mapping[str, int]:
    """Rows that Iterable has accepted, by object."""
    return dict(conn.execute((_SQL / "delivered_counts.sql").read_text()).fetchall())


def judge_volume(
    changed: Mapping[str, int],
    delivered: Mapping[str, int],
    rules: Mapping[str, GuardRule],
    release_rows: Callable[[str], int | None],
) -> VolumeVerdict:
    """Which objects are held because implausibly much of them changed.

    Args:
        changed: rows that would be sent now, by object; delivered: rows accepted so far, by object.
        rules: guards by object; an object without one passes.
        release_rows: the number of rows a person has approved for an object, None if nobody has. It is a bound:
            a flood that grew after the approval is held again.
    """
    held: dict[str, str] = {}
    released = set()
    for name, rows in sorted(changed.items()):
        rule, accepted = rules.get(name), delivered.get(name, 0)
        if rule is None or name in NEVER_GUARDED or accepted == 0:
            continue
        if rows <= rule.rows_min or rows <= rule.share * accepted:
            continue
        approved = release_rows(name)
        if approved is not None and rows <= approved:
            released.add(name)
            continue
        held[name] = (
            f"{HELD_BY_GUARD}: {rows} rows of {name} changed, {accepted} are delivered, "
            f"limit {rule.share:.0%} and {rule.rows_min} rows; look at the plan, then `cartwire release {name}`"
        )
    return VolumeVerdict(held=held, released=frozenset(released))
