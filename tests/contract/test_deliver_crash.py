"""SIGKILL between any two durable writes of a delivery: the next run finishes the work, and no journey fires twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from activation.crash_points import OF_A_DELIVERY
from activation.ledger.items import NewItem
from activation.settle import resolve_unknown
from cartwire.settings import REPOSITORY
from tests.contract.delivery_world import VISIBILITY_S, World, cart, event, purchase, user

pytest_plugins = ("tests.contract.delivery_world",)

PLAN = (user(1), user(2), user(3), purchase(1, 1), purchase(2, 1), cart(2), event(1, 1), event(2, 1), event(3, 2))
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
    dead = world.frozen(*PLAN)
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
    world.run(*planned_anew(world, dead))

    state = world.admin("state")
    assert {one["email"] for one in state["users"]} == {f"person{number}@example.com" for number in (1, 2, 3)}
    assert {one["id"]: one["versions"] for one in state["purchases"]} == {"order-1": 1, "order-2": 1}
    events = [one for one in state["events"] if one["eventName"] != "updateCart"]
    assert {one["id"]: one["versions"] for one in events} == {"event-1": 1, "event-2": 1, "event-3": 1}
    assert len([one for one in state["events"] if one["eventName"] == "updateCart"]) == 1
    assert world.triggers()["duplicates"] == []


def test_every_named_point_of_the_delivery_is_tried() -> None:
    assert {point.partition(":")[0] for point in POINTS} == OF_A_DELIVERY


def planned_anew(world: World, dead: str) -> list[NewItem]:
    """What the diff would plan: everything that was not accepted."""
    states = world.states(dead)
    return [item for item in PLAN if states[item.subject] != "accepted"]
