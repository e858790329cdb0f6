"""What Iterable says about subscriptions: opt-outs as its events tell them, and what a reading means for a grant. Pure.

Source: facts on Iterable's API, section 3 (unsubscribes). Events keep whole seconds, so an opt-out counts as said at the end
of its second: of two words in one the refusal stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson

from activation.ledger.sending import LedgerItem
from cartwire.clock import to_ms
from clients.iterable_events import BOUNCE, COMPLAINT, UNSUBSCRIBE, exported, integer

UNWEIGHED_MS = 2 * 60 * 60 * 1000  # a load reads each type hourly, and the build comes after it
OPT_OUTS = frozenset({UNSUBSCRIBE, COMPLAINT, BOUNCE})
BY_API = "API"
CHANNEL = "messageChannel"
OPT_IN = "OptIn"
CHANNELS_LEFT, TYPES_LEFT, TYPES_JOINED = "unsubscribedChannelIds", "unsubscribedMessageTypeIds", "subscribedMessageTypeIds"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptOut:
    """Somebody left something. `said_ms` None: nobody can tell when. No channel and no message type: it counts for all.

    Args: only_email: a complaint or a hard bounce; it names nothing, and is about mail.
    """

    email: str | None
    user_id: str | None
    said_ms: int | None
    channel_ids: frozenset[int]
    message_type_ids: frozenset[int]
    is_by_api: bool
    only_email: bool = False

    def concerns_grant(self, grant: Grant) -> bool:
        """Whether what it is about is what would be granted."""
        is_for_medium = not self.only_email or any(channel == "email" for channel, _ in grant.consent)
        return is_for_medium and self.concerns(grant.channel_id, grant.message_type_id)

    def concerns(self, channel_id: int, message_type_id: int | None = None) -> bool:
        """Whether it is about a channel, or a message type of it."""
        names_nothing = not self.channel_ids and not self.message_type_ids
        return names_nothing or channel_id in self.channel_ids or message_type_id in self.message_type_ids

    def is_since(self, moment_ms: int) -> bool:
        """Whether it was said at or after an instant, as far as anybody can tell."""
        return self.said_ms is None or self.said_ms >= moment_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A row of the lane of grants, as it was planned.

    Attributes:
        group, number: what is subscribed. channel_id: the channel it is, or belongs to.
        is_channel_left: planning knew that the person is unsubscribed from the channel.
        is_opt_in: nobody is subscribed until they say so.
        consent: (channel, purpose) of every consent it stands on. stated_at_ms: when the newest of them was given.
    """

    group: str
    number: int
    channel_id: int
    is_channel_left: bool
    is_opt_in: bool
    consent: tuple[tuple[str, str], ...]
    stated_at_ms: int

    @property
    def message_type_id(self) -> int | None:
        """The number, where it is a message type's."""
        return None if self.group == CHANNEL else self.number

    @property
    def field(self) -> str:
        """The array of a profile that it changes."""
        return CHANNELS_LEFT if self.group == CHANNEL else TYPES_JOINED if self.is_opt_in else TYPES_LEFT


class Reading(StrEnum):
    """What a look at Iterable means for a grant."""

    grant = "grant"  # still unsubscribed, and nothing newer was said
    left = "left"  # they left since: it must not be sent
    subscribed = "subscribed"  # there is nothing to do
    nobody = "nobody"  # the person is not there


def grant_of(item: LedgerItem) -> Grant:
    """The plan of a row of grants, from its fragment and bulk key."""
    planned: dict[str, Any] = orjson.loads(item.fragment)
    group, number = item.bulk_key.split("/")
    return Grant(
        group=group,
        number=int(number),
        channel_id=planned["channelId"],
        is_channel_left=planned["isChannelLeft"],
        is_opt_in=planned["policy"] == OPT_IN,
        consent=tuple((channel, purpose) for channel, _, purpose in (scope.partition(":") for scope in planned["consentScope"])),
        stated_at_ms=planned["statedAtMs"],
    )


def opt_out_of(event: Mapping[str, Any]) -> OptOut | None:
    """An event of an export or of a person's history as an opt-out; None where it is none, as for who leaves a list."""
    event_type = event.get("eventType", UNSUBSCRIBE)
    if event_type not in OPT_OUTS:
        return None  # a history is mostly of other events, and to open one costs
    opened = exported(event_type, event)
    if not opened.is_withdrawal:
        return None
    return OptOut(
        email=(opened.email or "").strip().lower() or None,
        user_id=opened.user_id,
        said_ms=_end_of_second(opened.created_at),
        channel_ids=_numbers(opened.channel_ids),
        message_type_ids=_numbers(opened.message_type_ids),
        is_by_api=opened.said_through == BY_API,
        only_email=event_type != UNSUBSCRIBE,
    )


def read_grant(
    grant: Grant, user: Mapping[str, Any] | None, opt_outs: Sequence[OptOut], left_by_us: frozenset[int], now_ms: int
) -> Reading:
    """What may be done about a grant after reading its person.

    A complaint or a hard bounce that the rules may not have weighed yet stops a grant also where its word is newer: by the default rule it
    outweighs that, and its own type is exported once an hour only.

    Args:
        user: as Iterable shows it; None: there is nobody.
        opt_outs: of this person, without the echoes of our own writes.
        left_by_us: channels we withdrew a moment ago, which a reading may not show yet.
    """
    if user is None:
        return Reading.nobody
    unweighed_since = min(grant.stated_at_ms, now_ms - UNWEIGHED_MS)
    if any(
        one.is_since(unweighed_since if one.only_email else grant.stated_at_ms) and one.concerns_grant(grant) for one in opt_outs
    ):
        return Reading.left
    is_channel_left = grant.channel_id in shown_ids(user, CHANNELS_LEFT) | left_by_us
    if is_channel_left and not grant.is_channel_left:
        return Reading.left
    is_listed = grant.number in shown_ids(user, grant.field)
    if grant.group == CHANNEL:
        return Reading.grant if is_channel_left else Reading.subscribed
    return Reading.grant if is_listed != grant.is_opt_in else Reading.subscribed


def arrays_after(grants: Iterable[Grant], user: Mapping[str, Any], left_by_us: frozenset[int]) -> dict[str, Any]:
    """The arrays that overwrite a person's, for projects without the additive endpoints.

    Each is what was read and what we withdrew a moment ago, less exactly what is granted; no other unsubscribe is dropped.
    """
    arrays: dict[str, set[int]] = {}
    for grant in grants:
        held = arrays.setdefault(grant.field, set(shown_ids(user, grant.field)))
        if grant.field == CHANNELS_LEFT:
            held |= left_by_us
    for grant in grants:
        if grant.is_opt_in:
            arrays[grant.field].add(grant.number)
        else:
            arrays[grant.field].discard(grant.number)
    aligned = {} if arrays.keys() <= {CHANNELS_LEFT} else {"validateChannelAlignment": False}
    return {**{field: sorted(held) for field, held in arrays.items()}, **aligned}


def shown_ids(user: Mapping[str, Any] | None, field: str) -> frozenset[int]:
    """An array of numbers of a profile; empty where there is none."""
    shown = ((user or {}).get("dataFields") or {}).get(field) or ()
    return frozenset(int(number) for number in shown)


def _numbers(ids: list[Any] | None) -> frozenset[int]:
    return frozenset(number for one in ids or () if (number := integer(one)) is not None)


def _end_of_second(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    moment_ms = to_ms(moment)
    return moment_ms if moment_ms % 1000 else moment_ms + 999
