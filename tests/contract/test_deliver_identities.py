"""Changes of who somebody is: each kind and type of project, with the answer lost before and after the effect."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from activation.ledger.items import NewItem
from tests.contract.delivery_world import World, user

OLD, NEW = "person1@example.com", "new1@example.com"
CASES: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "e-mail of a hybrid user": ("hybrid", "users/update", {"userId": "u1", "dataFields": {"email": NEW}}, "/api/users/update"),
    "e-mail of a userID-based user": (
        "user_id",
        "users/update",
        {"userId": "u1", "dataFields": {"email": NEW}},
        "/api/users/update",
    ),
    "e-mail itself": ("email", "users/updateEmail", {"currentEmail": OLD, "newEmail": NEW}, "/api/users/updateEmail"),
    "merge": ("hybrid", "users/merge", {"sourceEmail": "other@example.com", "destinationUserId": "u1"}, "/api/users/merge"),
    "merge of e-mails": (
        "email",
        "users/merge",
        {"sourceEmail": "other@example.com", "destinationEmail": OLD},
        "/api/users/merge",
    ),
    "merge of ids": ("user_id", "users/merge", {"sourceUserId": "u2", "destinationUserId": "u1"}, "/api/users/merge"),
    "delete by id": ("hybrid", "users/deleteByUserId", {"userId": "u1"}, "/api/users/byUserId/u1"),
    "delete by e-mail": ("email", "users/deleteByEmail", {"email": OLD}, f"/api/users/{OLD}"),
}
"""name → type of project, endpoint, fragment, path of the request."""


def change(endpoint: str, fragment: dict[str, Any]) -> NewItem:
    return NewItem(
        object="identities",
        kind="change",
        subject="person-1",
        person_key="person-1",
        fingerprint="f",
        lane=2,
        bulk_key=endpoint,
        fragment=orjson.dumps(fragment),
    )


def two_users(world: World, identity: str) -> None:
    world.admin("settings", {"identity": identity})
    world.admin("users", {"users": [{"email": OLD, "userId": "u1"}, {"email": "other@example.com", "userId": "u2"}]})


def who_is_there(world: World) -> set[tuple[str | None, str | None]]:
    return {(one["email"], one["userId"]) for one in world.admin("state")["users"]}


EFFECTS = {
    "users/update": {(NEW, "u1"), ("other@example.com", "u2")},
    "users/updateEmail": {(NEW, "u1"), ("other@example.com", "u2")},
    "users/merge": {(OLD, "u1")},
    "users/deleteByUserId": {("other@example.com", "u2")},
    "users/deleteByEmail": {("other@example.com", "u2")},
}


@pytest.mark.parametrize("fault", ["none", "drop_after", "drop_before"])
@pytest.mark.parametrize("case", CASES)
def test_a_change_of_identity_happens_once_whatever_became_of_the_answer(world: World, case: str, fault: str) -> None:
    identity, endpoint, fragment, path = CASES[case]
    two_users(world, identity)
    if fault != "none":
        world.fault(path, fault)
    run_id = world.run(change(endpoint, fragment))
    (counts,) = world.ledger.counts(run_id)
    assert (counts.accepted, counts.verified) == (1, int(fault == "drop_after"))
    assert who_is_there(world) == EFFECTS[endpoint]
    assert sum(world.writes()["by_endpoint"].values()) == 1, "what was found done was not sent again"


def test_rows_of_the_person_wait_for_a_change_found_by_reading_back(world: World) -> None:
    two_users(world, "hybrid")
    world.fault("/api/users/update", "drop_after")
    _, endpoint, fragment, _ = CASES["e-mail of a hybrid user"]
    run_id = world.run(change(endpoint, fragment), user(1, email=NEW, user_id="u1", waits_for_person=True))
    assert [(row.object, row.accepted, row.verified) for row in world.ledger.counts(run_id)] == [
        ("identities", 1, 1),
        ("users", 1, 0),
    ]


def test_a_merge_without_its_source_is_rejected_and_says_why(world: World) -> None:
    two_users(world, "hybrid")
    run_id = world.run(change("users/merge", {"sourceEmail": "nobody@example.com", "destinationUserId": "u1"}))
    assert world.reasons(run_id) == {"person-1": "400 UnknownEmailError"}


def test_a_deletion_of_somebody_who_is_gone_is_done(world: World) -> None:
    two_users(world, "hybrid")
    run_id = world.run(change("users/deleteByUserId", {"userId": "gone"}))
    assert world.states(run_id) == {"person-1": "accepted"}
