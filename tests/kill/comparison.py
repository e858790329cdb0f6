"""After the last restart: everything the models want Iterable to know is there, once; nothing is open, nothing fired twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import duckdb

from activation.ledger.backfills import Backfill, BackfillState
from activation.ledger.reading import read_only
from cartwire.errors import LedgerError
from tests.e2e.people import name_of
from tests.kill.installation import Installation
from tests.kill.shopping import Wanted

HELD_FOR_ANOTHER = """
select subject from delivered.outcomes
where object in ('purchases', 'events') and state = 'held'
    and (reason = 'identifier owned by another profile' or reason like 'merge: %')
"""
SCRIPTED_FACTS = """
select 'purchase', purchase_id, order_id from activation.iterable_purchases
union all select 'cancellation', event_id, order_id from activation.order_cancelled
union all select 'refund', event_id, refund_id from activation.order_refunded
"""
REFUSED = """
select coalesce(profiles.customer_id, ''), outcomes.object, outcomes.reason
from delivered.outcomes as outcomes
left join activation.iterable_users as users on outcomes.subject = users.person_key
left join marts.profiles as profiles on users.profile_id = profiles.profile_id
where outcomes.state = 'rejected'
"""
REASONS = {
    "killer row": {"400 RequestFieldsTypesMismatched (favouriteStoreVisitAt)"},
    "row refused in a 200": {"invalidDataEmails", "invalidDataUserIds"},
}
RELEASED, ENDED = "released history", "released history that is no fact any more"
MAY_END = "select event_id from activation.cart_abandoned union all select event_id from activation.guest_linked"
FACTS = {
    "purchases": ("iterable_purchases", "purchase_id"),
    "cancellations": ("order_cancelled", "event_id"),
    "refunds": ("order_refunded", "event_id"),
    "changes of consent": ("consent_changed", "event_id"),
}
ADDRESSES = "select id, lower(document ->> '$.email') from raw.customers"
NOBODY: dict[str, Any] = {"email": None, "dataFields": {}, "unsubscribedChannelIds": []}


def refused_by(how: str) -> str:
    """Under which name the refusals of one of `SPOILS` are counted."""
    return f"refused: {how}"


@dataclass(frozen=True)
class Comparison:
    """`compared`: how many things were looked up, per kind. `faults`: sentences about what was lost, doubled or left open."""

    compared: Counter[str]
    faults: list[str]


def compare(installation: Installation, wanted: Wanted) -> Comparison:
    """Read warehouse, ledger and the sandbox's whole state, and look everything up."""
    state = installation.sandbox.admin("iterable", "GET", "state")
    duplicates = installation.sandbox.admin("iterable", "GET", "triggers?list=0")["duplicates"]
    with duckdb.connect(str(installation.warehouse), read_only=True) as conn:
        found = _Finding(state, installation.sandbox.identity, dict(conn.execute(ADDRESSES).fetchall()))
        found.people(conn, wanted)
        found.refusals(conn, wanted)
        found.carts(conn)
        found.facts(conn)
        found.withdrawals(conn)
        found.script(conn, wanted)
        found.released(conn, installation.backfills())
    found.faults += [f"fired twice: {one['kind']} {one['name']} {one['id']} {one['person']}" for one in duplicates]
    found.faults += _ledger_faults(installation)
    return Comparison(found.compared, found.faults)


