"""Delivery of users against the stand-in: every row has its own fate, and nothing is sent twice."""

from __future__ import annotations

from collections import Counter

import pytest

from activation.ledger.items import NewItem
from activation.ledger.refused import Which
from cartwire.errors import DeliveryError
from tests.contract.delivery_world import World, user

pytest_plugins = ("tests.contract.delivery_world",)


def troubled_user(number: int) -> NewItem:
    """Numbers 0 to 49 are refused by Iterable, ten for each of five causes."""
    if number < 10:
        return user(number, email=f"person{number}-at-nowhere")
    if 20 <= number < 30:
        return user(number, user_id=f"bad id {number} ")
    if 30 <= number < 40:
        return user(number, data={"firstName": "n" * 40_000})
    if 40 <= number < 50:
        return user(number, user_id=f"taken-{number}")
    return user(number)


def test_of_5000_users_exactly_the_50_refused_inside_the_200s_are_rejected_with_the_causes_the_vendor_recorded(
    world: World,
) -> None:
    for number in range(10, 20):
        world.admin("forget", {"email": f"person{number}@example.com"})
    owners = [{"email": f"owner{number}@example.com", "userId": f"taken-{number}"} for number in range(40, 50)]
    known = [{"email": f"person{number}@example.com", "userId": f"other-{number}"} for number in range(40, 50)]
    world.admin("users", {"users": owners + known})
    items = [troubled_user(number) for number in range(5_000)]

    run_id = world.run(*items)

    refused = world.admin("refused-rows")
    [counts] = world.ledger.counts(run_id)
    assert (counts.planned, counts.accepted, counts.rejected) == (5_000, 4_950, 50)
    rejected = world.reasons(run_id)
    assert sorted(Counter(rejected.values()).values()) == [10] * 5
    assert set(rejected) == {f"person-{number}" for number in range(50)}
    causes = {row["email"] or row["userId"]: row["reason"] for row in refused["rows"]}
    for item in items[:50]:
        cause = causes.get(item.email) or causes[item.user_id]
        assert rejected[item.subject].startswith(cause)
    assert len(world.admin("state")["users"]) == 4_950 + 20


def test_a_burst_of_429_pauses_and_loses_nothing(world: World) -> None:
    soon = {"code": "RateLimitExceeded", "msg": "", "params": {"rateLimitReset": 0.2}}
    world.fault("/api/users/bulkUpdate", "status", status=429, times=2, body=soon)
    report = world.deliver(run_id := world.frozen(*[user(number) for number in range(2_500)]))
    assert Counter(world.states(run_id).values()) == {"accepted": 2_500}
    assert report.throttled == 2
    assert report.requests == 5
    assert world.triggers()["duplicates"] == []


def test_the_real_rate_limit_is_never_hit_at_the_configured_share(world: World) -> None:
    world.run(*[user(number) for number in range(7_000)])
    assert world.writes()["by_status"] == {"200": 7}


def test_an_answer_lost_after_the_effect_triggers_nobody_twice(world: World) -> None:
    world.fault("/api/users/bulkUpdate", "drop_after")
    run_id = world.run(*[user(number) for number in range(20)])
    [counts] = world.ledger.counts(run_id)
    assert (counts.accepted, counts.verified) == (20, 20)
    assert world.writes()["rows_accepted"] == {"users.bulkUpdate": 20}
    assert world.slept_s >= 59


@pytest.mark.parametrize("kind", ["drop_before", "status"])
def test_an_answer_lost_without_effect_is_sent_again_in_the_same_run(world: World, kind: str) -> None:
    world.fault("/api/users/bulkUpdate", kind)
    run_id = world.run(*[user(number) for number in range(20)])
    [counts] = world.ledger.counts(run_id)
    assert (counts.accepted, counts.verified) == (20, 0)
    assert world.writes()["rows_accepted"] == {"users.bulkUpdate": 20}


def test_a_truncated_answer_is_an_unknown_outcome_and_is_read_back(world: World) -> None:
    world.fault("/api/users/bulkUpdate", "truncate")
    run_id = world.run(*[user(number) for number in range(20)])
    [counts] = world.ledger.counts(run_id)
    assert (counts.accepted, counts.verified) == (20, 20)
    assert world.writes()["rows_accepted"] == {"users.bulkUpdate": 20}


def test_an_endpoint_that_fails_for_ever_leaves_rows_held_and_not_sticky(world: World) -> None:
    world.fault("/api/users/bulkUpdate", "status", status=503, times=None)
    run_id = world.run(user(1))
    [row] = world.ledger.rejections(Which(run_id=run_id))
    assert row["state"] == "held"
    assert row["reason"].startswith("not delivered")
    assert row["is_sticky"] == 0


def test_a_wrong_key_stops_the_run_and_leaves_the_rows_staged(world: World) -> None:
    run_id = world.frozen(user(1))
    with world.new_client(key="0" * 32) as stranger, pytest.raises(DeliveryError, match="ITERABLE_API_KEY"):
        world.deliver(run_id, client=stranger)
    assert world.states(run_id) == {"person-1": "staged"}


def test_an_unreachable_iterable_stops_the_run_and_leaves_the_rows_staged(world: World) -> None:
    run_id = world.frozen(user(1))
    with (
        world.new_client(url="http://127.0.0.1:9", sleep=lambda _s: None) as stranger,
        pytest.raises(DeliveryError, match="cannot be reached"),
    ):
        world.deliver(run_id, client=stranger)
    assert world.states(run_id) == {"person-1": "staged"}


def test_filtered_fields_are_accepted_rows_with_undelivered_fields(world: World) -> None:
    world.admin("settings", {"create_new_fields": False})
    run_id = world.run(user(1))
    [counts] = world.ledger.counts(run_id)
    assert counts.accepted == 1
