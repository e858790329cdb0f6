"""What may be sent next: staged rows of a lane, and rows that wait for something."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from activation.ledger.database import LedgerFile


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedRow:
    """Enough of a row to pack it. `size_bytes` is its fragment's."""

    item_id: int
    person_key: str
    bulk_key: str
    size_bytes: int


# A person created or renamed in this run: rows of lanes 2 and 3 that lie before the row's own lane. A merge is none: whoever
# another user is merged into is there already, and stays there if it is refused.
PERSON_ROWS = """
    from items as person
    where person.run_id = items.run_id and person.person_key = items.person_key
        and person.object in ('identities', 'users') and person.kind <> 'merge' and person.lane < items.lane
"""
PURCHASE_ACCEPTED = """
    exists (
        select 1 from items as purchase
        where purchase.object = 'purchases' and purchase.subject = items.depends_on
            and purchase.object in ('purchases', 'events')
            and purchase.state in ('sending', 'unknown', 'accepted') and purchase.state = 'accepted'
    )
"""
# Any of the person's, not only the one the cart is planned after: whichever Iterable takes last empties the cart.
PURCHASE_OPEN = """
    exists (
        select 1 from items as purchase
        where purchase.run_id = items.run_id
            and purchase.object = 'purchases' and purchase.person_key = items.person_key
            and purchase.state in ('staged', 'sending', 'unknown')
    )
"""
STAGED = f"""
select items.item_id, items.person_key, items.bulk_key, length(item_values.fragment)
from items inner join item_values on item_values.item_id = items.item_id
where items.run_id = :run_id and items.stage = :stage and items.lane = :lane and items.object = :object
    and items.state = 'staged'
    and (items.depends_on is null or ({PURCHASE_ACCEPTED} and not {PURCHASE_OPEN}))
    and (items.waits_for_person = 0 or not exists (
        select 1 {PERSON_ROWS} and not (
            person.state = 'accepted' and (person.is_verified = 1 or person.changed_at_ms <= :visible_before_ms)
        )
    ))
order by items.item_id
limit :rows
"""  # noqa: S608 - constants of this module
OF_STAGE = "items.run_id = :run_id and items.stage = :stage and items.state = 'staged'"
BLOCKED_BY_PERSON = f"""
select items.item_id from items
where {OF_STAGE} and items.waits_for_person = 1 and exists (
    select 1 {PERSON_ROWS} and person.state in ('rejected', 'held', 'suppressed', 'superseded')
)
"""  # noqa: S608
BLOCKED_BY_PURCHASE = f"""
select items.item_id from items
where {OF_STAGE} and items.depends_on is not null and not {PURCHASE_ACCEPTED} and not {PURCHASE_OPEN}
"""  # noqa: S608
PERSONS_AWAITED = f"""
select max((select max(person.changed_at_ms) {PERSON_ROWS} and person.state = 'accepted' and person.is_verified = 0))
from items where {OF_STAGE} and items.waits_for_person = 1
"""  # noqa: S608
CLOCKS_DIFFER_MS = 300_000  # between Iterable's clock and ours, at most
STAGED_PEOPLE = """
select distinct item_values.email, items.person_key
from items inner join item_values on item_values.item_id = items.item_id
where items.run_id = :run_id and items.state = 'staged' and item_values.email in (select value from json_each(:emails))
union
select distinct item_values.user_id, items.person_key
from items inner join item_values on item_values.item_id = items.item_id
where items.run_id = :run_id and items.state = 'staged' and item_values.user_id in (select value from json_each(:user_ids))
"""
OWN_UNSUBSCRIBE = """
select exists (
    select 1
    from runs
    inner join requests on requests.run_id = runs.run_id
    inner join attempts on attempts.request_id = requests.request_id
    inner join items on items.item_id = attempts.item_id
    inner join item_values on item_values.item_id = items.item_id
    where runs.started_at_ms <= :to_ms and coalesce(runs.ended_at_ms, :from_ms) >= :from_ms
        and requests.endpoint in ('subscriptions/unsubscribe', 'users/updateSubscriptions')
        and requests.claimed_at_ms <= :to_ms and coalesce(requests.settled_at_ms, :from_ms) >= :from_ms
        and items.object = 'withdrawals' and items.bulk_key = :channel
        and (items.person_key = :person_key or item_values.email = :email or item_values.user_id = :user_id)
)
"""


