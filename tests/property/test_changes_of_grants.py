"""The diff of grants: only who is unsubscribed at Iterable and said yes since, once."""

from __future__ import annotations

from datetime import timedelta

from tests.property.compiled_marts import NOW
from tests.property.small_marts import SmallMarts
from tests.property.small_shop import only

EVENT = {"event_type": "emailUnSubscribe", "origin": "export", "said_through": "EmailLink", "read_at": NOW}


def test_a_person_created_unsubscribed_is_subscribed_once_they_say_yes_and_only_then(marts: SmallMarts) -> None:
    bob = marts.guest("bob")
    marts.registered("ada")  # created subscribed to e-mail: nothing is ever to be given back
    marts.build()
    assert not marts.rows("changes.changed_grants")
    marts.fold()
    marts.build()
    assert marts.changed() == {}
    marts.consent("bob", bob, email="granted")
    marts.build()
    row = only(marts.rows("changes.changed_grants"))
    assert (row["subject"], row["verdict"], row["lane"]) == (f"{bob}:messageChannel:101", "send", 9)
    assert (row["subscription_target"], row["consent_scope"]) == ("messageChannel/101", ["email:marketing"])
    marts.fold()
    marts.build()
    assert marts.changed() == {}


def test_withdrawn_granted_and_withdrawn_again_ends_withdrawn(marts: SmallMarts) -> None:
    ada = marts.registered("ada")
    marts.build()
    marts.fold()
    said = ((3, "withdrawn"), (2, "granted"), (1, "withdrawn"))
    for hours, status in said:
        at = NOW - timedelta(hours=hours)
        marts.statement("ada", status, at=at, version=9 - hours)
        marts.consent("ada", ada, email=status)
        marts.execute("update marts.consent_state set stated_at = ?", at)
        marts.build()
        changed = {name: len(marts.rows(f"changes.changed_{name}")) for name in ("withdrawals", "grants")}
        is_grant = status == "granted"
        assert changed == {"withdrawals": int(not is_grant), "grants": int(is_grant)}
        marts.fold()
        marts.build()
        assert marts.changed() == {}


def test_whoever_left_at_iterable_is_subscribed_by_a_newer_word_only(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.put("raw_iterable.users", user_key="u", email="bea@example.com", read_at=NOW - timedelta(days=2),
        document='{"unsubscribedChannelIds": [101]}')  # fmt: skip
    marts.registered("bea")
    marts.build()
    assert [row["email"] for row in marts.rows("changes.changed_grants")] == ["bea@example.com"]
    marts.fold()
    left_at = NOW + timedelta(minutes=1)
    marts.put(
        "raw_iterable.consent_events", event_key="e", email="ada@example.com", created_at=left_at, channel_ids="[101]", **EVENT
    )
    marts.build()
    assert not marts.rows("changes.changed_grants"), "they left after the word that grants it"
    marts.execute("update marts.consent_state set stated_at = ?", left_at + timedelta(minutes=1))
    marts.build()
    assert [row["email"] for row in marts.rows("changes.changed_grants")] == ["ada@example.com"]


def test_an_unsubscribe_that_a_grant_gave_back_is_withdrawn_before_anything_else(marts: SmallMarts) -> None:
    bob = marts.guest("bob")
    marts.build()
    marts.fold()
    marts.consent("bob", bob, email="granted")
    marts.build()
    marts.fold()
    marts.put("raw_iterable.consent_events", event_key="e", email="bob@example.com", created_at=NOW, channel_ids="[101]", **EVENT)
    marts.build()
    row = only(marts.rows("changes.changed_withdrawals"))
    assert (row["subject"], row["verdict"], row["iterable_channel_id"]) == (f"{bob}:email", "send", 101)
    marts.fold()
    marts.build()
    assert not marts.rows("changes.changed_withdrawals")


def test_a_grant_already_settled_for_good_is_not_planned_again_before_a_newer_word(marts: SmallMarts) -> None:
    bob = marts.guest("bob")
    marts.build()
    marts.fold()
    marts.consent("bob", bob, email="granted")
    marts.build()
    marts.settle(only(marts.rows("changes.changed_grants")), "suppressed", reason="subscribed already")
    marts.build()
    assert not marts.rows("changes.changed_grants")
    marts.execute("update marts.consent_state set stated_at = ?", NOW + timedelta(hours=1))
    marts.build()
    assert len(marts.rows("changes.changed_grants")) == 1
