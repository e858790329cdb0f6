"""Requests that Iterable refuses as a whole: the row at fault is found, all others arrive once, and nothing is tried for ever."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from activation.lane import REFUSED_ALONE_MAX
from activation.ledger import reasons
from activation.ledger.items import FieldChange, NewItem
from activation.ledger.refusals import REFUSED_RUNS_MAX
from activation.ledger.refused import Which
from clients.endpoints import ENDPOINTS
from tests.contract.delivery_world import World, event, purchase, user

pytest_plugins = ("tests.contract.delivery_world",)

NO_DATE = {"firstName": "x", "signupDate": "not a date at all"}


def poisonous(number: int, **more: object) -> NewItem:
    """A row that has Iterable refuse the request it is in."""
    return user(number, data=NO_DATE, **more)


@pytest.fixture(autouse=True)
def no_limits(world: World) -> None:
    world.without_limits()


def values_of(world: World, run_id: str) -> list[object]:
    with closing(sqlite3.connect(world.path)) as db:
        query = "select email, user_id, fragment from items inner join item_values using (item_id) where run_id = ?"
        kept = [value for row in db.execute(query, (run_id,)) for value in row]
        fields = "select before_value, after_value from items inner join item_fields using (item_id) where run_id = ?"
        return [value for value in kept + [one for row in db.execute(fields, (run_id,)) for one in row] if value is not None]


def test_one_row_among_a_thousand_is_found_by_halving_and_every_other_arrives_once(world: World) -> None:
    run_id = world.run(*(poisonous(number) if number == 617 else user(number) for number in range(1_000)))
    states = world.states(run_id)
    assert {name for name, state in states.items() if state != "accepted"} == {"person-617"}
    assert world.reasons(run_id) == {"person-617": "400 RequestFieldsTypesMismatched (signupDate)"}
    assert world.triggers()["duplicates"] == []
    assert world.writes()["by_endpoint"]["users.bulkUpdate"] <= 2 * math.ceil(math.log2(1_000)) + 1


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bad=st.sets(st.integers(0, 60), max_size=12), others=st.integers(1, 60))
def test_whichever_rows_are_at_fault_exactly_they_are_refused(world: World, bad: set[int], others: int) -> None:
    start = world.next_number() * 1_000
    rows = {start + number: poisonous(start + number) if number in bad else user(start + number) for number in range(others)}
    run_id = world.run(*rows.values())
    refused = {name for name, state in world.states(run_id).items() if state == "rejected"}
    assert refused == {f"person-{start + number}" for number in bad if number < others}
    assert set(world.states(run_id).values()) <= {"accepted", "rejected"}
    assert world.triggers()["duplicates"] == []


def test_a_request_too_large_for_iterable_goes_again_in_halves(world: World) -> None:
    world.fault("/api/users/bulkUpdate", "status", status=413, times=1)
    world.admin("settings", {"rows_max": 3})
    run_id = world.run(*(user(number) for number in range(8)))
    assert set(world.states(run_id).values()) == {"accepted"}
    assert world.writes()["rows_accepted"] == {"users.bulkUpdate": 8}


def test_where_bodies_over_a_size_are_refused_every_row_arrives_in_smaller_ones(world: World) -> None:
    size = len(user(1).fragment)
    match = {"path": "/api/users/bulkUpdate", "larger_than": 3 * size}
    world.admin("faults", {"rules": [{"match": match, "kind": "status", "status": 413}]})
    run_id = world.run(*(user(number) for number in range(8)))
    assert set(world.states(run_id).values()) == {"accepted"}
    assert world.writes()["rows_accepted"] == {"users.bulkUpdate": 8}
    assert world.triggers()["duplicates"] == []


def test_when_rows_fall_one_by_one_for_one_cause_the_object_stops(world: World) -> None:
    rows = [poisonous(number) for number in range(2 * REFUSED_ALONE_MAX)]
    run_id = world.run(*rows, purchase(1, 5_000))
    states = world.states(run_id)
    refused = [name for name, state in states.items() if state == "rejected"]
    held = [name for name, state in states.items() if state == "held"]
    assert REFUSED_ALONE_MAX <= len(refused) < REFUSED_ALONE_MAX + 10
    assert len(refused) + len(held) == len(rows)
    assert world.reasons(run_id)[held[0]].startswith(f"{reasons.OBJECT_STOPPED}: {REFUSED_ALONE_MAX} rows")
    assert states["order-1"] == "accepted", "another object goes on"
    assert world.run(user(9_000)) and world.reasons(run_id)[held[0]], "the next run begins anew"


@pytest.mark.parametrize("body", ['{"code": "NobodyKnows", "msg": "x"}', "<html>"])
def test_an_answer_that_is_not_in_the_table_stops_the_object_and_keeps_the_rows(world: World, body: str) -> None:
    world.fault("/api/commerce/trackPurchase", "status", status=400, body=body, times=None)
    run_id = world.run(*(purchase(number, number) for number in range(40)), event(1, 1))
    states = world.states(run_id)
    assert states.pop("event-1") == "accepted"
    assert set(states.values()) == {"held"}
    assert all(row["is_sticky"] == 0 for row in world.ledger.rejections(Which(run_id=run_id)))
    requests = {endpoint: count for endpoint, count, _ in world.ledger.request_counts(run_id)}
    assert requests["commerce/trackPurchase"] <= ENDPOINTS["commerce/trackPurchase"].concurrency_max
    world.vendor.delete("/_sandbox/faults")
    assert set(world.states(world.run(*(purchase(number, number) for number in range(40)))).values()) == {"accepted"}


def test_a_refusal_that_may_pass_is_tried_by_some_runs_and_then_visibly_given_up(world: World) -> None:
    body = '{"code": "UnknownEmailError", "msg": "x"}'
    world.fault("/api/commerce/trackPurchase", "status", status=400, body=body, times=None)
    rows = [world.ledger.rejections(Which(run_id=world.run(purchase(1, 1))))[0] for _ in range(REFUSED_RUNS_MAX)]
    assert [row["is_sticky"] for row in rows] == [0] * (REFUSED_RUNS_MAX - 1) + [1]
    assert rows[-1]["reason"] == f"400 UnknownEmailError; {reasons.GAVE_UP} {REFUSED_RUNS_MAX} runs"
    other = world.ledger.rejections(Which(run_id=world.run(purchase(2, 1))))[0]
    assert other["is_sticky"] == 0, "another row of the person begins anew"


def test_of_somebody_forgotten_no_identifier_stays_and_nothing_is_sent_again(world: World) -> None:
    world.run(user(1))
    world.forget("person1@example.com")
    change = FieldChange(field="city", type="string", before="Wells", after="Bath", fingerprint="f")
    run_id = world.run(user(1, fields=(change,)), user(2))
    assert world.reasons(run_id) == {"person-1": "forgottenEmails"}
    kept = [value for value in values_of(world, run_id) if b"person1@" in str(value).encode() or value in ("Wells", "Bath")]
    assert kept == []
    sent = world.writes()["by_endpoint"]
    later = world.run(purchase(1, 1), event(1, 1), user(1, fields=(change,)))
    assert set(world.reasons(later).values()) == {reasons.FORGOTTEN}
    assert values_of(world, later) == []
    assert world.writes()["by_endpoint"] == sent
