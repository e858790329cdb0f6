"""Who came back to a channel at Iterable by themselves while the rules keep it closed leaves it again, once for each time."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.property.compiled_marts import NOW
from tests.property.small_marts import SmallMarts
from tests.property.small_shop import only

BACK = {"event_type": "emailSubscribe", "origin": "export", "said_through": "PreferenceCenter", "channel_ids": "[101]"}


def created_without(marts: SmallMarts) -> str:
    """Somebody who denied in the shop, created unsubscribed: no withdrawal was ever needed."""
    bob = marts.guest("bob")
    marts.consent("bob", bob, email="denied")
    marts.build()
    marts.fold()
    marts.build()
    assert marts.changed() == {}
    return bob


@pytest.mark.parametrize("seconds_after_creation", [0, 14, 3600])
def test_coming_back_against_the_rules_is_taken_back_once(marts: SmallMarts, seconds_after_creation: int) -> None:
    """Events keep whole seconds: one of the second in which the person was created may be of after it."""
    bob = created_without(marts)
    (created_at,) = marts.rows("delivered.subscription_writes", "cause = 'creation' and subscription_id = 101")[:1]
    moment = created_at["settled_at"].replace(microsecond=0) + timedelta(seconds=seconds_after_creation)
    marts.put("raw_iterable.consent_events", event_key="e", email="bob@example.com", created_at=moment, read_at=NOW, **BACK)
    marts.build()
    row = only(marts.rows("changes.changed_closures"))
    assert (row["subject"], row["iterable_channel_id"]) == (f"{bob}:email", 101)
    marts.fold()
    marts.build()
    assert marts.changed() == {}
    again = moment + timedelta(hours=2)
    marts.put("raw_iterable.consent_events", event_key="e2", email="bob@example.com", created_at=again, read_at=NOW, **BACK)
    marts.build()
    assert len(marts.rows("changes.changed_closures")) == 1


def test_coming_back_as_the_rules_allow_needs_nothing(marts: SmallMarts) -> None:
    bob = created_without(marts)
    marts.put("raw_iterable.consent_events", event_key="e", email="bob@example.com", created_at=NOW, read_at=NOW, **BACK)
    marts.consent("bob", bob, email="granted")
    marts.build()
    assert not marts.rows("changes.changed_closures")
    assert not marts.rows("changes.changed_grants"), "they are subscribed already"
