"""Iterable's endpoints as data: limits, batch sizes and what to do when an answer is lost.

The client, the packing, the token buckets, the reference page and the tests all read this table. Sources: "AD" is
Iterable's own API description (github Iterable/api-client, api-docs.json 1.8, changed 2026-03-25); read 2026-11-23.
Where Iterable publishes no limit, `is_published` is False: the row states our default, and the bucket backs off by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

READ_ON = "2026-11-23"
MEGABYTE = 1_000_000
BODY_BYTES_DOCUMENTED = 4 * MEGABYTE
BODY_BYTES_MAX = BODY_BYTES_DOCUMENTED - 200_000  # margin for what a proxy adds and for a stricter reading of "MB"


class AfterLoss(StrEnum):
    """What may be done with rows whose answer was lost."""

    repeat = "repeat"  # harmless to say twice
    read_back = "read_back"  # look first, send again only if absent
    none = "none"  # a read: ask again


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One operation.

    Args:
        calls_max, window_s: Iterable's limit (or our default) is `calls_max` calls per `window_s` seconds.
        burst_calls: calls that may leave at once after a silence.
        rows_max: rows in one body; body_bytes_max: bytes of the compact UTF-8 JSON, envelope included.
        concurrency_max: requests of this endpoint in flight at one time.
        quota_key: endpoints with the same key share one bucket.
    """

    method: str
    path: str
    calls_max: float
    window_s: float = 1.0
    burst_calls: int = 1
    rows_max: int = 1
    body_bytes_max: int = BODY_BYTES_MAX
    concurrency_max: int = 1
    quota_key: str
    is_published: bool = True
    after_loss: AfterLoss
    source: str


