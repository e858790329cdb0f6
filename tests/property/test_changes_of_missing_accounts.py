"""Accounts that orders and carts name and the shop's data does not have: seen, held, and sent once the customer is there."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.property.compiled_marts import GO_LIVE, NOW
from tests.property.conftest import IDENTITIES
from tests.property.small_marts import CHANGED, SmallMarts
from tests.property.small_shop import only

REASON = "account not in the shop"
in_every_project = pytest.mark.parametrize("identity", IDENTITIES)


def not_in_the_shop(marts: SmallMarts, word: str, **values: object) -> str:
    """An account known by its baskets only, with a grant on one of them. Returns the person_key."""
    return marts.registered(word, identity_rule="account_not_in_shop", is_email_verified=False, **values)


def customer_arrives(marts: SmallMarts, word: str) -> None:
    """The shop's data has the customer of an account again."""
    marts.execute("update marts.profiles set identity_rule = 'own_account' where customer_id = ?", f"c-{word}")


def customer_is_lost(marts: SmallMarts, word: str) -> None:
    """The shop's data has no readable customer of an account any more."""
    marts.execute("update marts.profiles set identity_rule = 'account_not_in_shop' where customer_id = ?", f"c-{word}")


def allow_what_cannot_be_undone(marts: SmallMarts) -> None:
    marts.configure("identity_policies", "true", "policy = 'send', grace_days = 0")


def verdicts(marts: SmallMarts) -> dict[str, tuple[object, object]]:
    """Verdict and reason of each object that has a row; each has one row at most here."""
    rows = [row for model in (*CHANGED, "changed_lists") for row in marts.rows(f"changes.{model}")]
    assert len({row["object"] for row in rows}) == len(rows)
    return {row["object"]: (row["verdict"], row["verdict_reason"]) for row in rows}


@in_every_project
def test_nothing_of_an_account_is_sent_before_its_customer_is_there_and_all_of_it_once_afterwards(marts: SmallMarts) -> None:
    not_in_the_shop(marts, "ada")
    marts.order("ada", "1")
    marts.order("ada", "2", at=GO_LIVE - timedelta(seconds=1))
    marts.cart("ada")
    marts.put(
        "intermediate.int_orders__status_changes", order_id="order-1", from_status="open", to_status="cancelled",
        changed_at=NOW,
    )  # fmt: skip
    marts.put("raw_iterable.lists", id=7, name="vip", list_type="Standard")
    marts.put("config.iterable_lists", list_name="vip", source="customer_metrics.is_repeat_customer", is_enabled=True)
    marts.put("marts.customer_metrics", profile_id="profile-ada", currency_code="USD", order_count=2, is_repeat_customer=True)
    marts.build()
    held = dict.fromkeys(("users", "purchases", "carts", "events", "lists"), ("held", REASON))
    assert verdicts(marts) == held
    facts = {row["subject"] for model in ("purchases", "events") for row in marts.rows(f"changes.changed_{model}")}
    marts.fold()
    marts.build()
    assert marts.changed() == {}, "held rows are told once"

    customer_arrives(marts, "ada")
    marts.build()
    assert verdicts(marts) == dict.fromkeys(held, ("send", None))
    assert {row["subject"] for model in ("purchases", "events") for row in marts.rows(f"changes.changed_{model}")} == facts
    marts.fold()
    marts.build()
    assert marts.changed() == {}


def test_what_became_too_old_while_its_account_was_not_in_the_shop_is_not_sent_any_more(marts: SmallMarts) -> None:
    not_in_the_shop(marts, "ada")
    marts.order("ada", "1")
    marts.build()
    marts.fold()
    marts.execute("update control.run set as_of = ?", NOW + timedelta(days=30))
    customer_arrives(marts, "ada")
    marts.build()
    assert only(marts.rows("changes.changed_users"))["verdict"] == "send"
    assert marts.rows("changes.changed_purchases") == []


