"""A ledger that does not know all that was sent: what Iterable has is accepted without a request, the rest is sent once."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activation.ledger import reasons
from activation.ledger.items import NewItem
from activation.ledger.store import Ledger
from activation.look_first import ENDPOINT
from tests.contract.delivery_world import SECRET, World, cart, event, purchase, user

pytest_plugins = ("tests.contract.delivery_world",)
CONSENT = {"email": True}


@pytest.fixture(autouse=True)
def no_limits(world: World) -> None:
    world.without_limits()


def lose_ledger(world: World) -> None:
    """A new one in its place, which knows nothing."""
    world.ledger.close()
    world.path = world.path.with_name(f"ledger-{world.next_number()}.sqlite")
    world.ledger = Ledger.open(world.path, SECRET)


def profile(number: int, **data: Any) -> NewItem:
    return user(number, data={**data, "consent": CONSENT})


def fields_fired(world: World) -> list[str]:
    return sorted(one["name"] for one in world.triggers()["triggers"] if one["kind"] == "profile_field")


def test_what_is_there_is_accepted_as_read_back_and_nothing_is_sent(world: World) -> None:
    rows = [user(1), purchase(1, 1), event(1, 1), cart(2), user(2)]
    world.run(*rows)
    fired, sent = world.triggers()["triggers"], world.writes()["total"]
    lose_ledger(world)
    run_id = world.run(*rows, looks_first=True)
    assert set(world.states(run_id).values()) == {"accepted"}
    assert {row.verified for row in world.ledger.counts(run_id)} == {1, 2}
    assert (world.triggers()["triggers"], world.writes()["total"]) == (fired, sent)
    assert [endpoint for endpoint, _, _ in world.ledger.request_counts(run_id)] == [ENDPOINT]


def test_of_a_profile_only_the_fields_that_differ_are_sent(world: World) -> None:
    world.run(profile(1, firstName="Ada", tier="gold"))
    lose_ledger(world)
    before = fields_fired(world)
    run_id = world.run(profile(1, firstName="Ada", tier="silver", city="Bath"), looks_first=True)
    assert set(world.states(run_id).values()) == {"accepted"}
    assert sorted([*before, "city", "tier"]) == fields_fired(world)


def test_what_a_person_left_since_is_not_given_back(world: World) -> None:
    created = profile(1, firstName="Ada", unsubscribedChannelIds=[102])
    world.run(created)
    world.leaves(1)
    lose_ledger(world)
    world.run(profile(1, firstName="Ada King", unsubscribedChannelIds=[102]), looks_first=True)
    assert sorted(world.left()["person1@example.com"]) == [101, 102]


def test_what_cannot_be_told_is_held(world: World) -> None:
    world.run(user(1), *(event(number, 1) for number in range(10, 215)))
    lose_ledger(world)
    run_id = world.run(event(10, 1), event(214, 1), looks_first=True)
    assert world.states(run_id) == {"event-10": "held", "event-214": "accepted"}
    assert world.reasons(run_id) == {"event-10": reasons.OUTCOME_UNKNOWN}


def test_the_look_waits_until_what_was_sent_last_can_be_seen(world: World) -> None:
    world.run(user(1))
    lose_ledger(world)
    slept = world.slept_s
    world.run(user(1), looks_first=True)
    assert world.slept_s - slept >= 60.0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(known=st.lists(st.booleans(), min_size=12, max_size=12), kept=st.lists(st.booleans(), min_size=12, max_size=12))
def test_whatever_the_lost_ledger_had_sent_nothing_fires_twice_and_all_arrives(
    world: World, known: list[bool], kept: list[bool]
) -> None:
    """`known`: sent before the loss; `kept`: planned again afterwards."""
    start = world.next_number() * 1_000
    people = [start + number for number in range(3)]
    rows = [make for number in people for make in (user(number), purchase(number, number), event(number, number), cart(number))]
    world.run(*(row for row, was_sent in zip(rows, known, strict=True) if was_sent))
    lose_ledger(world)
    wanted = [row for row, is_planned in zip(rows, kept, strict=True) if is_planned]
    run_id = world.run(*wanted, looks_first=True)
    assert set(world.states(run_id).values()) <= {"accepted"}
    assert world.triggers()["duplicates"] == []
    state = world.admin("state")
    facts = {one["id"] for one in [*state["events"], *state["purchases"]] if one.get("id")}
    assert {orjson.loads(row.fragment)["id"] for row in wanted if row.object in ("events", "purchases")} <= facts
