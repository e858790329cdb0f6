"""A pause stops rows at their claim, however long ago they were frozen, and never a withdrawal."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activation.ledger import reasons
from activation.ledger.database import SCHEMA
from activation.ledger.reading import read_only
from activation.ledger.refused import Which
from activation.ledger.store import Ledger
from tests.contract.delivery_world import SECRET, World, cart, event, purchase, user, withdrawal

pytest_plugins = ("tests.contract.delivery_world",)

NAMES = ("", "users", "purchases", "carts", "events", "order_cancelled", "order_refunded")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(paused=st.sets(st.sampled_from(NAMES)))
def test_what_is_paused_after_the_freeze_is_held_and_all_else_arrives(world: World, paused: set[str]) -> None:
    world.ledger.resume(None, by="test")
    people = [user(number) for number in (1, 2)]
    facts = [purchase(world.next_number(), 1), event(world.next_number(), 2), event(world.next_number(), 1, "order_refunded")]
    rows = [withdrawal(1), *people, *facts, cart(1), cart(2)]
    run_id = world.frozen(*rows)
    world.ledger.pause(sorted(paused), reason="a rehearsal", by="ada")
    world.deliver(run_id)
    states, why = world.states(run_id), world.reasons(run_id)
    for row in rows:
        is_paused = row.object != "withdrawals" and bool(paused & {"", row.object, row.kind})
        assert states[row.subject] == ("held" if is_paused else "accepted"), row
        assert why.get(row.subject) == (reasons.PAUSED_MEANWHILE if is_paused else None)


def test_a_held_row_of_a_pause_is_planned_again(world: World) -> None:
    world.ledger.pause(["carts"], reason="a rehearsal", by="ada")
    run_id = world.run(user(1), cart(1))
    (row,) = world.ledger.rejections(Which(run_id=run_id, states=("held",)))
    assert not row["is_sticky"]
    world.ledger.resume(["carts"], by="ada")
    assert world.states(world.run(cart(1))) == {"cart-1": "accepted"}


def test_a_pause_outlives_the_process_and_keeps_who_when_and_why(world: World) -> None:
    assert world.ledger.pause(["carts", ""], reason="prices are wrong", by="ada", at_ms=1_000) == ("carts", "")
    assert world.ledger.pause(["carts"], reason="another", by="bob") == ()
    with read_only(world.path) as reader:
        everything, carts = reader.pauses()
    assert everything.is_full
    assert carts.sentence == "paused: by ada since 1970-01-01 00:00:01Z, prices are wrong"
    assert world.ledger.resume(["users"], by="bob") == ()
    assert world.ledger.resume(None, by="bob") == ("", "carts")
    assert world.ledger.pauses() == ()


def test_the_file_itself_refuses_a_pause_of_withdrawals(world: World) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        world.ledger.pause(["withdrawals"], reason="no", by="ada")


def test_in_a_ledger_of_the_first_version_nothing_is_paused_and_a_writer_brings_the_table(world: World) -> None:
    old = world.path.with_name("old.sqlite")
    with closing(sqlite3.connect(old)) as db:
        db.executescript(SCHEMA.read_text() + "pragma user_version = 1;")
    with read_only(old) as reader:
        assert reader.pauses() == ()
    with Ledger.open(old, SECRET) as ledger:
        assert ledger.pause(["carts"], reason="r", by="ada") == ("carts",)