ENDPOINTS: dict[str, Endpoint] = {
    "users/bulkUpdate": Endpoint(
        method="POST",
        path="/api/users/bulkUpdate",
        calls_max=5,
        rows_max=1_000,
        concurrency_max=3,
        quota_key="users/bulkUpdate",
        after_loss=AfterLoss.read_back,
        source=f"AD: 5/s per project, 4 MB; no row limit published, everybody batches at 1,000; read {READ_ON}",
    ),
    "users/update": Endpoint(
        method="POST",
        path="/api/users/update",
        calls_max=500,
        burst_calls=20,
        concurrency_max=8,
        quota_key="users/update",
        after_loss=AfterLoss.read_back,
        source=f"AD: 500/s per project; read {READ_ON}",
    ),
    "users/updateEmail": Endpoint(
        method="POST",
        path="/api/users/updateEmail",
        calls_max=20,
        burst_calls=5,
        concurrency_max=4,
        quota_key="users/updateEmail",
        is_published=False,
        after_loss=AfterLoss.read_back,
        source=f"AD: e-mail-based projects only; no limit published, 20/s is our default; no data fields; read {READ_ON}",
    ),
    "users/merge": Endpoint(
        method="POST",
        path="/api/users/merge",
        calls_max=50,
        burst_calls=5,
        concurrency_max=4,
        quota_key="users/merge",
        after_loss=AfterLoss.read_back,
        source=f"AD: 50/s per key; needs a server-side key; renames the source if there is no destination; read {READ_ON}",
    ),
    "users/deleteByEmail": Endpoint(
        method="DELETE",
        path="/api/users/{email}",
        calls_max=100,
        burst_calls=5,
        concurrency_max=4,
        quota_key="users/delete",
        after_loss=AfterLoss.read_back,
        source=f"AD: 100/s per project, not in userID-based ones; 400 where there is no such user; read {READ_ON}",
    ),
    "users/deleteByUserId": Endpoint(
        method="DELETE",
        path="/api/users/byUserId/{user_id}",
        calls_max=100,
        burst_calls=5,
        concurrency_max=4,
        quota_key="users/delete",
        after_loss=AfterLoss.read_back,
        source=f"AD: 100/s per project; 400 where there is no such user; read {READ_ON}",
    ),
    "users/updateSubscriptions": Endpoint(
        method="POST",
        path="/api/users/updateSubscriptions",
        calls_max=20,
        burst_calls=5,
        concurrency_max=4,
        quota_key="users/updateSubscriptions",
        is_published=False,
        after_loss=AfterLoss.repeat,
        source=f"AD: no limit published, 20/s is our default; overwrites the arrays it is given; read {READ_ON}",
    ),
    "subscriptions/unsubscribe": Endpoint(
        method="PUT",
        path="/api/subscriptions/messageChannel/{channel_id}?action=unsubscribe",
        calls_max=10,
        burst_calls=3,
        rows_max=1_000,
        concurrency_max=2,
        quota_key="subscriptions",
        is_published=False,
        after_loss=AfterLoss.repeat,
        source=f"AD: no limit published, 10/s is our default; additive; 404 where the feature is off; read {READ_ON}",
    ),
    "subscriptions/subscribe": Endpoint(
        method="PUT",
        path="/api/subscriptions/{group}/{subscription_id}?action=subscribe",
        calls_max=10,
        burst_calls=3,
        rows_max=100,
        quota_key="subscriptions",
        is_published=False,
        after_loss=AfterLoss.read_back,
        source=f"AD: no limit published, 10/s is our default; 100 rows, because all of them are read a moment before; read {READ_ON}",
    ),
    "events/trackBulk": Endpoint(
        method="POST",
        path="/api/events/trackBulk",
        calls_max=10,
        burst_calls=3,
        rows_max=1_000,
        concurrency_max=3,
        quota_key="events/trackBulk",
        after_loss=AfterLoss.read_back,
        source=f"AD: 10/s per project; no row or size limit published, 1,000 and 4 MB assumed; read {READ_ON}",
    ),
    "commerce/trackPurchase": Endpoint(
        method="POST",
        path="/api/commerce/trackPurchase",
        calls_max=100,
        burst_calls=20,
        concurrency_max=8,
        quota_key="commerce/trackPurchase",
        is_published=False,
        after_loss=AfterLoss.read_back,
        source=f"AD: no limit published and no bulk form, 100/s is our default; read {READ_ON}",
    ),
    "commerce/updateCart": Endpoint(
        method="POST",
        path="/api/commerce/updateCart",
        calls_max=100,
        burst_calls=20,
        concurrency_max=8,
        quota_key="commerce/updateCart",
        is_published=False,
        after_loss=AfterLoss.read_back,
        source=f"AD: no limit published and no bulk form, 100/s is our default; no id, no createdAt; read {READ_ON}",
    ),
    "users/getByEmail": Endpoint(
        method="GET",
        path="/api/users/getByEmail",
        calls_max=100,
        burst_calls=20,
        concurrency_max=8,
        quota_key="users/get",
        after_loss=AfterLoss.none,
        source=f"AD: 100/s per project; unknown user is 200 with an empty object; read {READ_ON}",
    ),
    "users/byUserId": Endpoint(
        method="GET",
        path="/api/users/byUserId",
        calls_max=100,
        burst_calls=20,
        concurrency_max=8,
        quota_key="users/get",
        after_loss=AfterLoss.none,
        source=f"AD: 100/s per project; unknown user is 200 with an empty object; read {READ_ON}",
    ),
    "users/getFields": Endpoint(
        method="GET",
        path="/api/users/getFields",
        calls_max=3,
        quota_key="users/getFields",
        after_loss=AfterLoss.none,
        source=f"AD: 3/s per project; read {READ_ON}",
    ),
    "events/byEmail": Endpoint(
        method="GET",
        path="/api/events/{email}",
        calls_max=100,
        burst_calls=20,
        concurrency_max=8,
        quota_key="events/get",
        after_loss=AfterLoss.none,
        source=f"AD: 100/s per project, limit at most 200, default 30; read {READ_ON}",
    ),
    "events/byUserId": Endpoint(
        method="GET",
        path="/api/events/byUserId/{user_id}",
        calls_max=100,
        burst_calls=20,
        concurrency_max=8,
        quota_key="events/get",
        after_loss=AfterLoss.none,
        source=f"AD: 100/s per project, limit at most 200, default 30; read {READ_ON}",
    ),
    "lists": Endpoint(
        method="GET",
        path="/api/lists",
        calls_max=100,
        burst_calls=5,
        quota_key="lists",
        after_loss=AfterLoss.none,
        source=f"AD: 100/s per project; read {READ_ON}",
    ),
    "lists/create": Endpoint(
        method="POST",
        path="/api/lists",
        calls_max=5,
        quota_key="lists/create",
        is_published=False,
        after_loss=AfterLoss.read_back,
        source=f"AD: no limit published, 5/s is our default; the next load finds a list by its name; read {READ_ON}",
    ),
    "lists/subscribe": Endpoint(
        method="POST",
        path="/api/lists/subscribe",
        calls_max=5,
        burst_calls=2,
        rows_max=1_000,
        concurrency_max=2,
        quota_key="lists/subscribe",
        is_published=False,
        after_loss=AfterLoss.read_back,
        source=f"AD: no limit published, 5/s is our default; membership is read back from the profile; read {READ_ON}",
    ),
    "lists/unsubscribe": Endpoint(
        method="POST",
        path="/api/lists/unsubscribe",
        calls_max=5,
        burst_calls=2,
        rows_max=1_000,
        concurrency_max=2,
        quota_key="lists/unsubscribe",
        is_published=False,
        after_loss=AfterLoss.read_back,
        source=f"AD: no limit published, 5/s is our default; always with channelUnsubscribe false; read {READ_ON}",
    ),
    "lists/getUsers": Endpoint(
        method="GET",
        path="/api/lists/getUsers",
        calls_max=5,
        window_s=60.0,
        burst_calls=2,
        quota_key="lists/getUsers",
        after_loss=AfterLoss.none,
        source=f"AD: 5/minute per project, so each list is read once, at first sight; read {READ_ON}",
    ),
    "channels": Endpoint(
        method="GET",
        path="/api/channels",
        calls_max=100,
        burst_calls=5,
        quota_key="channels",
        after_loss=AfterLoss.none,
        source=f"AD: 100/s per project; read {READ_ON}",
    ),
    "messageTypes": Endpoint(
        method="GET",
        path="/api/messageTypes",
        calls_max=100,
        burst_calls=5,
        quota_key="messageTypes",
        after_loss=AfterLoss.none,
        source=f"AD: 100/s per project; read {READ_ON}",
    ),
    "export/data.json": Endpoint(
        method="GET",
        path="/api/export/data.json",
        calls_max=4,
        window_s=60.0,
        burst_calls=3,
        quota_key="export/data",
        after_loss=AfterLoss.none,
        source=f"AD: 4/minute per project; read {READ_ON}",
    ),
}
