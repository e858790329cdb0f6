"""Drift: what somebody else did to profiles is found, with its likely cause; what we did is none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from activation.iterable.evidence import CART_FIELD
from activation.ledger.items import FieldChange, NewItem
from activation.ledger.reading import read_only
from activation.reconcile import ANOTHER_VALUE, GONE, NOT_THERE, STILL_THERE, Reconciled, reconcile
from activation.repair import LEFT_ADVICE, plan_repair
from cartwire.clock import now
from sandbox.iterable.options import Options
from tests.contract.delivery_world import VISIBILITY_S, World, cart, purchase, user

pytest_plugins = ("tests.contract.delivery_world",)

KEY = {"Api-Key": Options().api_key}


def profile(number: int, **values: str | None) -> NewItem:
    """A row whose fields the ledger knows one by one."""
    fields = tuple(
        FieldChange(field=name, type="string", before=None, after=value, fingerprint="f" if value else "")
        for name, value in values.items()
    )
    return user(number, data={**values, "consent": {"email": True}}, fields=fields)


def other_tool(world: World, path: str, body: Any = None, method: str = "POST") -> None:
    world.vendor.request(method, path, json=body, headers=KEY).raise_for_status()


def compared(world: World, *people: int) -> Reconciled:
    with read_only(world.path) as ledger:
        keys = [f"person-{number}" for number in people]
        return reconcile(ledger, world.client, keys, now(), visibility_s=VISIBILITY_S)


@pytest.fixture
def sent(world: World) -> World:
    world.run(*(profile(number, firstName=f"Name {number}", city="Bath", tier=None) for number in range(1, 6)))
    world.sleep(2 * VISIBILITY_S)
    return world


def test_what_iterable_accepted_and_shows_is_no_difference(sent: World) -> None:
    found = compared(sent, 1, 2, 3, 4, 5)
    assert (found.people, found.fields, found.drifts) == (5, 15, ())


def test_each_difference_is_found_with_its_likely_cause(sent: World) -> None:
    other_tool(sent, "/api/users/update", {"email": "person1@example.com", "dataFields": {"city": "Wells"}})
    other_tool(sent, "/api/users/update", {"email": "person2@example.com", "dataFields": {"city": None}})
    other_tool(sent, "/api/users/update", {"email": "person3@example.com", "dataFields": {"tier": "gold"}})
    other_tool(sent, "/api/users/person4@example.com", method="DELETE")
    sent.sleep(2 * VISIBILITY_S)
    found = {(one.person_key, one.field): one.cause for one in compared(sent, 1, 2, 3, 4, 5).drifts}
    assert found == {
        ("person-1", "city"): ANOTHER_VALUE,
        ("person-2", "city"): NOT_THERE,
        ("person-3", "tier"): STILL_THERE,
        ("person-4", None): GONE,
    }


def test_a_cart_counts_as_a_field_and_each_difference_of_it_is_found(sent: World) -> None:
    sent.run(*(cart(number) for number in range(1, 6)))
    sent.run(purchase(1, 4), purchase(2, 5))  # which empty the cart
    sent.sleep(2 * VISIBILITY_S)
    assert (compared(sent, 1, 2, 3, 4, 5).fields, compared(sent, 1, 2, 3, 4, 5).drifts) == (20, ())

    for person, quantity in ((2, 7), (5, 7)):
        item = {"id": "p-1", "name": "Tea", "price": 2.5, "quantity": quantity}
        body = {"user": {"email": f"person{person}@example.com"}, "items": [item]}
        other_tool(sent, "/api/commerce/updateCart", body)
    other_tool(sent, "/api/commerce/updateCart", {"user": {"email": "person3@example.com"}, "items": []})
    sent.sleep(2 * VISIBILITY_S)
    found = compared(sent, 1, 2, 3, 4, 5)
    assert {(one.person_key, one.field): one.cause for one in found.drifts} == {
        ("person-2", CART_FIELD): ANOTHER_VALUE,
        ("person-3", CART_FIELD): NOT_THERE,
        ("person-5", CART_FIELD): STILL_THERE,
    }
    with read_only(sent.path) as ledger:
        repair = plan_repair(found.drifts, ledger, set())
    assert (repair.carts, repair.people, repair.requests) == (3, 3, 3)


def test_a_cart_that_was_sent_or_emptied_just_now_is_left_out(sent: World) -> None:
    sent.run(cart(1), cart(2))
    sent.sleep(2 * VISIBILITY_S)
    sent.run(purchase(1, 2))
    assert (compared(sent, 1, 2).people, compared(sent, 1, 2).too_fresh) == (1, 1)


def test_what_was_sent_just_now_is_left_out(sent: World) -> None:
    sent.run(profile(1, city="Wells"))
    found = compared(sent, 1, 2)
    assert (found.people, found.too_fresh) == (1, 1)


def test_somebody_whose_rows_are_open_is_left_out(sent: World) -> None:
    sent.frozen(profile(1, city="Wells"))
    sent.sleep(2 * VISIBILITY_S)
    assert compared(sent, 1).too_fresh == 1


def test_a_sample_is_of_people_iterable_accepted_and_names_each_once(sent: World) -> None:
    with read_only(sent.path) as ledger:
        keys = ledger.sampled_people([number / 50 for number in range(50)])
    assert sorted(keys) == [f"person-{number}" for number in range(1, 6)]


def test_a_field_that_config_leaves_to_iterable_in_the_persons_market_is_told_and_the_others_are_repaired(world: World) -> None:
    world.run(*(replace(profile(number, city="Bath"), market_code=market) for number, market in ((1, "de"), (2, "at"))))
    for number in (1, 2):
        other_tool(world, "/api/users/update", {"email": f"person{number}@example.com", "dataFields": {"city": "Wells"}})
    world.sleep(2 * VISIBILITY_S)
    found = compared(world, 1, 2)
    with read_only(world.path) as ledger:
        repair = plan_repair(found.drifts, ledger, {("de", "city"), ("at", "tier")})
    assert [(one.drift.person_key, one.advice) for one in repair.told] == [("person-1", LEFT_ADVICE)]
    assert [(one.person_key, one.field) for one in repair.fields] == [("person-2", "city")]
    assert (repair.people, repair.requests) == (1, 1)
