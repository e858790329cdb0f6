"""The diff of carts: sent once, emptied once, after the purchase that would clear them."""

from __future__ import annotations

from tests.property.small_marts import SmallMarts
from tests.property.small_shop import only


def test_a_cart_beside_a_planned_purchase_is_sent_after_it_though_unchanged(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.cart("ada")
    marts.build()
    marts.fold()
    marts.order("ada", "1")
    marts.build()
    purchase = only(marts.rows("changes.changed_purchases"))
    assert only(marts.rows("changes.changed_carts"))["depends_on"] == purchase["subject"]
    marts.fold()
    marts.build()
    assert marts.changed() == {}


def test_a_cart_that_became_an_order_is_emptied_by_the_purchase(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.cart("ada")
    marts.build()
    marts.fold()
    marts.execute("update marts.carts set is_current = false")
    marts.order("ada", "1")
    marts.build()
    assert marts.changed() == {"changed_purchases": 1}
    marts.fold()
    marts.build()
    assert marts.changed() == {}


def test_a_cart_that_is_gone_without_a_purchase_is_emptied_once(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.cart("ada")
    marts.build()
    marts.fold()
    marts.execute("delete from marts.carts")
    marts.build()
    row = only(marts.rows("changes.changed_carts"))
    assert (row["items"], row["verdict"], row["depends_on"]) == ([], "send", None)
    marts.fold()
    marts.build()
    assert marts.changed() == {}


def test_a_suppressed_cart_is_planned_again_when_consent_comes(marts: SmallMarts) -> None:
    bob = marts.guest("bob")
    marts.cart("bob")
    marts.build()
    assert only(marts.rows("changes.changed_carts"))["verdict"] == "suppressed"
    marts.fold()
    marts.build()
    assert marts.changed() == {}
    marts.consent("bob", bob, email="granted")
    marts.build()
    assert only(marts.rows("changes.changed_carts"))["verdict"] == "send"


def test_a_cart_iterable_still_shows_is_not_sent_again_after_consent_went_and_came(marts: SmallMarts) -> None:
    bob = marts.guest("bob")
    marts.consent("bob", bob, email="granted")
    marts.cart("bob")
    marts.build()
    assert only(marts.rows("changes.changed_carts"))["verdict"] == "send"
    marts.fold()
    marts.consent("bob", bob, email="withdrawn")
    marts.build()
    assert only(marts.rows("changes.changed_carts"))["verdict"] == "suppressed"
    marts.fold()
    marts.build()
    assert marts.changed() == {}
    marts.consent("bob", bob, email="granted")
    marts.build()
    assert marts.rows("changes.changed_carts") == []
