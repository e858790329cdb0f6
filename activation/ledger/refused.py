"""Rows that did not arrive: who asks for which, and letting them go again."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from activation.ledger import reasons
from activation.ledger.database import LedgerFile, transaction
from activation.ledger.machine import State
from cartwire.clock import now_ms

ROWS_MAX = 1_000
ALL_ROWS = -1  # SQLite: no limit
STANDING = """
    not exists (
        select 1 from items as later
        where later.person_key = items.person_key and later.object = items.object and later.subject = items.subject
            and later.item_id > items.item_id and later.state <> 'superseded'
    )
"""
_NOT_ARRIVED = {State.rejected: "items.state = 'rejected'", State.held: "items.state = 'held'"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which rows. None of a part: any.

    Attributes:
        states: states the rows have now.
        reason: text the reason contains, upper and lower case alike.
        since_ms: decided then or later.
        is_standing: only the newest row of its subject: no later row took its place.
    """

    states: Sequence[str] = ("rejected", "held")
    run_id: str | None = None
    object_name: str | None = None
    kind: str | None = None
    market_code: str | None = None
    reason: str | None = None
    since_ms: int | None = None
    is_standing: bool = False


class Refused(LedgerFile):
    """Reading them; also on a read-only connection."""

    def rejections(
        self, which: Which | None = None, *, with_values: bool = False, rows_max: int = ROWS_MAX
    ) -> list[dict[str, Any]]:
        """Rows that did not arrive, newest first, with their reasons; addresses and payload (`fragment`) only where asked for.

        `first_at_ms` and `runs`: since when and by how many runs this row, unchanged, has met this end.
        """
        wanted = which or Which()
        values = ", item_values.email, item_values.user_id, cast(item_values.fragment as text) as fragment" if with_values else ""
        return self._dicts(
            f"""
            select
                items.item_id, items.run_id, items.object, items.kind, items.subject, items.person_key, items.market_code,
                items.state, items.reason, items.is_sticky, items.changed_at_ms, requests.endpoint, requests.status,
                min(earlier.changed_at_ms) as first_at_ms, count(distinct earlier.run_id) as runs {values}
            from ({_chosen(wanted)}) as chosen
            inner join items on items.item_id = chosen.item_id
            inner join item_values on item_values.item_id = items.item_id
            inner join items as earlier on earlier.person_key = items.person_key and earlier.object = items.object
                and earlier.subject = items.subject and earlier.fingerprint = items.fingerprint and earlier.state = items.state
                and earlier.item_id <= items.item_id
            left join requests on requests.request_id = items.request_id
            group by items.item_id
            order by items.item_id desc
            """,  # noqa: S608 - constants of this module
            {**_values(wanted), "rows_max": rows_max},
        )


class Replaying(Refused):
    """Letting rows go again. Under the lease: no run is going on."""

    def replay(self, item_ids: Sequence[int], by: str, at_ms: int | None = None) -> int:
        """The verdicts on these rows stand no longer: the next run plans what their subjects need by then, from the newest data.

        Rows of forgotten people, and rows that are not refused or held for good, are left alone.
        Returns: rows let go. Durable at once; a run that dies changes nothing about it.
        """
        moment = at_ms or now_ms()
        rows = 0
        with transaction(self._db) as db:
            for run_id, chosen in self._stuck(item_ids).items():
                settlement_id = uuid.uuid4().hex
                db.execute("insert into settlements values (?, ?, 'answer', ?)", (settlement_id, run_id, moment))
                db.execute("insert into replays values (?, ?, ?, ?)", (settlement_id, by, moment, len(chosen)))
                rows += db.execute(
                    "update items set is_sticky = 0, settlement_id = ? where item_id in (select value from json_each(?))",
                    (settlement_id, json.dumps(chosen)),
                ).rowcount
        return rows

    def _stuck(self, item_ids: Sequence[int]) -> dict[str, list[int]]:
        """By run: of these rows those that can be let go."""
        found: dict[str, list[int]] = {}
        for run_id, item_id in self._db.execute(
            "select run_id, item_id from items where item_id in (select value from json_each(?)) and is_sticky = 1"
            " and (state = 'rejected' or (state = 'held' and reason = ?))"
            " and person_key not in (select person_key from forgotten) order by item_id",
            (json.dumps(list(item_ids)), reasons.OUTCOME_UNKNOWN),
        ):
            found.setdefault(run_id, []).append(item_id)
        return found


def _chosen(which: Which) -> str:
    """The ids of the rows, newest first. States are written out, or the index of rows that did not arrive would not be used."""
    places = [_NOT_ARRIVED.get(State(state), f"items.state = '{State(state)}'") for state in which.states]
    return f"""
        select items.item_id from items
        where ({" or ".join(places)})
            and (:run_id is null or items.run_id = :run_id)
            and (:object_name is null or items.object = :object_name)
            and (:kind is null or items.kind = :kind)
            and (:market_code is null or items.market_code = :market_code)
            and (:reason is null or instr(lower(items.reason), lower(:reason)) > 0)
            and (:since_ms is null or items.changed_at_ms >= :since_ms)
            {f"and {STANDING}" if which.is_standing else ""}
        order by items.item_id desc limit :rows_max
    """  # noqa: S608 - constants of this module and of the state machine


def _values(which: Which) -> dict[str, Any]:
    names = ("run_id", "object_name", "kind", "market_code", "reason", "since_ms")
    return {name: getattr(which, name) for name in names}