@in_every_project
def test_a_guest_with_the_address_of_such_an_account_is_sent_as_ever(marts: SmallMarts) -> None:
    account = not_in_the_shop(marts, "ada", email="shared@example.com")
    guest = marts.guest("bob", email="shared@example.com", last_activity_at=NOW - timedelta(days=9))
    marts.build()
    found = {row["person_key"]: (row["verdict"], row["verdict_reason"]) for row in marts.rows("changes.changed_users")}
    assert found == {account: ("held", REASON), guest: ("send", None)}


@in_every_project
def test_a_user_whose_customer_is_lost_stays_as_it_is_and_is_not_sent_again_when_the_customer_is_back(marts: SmallMarts) -> None:
    allow_what_cannot_be_undone(marts)
    marts.registered("ada", identity_rule="own_account")
    marts.order("ada", "1")
    marts.cart("ada")
    marts.build()
    marts.fold()
    users = marts.rows("delivered.users")
    customer_is_lost(marts, "ada")
    marts.execute("update marts.profiles set email = 'typed@example.com', first_name = null, last_name = 'Byron'")
    marts.build()
    assert verdicts(marts) == dict.fromkeys(("users", "carts"), ("held", REASON))
    marts.fold()
    assert marts.rows("delivered.users") == users

    customer_arrives(marts, "ada")
    marts.execute("update marts.profiles set email = 'ada@example.com', first_name = 'Ada', last_name = null")
    marts.build()
    assert marts.changed() == {}


@in_every_project
def test_who_was_sent_as_a_guest_by_an_earlier_release_is_neither_deleted_nor_merged_nor_told_anything_twice(
    marts: SmallMarts,
) -> None:
    allow_what_cannot_be_undone(marts)
    guest = marts.guest("ada")
    marts.consent("ada", guest, email="granted")
    marts.order("ada", "1")
    marts.build()
    marts.fold()
    marts.execute("delete from marts.profiles")
    marts.execute("delete from marts.consent_state")
    account = not_in_the_shop(marts, "ada")
    marts.build()
    assert verdicts(marts) == {"users": ("held", REASON)}
    marts.fold()
    assert [row["person_key"] for row in marts.rows("delivered.users")] == [guest]

    marts.statement("ada", "withdrawn", resource_type="orders", resource_id="order-1")
    marts.consent("ada", account, email="withdrawn")
    marts.build()
    withdrawal = only(marts.rows("changes.changed_withdrawals"))
    assert (withdrawal["verdict"], withdrawal["person_key"], withdrawal["email"]) == ("send", guest, "ada@example.com")
    marts.fold()

    customer_arrives(marts, "ada")
    marts.build()
    assert only(marts.rows("changes.changed_users"))["is_new"] == (marts.identity == "user_id")
    assert marts.rows("changes.changed_purchases") == []


def test_an_opt_out_said_on_an_order_of_such_an_account_reaches_its_user_at_iterable(marts: SmallMarts) -> None:
    marts.registered("ada", identity_rule="own_account")
    marts.build()
    marts.fold()
    customer_is_lost(marts, "ada")
    marts.statement("ada", "withdrawn", resource_type="orders", resource_id="order-1")
    marts.consent("ada", marts.key("ada"), email="withdrawn")
    marts.build()
    row = only(marts.rows("changes.changed_withdrawals"))
    assert (row["verdict"], row["person_key"], row["email"]) == ("send", marts.key("ada"), "ada@example.com")
    marts.fold()
    marts.build()
    assert marts.rows("changes.changed_withdrawals") == []


def test_the_user_of_an_account_is_deleted_only_where_the_deletion_is_known(marts: SmallMarts) -> None:
    allow_what_cannot_be_undone(marts)
    marts.registered("ada", identity_rule="own_account")
    marts.build()
    marts.fold()
    customer_is_lost(marts, "ada")
    marts.build()
    assert marts.rows("changes.changed_identities") == []
    marts.delete_customer("ada")
    marts.build()
    row = only(marts.rows("changes.changed_identities"))
    assert (row["kind"], row["verdict"]) == ("deletion", "send")
