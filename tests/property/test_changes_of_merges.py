"""Two users at Iterable who are one person: merged by policy, and then nothing of before is taken for known."""

from __future__ import annotations

import pytest

from tests.property.conftest import IDENTITIES
from tests.property.small_marts import SmallMarts
from tests.property.small_shop import changes_of, only

by_user_id = pytest.mark.parametrize("identity", ["user_id"])
by_address = pytest.mark.parametrize("identity", [one for one in IDENTITIES if one != "user_id"])


def guest_registers(marts: SmallMarts) -> tuple[str, str]:
    """Bob, at Iterable with a cart as a guest, registers and is created there too. Returns both person_keys."""
    marts.configure("identity_policies", "kind = 'merge'", "policy = 'send'")
    guest = marts.guest("bob", first_name="Bob")
    marts.consent("bob", guest, email="granted")
    marts.cart("bob")
    marts.build()
    marts.fold()
    marts.execute("delete from marts.profiles")
    marts.execute("delete from marts.consent_state")
    marts.execute("delete from marts.carts")
    customer = marts.registered("bob", identity_rule="same_address_verified")
    marts.build()
    assert only(marts.rows("changes.changed_identities"))["verdict"] == "held", "the customer's own user comes first"
    marts.fold()
    marts.build()
    return guest, customer


@by_user_id
def test_by_policy_the_guests_user_goes_into_the_customers_and_everything_is_said_again(marts: SmallMarts) -> None:
    guest, customer = guest_registers(marts)
    row = only(marts.rows("changes.changed_identities"))
    assert (row["verdict"], row["endpoint"], row["lane"]) == ("send", "users/merge", 2)
    assert (row["source_user_id"], row["source_email"], row["user_id"]) == (f"g-{guest[:32]}", None, "c-bob")
    assert marts.changed() == {"changed_identities": 1}
    marts.fold()
    assert [one["person_key"] for one in marts.rows("delivered.users")] == [customer]
    assert [one["user_id"] for one in marts.rows("delivered.gone_users")] == [f"g-{guest[:32]}"]
    marts.build()
    changes = changes_of(only(marts.rows("changes.changed_users")))
    assert changes["firstName"] == (None, "Bob")
    assert changes["profileType"] == (None, "registered")
    emptied = only(marts.rows("changes.changed_carts"))
    assert (emptied["person_key"], emptied["items"], emptied["verdict"]) == (customer, [], "send")
    marts.fold()
    marts.build()
    assert marts.changed() == {}


@by_user_id
def test_an_opt_out_of_either_goes_first_and_again_after_the_merge(marts: SmallMarts) -> None:
    _, customer = guest_registers(marts)
    marts.statement("bob", "denied")
    marts.consent("bob", customer, email="denied")
    marts.build()
    assert len(marts.rows("changes.changed_withdrawals")) == 2, "both users have the address"
    row = only(marts.rows("changes.changed_identities"))
    assert (row["verdict"], row["verdict_reason"]) == ("held", "merge: an opt-out of one of the two users goes first")
    marts.fold()
    marts.build()
    assert only(marts.rows("changes.changed_identities"))["verdict"] == "send"
    assert not marts.rows("changes.changed_withdrawals")
    marts.fold()
    marts.build()
    again = only(marts.rows("changes.changed_withdrawals"))
    assert (again["person_key"], again["user_id"], again["verdict"]) == (customer, "c-bob", "send")
    marts.fold()
    marts.build()
    assert marts.changed() == {}


@by_address
def test_a_customer_whose_new_address_is_their_own_guest_there_is_merged_and_then_renamed(marts: SmallMarts) -> None:
    marts.configure("identity_policies", "kind = 'merge'", "policy = 'send'")
    marts.registered("ada", email="old@example.com")
    guest = marts.guest("ada-2", email="new@example.com")
    marts.build()
    marts.fold()
    marts.execute("delete from marts.profiles where person_key = ?", guest)
    marts.execute("delete from marts.consent_state where person_key = ?", guest)
    marts.execute("update marts.profiles set email = 'new@example.com', identity_rule = 'same_address_verified'")
    marts.build()
    merge = only(marts.rows("changes.changed_identities"))
    assert (merge["kind"], merge["verdict"], merge["email"]) == ("merge", "send", "old@example.com")
    assert (merge["source_email"], merge["source_user_id"]) == ("new@example.com", None)
    marts.fold()
    marts.build()
    rename = only(marts.rows("changes.changed_identities"))
    assert (rename["kind"], rename["verdict"], rename["email"]) == ("email_change", "send", "new@example.com")
    marts.fold()
    marts.build()
    assert marts.changed() == {}


@by_address
def test_an_address_of_somebody_else_is_never_merged(marts: SmallMarts) -> None:
    marts.configure("identity_policies", "kind = 'merge'", "policy = 'send'")
    marts.registered("ada", identity_rule="own_account")
    marts.guest("bob")
    marts.build()
    marts.fold()
    marts.execute("update marts.profiles set email = 'bob@example.com' where customer_id = 'c-ada'")
    marts.build()
    rows = marts.rows("changes.changed_identities", "verdict = 'send'")
    assert rows == []
