"""The diff of opt-outs: newest word first, once, and to whoever Iterable has."""

from __future__ import annotations

from datetime import timedelta

from tests.property.compiled_marts import NOW
from tests.property.small_marts import SmallMarts
from tests.property.small_shop import only


def test_a_withdrawal_goes_to_people_iterable_has_and_again_after_a_new_word(marts: SmallMarts) -> None:
    ada = marts.registered("ada")
    marts.statement("ada", "granted", at=NOW - timedelta(days=2))
    marts.statement("new", "denied")
    marts.build()
    assert not marts.rows("changes.changed_withdrawals"), "nobody is at Iterable yet"
    marts.fold()
    for day in (1, 0):
        marts.statement("ada", "withdrawn", at=NOW - timedelta(days=day), version=9 - day)
        marts.consent("ada", ada, email="withdrawn")
        marts.build()
        row = only(marts.rows("changes.changed_withdrawals"))
        assert (row["subject"], row["email"], row["user_id"]) == (f"{ada}:email", "ada@example.com", "c-ada")
        assert (row["iterable_channel_id"], row["verdict"]) == (101, "send")
        marts.fold()
        marts.build()
        assert marts.changed() == {}


def test_the_newest_word_about_an_address_counts_whoever_said_it(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.statement("ada", "granted", at=NOW - timedelta(days=1))
    marts.build()
    marts.fold()
    refusal = {"resource_type": "orders", "resource_id": "o1", "customer_id": None}
    marts.statement("ada", "denied", at=NOW - timedelta(days=2), **refusal)
    marts.build()
    assert not marts.rows("changes.changed_withdrawals"), "the customer's own grant is newer"
    marts.statement("ada", "denied", at=NOW, version=2, **refusal)
    marts.build()
    assert only(marts.rows("changes.changed_withdrawals"))["user_id"] == "c-ada"


def test_people_created_unsubscribed_need_no_withdrawal(marts: SmallMarts) -> None:
    bob = marts.guest("bob")
    marts.consent("bob", bob, email="denied")
    marts.statement("bob", "denied", resource_type="orders", resource_id="o1", customer_id=None)
    marts.build()
    marts.fold()
    marts.build()
    assert marts.changed() == {}


def test_a_withdrawal_without_its_channel_at_iterable_is_held_and_says_so(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.build()
    marts.fold()
    marts.execute("delete from raw_iterable.channels where id = 101")
    marts.statement("ada", "denied")
    marts.build()
    row = only(marts.rows("changes.changed_withdrawals"))
    assert row["verdict"] == "held"
    assert "iterable_channels.csv" in str(row["verdict_reason"])


def test_somebody_found_there_whose_address_we_changed_since_is_unsubscribed_once(marts: SmallMarts) -> None:
    ada = marts.registered("ada")
    marts.put("raw_iterable.users", email="ada@example.com", user_id="c-ada", read_at=NOW, document="{}")
    marts.build()
    marts.fold()
    marts.execute("update marts.profiles set email = 'new@example.com' where customer_id = 'c-ada'")
    marts.build()
    marts.fold()
    marts.statement("ada", "withdrawn")
    marts.consent("ada", ada, email="withdrawn")
    marts.build()
    row = only(marts.rows("changes.changed_withdrawals"))
    assert (row["subject"], row["email"], row["user_id"]) == (f"{ada}:email", "new@example.com", "c-ada")
