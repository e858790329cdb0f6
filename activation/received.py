"""Statements for the ledger's inbox: whose they are and what they close, from a webhook or a row of an imported file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from activation.ledger.inbox import EVERY_CHANNEL, IterableId, Received, Withdrawal
from cartwire.clock import to_ms
from cartwire.person import fold_email, person_key, subject_of
from clients.iterable_events import BOUNCE, COMPLAINT, ConsentEvent

if TYPE_CHECKING:
    import duckdb

    from activation.ledger.store import Ledger

_SQL = Path(__file__).with_name("sql")
_GUEST = re.compile(r"g-([0-9a-f]{32})")


def from_webhook(event: ConsentEvent, ids: Sequence[IterableId], identity: str, secret: bytes) -> Received:
    """Args: ids: what Iterable's numbers stand for. identity: type of the Iterable project. secret: key of every person key."""
    email = fold_email(event.email or "") or None
    user_id = event.user_id if identity != "email" else None
    guest = _GUEST.fullmatch(user_id or "")
    withdrawal = Withdrawal(
        status="withdrawn",
        places=places(event, ids),
        person_keys=_keys(None if guest else user_id, email, secret),
        key_prefix=guest[1] if guest else None,
        stated_at_ms=to_ms(event.created_at) if event.created_at else None,
    )
    return Received(
        event_key=event.event_key,
        origin="webhook",
        email=email,
        user_id=event.user_id,
        body=event.document,
        withdrawal=withdrawal if event.is_withdrawal else None,
    )


def from_import(event_key: str, row: Mapping[str, str | None], stated_at_ms: int, body: str, secret: bytes) -> Received:
    """Args: row: a checked row of a consent file, empty fields None. body: the same as JSON, for the load."""
    email, customer_id, status = row["email"], row["customer_id"], row["status"]
    withdrawal = Withdrawal(
        status=str(status),
        places=((str(row["channel"]), str(row["purpose"])),),
        person_keys=_keys(customer_id, email, secret),
        stated_at_ms=stated_at_ms,
    )
    return Received(
        event_key=event_key,
        origin="import",
        email=email,
        user_id=customer_id,
        body=body,
        withdrawal=withdrawal if status in ("denied", "withdrawn") else None,
    )


def places(event: ConsentEvent, ids: Sequence[IterableId]) -> tuple[tuple[str, str], ...]:
    """(channel, purpose) pairs that a withdrawal closes; every channel where a number is not known or nothing is named.

    Numbers known to carry no consent of ours close nothing. A complaint or a bounce that names nothing closes e-mail.
    """
    named = [*_named(event.channel_ids, "channel", ids)] or [*_named(event.message_type_ids, "message_type", ids)]
    if not named and event.event_type in (COMPLAINT, BOUNCE):
        named = [[one for one in ids if one.medium == "email"]]
    if not all(named) or not named:
        return (EVERY_CHANNEL,)
    found = {(one.channel, one.purpose) for ones in named for one in ones if one.channel and one.purpose}
    return tuple(sorted(found))


def _named(numbers: Iterable[object] | None, kind: str, ids: Sequence[IterableId]) -> list[list[IterableId]]:
    """What each number stands for."""
    return [[one for one in ids if one.kind == kind and one.iterable_id == str(number)] for number in numbers or ()]


def _keys(customer_id: str | None, email: str | None, secret: bytes) -> tuple[str, ...]:
    subjects = [subject_of(customer_id, None)] if customer_id else []
    subjects += [subject_of(None, email)] if email else []
    return tuple(person_key(secret, subject) for subject in subjects)


def read_iterable_ids(warehouse: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    """Tell the ledger what Iterable's numbers stand for, after a build that loaded `config/`."""
    ledger.know_iterable_ids(warehouse.execute((_SQL / "iterable_ids.sql").read_text()).fetchall())
