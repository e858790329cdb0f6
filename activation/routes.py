"""Which endpoint carries which row, the envelope around the rendered fragments, and what fills the braces of a path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from activation.ledger.sending import LedgerItem
from activation.packing import Caps
from clients.endpoints import ENDPOINTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How a row travels.

    `envelope` makes the body of the rows of one request, `overhead_bytes` is its own size at most; `path_values` fills the
    braces of the endpoint's path from the same rows.
    """

    endpoint: str
    envelope: Callable[[Sequence[LedgerItem]], bytes]
    overhead_bytes: int
    path_values: Callable[[Sequence[LedgerItem]], Mapping[str, str]] = lambda _: {}

    @property
    def caps(self) -> Caps:
        """The endpoint's limits for packing."""
        endpoint = ENDPOINTS[self.endpoint]
        return Caps(rows_max=endpoint.rows_max, body_bytes_max=endpoint.body_bytes_max, overhead_bytes=self.overhead_bytes)


def _users(items: Sequence[LedgerItem]) -> bytes:
    return b'{"users":[' + b",".join(item.fragment for item in items) + b"]}"


def _events(items: Sequence[LedgerItem]) -> bytes:
    return b'{"events":[' + b",".join(item.fragment for item in items) + b"]}"


def _alone(items: Sequence[LedgerItem]) -> bytes:
    return items[0].fragment


def _joining(items: Sequence[LedgerItem]) -> bytes:
    """Only people Iterable has: a person made by joining a list would be subscribed to everything."""
    return _listed(items, b'"updateExistingUsersOnly":true')


def _leaving(items: Sequence[LedgerItem]) -> bytes:
    """The list alone: the default of `channelUnsubscribe` is documented both ways, so it is always said."""
    return _listed(items, b'"channelUnsubscribe":false')


def _listed(items: Sequence[LedgerItem], option: bytes) -> bytes:
    subscribers = b",".join(item.fragment for item in items)
    return b'{"listId":%d,%b,"subscribers":[%b]}' % (int(items[0].bulk_key), option, subscribers)


def _nothing(_: Sequence[LedgerItem]) -> bytes:
    """The path says it all."""
    return b""


def _channel(items: Sequence[LedgerItem]) -> Mapping[str, str]:
    return {"channel_id": items[0].bulk_key}


def _subscription(items: Sequence[LedgerItem]) -> Mapping[str, str]:
    group, number = items[0].bulk_key.split("/")
    return {"group": group, "subscription_id": number}


def _person(items: Sequence[LedgerItem]) -> Mapping[str, str]:
    named: dict[str, Any] = orjson.loads(items[0].fragment)
    return {"user_id": named["userId"]} if "userId" in named else {"email": named["email"]}


def _people(items: Sequence[LedgerItem]) -> bytes:
    """The addresses and ids of the fragments ({"email"} or {"userId"}), as the additive subscription endpoint takes them."""
    people = [orjson.loads(item.fragment) for item in items]
    users = [person["email"] for person in people if "userId" not in person]
    users_by_user_id = [person["userId"] for person in people if "userId" in person]
    return orjson.dumps({"users": users, "usersByUserId": users_by_user_id}, option=orjson.OPT_SORT_KEYS)


ROUTES: dict[str, Route] = {
    "withdrawals": Route(endpoint="subscriptions/unsubscribe", envelope=_people, overhead_bytes=40, path_values=_channel),
    "users": Route(endpoint="users/bulkUpdate", envelope=_users, overhead_bytes=12),
    "purchases": Route(endpoint="commerce/trackPurchase", envelope=_alone, overhead_bytes=0),
    "carts": Route(endpoint="commerce/updateCart", envelope=_alone, overhead_bytes=0),
    "events": Route(endpoint="events/trackBulk", envelope=_events, overhead_bytes=13),
    "lists": Route(endpoint="lists/subscribe", envelope=_joining, overhead_bytes=90),
    "grants": Route(endpoint="subscriptions/subscribe", envelope=_people, overhead_bytes=40, path_values=_subscription),
}
LEAVING_LANE = 7
LEAVING = Route(endpoint="lists/unsubscribe", envelope=_leaving, overhead_bytes=90)
IDENTITY_ROUTES: dict[str, Route] = {
    "users/update": Route(endpoint="users/update", envelope=_alone, overhead_bytes=0),
    "users/updateEmail": Route(endpoint="users/updateEmail", envelope=_alone, overhead_bytes=0),
    "users/merge": Route(endpoint="users/merge", envelope=_alone, overhead_bytes=0),
    "users/deleteByEmail": Route(endpoint="users/deleteByEmail", envelope=_nothing, overhead_bytes=0, path_values=_person),
    "users/deleteByUserId": Route(endpoint="users/deleteByUserId", envelope=_nothing, overhead_bytes=0, path_values=_person),
}
"""By the row's bulk key: what a change of identity calls depends on its kind and on the type of the project."""


def route_of(object_name: str, lane: int, bulk_key: str) -> Route:
    """The route of a row.

    Lists have two: their members leave in a lane of its own, before others join. An identity row's `bulk_key` is its
    endpoint, as its model says; elsewhere it is what rows of one request share.
    """
    if object_name == "identities":
        return IDENTITY_ROUTES[bulk_key]
    return LEAVING if (object_name, lane) == ("lists", LEAVING_LANE) else ROUTES[object_name]
