"""What people without a grant get, per object and market: config/consent_policies.csv from the marts to the planned rows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.property.compiled_marts import NOW
from tests.property.small_marts import SmallMarts
from tests.property.small_shop import only

LATE = timedelta(hours=1)


def policy(marts: SmallMarts, object_name: str, market: str, without_consent: str) -> None:
    marts.put("config.consent_policies", object=object_name, kind="*", market_code=market, without_consent=without_consent)


def verdicts(marts: SmallMarts) -> dict[str, tuple[str, str | None]]:
    models = ("users", "purchases", "carts")
    rows = [row for model in models for row in marts.rows(f"changes.changed_{model}")]
    return {row["object"]: (row["verdict"], row["verdict_reason"]) for row in rows}


def test_an_excluded_person_is_not_created_and_everything_flows_when_consent_comes(marts: SmallMarts) -> None:
    policy(marts, "users", "us", "exclude")
    bob = marts.guest("bob")
    marts.order("bob", "1", at=NOW - LATE)
    marts.cart("bob")
    marts.build()
    assert verdicts(marts) == {
        "users": ("suppressed", "no consent on any channel: kept out of Iterable"),
        "purchases": ("suppressed", "no consent on any channel"),
        "carts": ("suppressed", "no consent on any channel"),
    }
    marts.fold()
    marts.build()
    assert marts.changed() == {}, "counted and explained once"
    marts.consent("bob", bob, email="granted")
    marts.build()
    assert {name: verdict for name, (verdict, _) in verdicts(marts).items()} == dict.fromkeys(
        ("users", "purchases", "carts"), "send"
    )
    assert {row["consent_requirement"] for row in marts.rows("changes.changed_users")} == {"any"}


def test_a_person_who_is_there_already_is_unsubscribed_and_not_deleted(marts: SmallMarts) -> None:
    bob = marts.guest("bob")
    marts.put("raw_iterable.users", user_key="u", email="bob@example.com", read_at=NOW, document="{}")
    marts.order("bob", "1", at=NOW - LATE)
    marts.build()
    assert not marts.rows("changes.changed_closures"), "unknown never changes an existing user's subscriptions by default"
    policy(marts, "users", "us", "exclude")
    marts.build()
    rows = marts.rows("changes.changed_closures")
    assert {(row["subject"], row["email"], row["verdict"]) for row in rows} == {
        (f"{bob}:{channel}", "bob@example.com", "send") for channel in ("email", "sms")
    }
    assert verdicts(marts) == {
        "users": ("suppressed", "no consent on any channel: kept out of Iterable"),
        "purchases": ("suppressed", "no consent on any channel"),
    }
    marts.fold()
    marts.build()
    assert marts.changed() == {}
    marts.consent("bob", bob, email="granted")
    marts.build()
    assert only(marts.rows("changes.changed_grants"))["subscription_target"] == "messageChannel/101"


@pytest.mark.parametrize(("market", "verdict"), [("us", "suppressed"), ("de", "send")])
def test_a_market_has_its_own_policy(marts: SmallMarts, market: str, verdict: str) -> None:
    policy(marts, "purchases", "us", "suppress")
    marts.guest("bob", market_code=market)
    marts.order("bob", "1", at=NOW - LATE)
    marts.build()
    assert verdicts(marts)["purchases"][0] == verdict
    assert verdicts(marts)["users"][0] == "send"


def test_people_of_no_market_follow_the_row_for_all(marts: SmallMarts) -> None:
    policy(marts, "users", "us", "exclude")
    marts.guest("bob", market_code=None)
    marts.build()
    assert verdicts(marts)["users"][0] == "send"
