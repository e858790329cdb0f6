"""Erasing payloads that are old enough. What was decided stays: states, reasons, requests, names of fields and every fingerprint.

Kept whatever its age: rows that are open; refused rows that a person may still let go; the newest value that Iterable accepted of each
field, which is what it has now, and what a warehouse made anew, a reconcile and a repair start from; who was renamed or merged into whom;
of people created unsubscribed the numbers of the channels.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from activation.ledger import reasons
from activation.ledger.database import LedgerFile, transaction
from activation.ledger.refused import STANDING
from cartwire.clock import now_ms
from cartwire.errors import LedgerError

BATCH_ROWS = 2_000
ROWS_A_SYNC = 100_000
DAY_MS = 24 * 60 * 60 * 1000

# Runs come one after the other, so every row until this one was planned and settled by runs that ended before.
OLDEST_UNTIL = """
select coalesce(max(item_id), 0) from items where run_id = (
    select run_id from runs
    where ended_at_ms < :before_ms and exists (select 1 from items where items.run_id = runs.run_id)
    order by ended_at_ms desc limit 1
)
"""
_WAITS_FOR_A_PERSON = f"""
    items.is_sticky = 1 and (items.state = 'rejected' or (items.state = 'held' and items.reason = :outcome_unknown))
    and {STANDING}
"""
_IS_OLD = f"""
    items.item_id > :after and items.item_id <= :until and items.changed_at_ms < :before_ms
    and items.state not in ('staged', 'sending', 'unknown') and items.object <> 'identities' and not ({_WAITS_FOR_A_PERSON})
"""
CHOOSE = f"""
insert into temp.pruned
select items.item_id from items where {_IS_OLD}
union
select items.item_id from items as later
inner join items on items.person_key = later.person_key and items.object = later.object and items.subject = later.subject
    and items.item_id < later.item_id
where later.item_id > :after and later.item_id <= :until and later.state <> 'superseded' and items.state in ('rejected', 'held')
"""  # noqa: S608 - constants of this module
_KEPT = """
    case
        when instr(fragment, cast('"unsubscribedChannelIds"' as blob)) > 0
            then cast(json_object('dataFields', json_object(
                'unsubscribedChannelIds', json_extract(cast(fragment as text), '$.dataFields.unsubscribedChannelIds')
            )) as blob)
    end
"""
ERASE_PAYLOADS = f"""
update item_values set fragment = {_KEPT}
where item_id in (select item_id from temp.pruned) and fragment is not null and fragment is not {_KEPT}
"""  # noqa: S608 - constants of this module
ERASE_VALUES = """
update item_fields
set before_value = null, after_value = case when items.state = 'accepted' and is_delivered = 1 then after_value end
from items
where items.item_id = item_fields.item_id and item_fields.item_id in (select item_id from temp.pruned)
    and (before_value is not null or (after_value is not null and (items.state <> 'accepted' or is_delivered = 0)))
"""
# Whose place a later value took, or whose user Iterable deleted or merged into another for us.
ERASE_FORMER = """
update item_fields set after_value = null
where (item_id, field) in (
    select former.item_id, former.field
    from items as later
    inner join items as earlier on earlier.person_key = later.person_key and earlier.object = 'users' and earlier.state = 'accepted'
        and (earlier.changed_at_ms, earlier.item_id) < (later.changed_at_ms, later.item_id)
    inner join item_fields as former on former.item_id = earlier.item_id
    where later.item_id > :after and later.item_id <= :until and later.changed_at_ms < :before_ms
        and later.state = 'accepted' and former.after_value is not null
        and (
            (later.object = 'identities' and later.kind in ('deletion', 'merge'))
            or exists (
                select 1 from item_fields as own
                where own.item_id = later.item_id and own.field = former.field and own.is_delivered = 1
            )
        )
)
"""
COUNT = f"""
select count(*) from items inner join item_values on item_values.item_id = items.item_id
where {_IS_OLD} and fragment is not null and fragment is not {_KEPT}
"""  # noqa: S608 - constants of this module


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """`rows` looked at; of them `payloads` and `values` of fields erased. Not `is_complete`: the next call goes on."""

    rows: int
    payloads: int
    values: int
    is_complete: bool


class Prunable(LedgerFile):
    """Reading; also on a read-only connection."""

    def prunable(self, before_ms: int) -> int:
        """Payloads of rows settled before then that would be erased. Reads the whole ledger."""
        (until,) = self._db.execute(OLDEST_UNTIL, {"before_ms": before_ms}).fetchone()
        (rows,) = self._db.execute(COUNT, _range(0, until, before_ms)).fetchone()
        return int(rows)


class Pruning(Prunable):
    """Under the lease. Each batch is a transaction: whoever dies in between has erased a part, and the next call goes on."""

    def prune_daily(self, before_ms: int, at_ms: int | None = None) -> Pruned | None:
        """At most ROWS_A_SYNC rows that have become old since the last call; None where a pass was completed less than a day ago."""
        moment = at_ms or now_ms()
        if moment - self._number("pruned_at_ms") < DAY_MS:
            return None
        pruned = self.prune(before_ms, begins_after=self._number("pruned_until"), rows_max=ROWS_A_SYNC)
        if pruned.is_complete:
            with transaction(self._db):
                self._note("pruned_at_ms", moment)
        return pruned

    def prune(
        self,
        before_ms: int,
        *,
        begins_after: int = 0,
        rows_max: int | None = None,
        batch_rows: int = BATCH_ROWS,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> Pruned:
        """Erase what was settled before then, from the row after `begins_after` on.

        Raises: LedgerError where the storage takes nothing more.
        """
        (until,) = self._db.execute(OLDEST_UNTIL, {"before_ms": before_ms}).fetchone()
        self._db.execute("create temp table if not exists pruned (item_id integer primary key)")
        last, payloads, values = begins_after, 0, 0
        ends_at = until if rows_max is None else min(until, begins_after + rows_max)
        while last < ends_at:
            batch = _range(last, min(last + batch_rows, ends_at), before_ms)
            with transaction(self._db) as db:
                db.execute(CHOOSE, batch)
                payloads += db.execute(ERASE_PAYLOADS).rowcount
                values += db.execute(ERASE_VALUES).rowcount + db.execute(ERASE_FORMER, batch).rowcount
                db.execute("delete from temp.pruned")
                last = int(batch["until"])
                if last > self._number("pruned_until"):
                    self._note("pruned_until", last)
            progress(last, ends_at)
        return Pruned(rows=max(last - begins_after, 0), payloads=payloads, values=values, is_complete=last >= until)

    def shrink(self) -> None:
        """Give the room of what was erased back to the disk. Raises: LedgerError where there is not as much room again."""
        try:
            self._db.execute("vacuum")
        except sqlite3.DatabaseError as error:
            raise LedgerError(
                f"the ledger cannot be written anew ({error}): it takes as much room again; nothing was lost, what is free in it is used first"
            ) from None

    def _number(self, key: str) -> int:
        row = self._db.execute("select value from meta where key = ?", (key,)).fetchone()
        return int(row[0]) if row else 0

    def _note(self, key: str, value: int) -> None:
        self._db.execute(
            "insert into meta values (?, ?) on conflict (key) do update set value = excluded.value", (key, str(value))
        )


def _range(after: int, until: int, before_ms: int) -> dict[str, int | str]:
    return {"after": after, "until": until, "before_ms": before_ms, "outcome_unknown": reasons.OUTCOME_UNKNOWN}
