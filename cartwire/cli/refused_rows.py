"""What `rejections` and `replay` share: which rows, and how a row is shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

import click

from cartwire import clock
from cartwire.cli.moments import Moment
from cartwire.masking import mask_email

OBJECTS = "users, purchases, carts, events, lists, withdrawals, identities, grants"


def which_rows(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that choose rows; they reach the command as `chosen`, by the names of `Which`."""

    @wraps(command)
    def with_chosen(
        run_id: str | None,
        object_name: str | None,
        kind: str | None,
        market_code: str | None,
        reason: str | None,
        since: datetime | None,
        **others: Any,
    ) -> Any:
        chosen = {
            "run_id": run_id,
            "object_name": object_name,
            "kind": kind,
            "market_code": market_code,
            "reason": reason,
            "since_ms": None if since is None else clock.to_ms(since),
        }
        return command(chosen=chosen, **others)

    options = (
        click.option("--run", "run_id", help="Only rows of this run."),
        click.option("--object", "object_name", help=f"Only this object: {OBJECTS}."),
        click.option("--kind", help="Only this kind, such as order_refunded."),
        click.option("--market", "market_code", help="Only this market, by its code in config/markets.csv."),
        click.option("--reason", help="Only where the reason contains this text."),
        click.option("--since", "since", type=Moment(), metavar="TIME", help="Only what was decided since then (ISO 8601, UTC)."),
    )
    for option in reversed(options):
        with_chosen = option(with_chosen)
    return with_chosen


def shown(row: dict[str, Any], *, with_values: bool) -> dict[str, Any]:
    """A row for people and machines: times as text, the person masked unless asked for, the payload only then."""
    values = {"payload": row["fragment"] or None} if with_values else {}
    return {
        "run": row["run_id"],
        "object": row["object"],
        "kind": row["kind"],
        "market": row["market_code"],
        "person": _person(row["email"], row["user_id"], with_values),
        "person_key": row["person_key"],
        "subject": row["subject"],
        "state": row["state"],
        "reason": row["reason"],
        "waits_for_data": bool(row["is_sticky"]),
        "first_at": _moment(row["first_at_ms"]),
        "at": _moment(row["changed_at_ms"]),
        "runs": row["runs"],
        **values,
    }


def _moment(milliseconds: int) -> str:
    return f"{clock.from_ms(milliseconds):%Y-%m-%d %H:%M:%SZ}"


def _person(email: str | None, user_id: str | None, in_clear: bool) -> str:
    if in_clear:
        return email or user_id or ""
    return mask_email(email) if email else "(by user id)" if user_id else ""
