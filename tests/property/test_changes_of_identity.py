"""The diff of who is who: shared addresses, guests who register, changes of address."""

from __future__ import annotations

from datetime import timedelta

from tests.property.compiled_marts import NOW
from tests.property.small_marts import SmallMarts
from tests.property.small_shop import changes_of, only


def test_of_profiles_sharing_an_address_one_is_sent_and_the_rest_is_held(marts: SmallMarts) -> None:
    marts.registered("old", email="shared@example.com", last_activity_at=NOW - timedelta(days=9))
    marts.registered("new", email="shared@example.com", is_email_verified=False)
    marts.guest("guest", email="shared@example.com")
    marts.order("guest", "1", is_guest=True)
    marts.build()
    verdicts = {row["user_id"]: (row["verdict"], row["verdict_reason"]) for row in marts.rows("changes.changed_users")}
    reason = "identifier owned by another profile"
    assert verdicts == {"c-old": ("send", None), "c-new": ("held", reason), None: ("held", reason)}
    assert only(marts.rows("changes.changed_purchases"))["verdict_reason"] == reason
    marts.fold()
    marts.delete_customer("old")
    marts.build()
    kinds = {row["user_id"]: (row["kind"], row["verdict"]) for row in marts.rows("changes.changed_users")}
    assert only(marts.rows("changes.changed_identities"))["kind"] == "deletion"
    assert kinds["c-new"] == ("merge", "held"), "Iterable still has the address under the deleted customer's id"


def test_a_guest_who_registers_keeps_the_user_at_iterable(marts: SmallMarts) -> None:
    marts.guest("ada", first_name="Ada")
    marts.build()
    marts.fold()
    marts.execute("delete from marts.profiles")
    marts.execute("delete from marts.consent_state")
    marts.registered("ada", first_name="Ada")
    marts.order("ada", "1")
    marts.build()
    row = only(marts.rows("changes.changed_users"))
    changed = changes_of(row)
    assert (row["verdict"], row["is_new"], row["unsubscribe_channel_ids"]) == ("send", False, None)
    assert changed["profileType"] == ("guest", "registered")
    assert "firstName" not in changed
    assert only(marts.rows("changes.changed_purchases"))["waits_for_person"], "the userId is not at Iterable yet"
    marts.fold()
    marts.build()
    assert marts.changed() == {}
    marts.execute("update marts.profiles set first_name = 'Augusta'")
    marts.build()
    assert changes_of(only(marts.rows("changes.changed_users"))) == {"firstName": ("Ada", "Augusta")}


def test_a_new_address_is_changed_first_and_the_person_waits(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.build()
    marts.fold()
    marts.execute("update marts.profiles set email = 'new@example.com', first_name = 'Augusta'")
    marts.order("ada", "1")
    marts.build()
    rename = only(marts.rows("changes.changed_identities"))
    assert (rename["kind"], rename["verdict"]) == ("email_change", "send")
    assert (rename["email"], rename["previous_email"], rename["user_id"]) == ("new@example.com", "ada@example.com", "c-ada")
    user = only(marts.rows("changes.changed_users"))
    assert (user["email"], user["waits_for_person"]) == ("new@example.com", True)
    assert only(marts.rows("changes.changed_purchases"))["waits_for_person"]
    marts.fold()
    marts.build()
    assert marts.changed() == {}


def test_an_address_change_refused_for_good_leaves_the_person_under_the_old_one(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.build()
    marts.fold()
    marts.execute("update marts.profiles set email = 'new@example.com', first_name = 'Augusta'")
    marts.build()
    marts.settle(only(marts.rows("changes.changed_identities")), "rejected", reason="no such domain")
    marts.build()
    user = only(marts.rows("changes.changed_users"))
    assert (user["email"], user["waits_for_person"]) == ("ada@example.com", False)
    assert not marts.rows("changes.changed_identities")


def test_an_address_that_another_user_has_is_a_merge_and_held(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.guest("bob")
    marts.build()
    marts.fold()
    marts.execute("update marts.profiles set email = 'bob@example.com' where customer_id = 'c-ada'")
    marts.build()
    rename = only(marts.rows("changes.changed_identities"))
    assert (rename["kind"], rename["verdict"]) == ("merge", "held")
    marts.fold()
    marts.build()
    assert marts.changed() == {}
