"""Grants, delivered to the stand-in: after a look at each person, never against a newer word, and nothing else is given back."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from activation.ledger import reasons
from activation.ledger.refused import Which
from activation.settle import resolve_unknown
from cartwire.clock import now_ms
from cartwire.settings import REPOSITORY
from tests.contract.delivery_world import VISIBILITY_S, World, cart, grant, granted, purchase, user, withdrawal

pytest_plugins = ("tests.contract.delivery_world",)

HOUR_MS = 3_600_000
BOTH = pytest.mark.parametrize("is_additive", [True, False], ids=["additive", "overwriting"])


def arrange(world: World, is_additive: bool) -> None:
    world.admin("settings", {"subscriptions_feature": is_additive})


def ago(milliseconds: int) -> int:
    return now_ms() - milliseconds


@BOTH
def test_a_grant_gives_back_its_channel_and_no_other(world: World, is_additive: bool) -> None:
    arrange(world, is_additive)
    world.people((1, [101, 103, 104]), (2, [101]), (3, [101]))
    run_id = world.run(
        grant(1), grant(1, "messageChannel/103", scope=("sms:marketing",)), grant(2),
        consent=[granted(1), granted(1, "sms"), granted(2)],
    )  # fmt: skip
    assert set(world.states(run_id).values()) == {"accepted"}
    assert world.left() == {"person1@example.com": [104], "person2@example.com": [], "person3@example.com": [101]}


def test_people_are_read_a_moment_before_the_request_that_subscribes_them_and_grants_leave_last(world: World) -> None:
    world.people((1, [101]), (2, [101]))
    run_id = world.run(grant(1), cart(2), purchase(2, 2), withdrawal(2, 104), consent=[granted(1)])
    assert set(world.states(run_id).values()) == {"accepted"}
    calls = [line["endpoint"] for line in journal(world)]
    assert calls == [
        "subscriptions.bulk",
        "commerce.trackPurchase",
        "commerce.updateCart",
        "users.get",
        "events.get",
        "subscriptions.bulk",
    ]
    with closing(sqlite3.connect(world.path)) as db:
        rows = db.execute("select endpoint, read_at_ms <= claimed_at_ms from requests order by claimed_at_ms").fetchall()
    assert [found for endpoint, found in rows if endpoint == "subscriptions/subscribe"] == [1]
    assert {found for endpoint, found in rows if endpoint != "subscriptions/subscribe"} == {None}


@BOTH
def test_who_left_after_the_word_that_grants_stays_out_and_loses_the_consent(world: World, is_additive: bool) -> None:
    arrange(world, is_additive)
    world.people((1, []), (2, [101]))
    world.leaves(1)
    world.sleep(VISIBILITY_S)
    run_id = world.run(
        grant(1, stated_at_ms=ago(HOUR_MS)), grant(2),
        grant(1, "messageType/201", stated_at_ms=ago(HOUR_MS), channel_id=101),
        consent=[granted(1), granted(1, "sms"), granted(2)],
    )  # fmt: skip
    assert world.reasons(run_id) == {
        "person-1:messageChannel/101": reasons.LEFT_SINCE,
        "person-1:messageType/201": reasons.LEFT_SINCE,
    }
    assert world.left() == {"person1@example.com": [101], "person2@example.com": []}
    with closing(sqlite3.connect(world.path)) as db:
        consent = db.execute(
            "select channel, status, is_messageable from consent where person_key = 'person-1' order by 1"
        ).fetchall()
    assert consent == [("email", "withdrawn", 0), ("sms", "granted", 1)]
    assert not any(row["is_sticky"] for row in world.ledger.rejections(Which(run_id=run_id, states=("suppressed",))))


@pytest.mark.parametrize(("act", "is_stopped"), [("spam_complaint", True), ("hard_bounce", True), ("soft_bounce", False)])
def test_a_complaint_of_somebody_who_had_left_already_stops_mail_and_nothing_else(
    world: World, act: str, is_stopped: bool
) -> None:
    world.people((1, [101, 103]))
    world.admin(
        "person-acts", {"email": "person1@example.com", "act": act, "channelId": 101}
    )  # it writes no unsubscribe: they had left
    world.sleep(VISIBILITY_S)
    hour_ago = ago(HOUR_MS)
    run_id = world.run(
        grant(1, stated_at_ms=hour_ago), grant(1, "messageChannel/103", scope=("sms:marketing",), stated_at_ms=hour_ago),
        consent=[granted(1), granted(1, "sms")],
    )  # fmt: skip
    assert world.reasons(run_id) == ({"person-1:messageChannel/101": reasons.LEFT_SINCE} if is_stopped else {})
    assert world.left() == {"person1@example.com": [101] if is_stopped else []}


def test_a_newer_word_waits_until_the_rules_have_weighed_a_complaint(world: World) -> None:
    world.people((1, [101]))
    world.admin("person-acts", {"email": "person1@example.com", "act": "spam_complaint", "channelId": 101})
    world.sleep(60)
    assert world.reasons(world.run(grant(1), consent=[granted(1)])) == {"person-1:messageChannel/101": reasons.LEFT_SINCE}
    world.sleep(2 * 3600)
    assert world.states(world.run(grant(1), consent=[granted(1)])) == {"person-1:messageChannel/101": "accepted"}


def test_an_unsubscribe_that_planning_did_not_know_of_stops_the_message_type_too(world: World) -> None:
    world.admin("settings", {"opt_in_message_types": True, "message_types": [OPT_IN]})
    world.people((1, [101]), (2, []))
    opt_in = {"channel_id": 101, "is_channel_left": False, "policy": "OptIn"}
    run_id = world.run(
        grant(1, "messageType/204", **opt_in), grant(2, "messageType/204", **opt_in), consent=[granted(1), granted(2)]
    )
    assert world.reasons(run_id) == {"person-1:messageType/204": reasons.LEFT_SINCE}
    assert world.left("subscribedMessageTypeIds") == {"person1@example.com": [], "person2@example.com": [204]}


OPT_IN = {"id": 204, "name": "Offers", "channelId": 101, "subscriptionPolicy": "OptIn"}


@BOTH
def test_message_types_are_joined_and_rejoined_by_their_policy(world: World, is_additive: bool) -> None:
    arrange(world, is_additive)
    kept = {"id": 205, "name": "Tips", "channelId": 101, "subscriptionPolicy": "OptIn"}
    left = {"id": 201, "name": "Newsletter", "channelId": 101, "subscriptionPolicy": "OptOut"}
    other = {"id": 202, "name": "Order updates", "channelId": 102, "subscriptionPolicy": "OptOut"}
    world.admin("settings", {"opt_in_message_types": True, "message_types": [OPT_IN, kept, left, other]})
    fields = {"subscribedMessageTypeIds": [205], "unsubscribedMessageTypeIds": [201, 202], "unsubscribedChannelIds": [104]}
    world.admin("users", {"users": [{"email": "person1@example.com", "dataFields": fields}]})
    more = {"channel_id": 101, "is_channel_left": False}
    run_id = world.run(
        grant(1, "messageType/204", policy="OptIn", **more), grant(1, "messageType/201", **more), consent=[granted(1)]
    )
    assert set(world.states(run_id).values()) == {"accepted"}
    assert world.left("subscribedMessageTypeIds") == {"person1@example.com": [204, 205]}
    assert world.left("unsubscribedMessageTypeIds") == {"person1@example.com": [202]}
    assert world.left() == {"person1@example.com": [104]}


@BOTH
def test_the_echo_of_our_own_withdrawal_is_not_the_persons_word(world: World, is_additive: bool) -> None:
    """They withdrew, granted again while we were sending the withdrawal, and our request reached Iterable after that."""
    arrange(world, is_additive)
    world.people((1, []))
    world.run(withdrawal(1))
    world.sleep(VISIBILITY_S)
    run_id = world.run(grant(1, stated_at_ms=ago(int(VISIBILITY_S * 1000) + 30_000)), consent=[granted(1)])
    assert world.states(run_id) == {"person-1:messageChannel/101": "accepted"}
    assert world.left() == {"person1@example.com": []}


def test_an_unsubscribe_by_another_tool_is_no_echo(world: World) -> None:
    world.people((1, []))
    world.vendor.put(
        "/api/subscriptions/messageChannel/101?action=unsubscribe", json={"users": ["person1@example.com"]},
        headers={"Api-Key": "demo0000demo0000demo0000demo0000"},
    ).raise_for_status()  # fmt: skip
    world.sleep(VISIBILITY_S)
    run_id = world.run(grant(1, stated_at_ms=ago(HOUR_MS)), consent=[granted(1)])
    assert world.reasons(run_id) == {"person-1:messageChannel/101": reasons.LEFT_SINCE}


@BOTH
def test_a_withdrawal_of_ours_that_a_reading_does_not_show_yet_is_no_reason_to_think_them_subscribed(
    world: World, is_additive: bool
) -> None:
    arrange(world, is_additive)
    world.people((1, [104]))
    world.run(withdrawal(1))
    run_id = world.run(grant(1), consent=[granted(1)])
    assert world.states(run_id) == {"person-1:messageChannel/101": "accepted"}
    assert world.left() == {"person1@example.com": [104]}


def test_who_is_subscribed_already_costs_no_request_and_is_not_planned_again(world: World) -> None:
    world.people((1, [104]))
    run_id = world.run(grant(1), grant(9), consent=[granted(1), granted(9)])
    assert world.reasons(run_id) == {
        "person-1:messageChannel/101": reasons.SUBSCRIBED_ALREADY,
        "person-9:messageChannel/101": reasons.NOT_AT_ITERABLE,
    }
    sticky = {
        row["subject"]: row["is_sticky"] for row in world.ledger.rejections(Which(run_id=run_id, states=("suppressed", "held")))
    }
    assert sticky == {"person-1:messageChannel/101": 1, "person-9:messageChannel/101": 0}
    assert world.writes()["by_endpoint"] == {}


@pytest.mark.parametrize("channel", ["email", "sms"])
def test_the_claim_asks_for_this_very_consent(world: World, channel: str) -> None:
    world.people((1, [101]))
    run_id = world.frozen(grant(1), consent=[granted(1), granted(1, "sms")])
    world.ledger.tighten_consent([granted(1, channel, status="withdrawn", is_messageable=False)])
    world.deliver(run_id)
    is_closed = channel == "email"
    assert world.reasons(run_id) == ({"person-1:messageChannel/101": reasons.CHANNEL_CLOSED} if is_closed else {})
    assert world.left() == {"person1@example.com": [101] if is_closed else []}


def test_every_consent_that_uses_the_channel_has_to_stand(world: World) -> None:
    world.people((1, [101]), (2, [101]))
    scope = ("email:marketing", "email:news")
    run_id = world.run(grant(1, scope=scope), grant(2, scope=scope), consent=[granted(1), granted(1, purpose="news"), granted(2)])
    assert world.reasons(run_id) == {"person-2:messageChannel/101": reasons.CHANNEL_CLOSED}


@BOTH
@pytest.mark.parametrize(("kind", "verified", "requests"), [("drop_after", 1, 1), ("drop_before", 0, 1)])
def test_a_grant_whose_answer_was_lost_is_read_back_and_takes_effect_once(
    world: World, is_additive: bool, kind: str, verified: int, requests: int
) -> None:
    arrange(world, is_additive)
    world.people((1, [101, 104]))
    path = "/api/subscriptions" if is_additive else "/api/users/updateSubscriptions"
    world.fault(path, kind)
    run_id = world.run(grant(1), consent=[granted(1)])
    [counts] = world.ledger.counts(run_id)
    assert (counts.accepted, counts.verified) == (1, verified)
    assert world.left() == {"person1@example.com": [104]}
    subscribed = [one for one in world.admin("state")["subscriptionEvents"] if one["kind"] == "emailSubscribe"]
    assert len(subscribed) == requests


def test_a_lost_grant_is_not_said_again_to_somebody_who_left_meanwhile(world: World) -> None:
    world.people((1, []))
    world.run(withdrawal(1))
    stated_at_ms = now_ms()
    world.sleep(VISIBILITY_S + 1)
    world.fault("/api/subscriptions/messageChannel/101", "drop_after")
    run_id = world.frozen(grant(1, stated_at_ms=stated_at_ms), consent=[granted(1)])

    def leave_while_waiting(seconds: float) -> None:
        world.leaves(1)
        world.sleep(seconds + VISIBILITY_S)

    report = world.deliver(run_id, sleep=leave_while_waiting)
    assert report.read_back == 1
    assert world.reasons(run_id) == {"person-1:messageChannel/101": reasons.LEFT_SINCE}
    assert world.left() == {"person1@example.com": [101]}


def test_people_renamed_or_created_in_this_run_are_waited_for(world: World) -> None:
    world.people((1, [101]))
    run_id = world.run(user(1), grant(1, waits_for_person=True), consent=[granted(1)])
    assert set(world.states(run_id).values()) == {"accepted"}
    assert world.slept_s == pytest.approx(VISIBILITY_S, abs=5)


@pytest.mark.parametrize("point", ["read-not-granted", "claimed-not-sent", "sent-not-settled"])
def test_an_unsubscribe_during_a_crash_is_respected(world: World, point: str) -> None:
    world.people((1, []))
    world.run(withdrawal(1))
    world.sleep(VISIBILITY_S + 1)
    wanted = grant(1)
    dead = world.frozen(wanted, consent=[granted(1)])
    kill(world, dead, point)
    world.sleep(1)
    world.admin("person-unsubscribes", {"email": "person1@example.com", "channelId": 101, "action": "subscribe"})
    world.leaves(1)
    world.sleep(VISIBILITY_S)
    world.ledger.recover()
    resolve_unknown(world.ledger, world.client, None, visibility_s=VISIBILITY_S, sleep=world.sleep)
    world.ledger.prove_conservation(dead)
    assert world.states(dead) == {"person-1:messageChannel/101": "superseded"}
    run_id = world.run(wanted, consent=[granted(1)])
    assert world.reasons(run_id) == {"person-1:messageChannel/101": reasons.LEFT_SINCE}
    assert world.left() == {"person1@example.com": [101]}


@pytest.mark.parametrize("point", ["read-not-granted", "claimed-not-sent", "sent-not-settled"])
def test_a_crash_loses_no_grant(world: World, point: str) -> None:
    world.people((1, [101, 104]))
    wanted = grant(1)
    dead = world.frozen(wanted, consent=[granted(1)])
    kill(world, dead, point)
    world.ledger.recover()
    resolve_unknown(world.ledger, world.client, None, visibility_s=VISIBILITY_S, sleep=world.sleep)
    if world.states(dead)[wanted.subject] != "accepted":
        world.run(wanted, consent=[granted(1)])
    assert world.left() == {"person1@example.com": [104]}


def test_a_rehearsal_reads_nobody_and_subscribes_nobody(world: World) -> None:
    world.people((1, [101]))
    run_id = world.run(grant(1), consent=[granted(1)], is_shadow=True)
    assert world.states(run_id) == {"person-1:messageChannel/101": "accepted"}
    assert journal(world) == []


def kill(world: World, run_id: str, point: str) -> None:
    child = subprocess.run(
        [sys.executable, "-m", "tests.contract.deliver_child", str(world.path), world.url, run_id],
        cwd=REPOSITORY,
        env={**os.environ, "CARTWIRE_CRASH_AT": point},
        timeout=120,
        capture_output=True,
        check=False,
    )
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()


def journal(world: World) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = world.admin("journal")["entries"]
    return [line for line in lines if str(line["path"]).startswith("/api")]
