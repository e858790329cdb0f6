"""The real models, the real freeze, ledger and fold together: what Iterable accepted is not planned again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from activation.contracts import load_contracts
from activation.fold import _take_over as take_over
from activation.fold import fold, rebuild_delivered
from activation.freeze import StageCounts, freeze_stage
from activation.ledger.drifting import DriftedField
from activation.ledger.keeping import check
from activation.ledger.machine import Event
from activation.ledger.refused import Which
from activation.ledger.sending import LedgerItem, Outcome
from activation.ledger.store import Ledger
from activation.rehearsal import rehearsed
from cartwire.clock import now_ms, to_ms
from cartwire.settings import REPOSITORY
from tests.property.compiled_marts import NOW
from tests.property.conftest import IDENTITIES
from tests.property.small_marts import CHANGED, SmallMarts
from tests.property.small_shop import shop_with_everything

every_type = pytest.mark.parametrize("identity", IDENTITIES)
CONTRACTS = load_contracts(REPOSITORY / "models" / "activation")
DELIVERED = ("outcomes", "users", "user_fields", "folded")


class Sync:
    """Runs over small marts against an Iterable that accepts everything, but what it is told to refuse."""

    def __init__(self, marts: SmallMarts, ledger: Ledger) -> None:
        self.marts, self.ledger, self._numbers = marts, ledger, itertools.count(1)
        self.refused_objects: set[str] = set()

    def run(self, at: int | None = None) -> StageCounts:
        """`at`: milliseconds after now; later than the run before."""
        number = next(self._numbers)
        run_id, at_ms = f"run-{number}", to_ms(NOW) + (at or number)
        conn = self.marts._connection
        self.marts.build()
        self.ledger.start_run(run_id, "test")
        counts = freeze_stage(conn, self.ledger, run_id, "all", CHANGED, CONTRACTS, held_objects={})
        for lane, name in self.ledger.lanes(run_id, "all"):
            query = "select item_id from items where run_id = ? and lane = ? and object = ? and state = 'staged'"
            ids = [item_id for (item_id,) in self.ledger._db.execute(query, (run_id, lane, name))]
            claim = self.ledger.claim(f"{run_id}-{lane}", name, ids, lambda items: b"{}", at_ms)
            self.ledger.settle(claim.request_id, [self._verdict(item) for item in claim.items], status=200, at_ms=at_ms)
        self.ledger.prove_conservation(run_id)
        self.ledger.end_run(run_id, "done", 0)
        fold(conn, self.ledger)
        return counts

    def _verdict(self, item: LedgerItem) -> Outcome:
        if item.object in self.refused_objects:
            return Outcome(item_id=item.item_id, event=Event.reject, reason="400 BadParams", is_sticky=True)
        return Outcome(item_id=item.item_id, event=Event.accept)

    def let_go(self) -> int:
        rows = self.ledger.rejections(Which(states=("rejected",), is_standing=True))
        return self.ledger.replay([row["item_id"] for row in rows], by="mira")

    def sent_fields(self) -> list[tuple[str, str]]:
        query = (
            "select field, after_value from item_fields where item_id = (select max(item_id) from items where object = 'users')"
        )
        return self.ledger._db.execute(query).fetchall()


@pytest.fixture
def sync(marts: SmallMarts, tmp_path: Path) -> Iterator[Sync]:
    with Ledger.open(tmp_path / "ledger.sqlite", b"s" * 32) as ledger:
        yield Sync(marts, ledger)


@every_type
def test_a_second_run_of_an_unchanged_shop_plans_nothing(sync: Sync) -> None:
    shop_with_everything(sync.marts)
    first = sync.run()
    assert ("users", "users", "held") in first.states or sync.marts.identity == "user_id", (
        "only there an address is no identifier"
    )
    assert "rejected" not in {state for *_, state in first.states}
    assert first.history == {"purchases": 1}
    second = sync.run()
    assert (second.planned, second.history) == ({}, {})


@every_type
def test_delivered_fingerprints_equal_the_desired_ones(sync: Sync) -> None:
    shop_with_everything(sync.marts)
    sync.run()
    unequal = sync.marts.rows(
        "delivered.users inner join activation.iterable_users using (person_key)",
        "users.fields_fingerprint is distinct from iterable_users.fields_fingerprint",
    )
    assert unequal == []
    assert len(sync.marts.rows("delivered.users")) == (4 if sync.marts.identity == "user_id" else 3)


def test_one_changed_field_is_one_field_of_one_item(sync: Sync) -> None:
    shop_with_everything(sync.marts)
    sync.run()
    sync.marts.execute("update marts.profiles set first_name = 'Augusta', last_name = null where customer_id = 'c-ada'")
    assert sync.run().states == {("users", "users", "staged"): 1}
    query = "select field, before_value, after_value from item_fields where item_id = (select max(item_id) from items)"
    assert sync.ledger._db.execute(query).fetchall() == [("firstName", "Ada", "Augusta")]
    assert sync.run().planned == {}


def test_a_purchase_empties_the_cart_and_the_cart_is_sent_again(sync: Sync) -> None:
    sync.marts.registered("ada")
    sync.marts.cart("ada")
    sync.run()
    sync.marts.order("ada", "1", at=NOW)
    assert set(sync.run().planned) >= {("purchases", "purchases"), ("carts", "carts")}
    assert sync.run().planned == {}


@every_type
def test_delivered_rebuilt_from_the_ledger_plans_nothing_either(sync: Sync) -> None:
    shop_with_everything(sync.marts)
    sync.run()
    grown = {table: sync.marts.rows(f"delivered.{table}", "true order by all") for table in DELIVERED}
    rebuild_delivered(sync.marts._connection, sync.ledger)
    assert {table: sync.marts.rows(f"delivered.{table}", "true order by all") for table in DELIVERED} == grown
    assert sync.run().planned == {}


@every_type
def test_taken_over_one_settlement_at_a_time_delivered_is_the_same(sync: Sync, monkeypatch: pytest.MonkeyPatch) -> None:
    shop_with_everything(sync.marts)
    sync.run()
    sync.marts.execute("update marts.profiles set first_name = 'Augusta' where customer_id = 'c-ada'")
    sync.run()
    at_once = _delivered(sync)
    assert len(at_once["folded"]) > 5
    assert at_once["subscription_writes"]
    monkeypatch.setattr(sync.ledger, "unfolded_settlements", partial(sync.ledger.unfolded_settlements, chunk_items=1))
    rebuild_delivered(sync.marts._connection, sync.ledger)
    assert _delivered(sync) == at_once


@pytest.mark.parametrize("lived", [0, 1, 4])
def test_a_fold_that_died_is_gone_on_with_and_leaves_nothing_of_the_settlements_that_it_died_in(
    sync: Sync, monkeypatch: pytest.MonkeyPatch, lived: int
) -> None:
    shop_with_everything(sync.marts)
    sync.run()
    at_once, conn = _delivered(sync), sync.marts._connection
    monkeypatch.setattr(sync.ledger, "unfolded_settlements", partial(sync.ledger.unfolded_settlements, chunk_items=1))
    marks = itertools.count()

    def die(connection: Any, fresh: Any) -> None:
        take_over(connection, fresh)
        if next(marks) == lived:
            raise MemoryError

    with monkeypatch.context() as dying, pytest.raises(MemoryError):
        dying.setattr("activation.fold._take_over", die)
        rebuild_delivered(conn, sync.ledger)
    assert len(sync.marts.rows("delivered.folded")) == lived
    assert fold(conn, sync.ledger) == len(at_once["folded"]) - lived
    assert _delivered(sync) == at_once


def _delivered(sync: Sync) -> dict[str, list[dict[str, Any]]]:
    tables = sync.marts.rows("duckdb_tables()", "schema_name = 'delivered'")
    return {row["table_name"]: sync.marts.rows(f"delivered.{row['table_name']}", "true order by all") for row in tables}


def test_a_user_found_at_iterable_is_never_sent_what_was_already_there(sync: Sync) -> None:
    sync.marts.registered("ada")
    found = '{"email": "ada@example.com", "userId": "c-ada", "firstName": "Ada", "locale": "en-US"}'
    sync.marts.put("raw_iterable.users", email="ada@example.com", user_id="c-ada", document=found, read_at=NOW)
    query = "select field from item_fields where item_id = (select max(item_id) from items)"
    sync.run()
    assert {"firstName", "locale"}.isdisjoint(field for (field,) in sync.ledger._db.execute(query))
    sync.marts.execute("update marts.profiles set last_name = 'Byron' where customer_id = 'c-ada'")
    sync.run()
    assert sync.ledger._db.execute(query).fetchall() == [("lastName",)]


@every_type
def test_what_was_refused_waits_for_its_data_or_a_replay_and_then_the_newest_data_go(sync: Sync) -> None:
    shop_with_everything(sync.marts)
    sync.run()
    sync.refused_objects = {"users", "purchases"}
    sync.marts.execute("update marts.profiles set first_name = 'Augusta' where customer_id = 'c-ada'")
    sync.marts.order("ada", "9", at=NOW)
    assert {state for *_, state in sync.run().states} == {"staged"}
    sync.refused_objects = set()
    assert sync.run().planned.keys().isdisjoint({("users", "users"), ("purchases", "purchases")})
    assert sync.let_go() == 2
    assert sync.let_go() == 0, "what was let go is not let go again"
    fold(sync.marts._connection, sync.ledger)
    sync.marts.execute("update marts.profiles set first_name = 'Ada King' where customer_id = 'c-ada'")
    planned = sync.run().planned
    assert planned[("users", "users")] == planned[("purchases", "purchases")] == 1
    assert ("firstName", "Ada King") in sync.sent_fields(), "never the payload that was refused"
    assert sync.run().planned == {}
    assert sync.ledger.rejections(Which(states=("rejected",), is_standing=True)) == []


def test_a_replay_survives_a_warehouse_made_anew(sync: Sync) -> None:
    sync.marts.registered("ada")
    sync.refused_objects = {"users"}
    sync.run()
    sync.refused_objects = set()
    assert sync.let_go() == 1
    rebuild_delivered(sync.marts._connection, sync.ledger)
    assert sync.run().planned == {("users", "users"): 1}


def test_a_rehearsal_shows_what_a_replay_would_plan_and_leaves_nothing_even_if_it_dies(sync: Sync) -> None:
    sync.marts.registered("ada")
    sync.refused_objects = {"users"}
    sync.run()
    conn, subject = sync.marts._connection, sync.marts.key("ada")
    before = sync.marts.rows("delivered.outcomes", "true order by all")
    with rehearsed(conn, [("users", subject), ("users", "nobody")]):
        assert _changed_users(sync) == 1
    assert _changed_users(sync) == 0
    dying = rehearsed(conn, [("users", subject)])
    dying.__enter__()
    assert sync.marts.rows("delivered.outcomes", "true order by all") != before
    fold(conn, sync.ledger)  # the first step of every run
    assert sync.marts.rows("delivered.outcomes", "true order by all") == before
    assert _changed_users(sync) == 0


def _changed_users(sync: Sync) -> int:
    sync.marts.build()
    return len(sync.marts.rows("changes.changed_users"))


def _drifted(sync: Sync, word: str, *fields: str, after: int = 500) -> int:
    """As a reconcile notes them, and the next run takes over first of all."""
    key = sync.marts.key(word)
    drifts = [DriftedField(person_key=key, field=field, type="string", cause="another value") for field in fields]
    noted = sync.ledger.note_drifts(drifts, "mira", read_at_ms=to_ms(NOW) + after, at_ms=to_ms(NOW) + after)
    fold(sync.marts._connection, sync.ledger)
    return noted


@every_type
def test_a_drifted_field_is_sent_again_alone_from_the_newest_data_and_then_never_more(sync: Sync) -> None:
    shop_with_everything(sync.marts)
    sync.run()
    assert _drifted(sync, "ada", "firstName") == 1
    sync.marts.execute("update marts.profiles set first_name = 'Augusta' where customer_id = 'c-ada'")
    assert sync.run(at=1_000).states == {("users", "users", "staged"): 1}
    assert sync.sent_fields() == [("firstName", "Augusta")]
    assert sync.run(at=2_000).planned == {}


@every_type
def test_a_drift_survives_a_warehouse_made_anew_until_it_is_repaired(sync: Sync) -> None:
    shop_with_everything(sync.marts)
    sync.run()
    _drifted(sync, "ada", "firstName")
    rebuild_delivered(sync.marts._connection, sync.ledger)
    assert sync.run(at=1_000).states == {("users", "users", "staged"): 1}
    assert sync.sent_fields() == [("firstName", "Ada")]
    grown = {table: sync.marts.rows(f"delivered.{table}", "true order by all") for table in DELIVERED}
    rebuild_delivered(sync.marts._connection, sync.ledger)
    assert {table: sync.marts.rows(f"delivered.{table}", "true order by all") for table in DELIVERED} == grown
    assert sync.run(at=2_000).planned == {}


@every_type
@pytest.mark.parametrize("is_bought", [False, True])
def test_a_drifted_cart_is_sent_again_once_and_survives_a_warehouse_made_anew(sync: Sync, is_bought: bool) -> None:
    shop_with_everything(sync.marts)
    sync.run()
    if is_bought:
        sync.marts.execute("delete from marts.carts where profile_id = 'profile-ada'")
        sync.marts.order("ada", "9", at=NOW)
        sync.run(at=500)
    assert _drifted(sync, "ada", "shoppingCartItems", after=1_000) == 1
    rebuild_delivered(sync.marts._connection, sync.ledger)
    assert sync.run(at=2_000).states == {("carts", "carts", "staged"): 1}
    assert sync.run(at=3_000).planned == {}
    rebuild_delivered(sync.marts._connection, sync.ledger)
    assert sync.run(at=4_000).planned == {}


def test_a_removed_field_that_came_back_at_iterable_is_removed_again(sync: Sync) -> None:
    sync.marts.registered("ada")
    sync.run()
    sync.marts.execute("update marts.profiles set first_name = null")
    sync.run()
    _drifted(sync, "ada", "firstName")
    assert sync.run(at=1_000).planned == {("users", "users"): 1}
    assert sync.sent_fields() == [("firstName", None)]
    assert sync.run(at=2_000).planned == {}


def test_a_reading_older_than_what_was_sent_notes_nothing(sync: Sync) -> None:
    sync.marts.registered("ada")
    sync.run(at=500)
    assert _drifted(sync, "ada", "firstName") == 0


def test_a_drift_of_a_field_that_is_left_to_iterable_plans_nothing(sync: Sync) -> None:
    sync.marts.registered("ada")
    sync.run()
    sync.marts.execute(
        "update config.consent_rules set attribute = 'firstName', is_enabled = true where rule_id = 'iterable_owns_phone'"
    )
    _drifted(sync, "ada", "firstName")
    assert sync.run(at=1_000).planned == {}


EVERYTHING = (*DELIVERED, "carts", "list_members", "subscription_writes", "gone_users")


@every_type
def test_after_pruning_a_warehouse_made_anew_is_the_same_and_plans_the_same_rows(sync: Sync) -> None:
    shop_with_everything(sync.marts)
    sync.run()
    for number, name in enumerate(("Augusta", "Ada King", "Ada"), 1):
        sync.marts.execute("update marts.profiles set first_name = ? where customer_id = 'c-ada'", name)
        sync.run(at=1_000 * number)
    grown = {table: sync.marts.rows(f"delivered.{table}", "true order by all") for table in EVERYTHING}
    done = sync.ledger.prune(2 * now_ms())
    assert done.payloads > 10 and done.values > 3
    rebuild_delivered(sync.marts._connection, sync.ledger)
    assert {table: sync.marts.rows(f"delivered.{table}", "true order by all") for table in EVERYTHING} == grown
    assert sync.run(at=5_000).planned == {}
    sync.marts.execute("update marts.profiles set first_name = 'Augusta' where customer_id = 'c-ada'")
    assert sync.run(at=6_000).states == {("users", "users", "staged"): 1}
    assert sync.sent_fields() == [("firstName", "Augusta")]
    assert check(sync.ledger.path).faults == ()
