"""The diff of profiles: only changed fields of changed people, and people who are created unsubscribed."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.property.compiled_marts import NOW
from tests.property.small_marts import SmallMarts
from tests.property.small_shop import changes_of, only


def test_only_the_changed_fields_are_planned_with_before_and_after(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.guest("bob")
    marts.build()
    marts.fold()
    marts.execute("update marts.profiles set first_name = 'Augusta', time_zone = null where customer_id = 'c-ada'")
    marts.build()
    assert marts.changed() == {"changed_users": 1}
    row = only(marts.rows("changes.changed_users"))
    assert changes_of(row) == {"firstName": ("Ada", "Augusta"), "timeZone": ("America/New_York", None)}
    assert row["consent"] == [
        {"field": "email_marketing", "value": "granted"},
        {"field": "sms_marketing", "value": "unknown"},
    ]
    marts.fold()
    marts.build()
    assert marts.changed() == {}


def test_less_than_a_second_is_no_difference_because_iterable_shows_none(marts: SmallMarts) -> None:
    marts.registered("ada", created_at=datetime(2024, 2, 3, 10, 11, 12, 4_000))
    marts.build()
    marts.fold()
    marts.execute("update marts.profiles set created_at = created_at + interval 5 milliseconds")
    marts.build()
    assert marts.changed() == {}, "the field would be written as it is, and start a journey again"
    marts.execute("update marts.profiles set created_at = created_at + interval 1 second")
    marts.build()
    before, after = "2024-02-03T10:11:12.000Z", "2024-02-03T10:11:13.000Z"
    assert changes_of(only(marts.rows("changes.changed_users"))) == {"profileCreatedAt": (before, after)}


def test_a_change_taken_back_after_a_refusal_needs_nothing(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.build()
    marts.fold()
    marts.execute("update marts.profiles set first_name = 'Too long'")
    marts.build()
    marts.settle(only(marts.rows("changes.changed_users")), "rejected", reason="too long")
    marts.build()
    assert marts.changed() == {}, "the same refused content is not planned again"
    marts.execute("update marts.profiles set first_name = 'Ada'")
    marts.build()
    assert marts.changed() == {}, "Iterable still has what it accepted before"


def test_people_found_at_iterable_get_only_what_differs(marts: SmallMarts) -> None:
    marts.registered("ada", first_name="Ada", created_at=datetime(2024, 2, 3, 10, 11, 12, 345_000))
    marts.put(
        "raw_iterable.users", email="Ada@Example.com", user_id="c-ada", read_at=NOW,
        document="""{"firstName": "Ada", "profileCreatedAt": "2024-02-03 10:11:12 +00:00", "emailVerified": true,
            "store": "us", "market": "de", "somebodyElses": 7, "consent": {"email_marketing": "granted"}}""",
    )  # fmt: skip
    marts.build()
    row = only(marts.rows("changes.changed_users"))
    changed = changes_of(row)
    assert changed["market"] == ("de", "us")
    assert changed["consent.sms_marketing"] == (None, "unknown")
    untouched = {"firstName", "profileCreatedAt", "emailVerified", "store", "somebodyElses", "consent.email_marketing"}
    assert not untouched & changed.keys()
    assert (row["is_new"], row["unsubscribe_channel_ids"]) == (False, None)
    marts.fold()
    marts.build()
    assert marts.changed() == {}
    marts.execute("update marts.profiles set first_name = 'Augusta', company_name = 'Engines'")
    marts.build()
    changed = changes_of(only(marts.rows("changes.changed_users")))
    assert changed == {"firstName": ("Ada", "Augusta"), "companyName": (None, "Engines")}


def test_a_person_without_a_grant_is_created_unsubscribed(marts: SmallMarts) -> None:
    ada = marts.registered("ada")
    marts.consent("ada", ada, sms="granted")
    marts.guest("bob")
    marts.build()
    channels = {row["email"]: row["unsubscribe_channel_ids"] for row in marts.rows("changes.changed_users")}
    assert channels == {"ada@example.com": None, "bob@example.com": [101, 103]}


@pytest.mark.parametrize("obstacle", ["opt-in types", "channel missing"])
def test_a_person_who_cannot_be_created_unsubscribed_is_held(marts: SmallMarts, obstacle: str) -> None:
    marts.guest("bob")
    marts.order("bob", "1", is_guest=True)
    if obstacle == "opt-in types":
        marts.put("raw_iterable.message_types", id=1, name="News", channel_id=101, subscription_policy="OptIn")
    else:
        marts.execute("delete from raw_iterable.channels where id = 101")
    marts.build()
    row = only(marts.rows("changes.changed_users"))
    assert (row["verdict"], row["verdict_reason"]) == ("held", "cannot be created unsubscribed")
    order = only(marts.rows("changes.changed_purchases"))
    assert (order["verdict"], order["verdict_reason"]) == ("held", "the person is not at Iterable")
