"""Iterable's subscription events, opened: exports and webhooks say the same in two shapes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from clients.iterable_events import delivered, exported

AT = datetime(2026, 2, 3, 10, 11, 12, tzinfo=UTC)
FIELDS = {"createdAt": "2026-02-03 10:11:12 +00:00", "channelIds": [101], "unsubSource": "EmailLink", "campaignId": 7}


def test_an_event_says_the_same_by_export_and_by_webhook() -> None:
    line = exported("emailUnSubscribe", {"email": "a@x.com", "userId": "u1", **FIELDS})
    told = delivered({"email": "a@x.com", "userId": "u1", "eventName": "emailUnSubscribe", "dataFields": FIELDS})
    for event in (line, told):
        assert (event.event_type, event.email, event.user_id, event.created_at) == ("emailUnSubscribe", "a@x.com", "u1", AT)
        assert (event.channel_ids, event.message_type_ids, event.list_ids) == ([101], None, None)
        assert (event.said_through, event.recipient_state, event.campaign_id) == ("EmailLink", None, 7)
    assert line.event_key != told.event_key


def test_a_single_id_counts_as_a_list_of_one_and_a_delivery_may_name_the_person_in_its_fields() -> None:
    event = delivered({"eventName": "emailSubscribe", "dataFields": {"email": "a@x.com", "channelId": 103, "emailListId": 5}})
    assert (event.email, event.channel_ids, event.list_ids) == ("a@x.com", [103], [5])


@pytest.mark.parametrize(
    "body",
    [
        {"email": "a@x.com", "dataFields": {}},
        {"email": "a@x.com", "eventName": "emailUnSubscribe"},
        {"email": "a@x.com", "eventName": "emailUnSubscribe", "dataFields": []},
        {"eventName": "emailUnSubscribe", "dataFields": {"channelIds": [101]}},
    ],
)
def test_a_delivery_of_another_shape_or_about_nobody_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="required"):
        delivered(body)


@pytest.mark.parametrize(
    ("event_type", "fields", "withdraws"),
    [
        ("emailUnSubscribe", {"channelIds": [101]}, True),
        ("emailUnSubscribe", {}, True),
        ("emailUnSubscribe", {"messageTypeIds": [201], "emailListIds": [5]}, True),
        ("emailUnSubscribe", {"emailListIds": [5], "channelIds": []}, False),
        ("emailComplaint", {}, True),
        ("emailBounce", {"recipientState": "HardBounce"}, True),
        ("emailBounce", {"recipientState": "SoftBounce"}, False),
        ("emailSubscribe", {"channelIds": [101]}, False),
    ],
)
def test_a_withdrawal_is_told_from_what_is_none(event_type: str, fields: dict[str, Any], withdraws: bool) -> None:
    assert exported(event_type, {"email": "a@x.com", **fields}).is_withdrawal is withdraws


@pytest.mark.parametrize("created", ["some day", None, True, 1e30, [1]])
def test_a_time_that_cannot_be_read_is_none(created: object) -> None:
    assert exported("emailUnSubscribe", {"email": "a@x.com", "createdAt": created}).created_at is None
