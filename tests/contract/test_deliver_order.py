"""Lanes, dependencies, withdrawals and facts, delivered to the stand-in."""

from __future__ import annotations

import orjson
import pytest

from activation.ledger import reasons
from activation.ledger.items import ConsentRow, FieldChange, NewItem
from activation.ledger.refused import Which
from activation.settle import resolve_unknown
from cartwire.clock import now_ms
from tests.contract.delivery_world import GOODS, VISIBILITY_S, World, cart, event, purchase, user, withdrawal

pytest_plugins = ("tests.contract.delivery_world",)

GRANTED = ConsentRow(person_key="person-1", channel="email", purpose="marketing", status="granted", is_messageable=True)


def test_lanes_leave_in_order_and_one_request_carries_one_row_per_person(world: World) -> None:
    items = [event(1, 1), event(2, 1), event(3, 2), cart(1), purchase(1, 1), user(1), user(2), withdrawal(1)]
    run_id = world.run(*items)
    assert set(world.states(run_id).values()) == {"accepted"}
    sent = [line["endpoint"] for line in journal(world) if line["method"] != "GET"]
    assert sent == [
        "subscriptions.bulk",
        "users.bulkUpdate",
        "commerce.trackPurchase",
        "commerce.updateCart",
        "events.trackBulk",
        "events.trackBulk",
    ]


def test_rows_of_a_person_created_in_this_run_wait_for_the_visibility_delay(world: World) -> None:
    run_id = world.run(user(1), purchase(1, 1, waits_for_person=True), user(2), purchase(2, 2))
    assert set(world.states(run_id).values()) == {"accepted"}
    assert world.slept_s == pytest.approx(VISIBILITY_S, abs=5)
    stored = {one["id"]: one["storedAt"] for one in world.admin("state")["purchases"]}
    assert stored["order-1"] - stored["order-2"] >= VISIBILITY_S - 5


def test_rows_of_a_person_whose_profile_was_refused_are_held_with_a_reason_and_not_sticky(world: World) -> None:
    run_id = world.run(user(1, email="nobody-at-nowhere"), user(2), purchase(1, 1, waits_for_person=True))
    assert world.states(run_id) == {"person-1": "rejected", "person-2": "accepted", "order-1": "held"}
    [row] = world.ledger.rejections(Which(run_id=run_id, object_name="purchases"))
    assert (row["reason"], row["is_sticky"]) == (reasons.PERSON_NOT_ACCEPTED, 0)


def test_a_cart_that_depends_on_a_purchase_goes_only_after_it_was_accepted(world: World) -> None:
    broken = orjson.dumps({"id": "order-2", "user": {"email": "person2@example.com"}, "items": [{"id": "x"}], "total": 1.0})
    refused = NewItem(
        object="purchases",
        kind="purchases",
        subject="order-2",
        person_key="person-2",
        fingerprint="f",
        lane=4,
        email="person2@example.com",
        fragment=broken,
    )
    run_id = world.run(purchase(1, 1), refused, cart(1, depends_on="order-1"), cart(2, depends_on="order-2"))
    assert world.states(run_id) == {"order-1": "accepted", "order-2": "rejected", "cart-1": "accepted", "cart-2": "held"}
    assert world.reasons(run_id)["cart-2"] == reasons.PURCHASE_NOT_ACCEPTED
    [person] = [one for one in world.admin("state")["users"] if one["email"] == "person1@example.com"]
    assert [line["id"] for line in person["cart"]] == [GOODS["id"]]


@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
def test_a_cart_waits_for_every_purchase_of_its_person_also_one_whose_answer_was_lost(world: World, kind: str) -> None:
    world.admin("users", {"users": [{"email": "person1@example.com"}]})
    world.fault("/api/commerce/trackPurchase", kind)
    run_id = world.run(purchase(1, 1), purchase(2, 1), cart(1, depends_on="order-2"))
    assert set(world.states(run_id).values()) == {"accepted"}
    assert journal(world)[-1]["endpoint"] == "commerce.updateCart", "nothing is looked up or sent after it"
    assert world.writes()["by_endpoint"]["commerce.updateCart"] == 1
    [person] = world.admin("state")["users"]
    assert [line["id"] for line in person["cart"]] == [GOODS["id"]]


def test_consent_is_looked_at_when_the_request_leaves(world: World) -> None:
    run_id = world.frozen(
        cart(1, consent_requirement="any"),
        cart(2, consent_requirement="any"),
        consent=[GRANTED, ConsentRow(**{**as_dict(GRANTED), "person_key": "person-2"})],
    )
    world.ledger.tighten_consent(
        [ConsentRow(person_key="person-1", channel="email", purpose="marketing", status="withdrawn", is_messageable=False)]
    )
    world.deliver(run_id)
    assert world.states(run_id) == {"cart-1": "suppressed", "cart-2": "accepted"}
    assert world.writes()["by_endpoint"] == {"commerce.updateCart": 1}


def test_a_fact_over_its_age_at_send_time_is_held_as_history(world: World) -> None:
    run_id = world.run(event(1, 1, send_before_at_ms=now_ms() - 1), event(2, 2, send_before_at_ms=now_ms() + 600_000))
    assert world.states(run_id) == {"event-1": "held", "event-2": "accepted"}
    [counts] = world.ledger.counts(run_id)
    assert (counts.held, counts.history) == (1, 1)


def test_a_withdrawal_whose_answer_was_lost_is_repeated_at_once(world: World) -> None:
    world.admin("users", {"users": [{"email": "person1@example.com"}]})
    world.fault("/api/subscriptions", "drop_after")
    run_id = world.run(withdrawal(1))
    assert world.states(run_id) == {"person-1:101": "accepted"}
    assert world.slept_s == 0
    assert channels_left(world) == {"person1@example.com": [101]}