class _Finding:
    def __init__(self, state: dict[str, Any], identity: str, addresses: dict[str, str]) -> None:
        """`addresses`: the customers' own, by id, as the shop has them now."""
        self.compared: Counter[str] = Counter()
        self.faults: list[str] = []
        self._identity, self._addresses = identity, addresses
        self._by_email = {one["email"]: one for one in state["users"] if one["email"]}
        self._by_user_id = {one["userId"]: one for one in state["users"] if one["userId"]}
        self._purchases, self._events = state["purchases"], state["events"]
        self._versions = Counter({one["id"]: one["versions"] for one in (*state["events"], *state["purchases"]) if one["id"]})

    def people(self, conn: duckdb.DuckDBPyConnection, wanted: Wanted) -> None:
        """Every field the models want, with its value, and none they do not want any more; but of profiles that Iterable refuses."""
        rows = conn.execute(
            "select users.email, users.user_id, users.fields, profiles.customer_id from activation.iterable_users as users"
            " inner join changes.recipients as recipients on users.profile_id = recipients.profile_id"
            " inner join marts.profiles as profiles on users.profile_id = profiles.profile_id"
            " where recipients.hold_reason is null"
        ).fetchall()
        ours = {entry["field"] for _, _, fields, _ in rows for entry in fields}
        for email, user_id, fields, customer_id in rows:
            if customer_id in wanted.refused:
                continue
            self.compared["users"] += 1
            user = self._user(email, user_id)
            if user is None:
                self.faults.append(f"lost: a user ({'registered' if user_id else 'guest'})")
                continue
            if user["email"] != email:
                self.faults.append("lost: a change of address")
            expected = {entry["field"]: _value(entry["type"], entry["value"]) for entry in fields}
            shown = _flat(user["dataFields"])
            wrong = sorted(name for name in ours if _plain(expected.get(name)) != _plain(shown.get(name)))
            if wrong:
                self.faults.append(f"lost: profile fields {', '.join(wrong)}")

    def refusals(self, conn: duckdb.DuckDBPyConnection, wanted: Wanted) -> None:
        """The ledger has the rows that Iterable had to refuse as rejected, with its reason, and no others.

        The verdict on a profile that was mended stands where it is now what Iterable had before: then there is nothing to send.
        """
        refused = conn.execute(REFUSED).fetchall()
        for customer_id, how in wanted.refused.items():
            self.compared[refused_by(how)] += 1
            if not any(one == customer_id and name == "users" and reason in REASONS[how] for one, name, reason in refused):
                self.faults.append(f"not rejected: a {how}")
        known = wanted.refused.keys() | wanted.mended
        others = [f"{name}, {reason}" for one, name, reason in refused if name != "users" or one not in known]
        self.faults += [f"rejected: {other}" for other in others]

    def carts(self, conn: duckdb.DuckDBPyConnection) -> None:
        """The cart of each person who may be messaged; an empty one where it was emptied."""
        rows = conn.execute(
            "select users.email, users.user_id, carts.items from activation.iterable_users as users"
            " inner join changes.recipients as recipients on users.profile_id = recipients.profile_id"
            " left join activation.iterable_carts as carts on users.profile_id = carts.profile_id"
            " left join delivered.outcomes as outcomes on outcomes.object = 'carts' and outcomes.subject = users.person_key"
            " where recipients.hold_reason is null and users.has_messageable_channel"
            " and (carts.profile_id is not null or outcomes.state = 'accepted')"
        ).fetchall()
        for email, user_id, items in rows:
            self.compared["carts"] += 1
            shown = (self._user(email, user_id) or {}).get("cart", [])
            if _lines(items or []) != _lines(shown):
                self.faults.append("lost: a cart")

    def facts(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Each fact that is not history and may be sent arrived, and no fact arrived more than once."""
        for name, (model, fact_id) in FACTS.items():
            rows = conn.execute(
                f"select facts.{fact_id}, outcomes.state from activation.{model} as facts"
                f" left join delivered.held_history as history on history.subject = facts.{fact_id}"
                f" left join delivered.outcomes as outcomes on outcomes.subject = facts.{fact_id}"
                " inner join changes.recipients as recipients on facts.profile_id = recipients.profile_id"
                " where history.subject is null and recipients.hold_reason is null"
            ).fetchall()
            for subject, settled in rows:
                self.compared[name] += 1
                if not self._versions[subject] and settled != "suppressed":
                    self.faults.append(f"lost: {name} {subject}, settled as {settled}")
        self.faults += [f"updated: {subject} came {count} times" for subject, count in self._versions.items() if count > 1]

    def released(self, conn: duckdb.DuckDBPyConnection, backfills: Iterable[Backfill]) -> None:
        """What a backfill that is not open any more has let go arrived, unless consent forbids it or it waits for a live cart.

        A cart that went on is not abandoned any more, nor a guest linked to a customer who is called otherwise now: the model does not
        tell the fact, and there is nothing to send.
        """
        told = {event_id for (event_id,) in conn.execute(MAY_END).fetchall()}
        settled = dict(
            conn.execute("select subject, state from delivered.outcomes where object in ('purchases', 'events')").fetchall()
        )
        for backfill in backfills:
            if backfill.state is BackfillState.open:
                self.faults.append(f"open: backfill {backfill.backfill_id}")
                continue
            absent = [subject for subject in backfill.criteria.ids or () if not self._versions[subject]]
            self.compared[RELEASED] += len(backfill.criteria.ids or ())
            unsettled = [subject for subject in absent if subject not in settled]
            ended = {
                subject
                for subject in unsettled
                if subject.startswith(("cart-abandoned-", "guest-linked-")) and subject not in told
            }
            waiting = [subject for subject in unsettled if subject not in ended]
            self.compared[ENDED] += len(ended)
            if len(waiting) > backfill.left_behind:
                self.faults.append(f"lost: {len(waiting)} facts of a backfill, of which {backfill.left_behind} wait")
            lost = [settled[subject] for subject in absent if settled.get(subject, "suppressed") != "suppressed"]
            self.faults += [f"lost: released history, settled as {state}" for state in lost]

    def withdrawals(self, conn: duckdb.DuckDBPyConnection) -> None:
        """Whoever opted out of a channel and is at Iterable is unsubscribed there."""
        rows = conn.execute(
            "select customer_id, email, user_id, iterable_channel_id from activation.iterable_withdrawals where is_opted_out"
        ).fetchall()
        for customer_id, email, user_id, channel in rows:
            user = self._user(self._addresses.get(customer_id, email), user_id)
            if user is not None:
                self.compared["withdrawals"] += 1
                if channel not in user["unsubscribedChannelIds"]:
                    self.faults.append("lost: a withdrawal")

    def script(self, conn: duckdb.DuckDBPyConnection, wanted: Wanted) -> None:
        """What people did in the shop, without asking the models whether it matters.

        A fact of somebody whose identifier has become another profile's meanwhile, or another user's at Iterable, is held by rule,
        and seen in the ledger.
        """
        held = {subject for (subject,) in conn.execute(HELD_FOR_ANOTHER).fetchall()}
        facts = conn.execute(SCRIPTED_FACTS).fetchall()
        waiting = {(name, one[-36:]) for name, subject, one in facts if subject in held}
        refunds = conn.execute("select event_id, refund_id from activation.order_refunded").fetchall()
        arrived = {
            "purchase": {one["data"].get("orderId") for one in self._purchases},
            "cancellation": {one["data"].get("orderId") for one in self._events if one["eventName"] == "order_cancelled"},
            "refund": {refund_id[-36:] for event_id, refund_id in refunds if self._versions[event_id]},
        }
        for name, ids in (("purchase", wanted.orders), ("cancellation", wanted.cancelled), ("refund", wanted.refunds)):
            for one in ids:
                if (name, one) in waiting:
                    self.compared[f"scripted {name} held for another profile"] += 1
                else:
                    self._expect(name, one in arrived[name])
        for customer_id in wanted.first_names.keys() - wanted.refused.keys():
            first_name = wanted.first_names[customer_id]
            self._expect("first name", self._customer(customer_id)["dataFields"].get("firstName") == first_name)
        for customer_id, address in wanted.addresses.items():
            self._expect("address", self._customer(customer_id)["email"] == address)
        for customer_id, is_out in wanted.opted_out.items():
            if is_out:
                self._expect("withdrawal", bool(self._customer(customer_id)["unsubscribedChannelIds"]))

    def _customer(self, customer_id: str) -> dict[str, Any]:
        name = name_of(self._identity, customer_id, self._addresses[customer_id])
        return (self._by_email if self._identity == "email" else self._by_user_id).get(name, NOBODY)

    def _expect(self, name: str, holds: bool) -> None:
        self.compared[f"scripted {name}"] += 1
        if not holds:
            self.faults.append(f"lost: a scripted {name}")

    def _user(self, email: str, user_id: str | None) -> dict[str, Any] | None:
        return self._by_user_id.get(user_id) if user_id else self._by_email.get(email)


def _ledger_faults(installation: Installation) -> list[str]:
    """Conservation of every run, dead ones included, and nothing left open."""
    faults = []
    with read_only(installation.ledger) as ledger:
        found = ledger.status(10_000)
        faults += [f"open: {rows} rows {state}" for state, rows in found.open_rows.items()]
        for run in found.runs:
            try:
                ledger.prove_conservation(run.run_id)
            except LedgerError as error:
                faults.append(f"conservation of {run.state} run: {error}")
    return faults


def _value(kind: str, text: str) -> Any:
    match kind:
        case "long":
            return int(text)
        case "double":
            return float(text)
        case "boolean":
            return text == "true"
        case "string[]":
            return text.split(chr(31)) if text else []
        case "date":
            return text[:19].replace("T", " ")
        case _:
            return text


def _flat(fields: dict[str, Any]) -> dict[str, Any]:
    consent = {f"consent.{name}": value for name, value in (fields.get("consent") or {}).items()}
    return fields | consent


def _plain(value: Any) -> Any:
    """Dates to the second, as Iterable shows them."""
    if isinstance(value, str) and len(value) == 26 and value.endswith(" +00:00"):
        return value[:19]
    return value


def _lines(items: list[dict[str, Any]]) -> list[tuple[str, float, float]]:
    return sorted((item["id"], float(item["quantity"]), float(item["price"])) for item in items)
