"""A trial names, to the byte and in order, what the delivery then sends; and where a plan is applied nothing else leaves."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import urlsplit

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activation.as_planned import Sent
from activation.ledger import reasons
from activation.ledger.items import ConsentRow, NewItem
from activation.trial import PlannedRequest, tried
from tests.contract.delivery_world import World, cart, event, grant, granted, purchase, user, withdrawal

pytest_plugins = ("tests.contract.delivery_world",)

PEOPLE = st.integers(1, 9)
NUMBERS = st.integers(1, 10_000)
OBJECTS = ("users", "withdrawals", "purchases", "carts", "events", "grants")


@st.composite
def stages(draw: st.DrawFn) -> list[NewItem]:
    """Rows of every object, some of them large, some of people who do not exist yet, some that need consent."""
    text = draw(st.text(min_size=0, max_size=40))
    rows = [user(one, data={"firstName": text, "age": draw(NUMBERS)}) for one in draw(st.sets(PEOPLE, max_size=9))]
    new = {row.person_key for row in rows}

    def waiting(row: NewItem) -> NewItem:
        return replace(row, waits_for_person=row.person_key in new)

    rows += [withdrawal(one, draw(st.sampled_from([101, 102]))) for one in draw(st.sets(PEOPLE, max_size=4))]
    needs = st.sampled_from(["none", "any"])
    rows += [waiting(purchase(number, draw(PEOPLE))) for number in draw(st.sets(NUMBERS, max_size=5))]
    rows += [waiting(cart(one, consent_requirement=draw(needs))) for one in draw(st.sets(PEOPLE, max_size=4))]
    rows += [
        waiting(event(number, draw(PEOPLE), consent_requirement=draw(needs))) for number in draw(st.sets(NUMBERS, max_size=12))
    ]
    rows += [grant(one) for one in draw(st.sets(PEOPLE, max_size=4))]
    return rows


def planned(world: World, rows: list[NewItem], consent: list[ConsentRow]) -> list[PlannedRequest]:
    run_id = f"plan-{world.next_number()}"
    stage = {"main": lambda: world.ledger.freeze(run_id, "main", rows, consent)}
    with tried(world.ledger, world.client, run_id, stage) as trial:
        return list(trial.requests())


def received(world: World) -> list[Sent]:
    """What the sandbox was asked to write, in order, by our name of the endpoint's path."""
    entries = world.vendor.get("/_sandbox/journal?bodies=1").json()["entries"]
    writes = [one for one in entries if one["method"] != "GET"]
    paths = [one["path"] + (f"?{one['query']}" if one["query"] else "") for one in writes]
    return [("", path, hashlib.sha256(one["body"].encode()).hexdigest()) for path, one in zip(paths, writes, strict=True)]


def unnamed(requests: list[PlannedRequest]) -> list[Sent]:
    return [("", request.sent[1], request.sent[2]) for request in requests]


def lanes(paths: Iterable[str]) -> list[str]:
    """Requests of a lane may overtake each other."""
    return [urlsplit(path).path.rstrip("0123456789") for path in paths]


def test_fifty_plans_are_what_the_sandbox_then_receives_hash_by_hash(world: World) -> None:
    seen: Counter[str] = Counter()
    world.without_limits()

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(stages(), st.sets(PEOPLE))
    def holds(rows: list[NewItem], consenting: set[int]) -> None:
        world.admin("reset", {})
        world.admin("settings", {"rate_limits": False})
        world.people(*[(one, [101]) for one in range(1, 10)])
        rows = [distinct(world, row) for row in rows]
        consent = [granted(one) for one in consenting]
        requests = planned(world, rows, consent)
        world.vendor.delete("/_sandbox/journal")
        run_id = world.frozen(*rows, consent=consent)
        world.deliver(run_id, planned=frozenset(request.sent for request in requests))
        told = received(world)
        assert not set(world.reasons(run_id).values()) - {
            reasons.NOT_MESSAGEABLE,
            reasons.CHANNEL_CLOSED,
            reasons.SUBSCRIBED_ALREADY,
        }
        assert Counter(told) == Counter(unnamed(requests))
        assert lanes(path for _, path, _ in told) == lanes(request.sent[1] for request in requests), "in the order of the plan"
        seen.update(request.object for request in requests)

    holds()
    assert set(seen) == set(OBJECTS), "every object occurred"


def distinct(world: World, row: NewItem) -> NewItem:
    """Facts go once in a ledger's life, so each data set has its own."""
    if row.object not in ("purchases", "events"):
        return row
    subject = f"{row.subject}-{world.next_number()}"
    return replace(row, subject=subject, fragment=orjson.dumps({**orjson.loads(row.fragment), "id": subject}))


def test_a_trial_leaves_no_trace(world: World) -> None:
    before = world.ledger.status(10)
    requests = planned(world, [user(1), purchase(1, 1)], [])
    assert [urlsplit(request.sent[1]).path for request in requests] == ["/api/users/bulkUpdate", "/api/commerce/trackPurchase"]
    assert world.ledger.status(10) == before
    assert world.writes()["by_endpoint"] == {}


def test_a_freeze_that_fails_within_a_trial_leaves_no_trace_either(world: World) -> None:
    def fail() -> None:
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="middle"), tried(world.ledger, world.client, "plan", {"main": fail}):
        pass
    assert world.states(world.run(user(1))) == {"person-1": "accepted"}


def test_what_is_not_in_the_applied_plan_is_held_and_leaves_nothing(world: World) -> None:
    wanted = planned(world, [purchase(1, 1)], [])
    run_id = world.frozen(purchase(1, 1), purchase(2, 2))
    world.deliver(run_id, planned=frozenset(request.sent for request in wanted))
    assert world.states(run_id) == {"order-1": "accepted", "order-2": "held"}
    assert world.reasons(run_id) == {"order-2": reasons.NOT_AS_PLANNED}
    assert world.writes()["by_endpoint"] == {"commerce.trackPurchase": 1}


def test_somebody_who_leaves_after_the_plan_was_read_makes_another_request_of_it(world: World) -> None:
    rows = [event(one, one, consent_requirement="any") for one in (1, 2)]
    wanted = planned(world, rows, [granted(1), granted(2)])
    run_id = world.frozen(*rows, consent=[granted(1), granted(2, status="withdrawn", is_messageable=False)])
    world.deliver(run_id, planned=frozenset(request.sent for request in wanted))
    assert "accepted" not in world.states(run_id).values()
    assert world.writes()["by_endpoint"] == {}


def test_a_withdrawal_waits_for_no_plan(world: World) -> None:
    run_id = world.frozen(withdrawal(1), purchase(1, 1))
    world.deliver(run_id, planned=frozenset())
    assert world.states(run_id) == {"person-1:101": "accepted", "order-1": "held"}
