"""The endpoints of the stand-in: method, path, name for limits and counts, and the rule that answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sandbox.iterable import commerce, exports, merging, profile_calls, reads, static_lists, subscriptions, tracking
from sandbox.iterable.calls import Answer, Call
from sandbox.iterable.project import Project

Rule = Callable[[Project, Call], Answer]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the table. `is_write` is counted as a write; `server_key` refuses client-side keys.

    `name` keys limits.RATES and the write counts; calls that share a published limit share a name.
    """

    method: str
    path: str
    name: str
    rule: Rule
    server_key: bool = False

    @property
    def is_write(self) -> bool:
        """Whether the request may change something."""
        return self.method != "GET"


_subscribe = partial(subscriptions.act_on_one, action="subscribe")
_unsubscribe = partial(subscriptions.act_on_one, action="unsubscribe")
_GROUP = "/api/subscriptions/{group}/{id}"

# Starlette takes the first match: fixed paths stand before those with a parameter in the same place.
ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("POST", "/api/users/update", "users.update", profile_calls.update),
    Endpoint("POST", "/api/users/bulkUpdate", "users.bulkUpdate", profile_calls.bulk_update, True),
    Endpoint("POST", "/api/users/updateEmail", "users.updateEmail", profile_calls.update_email),
    Endpoint("POST", "/api/users/merge", "users.merge", merging.merge),
    Endpoint("POST", "/api/users/updateSubscriptions", "users.updateSubscriptions", subscriptions.update),
    Endpoint("POST", "/api/users/bulkUpdateSubscriptions", "users.bulkUpdateSubscriptions", subscriptions.bulk_update, True),
    Endpoint("POST", "/api/users/forget", "users.forget", profile_calls.forget, True),
    Endpoint("POST", "/api/users/unforget", "users.unforget", profile_calls.unforget, True),
    Endpoint("GET", "/api/users/forgotten", "users.forgotten", reads.forgotten, True),
    Endpoint("GET", "/api/users/forgottenUserIds", "users.forgottenUserIds", reads.forgotten_user_ids, True),
    Endpoint("GET", "/api/users/getFields", "users.getFields", reads.fields),
    Endpoint("GET", "/api/users/getByEmail", "users.get", reads.user),
    Endpoint("GET", "/api/users/byUserId", "users.get", reads.user),
    Endpoint("GET", "/api/users/byUserId/{userId}", "users.get", reads.user),
    Endpoint("DELETE", "/api/users/byUserId/{userId}", "users.delete", profile_calls.delete, True),
    Endpoint("GET", "/api/users/{email}", "users.get", reads.user),
    Endpoint("DELETE", "/api/users/{email}", "users.delete", profile_calls.delete, True),
    Endpoint("PUT", _GROUP, "subscriptions.bulk", subscriptions.act_on_many, True),
    Endpoint("PATCH", _GROUP + "/user/{email}", "subscriptions.subscribe", _subscribe),
    Endpoint("DELETE", _GROUP + "/user/{email}", "subscriptions.unsubscribe", _unsubscribe),
    Endpoint("PATCH", _GROUP + "/byUserId/{userId}", "subscriptions.subscribe", _subscribe),
    Endpoint("DELETE", _GROUP + "/byUserId/{userId}", "subscriptions.unsubscribe", _unsubscribe),
    Endpoint("POST", "/api/events/track", "events.track", tracking.track),
    Endpoint("POST", "/api/events/trackBulk", "events.trackBulk", tracking.track_bulk, True),
    Endpoint("GET", "/api/events/byUserId/{userId}", "events.get", reads.events),
    Endpoint("GET", "/api/events/{email}", "events.get", reads.events),
    Endpoint("POST", "/api/commerce/trackPurchase", "commerce.trackPurchase", commerce.track_purchase),
    Endpoint("POST", "/api/commerce/updateCart", "commerce.updateCart", commerce.update_cart),
    Endpoint("GET", "/api/channels", "channels", reads.channels),
    Endpoint("GET", "/api/messageTypes", "messageTypes", reads.message_types),
    Endpoint("GET", "/api/lists", "lists", static_lists.show),
    Endpoint("POST", "/api/lists", "lists.create", static_lists.create, True),
    Endpoint("POST", "/api/lists/subscribe", "lists.subscribe", static_lists.subscribe, True),
    Endpoint("POST", "/api/lists/unsubscribe", "lists.unsubscribe", static_lists.unsubscribe, True),
    Endpoint("GET", "/api/lists/getUsers", "lists.getUsers", static_lists.members, True),
    Endpoint("GET", "/api/lists/{listId}/size", "lists.size", static_lists.size, True),
    Endpoint("DELETE", "/api/lists/{listId}", "lists.delete", static_lists.delete, True),
    Endpoint("GET", "/api/export/data.json", "export.data", exports.data, True),
    Endpoint("GET", "/api/export/userEvents", "export.userEvents", exports.user_events, True),
)
