"""What the ledger knows of one person at one moment. Also runs on a read-only connection beside a writing run.

A moment is epoch milliseconds, UTC: what was frozen, claimed or decided later is as if it had not been.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from activation.ledger.database import LedgerFile

# Every row of the person as it was then: the last move until then, or the verdict of the freeze.
_THEN = """
then_rows as materialized (
    select
        items.item_id, items.run_id, items.object, items.kind, items.subject, items.fingerprint, items.bulk_key,
        items.is_sticky, items.market_code, items.source_modified_at_ms, items.occurred_at_ms,
        coalesce(moves.to_state, items.planned_state) as state,
        coalesce(moves.reason, case when items.planned_state <> 'staged' then items.reason end, '') as reason,
        coalesce(moves.at_ms, stages.frozen_at_ms) as at_ms,
        case when coalesce(moves.to_state, items.planned_state) = 'accepted' then items.is_verified else 0 end as is_verified
    from items
    inner join stages on stages.run_id = items.run_id and stages.stage = items.stage
    left join transitions as moves on moves.seq = (
        select max(seq) from transitions where transitions.item_id = items.item_id and transitions.at_ms <= :at_ms
    )
    where items.person_key = :person_key and stages.frozen_at_ms <= :at_ms
)
"""
# Deleted at Iterable, or merged into another user: what was accepted until then is not there any more.
_GONE = """
gone as (
    select coalesce(max(at_ms), 0) as at_ms from then_rows
    where object = 'identities' and kind = 'deletion' and state = 'accepted'
)
"""
# With a merge nobody knows any more which values the user that stays has: none counts until it is sent again.
_MERGED = """
merged as (
    select coalesce(max(at_ms), 0) as at_ms from then_rows
    where object = 'identities' and kind = 'merge' and state = 'accepted'
)
"""
# When Iterable last accepted a purchase, which emptied the cart.
_BOUGHT = """
bought as (
    select coalesce(max(at_ms), 0) as at_ms from then_rows where object = 'purchases' and state = 'accepted'
)
"""


class Persons(LedgerFile):
    """Reads about one `person_key`; each method is one statement on the index of persons."""

    def person_keys_of_email(self, email: str) -> list[str]:
        """Keys of everybody that rows were planned for under this folded address, at any time."""
        rows = self._db.execute(
            "select distinct items.person_key from item_values inner join items on items.item_id = item_values.item_id"
            " where item_values.email = ? order by 1",
            (email,),
        )
        return [str(key) for (key,) in rows]

    def person_keys_like(self, beginning: str) -> list[str]:
        """Keys that begin with these hexadecimal digits."""
        rows = self._db.execute(
            "select distinct person_key from items where person_key >= ? and person_key < ? order by 1",
            (beginning, f"{beginning}g"),
        )
        return [str(key) for (key,) in rows]

    def sampled_people(self, starts: Sequence[float]) -> list[str]:
        """A person with an accepted profile for each place (0 up to 1) among all rows ever planned; each person once."""
        (rows,) = self._db.execute("select coalesce(max(item_id), 0) from items").fetchone()
        found = (
            self._db.execute(
                "select person_key from items where item_id >= ? and object = 'users' and state = 'accepted' order by item_id limit 1",
                (round(start * rows),),
            ).fetchone()
            for start in starts
        )
        return list(dict.fromkeys(str(row[0]) for row in found if row))

    def identifiers(self, person_key: str, at_ms: int) -> dict[str, Any]:
        """`email` and `user_id` of the newest row that had any (null where erased or never known), `planned_rows` and `gone_at_ms`."""
        rows = self._dicts(
            f"""
            with {_THEN}, {_GONE}, named as (
                select item_values.email, item_values.user_id
                from then_rows inner join item_values on item_values.item_id = then_rows.item_id
                where item_values.email is not null or item_values.user_id is not null
                order by then_rows.item_id desc limit 1
            )
            select
                (select email from named) as email, (select user_id from named) as user_id,
                (select count(*) from then_rows) as planned_rows, nullif(gone.at_ms, 0) as gone_at_ms
            from gone
            """,  # noqa: S608 - constants of this module
            _moment(person_key, at_ms),
        )
        return rows[0]

    def is_taken_over(self, person_key: str, email: str, at_ms: int) -> bool:
        """Whether the user of this address is, since the newest row accepted of this person, another person's."""
        row = self._db.execute(
            """
            select exists (
                select 1 from item_values inner join items as other on other.item_id = item_values.item_id
                where item_values.email = :email and other.person_key <> :person_key and other.state = 'accepted'
                    and other.object in ('users', 'identities') and other.changed_at_ms <= :at_ms
                    and other.changed_at_ms >= (
                        select coalesce(max(own.changed_at_ms), 0) from items as own
                        where own.person_key = :person_key and own.object = 'users' and own.state = 'accepted'
                    )
            )
            """,
            {**_moment(person_key, at_ms), "email": email},
        ).fetchone()
        return bool(row[0])

    def market_of(self, person_key: str) -> str | None:
        """The market of the newest profile that Iterable accepted of the person."""
        row = self._db.execute(
            "select market_code from items where person_key = ? and object = 'users' and state = 'accepted' order by item_id desc limit 1",
            (person_key,),
        ).fetchone()
        return row[0] if row else None

    def fields_at(self, person_key: str, at_ms: int) -> list[dict[str, Any]]:
        """Field by field what Iterable last accepted: `field`, `type`, `value`, `is_removed`, `is_erased`, `run_id`, `since_ms`.

        A value is erased where only its fingerprint was kept.
        """
        return self._dicts(
            f"""
            with {_THEN}, {_GONE}, {_MERGED}, delivered as (
                select
                    item_fields.field, item_fields.type, item_fields.after_value as value, item_fields.fingerprint,
                    then_rows.run_id, then_rows.at_ms as since_ms,
                    row_number() over (
                        partition by item_fields.field order by then_rows.at_ms desc, then_rows.item_id desc
                    ) as age
                from then_rows inner join item_fields on item_fields.item_id = then_rows.item_id
                where then_rows.state = 'accepted' and item_fields.is_delivered = 1
                    and then_rows.at_ms > (select max(gone.at_ms, merged.at_ms) from gone, merged)
            )
            select
                field, type, value, value is null and fingerprint = '' as is_removed,
                value is null and fingerprint <> '' as is_erased, run_id, since_ms
            from delivered where age = 1 order by field
            """,  # noqa: S608 - constants of this module
            _moment(person_key, at_ms),
        )

    def objects_at(self, person_key: str, at_ms: int) -> list[dict[str, Any]]:
        """Carts, lists, withdrawals and grants: the newest accepted row of each, with its `fragment` (text, null where erased).

        A cart is not there any more once Iterable has accepted a purchase after it, which empties it.
        """
        return self._dicts(
            f"""
            with {_THEN}, {_GONE}, {_BOUGHT}, newest as (
                select *, row_number() over (partition by object, subject order by at_ms desc, item_id desc) as age
                from then_rows
                where state = 'accepted' and object in ('carts', 'lists', 'withdrawals', 'grants')
                    and at_ms > (select at_ms from gone)
            )
            select
                newest.object, newest.kind, newest.subject, newest.bulk_key, newest.run_id, newest.at_ms as since_ms,
                cast(item_values.fragment as text) as fragment
            from newest inner join item_values on item_values.item_id = newest.item_id
            where age = 1 and (newest.object <> 'carts' or newest.at_ms >= (select at_ms from bought))
            order by newest.object, newest.subject
            """,  # noqa: S608 - constants of this module
            _moment(person_key, at_ms),
        )

    def cart_at(self, person_key: str, at_ms: int) -> dict[str, Any] | None:
        """The cart that Iterable should show, None where it accepted none that could be there still.

        `fragment` of the newest that it accepted (text, null where erased), `is_emptied`: by a purchase that it accepted since, `since_ms`.
        """
        rows = self._dicts(
            f"""
            with {_THEN}, {_GONE}, {_MERGED}, {_BOUGHT}
            select
                cast(item_values.fragment as text) as fragment, then_rows.at_ms < bought.at_ms as is_emptied,
                max(then_rows.at_ms, bought.at_ms) as since_ms
            from then_rows inner join item_values on item_values.item_id = then_rows.item_id, bought
            where then_rows.object = 'carts' and then_rows.state = 'accepted'
                and then_rows.at_ms > (select max(gone.at_ms, merged.at_ms) from gone, merged)
            order by then_rows.at_ms desc, then_rows.item_id desc limit 1
            """,  # noqa: S608 - constants of this module
            _moment(person_key, at_ms),
        )
        return rows[0] if rows else None

    def fact_counts_at(self, person_key: str, at_ms: int) -> list[dict[str, Any]]:
        """Purchases and events that Iterable accepted: `object`, `kind`, `rows`, `first_at_ms`, `last_at_ms` (of acceptance)."""
        return self._dicts(
            f"""
            with {_THEN}
            select object, kind, count(*) as rows, min(at_ms) as first_at_ms, max(at_ms) as last_at_ms
            from then_rows where state = 'accepted' and object in ('purchases', 'events')
            group by 1, 2 order by 1 desc, 2
            """,  # noqa: S608 - constants of this module
            _moment(person_key, at_ms),
        )

    def requests_of(self, person_key: str, at_ms: int, rows_max: int) -> list[dict[str, Any]]:
        """Every request that carried a row of the person, newest first: when, which run, what for, and how it ended then."""
        return self._dicts(
            f"""
            with {_THEN}
            select
                requests.request_id, requests.run_id, runs.trigger, requests.endpoint, requests.claimed_at_ms,
                then_rows.item_id, then_rows.object, then_rows.kind, then_rows.subject, then_rows.fingerprint,
                then_rows.source_modified_at_ms, then_rows.occurred_at_ms,
                case when requests.settled_at_ms <= :at_ms then requests.status end as status,
                case when requests.settled_at_ms <= :at_ms then attempts.event end as event,
                case when requests.settled_at_ms <= :at_ms then attempts.reason end as reason,
                then_rows.state, then_rows.is_verified, cast(item_values.fragment as text) as fragment
            from then_rows
            inner join attempts on attempts.item_id = then_rows.item_id
            inner join requests on requests.request_id = attempts.request_id
            inner join runs on runs.run_id = requests.run_id
            inner join item_values on item_values.item_id = then_rows.item_id
            where requests.claimed_at_ms <= :at_ms
            order by requests.claimed_at_ms desc, then_rows.item_id desc, requests.request_id
            limit :rows_max
            """,  # noqa: S608 - constants of this module
            {**_moment(person_key, at_ms), "rows_max": rows_max},
        )

    def changes_of(self, item_id: int) -> list[dict[str, Any]]:
        """The fields of a row: `field`, `type`, `before`, `after`, `is_delivered`, and `is_erased`: only the fingerprint of `after` was kept."""
        return self._dicts(
            "select field, type, before_value as before, after_value as after, is_delivered,"
            " after_value is null and fingerprint <> '' as is_erased from item_fields"
            " where item_id = :item_id order by field",
            {"item_id": item_id},
        )

    def standing_at(self, person_key: str, at_ms: int) -> list[dict[str, Any]]:
        """The newest row of each subject where that row did not arrive: on its way, unknown, refused, held or suppressed, and why."""
        return self._dicts(
            f"""
            with {_THEN}, newest as (
                select *, row_number() over (partition by object, subject order by item_id desc) as age
                from then_rows where state <> 'superseded'
            )
            select item_id, run_id, object, kind, subject, fingerprint, state, reason, is_sticky, at_ms, source_modified_at_ms
            from newest where age = 1 and state <> 'accepted' order by at_ms desc, item_id desc
            """,  # noqa: S608 - constants of this module
            _moment(person_key, at_ms),
        )


def _moment(person_key: str, at_ms: int) -> dict[str, Any]:
    return {"person_key": person_key, "at_ms": at_ms}
