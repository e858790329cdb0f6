"""Update actions: what POST /{resource}/{id} may change, and the Message each change leaves.

A reasonable part of commercetools' actions; an action that is not here is refused like an unknown one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.commercetools.errors import ApiError, concurrent, invalid_json, not_found
from sandbox.commercetools.resources import ENUM_VALUES, Resource
from sandbox.commercetools.store import Document, Store

Action = Mapping[str, Any]
Apply = Callable[[Document, Action], "Notice | None"]


@dataclass(frozen=True, slots=True)
class Notice:
    """The Message a change leaves: its type and its own fields."""

    message_type: str
    payload: dict[str, Any]


def update(store: Store, resource: Resource, resource_id: str, body: Any) -> Document:
    """Apply {"version", "actions": [...]}; the version rises by one for each action, or one if there is none.

    Raises: ApiError 400 for a wrong body, 404, 409 with currentVersion.
    """
    if not isinstance(body, dict):
        raise invalid_json("The body must be an object.")
    expected, actions = body.get("version"), body.get("actions")
    if not isinstance(expected, int) or isinstance(expected, bool):
        raise invalid_json("version: Missing required value")
    if not isinstance(actions, list):
        raise invalid_json("actions: Missing required value")
    planned = [_planned(resource, action) for action in actions]
    current = store.version(resource.name, resource_id)
    if current is None:
        raise not_found(f"ID '{resource_id}'")
    if current != expected:
        raise concurrent(resource_id, expected, current)
    notices: list[Notice] = []

    def mutate(document: Document) -> None:
        for apply, action in planned:
            if (notice := apply(document, action)) is not None:
                notices.append(notice)

    changed = store.update(resource.name, resource_id, mutate, by=max(1, len(planned)))
    for notice in notices:
        at = changed["lastModifiedAt"]
        store.add_message(notice.message_type, resource.type_id, resource_id, changed["version"], at, **notice.payload)
    return changed


def _planned(resource: Resource, action: Any) -> tuple[Apply, Action]:
    name = action.get("action") if isinstance(action, dict) else None
    if name is None:
        raise invalid_json("actions: action: Missing required value")
    apply = ACTIONS.get((resource.name, name))
    if apply is None and name in SHARED_ACTIONS:
        field, shared = SHARED_ACTIONS[name]
        apply = shared if field in resource.fields else None
    if apply is None:
        raise invalid_json(f"actions: Invalid type value '{name}' in '{resource.type_id}' update action.")
    return apply, action


def _required(action: Action, name: str) -> Any:
    if action.get(name) is None:
        raise invalid_json(f"actions: {name}: Missing required value")
    return action[name]


def _set_field(field: str, message_type: str | None = None, *, is_required: bool = False) -> Apply:
    """An action that sets one top-level field, or removes it when the action has no value for it."""

    def apply(document: Document, action: Action) -> Notice | None:
        value = _required(action, field) if is_required else action.get(field)
        if value is None:
            document.pop(field, None)
        else:
            document[field] = value
        return Notice(message_type, {} if value is None else {field: value}) if message_type else None

    return apply


def _set_state(resource: str, field: str, message_type: str) -> Apply:
    """An action that moves a state field; its Message says from where to where. No Message if nothing moved."""

    def apply(document: Document, action: Action) -> Notice | None:
        value = _required(action, field)
        type_name, allowed = ENUM_VALUES[resource, field]
        if value not in allowed:
            raise invalid_json(f"actions: {field}: Invalid enum value '{value}' for type '{type_name}'.")
        old = document.get(field)
        document[field] = value
        if value == old:
            return None
        old_field = f"old{field[0].upper()}{field[1:]}"
        return Notice(message_type, {field: value} | ({} if old is None else {old_field: old}))

    return apply


def _change_email(document: Document, action: Action) -> Notice:
    email, old = _required(action, "email"), document.get("email")
    document["email"] = email
    document["isEmailVerified"] = False
    return Notice("CustomerEmailChanged", {"email": email} | ({} if old is None else {"oldEmail": old}))


def _set_customer_email(document: Document, action: Action) -> Notice:
    email, old = action.get("email"), document.pop("customerEmail", None)
    if email is not None:
        document["customerEmail"] = email
    payload = {"email": email, "oldEmail": old}
    return Notice("OrderCustomerEmailSet", {name: value for name, value in payload.items() if value is not None})


def _set_customer_group(document: Document, action: Action) -> Notice:
    group = action.get("customerGroup")
    if group is None:
        document.pop("customerGroup", None)
        return Notice("CustomerGroupSet", {})
    document["customerGroup"] = group
    return Notice("CustomerGroupSet", {"customerGroup": group})


def _set_custom_type(document: Document, action: Action) -> None:
    if action.get("type") is None:
        document.pop("custom", None)
    else:
        document["custom"] = {"type": action["type"], "fields": dict(action.get("fields") or {})}


def _set_custom_field(message_prefix: str | None) -> Apply:
    def apply(document: Document, action: Action) -> Notice | None:
        name, value = _required(action, "name"), action.get("value")
        if "custom" not in document:
            raise ApiError(400, "InvalidOperation", "The resource has no custom type, so it has no custom fields.")
        fields = document["custom"].setdefault("fields", {})
        old = fields.pop(name, None)
        if value is not None:
            fields[name] = value
        if message_prefix is None or value == old:
            return None
        if value is None:
            return Notice(f"{message_prefix}CustomFieldRemoved", {"name": name})
        if old is None:
            return Notice(f"{message_prefix}CustomFieldAdded", {"name": name, "value": value})
        return Notice(f"{message_prefix}CustomFieldChanged", {"name": name, "value": value, "previousValue": old})

    return apply


# Actions of every resource that has the field: name → (field, what to do).
SHARED_ACTIONS: dict[str, tuple[str, Apply]] = {
    "setKey": ("key", _set_field("key")),
    "setCustomType": ("custom", _set_custom_type),
    "setCustomField": ("custom", _set_custom_field(None)),
}

# Customer actions without a Message are those for which the API reference names none.
ACTIONS: dict[tuple[str, str], Apply] = {
    ("customers", "setCustomField"): _set_custom_field("Customer"),
    ("customers", "changeEmail"): _change_email,
    ("customers", "setLocale"): _set_field("locale"),
    ("customers", "setFirstName"): _set_field("firstName", "CustomerFirstNameSet"),
    ("customers", "setLastName"): _set_field("lastName", "CustomerLastNameSet"),
    ("customers", "setCompanyName"): _set_field("companyName", "CustomerCompanyNameSet"),
    ("customers", "setDateOfBirth"): _set_field("dateOfBirth", "CustomerDateOfBirthSet"),
    ("customers", "setCustomerGroup"): _set_customer_group,
    ("orders", "setCustomField"): _set_custom_field("Order"),
    ("orders", "changeOrderState"): _set_state("orders", "orderState", "OrderStateChanged"),
    ("orders", "changePaymentState"): _set_state("orders", "paymentState", "OrderPaymentStateChanged"),
    ("orders", "changeShipmentState"): _set_state("orders", "shipmentState", "OrderShipmentStateChanged"),
    ("orders", "setCustomerEmail"): _set_customer_email,
    ("orders", "setLocale"): _set_field("locale"),
    ("carts", "setCustomerEmail"): _set_field("customerEmail"),
    ("carts", "setCountry"): _set_field("country"),
    ("carts", "setLocale"): _set_field("locale"),
    ("categories", "changeName"): _set_field("name", is_required=True),
    ("customer_groups", "changeName"): _set_field("name", is_required=True),
    ("stores", "setName"): _set_field("name"),
    ("channels", "changeName"): _set_field("name", is_required=True),
}
