"""Whatever a person's profile says, and whichever way the project takes: no request ever gives back more than was granted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activation.iterable.subscriptions import CHANNELS_LEFT, TYPES_JOINED, TYPES_LEFT, Grant, arrays_after
from tests.contract.delivery_world import VISIBILITY_S, World, grant, granted, withdrawal

pytest_plugins = ("tests.contract.delivery_world",)

CHANNELS = (101, 102, 103, 104)
TYPES = {201: "OptOut", 202: "OptOut", 203: "OptIn", 204: "OptIn"}
MEDIA = {101: "email", 102: "post", 103: "sms", 104: "push"}
profiles = st.fixed_dictionaries(
    {
        CHANNELS_LEFT: st.frozensets(st.sampled_from(CHANNELS)),
        TYPES_LEFT: st.frozensets(st.sampled_from([201, 202])),
        TYPES_JOINED: st.frozensets(st.sampled_from([203, 204])),
    }
)
targets = st.one_of(
    st.sampled_from([("messageChannel", number) for number in CHANNELS]),
    st.sampled_from([("messageType", number) for number in TYPES]),
)


def planned(group: str, number: int) -> Grant:
    return Grant(
        group=group,
        number=number,
        channel_id=number if group == "messageChannel" else 101,
        is_channel_left=True,
        is_opt_in=TYPES.get(number) == "OptIn",
        consent=(("email", "marketing"),),
        stated_at_ms=0,
    )


@given(profile=profiles, wanted=st.sets(targets, min_size=1), recent=st.frozensets(st.sampled_from(CHANNELS)))
def test_an_overwriting_array_is_what_was_read_less_exactly_what_is_granted(
    profile: dict[str, frozenset[int]], wanted: set[tuple[str, int]], recent: frozenset[int]
) -> None:
    user = {"dataFields": {name: sorted(numbers) for name, numbers in profile.items()}}
    arrays = arrays_after([planned(*one) for one in sorted(wanted)], user, recent)
    given_back = {number for group, number in wanted if group == "messageChannel"}
    if CHANNELS_LEFT in arrays:
        assert set(arrays[CHANNELS_LEFT]) == (profile[CHANNELS_LEFT] | recent) - given_back
    types = {number for group, number in wanted if group == "messageType"}
    if TYPES_LEFT in arrays:
        assert set(arrays[TYPES_LEFT]) == profile[TYPES_LEFT] - types
    if TYPES_JOINED in arrays:
        assert set(arrays[TYPES_JOINED]) == profile[TYPES_JOINED] | (types & {203, 204})
    assert arrays.keys() <= {CHANNELS_LEFT, TYPES_LEFT, TYPES_JOINED, "validateChannelAlignment"}


@pytest.mark.parametrize("is_additive", [True, False], ids=["additive", "overwriting"])
def test_no_delivery_drops_an_unsubscribe(world: World, is_additive: bool) -> None:
    """Random profiles, withdrawals, grants, and people leaving before and during the delivery; looked at in the stand-in."""
    world.admin("settings", {"subscriptions_feature": is_additive})
    numbers = iter(range(1, 1_000))

    @settings(max_examples=25, deadline=None)
    @given(
        left=st.frozensets(st.sampled_from(CHANNELS)),
        wanted=st.sets(st.sampled_from(CHANNELS), min_size=1),
        withdrawn=st.frozensets(st.sampled_from(CHANNELS)),
        leaves=st.frozensets(st.sampled_from(CHANNELS)),
        is_visible=st.booleans(),
    )
    def deliver(
        left: frozenset[int], wanted: set[int], withdrawn: frozenset[int], leaves: frozenset[int], is_visible: bool
    ) -> None:
        person = next(numbers)
        world.people((person, sorted(left)))
        grants = [grant(person, f"messageChannel/{one}", scope=(f"{MEDIA[one]}:marketing",)) for one in sorted(wanted)]
        world.sleep(2)
        for channel in sorted(leaves):
            world.leaves(person, channelId=channel)
        if is_visible:
            world.sleep(VISIBILITY_S)
        # a whole array loses what a reading cannot show yet; the next read-back repairs that
        before = set(world.left()[f"person{person}@example.com"]) if is_additive or is_visible else set(left)
        withdrawals = [withdrawal(person, one) for one in sorted(withdrawn - wanted)]
        run_id = world.run(*withdrawals, *grants, consent=[granted(person, medium) for medium in MEDIA.values()])
        states: dict[str, Any] = world.states(run_id)
        given_back = {one for one in wanted if states[f"person-{person}:messageChannel/{one}"] == "accepted"}
        now = set(world.left()[f"person{person}@example.com"])
        assert now >= (before | (withdrawn - wanted)) - given_back, "an unsubscribe was dropped that nobody granted"
        if is_visible:
            assert now >= leaves - left, "they left after the word that grants it, and Iterable showed it"
            assert given_back == wanted & left - (leaves - left), "every other grant arrives"
            assert not now & given_back

    deliver()
