"""Static lists delivered: who joins, who leaves, what is retried, and what a lost answer becomes."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from activation.ledger import reasons
from activation.ledger.items import NewItem
from activation.ledger.refused import Which
from tests.contract.delivery_world import World, user

pytest_plugins = ("tests.contract.delivery_world",)
LIST = 301


def move(person: int, kind: str = "list_add", list_id: int = LIST) -> NewItem:
    email = f"person{person}@example.com"
    return NewItem(
        object="lists",
        kind=kind,
        subject=f"person-{person}:{list_id}",
        person_key=f"person-{person}",
        fingerprint=kind,
        lane=8 if kind == "list_add" else 7,
        email=email,
        fragment=orjson.dumps({"email": email}),
        bulk_key=str(list_id),
    )


def members(world: World, list_id: int = LIST) -> set[str]:
    return {one["email"] for one in world.admin("state")["users"] if list_id in one["dataFields"].get("userListIds", [])}


def bodies(world: World, path: str) -> list[dict[str, Any]]:
    entries = world.admin("journal?bodies=1")["entries"]
    return [orjson.loads(entry["body"]) for entry in entries if entry["path"] == f"/api/lists/{path}"]


def test_people_join_and_leave_in_one_request_each_and_leave_no_channel(world: World) -> None:
    world.run(*(user(number) for number in range(1, 5)))
    world.run(move(1), move(2))
    world.run(move(1, "list_remove"), move(3), move(4))
    assert members(world) == {"person2@example.com", "person3@example.com", "person4@example.com"}
    assert world.writes()["by_endpoint"] == {"users.bulkUpdate": 1, "lists.subscribe": 2, "lists.unsubscribe": 1}
    assert [body["updateExistingUsersOnly"] for body in bodies(world, "subscribe")] == [True, True]
    assert [body["channelUnsubscribe"] for body in bodies(world, "unsubscribe")] == [False]
    assert not any(one["unsubscribedChannelIds"] for one in world.admin("state")["users"])
    assert {"channel_unsubscribe_unsaid", "member_added_again"} & world.admin("contract-notes")["counts"].keys() == set()


def test_a_person_of_two_lists_joins_both(world: World) -> None:
    number = world.new_list("VIP")
    world.sleep(5)
    world.run(user(1))
    world.run(move(1), move(1, list_id=number))
    assert members(world) == members(world, number) == {"person1@example.com"}


def test_nobody_is_made_by_joining_a_list(world: World) -> None:
    world.run(user(1))
    run_id = world.run(move(1), move(2))
    assert world.states(run_id) == {f"person-1:{LIST}": "accepted", f"person-2:{LIST}": "rejected"}
    assert world.reasons(run_id) == {f"person-2:{LIST}": "notFoundEmails"}
    assert {one["email"] for one in world.admin("state")["users"]} == {"person1@example.com"}


def test_a_list_just_made_is_tried_until_iterable_knows_it(world: World) -> None:
    world.run(user(1), user(2))
    world.admin("settings", {"list_ready_seconds": 12.0})
    number = world.new_list("VIP")
    client = world.new_client(sleep=world.sleep)
    run_id = world.run(move(1, list_id=number), move(2), client=client)
    assert set(world.states(run_id).values()) == {"accepted"}
    assert world.writes()["by_status"]["400"] >= 1
    assert members(world, number) == {"person1@example.com"}


def test_a_list_that_is_gone_holds_its_rows_and_delays_no_other_list_for_ever(world: World) -> None:
    world.run(user(1), user(2))
    client = world.new_client(sleep=world.sleep)
    run_id = world.run(move(1, list_id=999), move(2), client=client)
    assert world.states(run_id) == {"person-1:999": "held", f"person-2:{LIST}": "accepted"}
    assert world.reasons(run_id) == {"person-1:999": reasons.NO_SUCH_LIST}
    (row,) = world.ledger.rejections(Which(run_id=run_id, states=("held",)))
    assert not row["is_sticky"]


@pytest.mark.parametrize("kind", ["list_add", "list_remove"])
@pytest.mark.parametrize(("fault", "is_repeated"), [("drop_after", False), ("drop_before", True)])
def test_a_lost_answer_is_read_back_from_the_profile(world: World, kind: str, fault: str, is_repeated: bool) -> None:
    world.run(user(1), move(1)) if kind == "list_remove" else world.run(user(1))
    world.sleep(120)
    triggers = world.triggers()["by_kind"]["added_to_list"]
    world.fault("/api/lists/*", fault)
    run_id = world.run(move(1, kind))
    assert world.states(run_id) == {f"person-1:{LIST}": "accepted"}
    assert members(world) == ({"person1@example.com"} if kind == "list_add" else set())
    (item,) = world.ledger.rejections(Which(run_id=run_id, states=("accepted",)))
    assert bool(item["status"] == 200) == is_repeated
    assert world.triggers()["by_kind"]["added_to_list"] - triggers == (kind == "list_add")
    assert world.triggers()["duplicates"] == []
