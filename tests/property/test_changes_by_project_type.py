"""What the type of the Iterable project changes: who carries which identifier, and what becomes of addresses."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.property.compiled_marts import NOW
from tests.property.small_marts import CHANGED, SmallMarts
from tests.property.small_shop import changes_of, only, shop_with_everything

by_email = pytest.mark.parametrize("identity", ["email"])
by_user_id = pytest.mark.parametrize("identity", ["user_id"])
GUEST_ID = re.compile(r"g-[0-9a-f]{32}")


def identifiers(marts: SmallMarts) -> set[tuple[object, object]]:
    """(e-mail, userId) of every row of every kind."""
    return {(row["email"], row["user_id"]) for model in CHANGED for row in marts.rows(f"changes.{model}")}


@by_email
def test_in_an_email_based_project_no_row_carries_a_user_id(marts: SmallMarts) -> None:
    shop_with_everything(marts)
    marts.build()
    assert identifiers(marts) == {(f"{word}@example.com", None) for word in ("ada", "bob", "shared")}


@by_user_id
def test_in_a_user_id_based_project_guests_have_a_stable_id_without_their_address(marts: SmallMarts) -> None:
    shop_with_everything(marts)
    marts.build()
    ids = dict(identifiers(marts))
    guest = str(ids.pop("bob@example.com"))
    assert set(ids.values()) <= {"c-ada", "c-dan", "c-eve"}
    assert GUEST_ID.fullmatch(guest)
    assert len(guest) <= 52
    marts.fold()
    marts.execute("update marts.profiles set first_name = 'Bo' where profile_type = 'guest'")
    marts.build()
    assert only(marts.rows("changes.changed_users"))["user_id"] == guest


@by_user_id
def test_users_of_a_user_id_based_project_may_share_an_address(marts: SmallMarts) -> None:
    for word in ("dan", "eve"):
        marts.registered(word, email="shared@example.com")
    marts.guest("guest", email="shared@example.com")
    marts.order("guest", "1", is_guest=True)
    marts.build()
    people = marts.rows("changes.changed_users")
    assert {(row["email"], row["verdict"], row["is_new"]) for row in people} == {("shared@example.com", "send", True)}
    assert len({row["user_id"] for row in people}) == 3
    assert only(marts.rows("changes.changed_purchases"))["verdict"] == "send"
    marts.fold()
    marts.execute("update marts.profiles set first_name = 'Evelyn' where customer_id = 'c-eve'")
    marts.build()
    assert only(marts.rows("changes.changed_users"))["user_id"] == "c-eve"
    assert changes_of(only(marts.rows("changes.changed_users"))) == {"firstName": ("Eve", "Evelyn")}


@by_user_id
def test_an_address_another_user_has_is_no_obstacle_in_a_user_id_based_project(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.registered("bob")
    marts.build()
    marts.fold()
    marts.execute("update marts.profiles set email = 'bob@example.com' where customer_id = 'c-ada'")
    marts.build()
    rename = only(marts.rows("changes.changed_identities"))
    assert (rename["verdict"], rename["endpoint"], rename["user_id"]) == ("send", "users/update", "c-ada")
    marts.fold()
    marts.build()
    assert marts.changed() == {}


@by_user_id
def test_people_found_in_a_user_id_based_project_are_told_apart_by_their_id_alone(marts: SmallMarts) -> None:
    marts.registered("ada", email="shared@example.com")
    marts.registered("bob", email="shared@example.com")
    for user_id, name in (("c-ada", "Ada"), ("legacy-7", "Somebody")):
        marts.put(
            "raw_iterable.users", email="shared@example.com", user_id=user_id, read_at=NOW,
            document=f'{{"firstName": "{name}"}}',
        )  # fmt: skip
    marts.build()
    rows = {row["user_id"]: row for row in marts.rows("changes.changed_users")}
    assert {user_id: row["is_new"] for user_id, row in rows.items()} == {"c-ada": False, "c-bob": True}
    assert "firstName" not in changes_of(rows["c-ada"])


@by_user_id
def test_a_refusal_for_an_address_reaches_each_user_who_has_it(marts: SmallMarts) -> None:
    for word in ("dan", "eve"):
        marts.registered(word, email="shared@example.com")
    marts.put("raw_iterable.users", email="shared@example.com", user_id="legacy-7", read_at=NOW, document="{}")
    marts.build()
    marts.fold()
    marts.statement(
        "guest", "denied", resource_type="orders", resource_id="o1", customer_id=None, email="shared@example.com"
    )  # fmt: skip
    marts.build()
    rows = marts.rows("changes.changed_withdrawals")
    assert {row["user_id"] for row in rows} == {"c-dan", "c-eve", "legacy-7"}
    assert len({row["subject"] for row in rows}) == 3
    marts.fold()
    marts.build()
    assert marts.changed() == {}


@by_user_id
def test_a_guests_refusal_reaches_the_guests_own_user(marts: SmallMarts) -> None:
    bob = marts.guest("bob")
    marts.consent("bob", bob, email="granted")
    marts.build()
    marts.fold()
    marts.statement("bob", "denied", resource_type="orders", resource_id="o1", customer_id=None, email="bob@example.com")
    marts.consent("bob", bob, email="denied")
    marts.build()
    row = only(marts.rows("changes.changed_withdrawals"))
    assert (row["person_key"], row["user_id"]) == (bob, f"g-{bob[:32]}")


@by_user_id
def test_a_guest_who_registers_is_a_second_user_there_and_that_is_a_visible_held_merge(marts: SmallMarts) -> None:
    bob = marts.guest("bob")
    marts.build()
    marts.fold()
    marts.execute("delete from marts.profiles")
    marts.execute("delete from marts.consent_state")
    key = marts.registered("bob", identity_rule="same_address_verified")
    marts.build()
    assert only(marts.rows("changes.changed_users"))["is_new"]
    merge = only(marts.rows("changes.changed_identities"))
    assert (merge["kind"], merge["verdict"], merge["person_key"], merge["user_id"]) == ("merge", "held", key, "c-bob")
    marts.fold()
    marts.build()
    assert marts.changed() == {}
    assert {row["person_key"] for row in marts.rows("delivered.users")} == {bob, key}
    assert only(marts.rows("delivered.outcomes", "object = 'identities'"))["state"] == "held"


@by_user_id
def test_a_guest_whom_no_rule_joins_to_the_customer_is_somebody_else(marts: SmallMarts) -> None:
    marts.guest("bob")
    marts.build()
    marts.fold()
    marts.registered("rob", email="bob@example.com", identity_rule="own_account", is_email_verified=False)
    marts.build()
    assert not marts.rows("changes.changed_identities")


@by_email
def test_an_email_based_project_changes_the_address_itself_and_the_person_waits(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.build()
    marts.fold()
    marts.execute("update marts.profiles set email = 'new@example.com', first_name = 'Augusta'")
    marts.order("ada", "1")
    marts.build()
    rename = only(marts.rows("changes.changed_identities"))
    assert (rename["endpoint"], rename["previous_email"], rename["email"]) == (
        "users/updateEmail", "ada@example.com", "new@example.com",
    )  # fmt: skip
    user = only(marts.rows("changes.changed_users"))
    assert (user["email"], user["user_id"], user["is_new"], user["waits_for_person"]) == ("new@example.com", None, False, True)
    assert changes_of(user) == {"firstName": ("Ada", "Augusta")}
    assert only(marts.rows("changes.changed_purchases"))["waits_for_person"]
    marts.fold()
    marts.build()
    assert marts.changed() == {}


@by_email
def test_a_guest_who_registers_is_the_same_user_of_an_email_based_project(marts: SmallMarts) -> None:
    marts.guest("ada", first_name="Ada")
    marts.build()
    marts.fold()
    marts.execute("delete from marts.profiles")
    marts.execute("delete from marts.consent_state")
    key = marts.registered("ada", first_name="Ada")
    marts.order("ada", "1")
    marts.build()
    row = only(marts.rows("changes.changed_users"))
    assert (row["email"], row["user_id"], row["is_new"]) == ("ada@example.com", None, False)
    assert changes_of(row)["profileType"] == ("guest", "registered")
    assert not only(marts.rows("changes.changed_purchases"))["waits_for_person"], "the address is at Iterable"
    marts.fold()
    assert only(marts.rows("delivered.users"))["person_key"] == key
    marts.build()
    assert marts.changed() == {}


@by_email
def test_an_address_goes_to_and_fro_between_its_owners_and_only_differences_are_sent(marts: SmallMarts) -> None:
    """The owner of a shared address may change; the user at Iterable is the same, with what the former owner left there."""
    marts.registered("dan", email="shared@example.com", last_activity_at=NOW)
    marts.registered("eve", email="shared@example.com", last_activity_at=NOW - timedelta(days=1))
    marts.build()
    marts.fold()
    for owner, other in (("eve", "dan"), ("dan", "eve")):
        marts.execute(f"update marts.profiles set is_email_verified = customer_id = 'c-{owner}'")
        marts.build()
        sent = only(marts.rows("changes.changed_users", "verdict = 'send'"))
        assert changes_of(sent) == {"firstName": (other.title(), owner.title())}
        assert (sent["person_key"], sent["is_new"]) == (marts.key(owner), False)
        assert only(marts.rows("changes.changed_users", "verdict = 'held'"))["person_key"] == marts.key(other)
        marts.fold()
        marts.build()
        assert marts.changed() == {}


@by_email
@pytest.mark.parametrize("is_delivered_elsewhere", [False, True], ids=["new", "with an address of before"])
def test_an_address_given_up_is_taken_when_its_former_owner_has_the_new_one(
    marts: SmallMarts, is_delivered_elsewhere: bool
) -> None:
    """A changed address takes every field along. Who moves in at once would be told the difference to somebody gone."""
    marts.registered("ada")
    if is_delivered_elsewhere:
        marts.registered("bob")
    marts.build()
    marts.fold()
    marts.execute("update marts.profiles set email = 'new@example.com' where customer_id = 'c-ada'")
    if is_delivered_elsewhere:
        marts.execute("update marts.profiles set email = 'ada@example.com' where customer_id = 'c-bob'")
    else:
        marts.registered("bob", email="ada@example.com")
    marts.order("bob", "1")
    marts.build()
    assert only(marts.rows("changes.changed_identities", "verdict = 'send'"))["person_key"] == marts.key("ada")
    rows_of_bob = [row for model in CHANGED for row in marts.rows(f"changes.{model}") if row["person_key"] == marts.key("bob")]
    assert {row["verdict"] for row in rows_of_bob if row["email"] == "ada@example.com"} == {"held"}
    marts.fold()
    marts.build()
    if is_delivered_elsewhere:
        rename = only(marts.rows("changes.changed_identities"))
        assert (rename["email"], rename["previous_email"]) == ("ada@example.com", "bob@example.com")
    else:
        user = only(marts.rows("changes.changed_users"))
        assert (user["email"], user["verdict"], user["is_new"]) == ("ada@example.com", "send", True)
        assert changes_of(user)["firstName"] == (None, "Bob")
        assert only(marts.rows("changes.changed_purchases"))["verdict"] == "send"
    marts.fold()
    marts.build()
    assert marts.changed() == {}
    assert {row["email"] for row in marts.rows("delivered.users")} == {"new@example.com", "ada@example.com"}


@by_email
def test_an_address_that_its_former_owner_cannot_give_up_is_not_taken(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.build()
    marts.fold()
    marts.execute("update marts.profiles set email = 'new@example.com'")
    marts.build()
    marts.settle(only(marts.rows("changes.changed_identities")), "rejected", reason="no such domain")
    marts.registered("bob", email="ada@example.com")
    marts.build()
    user = only(marts.rows("changes.changed_users"))
    assert (user["person_key"], user["kind"], user["verdict"]) == (marts.key("bob"), "merge", "held")
    marts.fold()
    marts.build()
    assert marts.changed() == {}


@by_email
def test_user_ids_found_in_an_email_based_project_say_nothing(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.put("raw_iterable.users", email="ada@example.com", user_id="c-bob", read_at=NOW, document='{"firstName": "Ada"}')
    marts.registered("bob")
    marts.build()
    rows = {row["email"]: row for row in marts.rows("changes.changed_users")}
    assert {email: (row["verdict"], row["is_new"]) for email, row in rows.items()} == {
        "ada@example.com": ("send", False), "bob@example.com": ("send", True),
    }  # fmt: skip
