"""SIGKILL between any two durable writes of a delivery: the next run finishes the work, and no journey fires twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest

from activation.crash_points import OF_A_DELIVERY
from activation.ledger.items import NewItem
from activation.ledger.store import Ledger
from activation.settle import resolve_unknown
from cartwire.clock import now
from cartwire.settings import REPOSITORY
from tests.contract.delivery_world import SECRET, VISIBILITY_S, World, cart, event, purchase, user

pytest_plugins = ("tests.contract.delivery_world",)

PLAN = (user(1), user(2), user(3), purchase(1, 1), purchase(2, 1), cart(2), event(1, 1), event(2, 1), event(3, 2))
DIVIDED = ("divided-not-sent", "divided-not-sent:2", "divided-not-sent:4")
LOOKED = "looked-not-decided"
POINTS = [
    "frozen-not-sent",
    "claimed-not-sent",
    "claimed-not-sent:3",
    "sent-not-settled",
    "sent-not-settled:3",
    "sent-not-settled:6",
    "settled-not-folded",
    "settled-not-folded:5",
]


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_a_named_point_loses_nothing_and_triggers_nobody_twice(world: World, point: str) -> None:
    world.run(*planned_anew(world, PLAN, killed(world, point, *PLAN)))
    assert_everything_is_there_once(world)


@pytest.mark.parametrize("point", DIVIDED)
def test_a_kill_between_the_parts_of_a_refused_request_loses_none_of_its_rows(world: World, point: str) -> None:
    """The fifth of eight has Iterable refuse the request they are in."""
    at_fault = user(5, data={"signupDate": "not a date at all"})
    people = [at_fault if number == 5 else user(number) for number in range(1, 9)]
    dead = killed(world, point, *people)
    world.run(*planned_anew(world, people, dead))
    there = {one["email"] for one in world.admin("state")["users"]}
    assert there == {f"person{number}@example.com" for number in range(1, 9) if number != 5}
    assert world.triggers()["duplicates"] == []


def test_a_kill_between_a_look_and_what_follows_from_it_sends_nothing_twice(world: World) -> None:
    """The ledger was lost after everything but the last event had been sent."""
    world.run(*PLAN[:-1])
    world.ledger.close()
    world.path = world.path.with_name("restored.sqlite")
    world.ledger = Ledger.open(world.path, SECRET)
    world.ledger.look_first(now())
    dead = killed(world, LOOKED, *PLAN)
    assert set(world.states(dead).values()) == {"accepted", "superseded"}, "what is there is accepted without a request"
    world.run(*planned_anew(world, PLAN, dead), looks_first=True)
    assert_everything_is_there_once(world)


def test_every_named_point_of_the_delivery_is_tried() -> None:
    assert {point.partition(":")[0] for point in (*POINTS, *DIVIDED, LOOKED)} == OF_A_DELIVERY


def killed(world: World, point: str, *plan: NewItem) -> str:
    """A run of this plan that died at the point, as the next one leaves it before it plans."""
    dead = world.frozen(*plan)
    child = subprocess.run(
        [sys.executable, "-m", "tests.contract.deliver_child", str(world.path), world.url, dead],
        cwd=REPOSITORY,
        env={**os.environ, "CARTWIRE_CRASH_AT": point},
        timeout=120,
        capture_output=True,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    world.ledger.recover()
    resolve_unknown(world.ledger, world.client, None, visibility_s=VISIBILITY_S, sleep=world.sleep)
    world.ledger.prove_conservation(dead)
    return dead


def planned_anew(world: World, plan: Sequence[NewItem], dead: str) -> list[NewItem]:
    """What the diff would plan: everything that has no verdict of Iterable's."""
    states = world.states(dead)
    return [item for item in plan if states[item.subject] not in ("accepted", "rejected")]


def assert_everything_is_there_once(world: World) -> None:
    state = world.admin("state")
    assert {one["email"] for one in state["users"]} == {f"person{number}@example.com" for number in (1, 2, 3)}
    assert {one["id"]: one["versions"] for one in state["purchases"]} == {"order-1": 1, "order-2": 1}
    events = [one for one in state["events"] if one["eventName"] != "updateCart"]
    assert {one["id"]: one["versions"] for one in events} == {"event-1": 1, "event-2": 1, "event-3": 1}
    assert len([one for one in state["events"] if one["eventName"] == "updateCart"]) == 1
    assert world.triggers()["duplicates"] == []
