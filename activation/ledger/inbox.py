"""The inbox: consent that reached us outside of a load, and what it closes at once.

Written by the webhook receiver and by `cartwire consent import`, beside a running sync too. Nothing here opens a channel: that waits
for the next build.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from activation.ledger.database import LedgerFile, transaction
from cartwire.clock import now_ms

READ = "inbox_read"
EVERY_CHANNEL = ("", "")

_INSERT = """
insert into consent_inbox (event_key, origin, received_at_ms, email, user_id, body) values (?, ?, ?, ?, ?, ?)
on conflict (event_key) do nothing
"""
_PEOPLE_OF_ADDRESS = """
select distinct items.person_key from item_values
inner join items on items.item_id = item_values.item_id
where item_values.email = ?
"""
_TIGHTEN = """
update consent set
    status = tightenings.status, is_messageable = 0, stated_at_ms = tightenings.stated_at_ms, learned_at_ms = ?
from consent_tightenings as tightenings
where
    tightenings.inbox_id > ?
    and consent.person_key = tightenings.person_key
    and (tightenings.channel = '' or (consent.channel = tightenings.channel and consent.purpose = tightenings.purpose))
    and consent.is_messageable = 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """What a statement closes.

    Args:
        status: withdrawn or denied. places: (channel, purpose) pairs, EVERY_CHANNEL for all of the person's.
        person_keys: who it surely is; whoever the ledger knows by the statement's address is added.
        key_prefix: of the person key, where that is all the identifier gives away (guests of a userID-based project).
    """

    status: str
    places: tuple[tuple[str, str], ...]
    person_keys: tuple[str, ...]
    key_prefix: str | None = None
    stated_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One statement for the inbox. `email` is folded; `body` is the JSON that a load opens."""

    event_key: str
    origin: str
    email: str | None
    user_id: str | None
    body: str
    withdrawal: Withdrawal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxRow:
    """A statement as a load reads it."""

    event_key: str
    received_at_ms: int
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IterableId:
    """What a channel or message type of Iterable stands for; `channel` and `purpose` None where it carries no consent of ours."""

    kind: str
    iterable_id: str
    medium: str | None
    channel: str | None
    purpose: str | None


class Inbox(LedgerFile):
    """Taking statements in, and reading them back."""

    def receive(self, statements: Iterable[Received], at_ms: int | None = None) -> tuple[int, int]:
        """Store what is new and close what it withdraws, in one transaction that is on disk at the return.

        Returns: statements that were not known, and rows of `consent` closed.
        """
        moment = at_ms or now_ms()
        fresh = 0
        with transaction(self._db) as db:
            (newest,) = db.execute("select coalesce(max(inbox_id), 0) from consent_inbox").fetchone()
            for one in statements:
                added = db.execute(_INSERT, (one.event_key, one.origin, moment, one.email, one.user_id, one.body))
                fresh += added.rowcount
                if added.rowcount and one.withdrawal:
                    _note(db, int(added.lastrowid or 0), one.withdrawal, one.email)
            return fresh, _close(db, newest, moment)

    def inbox_newest(self) -> int:
        """The highest inbox id there is."""
        return int(self._db.execute("select coalesce(max(inbox_id), 0) from consent_inbox").fetchone()[0])

    def inbox_keys(self, origin: str, up_to: int) -> set[str]:
        """Keys of the statements of an origin that are not erased."""
        rows = self._db.execute(
            "select event_key from consent_inbox where origin = ? and inbox_id <= ? and body is not null", (origin, up_to)
        )
        return {key for (key,) in rows}

    def inbox_rows(self, keys: Iterable[str]) -> Iterator[InboxRow]:
        """These statements, those that were erased meanwhile left out."""
        for key in keys:
            row = self._db.execute(
                "select event_key, received_at_ms, body from consent_inbox where event_key = ? and body is not null", (key,)
            ).fetchone()
            if row:
                yield InboxRow(event_key=row[0], received_at_ms=row[1], body=row[2])

    def note_inbox_read(self, up_to: int) -> None:
        """The warehouse has the inbox up to this id: what a build makes of it counts, and is not tightened again."""
        with transaction(self._db) as db:
            db.execute(
                "insert into meta values (?, ?) on conflict (key) do update set value = excluded.value", (READ, str(up_to))
            )

    def iterable_ids(self) -> tuple[IterableId, ...]:
        """What channels and message types stood for at the last build; empty before it."""
        rows = self._db.execute("select kind, iterable_id, medium, channel, purpose from iterable_ids")
        names = ("kind", "iterable_id", "medium", "channel", "purpose")
        return tuple(IterableId(**dict(zip(names, row, strict=True))) for row in rows)

    def know_iterable_ids(self, ids: Iterable[tuple[str, str, str | None, str | None, str | None]]) -> None:
        """Replace them. Each: kind, id, medium, channel, purpose."""
        with transaction(self._db) as db:
            db.execute("delete from iterable_ids")
            db.executemany("insert into iterable_ids values (?, ?, ?, ?, ?)", ids)


def tighten_unread(db: sqlite3.Connection, at_ms: int) -> None:
    """Close again what no load has read, in the caller's transaction: a build that knows nothing of it must not open it."""
    row = db.execute("select value from meta where key = ?", (READ,)).fetchone()
    _close(db, int(row[0]) if row else 0, at_ms)


def _close(db: sqlite3.Connection, after: int, at_ms: int) -> int:
    """Close what withdrawals beyond this inbox id close. Returns: rows closed."""
    return db.execute(_TIGHTEN, (at_ms, after)).rowcount


def _note(db: sqlite3.Connection, inbox_id: int, withdrawal: Withdrawal, email: str | None) -> None:
    people = set(withdrawal.person_keys)
    if email:
        people |= {key for (key,) in db.execute(_PEOPLE_OF_ADDRESS, (email,))}
    if withdrawal.key_prefix:
        low, high = withdrawal.key_prefix, withdrawal.key_prefix + "g"  # keys are hex, and g comes after f
        people |= {
            key for (key,) in db.execute("select person_key from consent where person_key >= ? and person_key < ?", (low, high))
        }
    db.executemany(
        "insert into consent_tightenings values (?, ?, ?, ?, ?, ?)",
        [
            (inbox_id, person, channel, purpose, withdrawal.status, withdrawal.stated_at_ms)
            for person in sorted(people)
            for channel, purpose in withdrawal.places
        ],
    )
