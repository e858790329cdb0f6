"""Freeze: what a stage is going to do, on disk before its first request."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

from activation.ledger.database import LedgerFile, transaction
from activation.ledger.inbox import tighten_unread
from activation.ledger.items import ConsentRow, NewItem
from activation.ledger.machine import State
from activation.ledger.tightening import tighten
from cartwire.clock import now_ms
from cartwire.errors import LedgerError

CHUNK_ROWS = 5_000

INSERT_ITEM = """
insert into items (
    item_id, run_id, stage, object, kind, subject, person_key, fingerprint, lane, market_code,
    consent_requirement, depends_on, waits_for_person, bulk_key,
    source_modified_at_ms, occurred_at_ms, send_before_at_ms,
    planned_state, state, reason, is_sticky, changed_at_ms, settlement_id, consent_scope
) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
INSERT_VALUE = "insert into item_values (item_id, email, user_id, fragment) values (?, ?, ?, ?)"
INSERT_FIELD = """
insert into item_fields (item_id, field, type, fingerprint, before_value, after_value) values (?, ?, ?, ?, ?, ?)
"""
UPSERT_CONSENT = """
insert into consent (person_key, channel, purpose, status, is_messageable, stated_at_ms, learned_at_ms)
values (?, ?, ?, ?, ?, ?, ?)
on conflict (person_key, channel, purpose) do update set
    status = excluded.status, is_messageable = excluded.is_messageable,
    stated_at_ms = excluded.stated_at_ms, learned_at_ms = excluded.learned_at_ms
"""


class Freezing(LedgerFile):
    """Writing the plan and the consent of everyone concerned."""

    def freeze(
        self, run_id: str, stage: str, items: Iterable[NewItem], consent: Iterable[ConsentRow], at_ms: int | None = None
    ) -> dict[tuple[str, str], int]:
        """Write a stage's items, their planned counts and consent in one transaction. Both iterables may be streams.

        Returns: planned rows per (object, kind).
        Raises: LedgerError where the stage is frozen already, a subject occurs twice, or a row breaks a constraint;
            nothing is written then.
        """
        moment = at_ms or now_ms()
        planned: Counter[tuple[str, str]] = Counter()
        settlement_id = uuid.uuid4().hex
        has_verdicts = False
        try:
            with transaction(self._db) as db:
                db.execute("insert into stages values (?, ?, ?)", (run_id, stage, moment))
                next_id = db.execute("select coalesce(max(item_id), 0) + 1 from items").fetchone()[0]
                for chunk in _chunks(items):
                    planned.update((item.object, item.kind) for item in chunk)
                    has_verdicts |= any(item.state != State.staged for item in chunk)
                    ids = range(next_id, next_id + len(chunk))
                    next_id += len(chunk)
                    _insert(db, run_id, stage, list(zip(ids, chunk, strict=True)), moment, settlement_id)
                if has_verdicts:
                    db.execute("insert into settlements values (?, ?, 'freeze', ?)", (settlement_id, run_id, moment))
                db.executemany(
                    "insert into planned values (?, ?, ?, ?, ?)",
                    [(run_id, stage, name, kind, rows) for (name, kind), rows in planned.items()],
                )
                db.executemany(UPSERT_CONSENT, ((*_consent_values(row), moment) for row in consent))
                tighten_unread(db, moment)
        except sqlite3.IntegrityError as error:
            raise LedgerError(f"the stage {stage} cannot be frozen: {error}", run_id=run_id, stage=stage) from None
        return dict(planned)

    def tighten_consent(self, rows: Iterable[ConsentRow], at_ms: int | None = None) -> int:
        """Withdraw during a run (`tighten` says how). Returns: channels closed."""
        with transaction(self._db) as db:
            return tighten(db, rows, at_ms or now_ms())


def _chunks(items: Iterable[NewItem]) -> Iterator[list[NewItem]]:
    stream = iter(items)
    while chunk := list(islice(stream, CHUNK_ROWS)):
        yield chunk


def _insert(
    db: sqlite3.Connection, run_id: str, stage: str, rows: list[tuple[int, NewItem]], at_ms: int, settlement_id: str
) -> None:
    db.executemany(
        INSERT_ITEM,
        [
            (
                item_id,
                run_id,
                stage,
                item.object,
                item.kind,
                item.subject,
                item.person_key,
                item.fingerprint,
                item.lane,
                item.market_code,
                "any" if item.consent_scope else item.consent_requirement,
                item.depends_on,
                item.waits_for_person,
                item.bulk_key,
                item.source_modified_at_ms,
                item.occurred_at_ms,
                item.send_before_at_ms,
                item.state,
                item.state,
                item.reason,
                item.is_sticky,
                at_ms,
                None if item.state == State.staged else settlement_id,
                json.dumps(item.consent_scope) if item.consent_scope else None,
            )
            for item_id, item in rows
        ],
    )
    db.executemany(INSERT_VALUE, [(item_id, item.email, item.user_id, item.fragment) for item_id, item in rows])
    db.executemany(
        INSERT_FIELD,
        [
            (item_id, change.field, change.type, change.fingerprint, change.before, change.after)
            for item_id, item in rows
            for change in item.fields
        ],
    )


def _consent_values(row: ConsentRow) -> tuple[str, str, str, str, bool, int | None]:
    return row.person_key, row.channel, row.purpose, row.status, row.is_messageable, row.stated_at_ms