class Staging(LedgerFile):
    """Reads for the delivery loop."""

    def staged_objects(self, run_id: str, stage: str) -> list[tuple[int, str]]:
        """(item_id, object) of every staged row of the stage, in the order in which they are sent."""
        query = f"select items.item_id, items.object from items where {OF_STAGE} order by items.lane, items.item_id"  # noqa: S608
        return list(self._db.execute(query, {"run_id": run_id, "stage": stage}))

    def lanes(self, run_id: str, stage: str) -> list[tuple[int, str]]:
        """(lane, object) of the stage's staged rows, in the order in which they are sent."""
        rows = self._db.execute(
            f"select distinct items.lane, items.object from items where {OF_STAGE} order by 1, 2",  # noqa: S608
            {"run_id": run_id, "stage": stage},
        )
        return [(int(lane), str(name)) for lane, name in rows]

    def staged_rows(
        self, run_id: str, stage: str, lane: int, object_name: str, *, visible_before_ms: int, rows_max: int
    ) -> list[StagedRow]:
        """Rows that may be claimed now, oldest plan first.

        Left out: rows whose purchase is not accepted or another of the person's not decided, and rows of a person created or
        renamed in this run, unless that was accepted at or before `visible_before_ms` or has been read back.
        """
        rows = self._db.execute(
            STAGED,
            {
                "run_id": run_id,
                "stage": stage,
                "lane": lane,
                "object": object_name,
                "visible_before_ms": visible_before_ms,
                "rows": rows_max,
            },
        )
        return [
            StagedRow(item_id=item_id, person_key=person_key, bulk_key=bulk_key, size_bytes=size_bytes or 0)
            for item_id, person_key, bulk_key, size_bytes in rows
        ]

    def staged_count(self, run_id: str, stage: str) -> int:
        """Rows of the stage still to be sent or decided."""
        row = self._db.execute(
            f"select count(*) from items where {OF_STAGE}",  # noqa: S608 - a constant
            {"run_id": run_id, "stage": stage},
        ).fetchone()
        return int(row[0])

    def blocked_rows(self, run_id: str, stage: str) -> tuple[list[int], list[int]]:
        """Ids of staged rows that can no longer be sent: (their person was not accepted, their purchase was not)."""
        where = {"run_id": run_id, "stage": stage}
        by_person = [int(row[0]) for row in self._db.execute(BLOCKED_BY_PERSON, where)]
        taken = set(by_person)
        by_purchase = [int(row[0]) for row in self._db.execute(BLOCKED_BY_PURCHASE, where) if row[0] not in taken]
        return by_person, by_purchase

    def person_accepted_at_ms(self, run_id: str, stage: str) -> int | None:
        """When the last person that staged rows wait for was accepted; None if they wait for nobody."""
        row = self._db.execute(PERSONS_AWAITED, {"run_id": run_id, "stage": stage}).fetchone()
        return int(row[0]) if row[0] is not None else None

    def recently_withdrawn(self, person_key: str, since_ms: int) -> list[str]:
        """Channel ids of the person's withdrawals accepted since then, which a read of Iterable may not show yet."""
        return self._accepted_since(person_key, "withdrawals", since_ms)

    def recently_granted(self, person_key: str, since_ms: int) -> list[str]:
        """What the person was subscribed to since then (`messageChannel/101`), which a read may not show yet."""
        return self._accepted_since(person_key, "grants", since_ms)

    def is_own_unsubscribe(
        self, channel_id: int, said_ms: int | None, person_key: str, *, email: str | None, user_id: str | None
    ) -> bool:
        """Whether an unsubscribe that the API recorded then is the echo of a withdrawal of ours. Without a time it is none."""
        if said_ms is None:
            return False
        row = self._db.execute(
            OWN_UNSUBSCRIBE,
            {
                "channel": str(channel_id),
                "from_ms": said_ms - CLOCKS_DIFFER_MS,
                "to_ms": said_ms + CLOCKS_DIFFER_MS,
                "person_key": person_key,
                "email": email,
                "user_id": user_id,
            },
        ).fetchone()
        return bool(row[0])

    def staged_people(self, run_id: str, emails: Sequence[str], user_ids: Sequence[str]) -> dict[str, set[str]]:
        """Address or user id → keys of the people of a run's staged rows who are called so."""
        rows = self._db.execute(STAGED_PEOPLE, {"run_id": run_id, "emails": json.dumps(emails), "user_ids": json.dumps(user_ids)})
        people: dict[str, set[str]] = {}
        for name, person_key in rows:
            people.setdefault(str(name), set()).add(str(person_key))
        return people

    def _accepted_since(self, person_key: str, object_name: str, since_ms: int) -> list[str]:
        rows = self._db.execute(
            "select distinct bulk_key from items where person_key = ? and object = ? and state = 'accepted'"
            " and changed_at_ms >= ? order by 1",
            (person_key, object_name, since_ms),
        )
        return [str(row[0]) for row in rows]
