"""What people leave while a run is under way is known to its next request, in the stand-in's own time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from activation.ledger import reasons
from activation.opt_out_watch import EXPORT, OptOutWatch, WatchedChannel
from cartwire.clock import now_ms
from cartwire.errors import DeliveryError
from cartwire.settings import REPOSITORY
from tests.contract.delivery_world import VISIBILITY_S, World, cart, event, grant, granted, purchase, withdrawal

pytest_plugins = ("tests.contract.delivery_world",)

MAIL = WatchedChannel(channel="email", purpose="marketing", channel_id=101, message_type_id=201)
TEXT = WatchedChannel(channel="sms", purpose="marketing", channel_id=103, message_type_id=None)
MANY = range(1, 31)
WINDOW = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)


def watch(world: World, run_id: str, *, known_at_ms: int | None = None) -> OptOutWatch:
    known = now_ms() if known_at_ms is None else known_at_ms
    return OptOutWatch(world.ledger, world.client, run_id, [MAIL, TEXT], known_at_ms=known)


def exports(world: World) -> int:
    return len([line for line in world.admin("journal")["entries"] if line["endpoint"] == "export.data"])


def test_an_unsubscribe_between_plan_and_send_is_respected(world: World) -> None:
    world.people((1, []), (2, []), (3, []))
    consent = [granted(1), granted(2), granted(2, "sms"), granted(3)]
    run_id = world.frozen(*(cart(person, consent_requirement="any") for person in (1, 2, 3)), consent=consent)
    looking = watch(world, run_id)
    world.leaves(1)
    world.leaves(2)
    world.sleep(VISIBILITY_S)
    world.deliver(run_id, watch=looking)
    assert world.reasons(run_id) == {"cart-1": reasons.NOT_MESSAGEABLE}
    assert world.states(run_id)["cart-2"] == "accepted", "another channel of theirs is still open"


@pytest.mark.parametrize(
    ("what", "is_closed"),
    [
        ({"channelId": 101}, True),
        ({"messageTypeId": 201}, True),
        ({"messageTypeId": 203}, False),
        ({"channelId": 104}, False),
    ],
    ids=["channel", "its message type", "another message type", "another channel"],
)
def test_only_what_config_names_closes_a_consent(world: World, what: dict[str, int], is_closed: bool) -> None:
    world.people((1, []))
    run_id = world.frozen(cart(1, consent_requirement="any"), consent=[granted(1)])
    looking = watch(world, run_id)
    world.leaves(1, **what)
    world.sleep(VISIBILITY_S)
    world.deliver(run_id, watch=looking)
    assert world.states(run_id) == {"cart-1": "suppressed" if is_closed else "accepted"}


def test_an_unsubscribe_between_two_batches_is_respected(world: World) -> None:
    world.people(*((person, []) for person in MANY))
    run_id = world.frozen(*(cart(person, consent_requirement="any") for person in MANY), consent=[granted(one) for one in MANY])
    left = []

    def after_the_first_batch(_object: str, done: int, _rows: int) -> None:
        if done and not left:
            left.append(done)
            world.leaves(30)
            world.sleep(VISIBILITY_S + 1)

    world.deliver(run_id, watch=watch(world, run_id), progress=after_the_first_batch)
    assert world.reasons(run_id) == {"cart-30": reasons.NOT_MESSAGEABLE}
    assert exports(world) == 2, "one before the first request, one a minute later"


def test_an_unsubscribe_during_a_crash_is_respected_by_the_run_that_recovers(world: World) -> None:
    world.people((1, []), (2, []))
    plan = [cart(1, consent_requirement="any"), cart(2, consent_requirement="any")]
    consent = [granted(1), granted(2)]
    dead = world.frozen(*plan, consent=consent)
    child = subprocess.run(
        [sys.executable, "-m", "tests.contract.deliver_child", str(world.path), world.url, dead],
        cwd=REPOSITORY, env={**os.environ, "CARTWIRE_CRASH_AT": "frozen-not-sent"}, timeout=120, capture_output=True, check=False,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    world.leaves(1)
    world.sleep(VISIBILITY_S)
    world.ledger.recover()
    run_id = world.frozen(*plan, consent=consent)
    world.deliver(run_id, watch=watch(world, run_id))
    assert world.reasons(run_id) == {"cart-1": reasons.NOT_MESSAGEABLE}


def test_a_look_never_opens_a_channel_and_closes_none_that_was_granted_later(world: World) -> None:
    world.people((1, []), (2, []))
    world.leaves(1)
    world.leaves(2)
    world.admin("person-unsubscribes", {"email": "person2@example.com", "channelId": 101, "action": "subscribe"})
    world.sleep(VISIBILITY_S)
    run_id = world.frozen(
        cart(1, consent_requirement="any"), cart(2, consent_requirement="any"),
        consent=[granted(1, stated_at_ms=now_ms()), granted(2, status="withdrawn", is_messageable=False)],
    )  # fmt: skip
    world.deliver(run_id, watch=watch(world, run_id))
    assert world.states(run_id) == {"cart-1": "accepted", "cart-2": "suppressed"}


def test_the_echo_of_our_own_withdrawal_closes_nothing(world: World) -> None:
    world.people((1, []))
    world.run(withdrawal(1))
    world.sleep(VISIBILITY_S + 1)
    said_while_sending = now_ms() - round(VISIBILITY_S * 1000) - 30_000
    run_id = world.frozen(
        cart(1, consent_requirement="any"), grant(1, stated_at_ms=said_while_sending),
        consent=[granted(1, stated_at_ms=said_while_sending)],
    )  # fmt: skip
    world.deliver(run_id, watch=watch(world, run_id))
    assert set(world.states(run_id).values()) == {"accepted"}


def test_a_grant_is_stopped_by_a_look_before_anybody_is_read(world: World) -> None:
    world.people((1, [101]))
    run_id = world.frozen(purchase(1, 1), grant(1), consent=[granted(1)])
    looking = watch(world, run_id)
    world.admin("person-unsubscribes", {"email": "person1@example.com", "channelId": 101, "action": "subscribe"})
    world.sleep(1)
    world.leaves(1)
    world.sleep(VISIBILITY_S)
    world.deliver(run_id, watch=looking)
    assert world.states(run_id) == {"order-1": "accepted", "person-1:messageChannel/101": "suppressed"}
    assert world.left() == {"person1@example.com": [101]}


def test_nothing_to_send_costs_no_export_and_a_short_run_costs_one(world: World) -> None:
    empty = world.frozen()
    world.deliver(empty, watch=watch(world, empty))
    assert exports(world) == 0
    run_id = world.frozen(*(event(number, number) for number in MANY), purchase(1, 1), cart(2))
    world.deliver(run_id, watch=watch(world, run_id))
    assert exports(world) == 1


def test_without_a_free_export_a_look_waits_only_where_what_is_known_is_old(world: World) -> None:
    waits: list[float] = []
    world.client.close()
    world.client = world.new_client(sleep=waits.append)
    for _ in range(3):
        list(world.client.export("emailUnSubscribe", *WINDOW))
    assert world.client.wait_s(EXPORT) > 0
    run_id = world.frozen(cart(1))
    watch(world, run_id).begin()
    assert (waits, exports(world)) == ([], 3)

    def until_free(seconds: float) -> None:
        waits.append(seconds)
        world.client._buckets["export/data"]._tokens = 1.0

    world.client._sleep = until_free
    watch(world, run_id, known_at_ms=now_ms() - 60_000).begin()
    assert len(waits) == 1
    assert waits[0] <= 1.0, "a wish to stop is heard"
    assert exports(world) == 4


def test_a_look_leaves_the_last_export_of_a_minute_to_the_next_load_unless_what_is_known_is_old(world: World) -> None:
    run_id = world.frozen(cart(1))
    hurried = {"known_at_ms": now_ms(), "is_export_left": False}
    OptOutWatch(world.ledger, world.client, run_id, [MAIL], **hurried).begin()
    assert exports(world) == 0
    OptOutWatch(world.ledger, world.client, run_id, [MAIL], **{**hurried, "known_at_ms": now_ms() - 60_000}).begin()
    assert exports(world) == 1


def test_nothing_leaves_on_what_cannot_be_known(world: World) -> None:
    world.fault("/api/export/data.json", "status", times=None, status=503)
    run_id = world.frozen(cart(1))
    with pytest.raises(DeliveryError):
        world.deliver(run_id, watch=watch(world, run_id))
    assert world.writes()["by_endpoint"] == {}
