"""Which endpoint carries which object, and the envelope around the rendered fragments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from activation.ledger.sending import LedgerItem
from activation.packing import Caps
from clients.endpoints import ENDPOINTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How an object travels. `envelope` makes the body of the rows of one request; `overhead_bytes` is its own size at most."""

    endpoint: str
    envelope: Callable[[Sequence[LedgerItem]], bytes]
    overhead_bytes: int

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


def _people(items: Sequence[LedgerItem]) -> bytes:
    """The addresses and ids of the fragments ({"email"} or {"userId"}), as the additive subscription endpoint takes them."""
    people = [orjson.loads(item.fragment) for item in items]
    users = [person["email"] for person in people if "userId" not in person]
    users_by_user_id = [person["userId"] for person in people if "userId" in person]
    return orjson.dumps({"users": users, "usersByUserId": users_by_user_id}, option=orjson.OPT_SORT_KEYS)


ROUTES: dict[str, Route] = {
    "withdrawals": Route(endpoint="subscriptions/unsubscribe", envelope=_people, overhead_bytes=40),
    "identities": Route(endpoint="users/update", envelope=_alone, overhead_bytes=0),
    "users": Route(endpoint="users/bulkUpdate", envelope=_users, overhead_bytes=12),
    "purchases": Route(endpoint="commerce/trackPurchase", envelope=_alone, overhead_bytes=0),
    "carts": Route(endpoint="commerce/updateCart", envelope=_alone, overhead_bytes=0),
    "events": Route(endpoint="events/trackBulk", envelope=_events, overhead_bytes=13),
    "lists": Route(endpoint="lists/subscribe", envelope=_joining, overhead_bytes=90),
}
LEAVING_LANE = 7
LEAVING = Route(endpoint="lists/unsubscribe", envelope=_leaving, overhead_bytes=90)


def route_of(object_name: str, lane: int) -> Route:
    """The route of a lane's rows. Lists have two: their members leave in a lane of its own, before others join."""
    return LEAVING if (object_name, lane) == ("lists", LEAVING_LANE) else ROUTES[object_name]