def test_without_the_additive_endpoints_an_unsubscribe_is_united_with_what_was_left_before(world: World) -> None:
    world.admin("settings", {"subscriptions_feature": False})
    world.admin(
        "users",
        {
            "users": [
                {"email": "person1@example.com", "dataFields": {"unsubscribedChannelIds": [104]}},
                {"email": "person2@example.com"},
            ]
        },
    )
    first = world.run(withdrawal(1), withdrawal(1, 103), withdrawal(2))
    second = world.run(withdrawal(2, 103))
    assert set(world.states(first).values()) | set(world.states(second).values()) == {"accepted"}
    assert channels_left(world) == {"person1@example.com": [101, 103, 104], "person2@example.com": [101, 103]}


@pytest.mark.parametrize("item", [purchase(1, 1), event(1, 1), cart(1)], ids=["purchase", "event", "cart"])
@pytest.mark.parametrize(("kind", "verified"), [("drop_after", 1), ("drop_before", 0)])
def test_a_fact_or_cart_whose_answer_was_lost_takes_effect_once(world: World, item: NewItem, kind: str, verified: int) -> None:
    world.admin("users", {"users": [{"email": "person1@example.com"}]})
    world.fault(
        {"purchases": "/api/commerce/trackPurchase", "events": "/api/events/trackBulk", "carts": "/api/commerce/updateCart"}[
            item.object
        ],
        kind,
    )
    run_id = world.run(item)
    [counts] = world.ledger.counts(run_id)
    assert (counts.accepted, counts.verified) == (1, verified)
    assert sum(world.writes()["rows_accepted"].values()) == 1
    assert world.triggers()["duplicates"] == []


def test_a_fact_accepted_before_is_never_sent_again(world: World) -> None:
    world.run(purchase(1, 1))
    run_id = world.run(purchase(1, 1))
    assert world.reasons(run_id) == {"order-1": reasons.ALREADY_ACCEPTED}
    assert world.writes()["by_endpoint"] == {"commerce.trackPurchase": 1}


def test_an_unreadable_outcome_is_held_sticky_unless_config_says_resend(world: World) -> None:
    history = [event(number, 1) for number in range(10, 211)]
    for name in range(201):
        world.vendor.post("/api/events/track", headers={"Api-Key": KEY}, content=history[name].fragment)
    world.sleep(VISIBILITY_S)
    world.fault("/api/events/trackBulk", "drop_before")
    run_id = world.run(event(1, 1))
    [row] = world.ledger.rejections(Which(run_id=run_id))
    assert (row["state"], row["reason"], row["is_sticky"]) == ("held", reasons.OUTCOME_UNKNOWN, 1)
    world.fault("/api/events/trackBulk", "drop_before")
    again = world.run(event(2, 1), unknown_outcome={"events": "resend"})
    assert world.states(again) == {"event-2": "accepted"}


def test_a_disallowed_event_name_is_rejected_inside_the_200(world: World) -> None:
    world.admin("settings", {"disallowed_event_names": ["order_refunded"]})
    run_id = world.run(event(1, 1), event(2, 2, "order_refunded"))
    assert world.states(run_id) == {"event-1": "accepted", "event-2": "rejected"}


def test_a_dead_runs_rows_are_read_back_and_those_that_arrived_are_not_planned_anew(world: World) -> None:
    run_id = world.frozen(user(1), user(2), withdrawal(3))
    for object_name, path in (("users", "users/bulkUpdate"), ("withdrawals", "subscriptions/unsubscribe")):
        lane = {"users": 3, "withdrawals": 1}[object_name]
        rows = world.ledger.staged_rows(run_id, "main", lane, object_name, visible_before_ms=0, rows_max=1)
        claim = world.ledger.claim(
            f"lost-{lane}", path, [rows[0].item_id], lambda items: b'{"users":[' + items[0].fragment + b"]}"
        )
        if object_name == "users":
            world.client.send(path, claim.body)
    recovery = world.ledger.recover()
    assert (recovery.crashed_runs, recovery.superseded, recovery.unknown) == ((run_id,), 2, 1)
    resolution = resolve_unknown(world.ledger, world.client, None, visibility_s=VISIBILITY_S, sleep=world.sleep)
    assert resolution.accepted == 1
    assert world.states(run_id) == {"person-1": "accepted", "person-2": "superseded", "person-3:101": "superseded"}
    world.ledger.prove_conservation(run_id)


def test_fields_that_iterable_filtered_out_are_not_folded_as_delivered(world: World) -> None:
    world.admin("fields", {"fields": {"firstName": "string"}})
    world.admin("settings", {"create_new_fields": False})
    known = FieldChange(field="firstName", type="string", before=None, after="Ann", fingerprint="1")
    dropped = FieldChange(field="shoeSize", type="long", before=None, after="40", fingerprint="2")
    world.run(user(1, data={"firstName": "Ann", "shoeSize": 40}, fields=(known, dropped)))
    [unfolded] = world.ledger.unfolded_settlements(set())
    assert unfolded.items.column("state").to_pylist() == ["accepted"]
    assert unfolded.fields.column("field").to_pylist() == ["firstName"]


KEY = "demo0000demo0000demo0000demo0000"


def as_dict(row: ConsentRow) -> dict[str, object]:
    return {name: getattr(row, name) for name in ("person_key", "channel", "purpose", "status", "is_messageable")}


def journal(world: World) -> list[dict[str, str]]:
    lines: list[dict[str, str]] = world.admin("journal")["entries"]
    return [line for line in lines if line["path"].startswith("/api")]


def channels_left(world: World) -> dict[str, list[int]]:
    return {one["email"]: sorted(one["unsubscribedChannelIds"]) for one in world.admin("state")["users"]}
