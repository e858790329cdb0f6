"""The JSON schema of each request body: what fails as BadJsonBody, named by its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

INT64_MAX = 2**63


def _is_string(value: Any) -> bool:
    return isinstance(value, str)


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -INT64_MAX <= value < INT64_MAX


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_array(value: Any) -> bool:
    return isinstance(value, list)


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(element, str) for element in value)


def _is_integers(value: Any) -> bool:
    return isinstance(value, list) and all(_is_integer(element) for element in value)


@dataclass(frozen=True, slots=True)
class Shape:
    """One JSON type: its check and the vendor's words for a value of another type."""

    check: Callable[[Any], bool]
    words: str


STRING = Shape(_is_string, "String value expected")
BOOLEAN = Shape(_is_boolean, "Boolean value expected")
INTEGER = Shape(_is_integer, "Integer value expected")
NUMBER = Shape(_is_number, "Number value expected")
OBJECT = Shape(_is_object, "Object value expected")
ARRAY = Shape(_is_array, "Array value expected")
STRINGS = Shape(_is_strings, "Array of strings expected")
INTEGERS = Shape(_is_integers, "Array of integers expected")
MISSING = "Required value missing"

Model = Mapping[str, Shape]

PERSON: Model = {"email": STRING, "userId": STRING}
USER: Model = {
    **PERSON,
    "dataFields": OBJECT,
    "preferUserId": BOOLEAN,
    "mergeNestedObjects": BOOLEAN,
}
SINGLE_USER: Model = {**USER, "createNewFields": BOOLEAN}
BULK_USERS: Model = {"users": ARRAY, "createNewFields": BOOLEAN}
EMAIL_CHANGE: Model = {"currentEmail": STRING, "currentUserId": STRING, "newEmail": STRING}
MERGE: Model = {
    "sourceEmail": STRING,
    "sourceUserId": STRING,
    "destinationEmail": STRING,
    "destinationUserId": STRING,
    "arrayMerge": ARRAY,
}
ARRAY_MERGE: Model = {"field": STRING, "dedupeBy": STRING}
SUBSCRIPTIONS: Model = {
    **PERSON,
    "emailListIds": INTEGERS,
    "unsubscribedChannelIds": INTEGERS,
    "unsubscribedMessageTypeIds": INTEGERS,
    "subscribedMessageTypeIds": INTEGERS,
    "campaignId": INTEGER,
    "templateId": INTEGER,
    "validateChannelAlignment": BOOLEAN,
}
BULK_SUBSCRIPTIONS: Model = {"updateSubscriptionsRequests": ARRAY}
LIST: Model = {"name": STRING, "description": STRING}
LIST_SUBSCRIBE: Model = {"listId": INTEGER, "subscribers": ARRAY, "updateExistingUsersOnly": BOOLEAN}
LIST_UNSUBSCRIBE: Model = {"listId": INTEGER, "subscribers": ARRAY, "campaignId": INTEGER, "channelUnsubscribe": BOOLEAN}
SUBSCRIPTION_ACTION: Model = {"users": STRINGS, "usersByUserId": STRINGS}
EVENT: Model = {
    **PERSON,
    "eventName": STRING,
    "id": STRING,
    "createdAt": INTEGER,
    "dataFields": OBJECT,
    "campaignId": INTEGER,
    "templateId": INTEGER,
    "createNewFields": BOOLEAN,
}
BULK_EVENTS: Model = {"events": ARRAY}
PURCHASE: Model = {
    "user": OBJECT,
    "items": ARRAY,
    "total": NUMBER,
    "id": STRING,
    "createdAt": INTEGER,
    "campaignId": INTEGER,
    "templateId": INTEGER,
    "dataFields": OBJECT,
}
CART: Model = {"user": OBJECT, "items": ARRAY}
ITEM: Model = {
    "id": STRING,
    "name": STRING,
    "price": NUMBER,
    "quantity": INTEGER,
    "sku": STRING,
    "description": STRING,
    "url": STRING,
    "imageUrl": STRING,
    "categories": STRINGS,
    "dataFields": OBJECT,
}


class BodyCheck:
    """Collects the faults of one body; `unknown` collects keys that no model knows."""

    def __init__(self) -> None:
        self.faults: dict[str, str] = {}
        self.unknown: dict[str, None] = {}

    def object(self, value: Any, model: Model, place: str, required: Iterable[str] = ()) -> dict[str, Any]:
        """Check one object against its model; null counts as absent. Returns it without nulls and unknown keys."""
        if not isinstance(value, dict):
            self.faults[place] = OBJECT.words
            return {}
        kept: dict[str, Any] = {}
        for key, found in value.items():
            shape = model.get(key)
            if shape is None:
                self.unknown[f"{place}.{key}"] = None
            elif found is not None:
                if not shape.check(found):
                    self.faults[f"{place}.{key}"] = shape.words
                kept[key] = found
        for key in required:
            if key not in kept:
                self.faults[f"{place}.{key}"] = MISSING
        return kept

    def rows(self, body: dict[str, Any], key: str, model: Model, required: Iterable[str] = ()) -> list[dict[str, Any]]:
        """Check each element of the array `body[key]`, placed as `obj.<key>[i]`."""
        found = body.get(key)
        if not isinstance(found, list):
            return []
        return [self.object(row, model, f"obj.{key}[{index}]", required) for index, row in enumerate(found)]
