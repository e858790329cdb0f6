"""commerce/trackPurchase and commerce/updateCart."""

from __future__ import annotations

from typing import Any

from sandbox.iterable import bodies, profiles
from sandbox.iterable.calls import Answer, Call
from sandbox.iterable.errors import Failure, bad_params, success
from sandbox.iterable.field_types import TypeCheck
from sandbox.iterable.people import Person
from sandbox.iterable.profile_calls import need_identifier, single_failure
from sandbox.iterable.profiles import Row
from sandbox.iterable.project import Project
from sandbox.iterable.timeline import CUSTOM, PURCHASE, Entry
from sandbox.iterable.tracking import check_id, read_created_at, refuse_oversized
from sandbox.iterable.triggers import CART
from sandbox.iterable.triggers import PURCHASE as PURCHASE_TRIGGER

CART_EVENT = "updateCart"
_REQUIRED_OF_ITEM = ("id", "name", "price", "quantity")


def track_purchase(project: Project, call: Call) -> Answer:
    """POST commerce/trackPurchase: the same id updates; clears the cart; creates or updates the person."""
    check = bodies.BodyCheck()
    raw = check.object(call.body, bodies.PURCHASE, "obj", ("user", "items", "total"))
    user = check.object(raw.get("user", {}), bodies.SINGLE_USER, "obj.user")
    items = check.rows(raw, "items", bodies.ITEM, _REQUIRED_OF_ITEM)
    call.refuse_faults(project, check)
    need_identifier(user)
    check_id(raw.get("id"), "obj.id")
    if not items and project.options.strict:
        raise bad_params("items must not be empty")
    created_at = read_created_at(project, raw, call.endpoint)
    project.note_contract("purchases", raw, call.endpoint)
    _note_money(project, call, items, raw)
    types = project.purchase_check()
    stored_items = _typed_items(types, items)
    data = types.document(raw.get("dataFields") or {})
    person = _person(project, call, user, types)
    purchase_id: str = raw.get("id") or project.generated_id()
    extra = {key: raw[key] for key in ("campaignId", "templateId") if key in raw}
    now, state = project.now(), project.state
    content = {**data, **extra, "total": raw["total"], "shoppingCartItems": stored_items}
    _, is_update = state.timeline.put(PURCHASE, purchase_id, person, Entry(project.visible_at(), now, None, created_at, content))
    repeats = ("purchase",) if is_update else ()
    state.triggers.add(
        PURCHASE_TRIGGER, person.key, ("purchase",), now, id=purchase_id, repeats=repeats, said=content, created_at=created_at
    )
    project.publish(person, {**person.fields, "shoppingCartItems": []})
    return Answer(success("", {"id": purchase_id}))


def update_cart(project: Project, call: Call) -> Answer:
    """POST commerce/updateCart: replaces the profile's cart and writes an updateCart event, each time anew."""
    check = bodies.BodyCheck()
    raw = check.object(call.body, bodies.CART, "obj", ("user", "items"))
    user = check.object(raw.get("user", {}), bodies.SINGLE_USER, "obj.user")
    items = check.rows(raw, "items", bodies.ITEM, _REQUIRED_OF_ITEM)
    call.refuse_faults(project, check)
    need_identifier(user)
    _note_money(project, call, items, raw)
    types = project.purchase_check()
    stored_items = _typed_items(types, items)
    person = _person(project, call, user, types)
    now, state = project.now(), project.state
    before = person.fields.get("shoppingCartItems", [])
    repeats = (CART_EVENT,) if before == stored_items else ()
    state.timeline.put(
        CUSTOM,
        None,
        person,
        Entry(project.visible_at(), now, CART_EVENT, int(now), {"updatedShoppingCartItems": stored_items}),
    )
    state.triggers.add(CART, person.key, (CART_EVENT,), now, repeats=repeats)
    project.publish(person, {**person.fields, "shoppingCartItems": stored_items})
    return Answer(success())


def _person(project: Project, call: Call, user: dict[str, Any], types: TypeCheck) -> Person:
    """The buyer: found or created, profile fields applied. Any refusal refuses the call before it had an effect."""
    profile_types = project.profile_check(user.get("createNewFields"))
    row: Row = profiles.read_row(project, user, profile_types)
    project.fix_types(call.path, types, profile_types)
    refuse_oversized(types)
    outcome = profiles.apply_row(project, row, call.endpoint, may_rename=True)
    if isinstance(outcome, Failure):
        raise single_failure(project, outcome)
    return outcome


def _typed_items(types: TypeCheck, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Type-check the items' dataFields; they count against the purchase's fields."""
    return [
        {**item, "dataFields": types.document(item["dataFields"], "shoppingCartItems.dataFields.")}
        if "dataFields" in item
        else item
        for item in items
    ]


def _note_money(project: Project, call: Call, items: list[dict[str, Any]], raw: dict[str, Any]) -> None:
    if isinstance(raw.get("total"), int):
        project.note("money_without_fraction", call.endpoint, "total")
    for index, item in enumerate(items):
        if isinstance(item["price"], int):
            project.note("money_without_fraction", call.endpoint, f"items[{index}].price")
