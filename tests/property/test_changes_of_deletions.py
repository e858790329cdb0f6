"""A customer whom the shop deleted: out of every channel at once, and gone at Iterable only by policy, after the grace period."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.property.compiled_marts import NOW
from tests.property.conftest import IDENTITIES
from tests.property.small_marts import SmallMarts
from tests.property.small_shop import only

every_type = pytest.mark.parametrize("identity", IDENTITIES)
by_email = pytest.mark.parametrize("identity", ["email"])


def shop_of_one(marts: SmallMarts, *, policy: str = "hold") -> str:
    """Ada, whom Iterable has; the policy for deletions. Returns her person_key."""
    marts.configure("identity_policies", "kind = 'deletion'", f"policy = '{policy}'")
    key = marts.registered("ada")
    marts.statement("ada", "granted", at=NOW - timedelta(days=30))
    marts.build()
    marts.fold()
    return key


def days_pass(marts: SmallMarts, days: int) -> None:
    marts.execute(f"update control.run set as_of = as_of + interval {days} days")
    marts.build()


@every_type
def test_a_deleted_customer_leaves_every_channel_at_once_and_stays_held_as_shipped(marts: SmallMarts) -> None:
    key = shop_of_one(marts)
    marts.delete_customer("ada")
    marts.build()
    left = marts.rows("changes.changed_withdrawals")
    assert {row["subject"] for row in left} == {f"{key}:email", f"{key}:sms"}
    assert {(row["verdict"], row["person_key"]) for row in left} == {("send", key)}
    row = only(marts.rows("changes.changed_identities"))
    assert (row["kind"], row["verdict"], row["due_at"]) == ("deletion", "held", None)
    assert "identity_policies.csv" in str(row["verdict_reason"])
    assert not marts.rows("changes.changed_users")
    marts.fold()
    marts.build()
    assert marts.changed() == {}
    days_pass(marts, 400)
    assert marts.changed() == {}


@every_type
def test_by_policy_the_user_is_deleted_when_the_grace_period_is_over_and_forgotten(marts: SmallMarts) -> None:
    key = shop_of_one(marts, policy="send")
    marts.delete_customer("ada")
    marts.build()
    row = only(marts.rows("changes.changed_identities"))
    assert (row["verdict"], row["due_at"]) == ("held", NOW + timedelta(days=7))
    marts.fold()
    days_pass(marts, 6)
    assert marts.changed() == {}
    days_pass(marts, 1)
    row = only(marts.rows("changes.changed_identities"))
    endpoint, user_id = ("deleteByEmail", None) if marts.identity == "email" else ("deleteByUserId", "c-ada")
    assert (row["verdict"], row["endpoint"], row["user_id"]) == ("send", f"users/{endpoint}", user_id)
    assert row["email"] == "ada@example.com"
    marts.fold()
    for table in ("users", "user_fields", "carts"):
        assert not marts.rows(f"delivered.{table}", f"person_key = '{key}'")
    marts.build()
    assert marts.changed() == {}


@every_type
def test_a_customer_who_comes_back_within_the_grace_period_is_not_deleted(marts: SmallMarts) -> None:
    shop_of_one(marts, policy="send")
    marts.delete_customer("ada")
    marts.build()
    marts.fold()
    marts.execute("delete from staging.stg_commercetools__customer_deletions")
    marts.execute("update marts.profiles set is_deleted = false")
    days_pass(marts, 8)
    assert not marts.rows("changes.changed_identities")


@every_type
def test_a_customer_who_comes_back_after_the_deletion_is_new_and_created_unsubscribed(marts: SmallMarts) -> None:
    """Also where the export of first sight still shows the user: it is no longer there."""
    marts.put("raw_iterable.users", email="ada@example.com", user_id="c-ada", read_at=NOW, document='{"firstName": "Ada"}')
    key = shop_of_one(marts, policy="send")
    marts.delete_customer("ada", at=NOW - timedelta(days=8))
    marts.build()
    marts.fold()
    marts.execute("delete from staging.stg_commercetools__customer_deletions")
    marts.execute("update marts.profiles set is_deleted = false")
    marts.build()
    row = only(marts.rows("changes.changed_users"))
    assert (row["person_key"], row["verdict"], row["is_new"], row["unsubscribe_channel_ids"]) == (key, "send", True, [103])
    marts.fold()
    marts.build()
    assert marts.changed() == {}


@every_type
def test_of_a_customer_iterable_never_had_there_is_nothing_to_delete(marts: SmallMarts) -> None:
    shop_of_one(marts, policy="send")
    marts.registered("bob")
    marts.delete_customer("bob", at=NOW - timedelta(days=8))
    marts.build()
    assert not {"changed_withdrawals", "changed_identities", "changed_users"} & marts.changed().keys()


@by_email
def test_an_address_that_a_living_person_has_now_is_not_deleted_with_the_former_owner(marts: SmallMarts) -> None:
    shop_of_one(marts, policy="send")
    marts.registered("eve", email="ada@example.com")
    marts.delete_customer("ada", at=NOW - timedelta(days=8))
    marts.build()
    assert not marts.rows("changes.changed_identities")
    row = only(marts.rows("changes.changed_users"))
    assert (row["person_key"], row["is_new"]) == (marts.key("eve"), False)


@by_email
def test_an_address_that_was_given_up_is_nobody_though_first_sight_shows_it(marts: SmallMarts) -> None:
    marts.put("raw_iterable.users", email="ada@example.com", read_at=NOW, document="{}")
    shop_of_one(marts)
    marts.execute("update marts.profiles set email = 'new@example.com'")
    marts.build()
    marts.fold()
    marts.guest("bob", email="ada@example.com")
    marts.build()
    row = only(marts.rows("changes.changed_users"))
    assert (row["email"], row["is_new"], row["unsubscribe_channel_ids"]) == ("ada@example.com", True, [101, 103])
