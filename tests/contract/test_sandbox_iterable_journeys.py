"""Journeys at the Iterable stand-in: the sends that what arrives would have started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.contract.iterable_vendor import Vendor

pytest_plugins = ("tests.contract.iterable_vendor",)

ANN, BEN = "ann@example.com", "ben@example.com"
ITEM: dict[str, Any] = {"id": "p-1", "name": "Tea", "price": 2.5, "quantity": 1}
ONCE = {"name": "once", "starts": "event", "of": "e", "reenters": False}


def event(number: int, email: str = ANN, **more: Any) -> dict[str, Any]:
    return {"email": email, "eventName": "e", "id": f"e-{number}", "createdAt": 1, **more}


def purchase(number: int, **data: Any) -> dict[str, Any]:
    return {"id": f"o-{number}", "user": {"email": ANN}, "items": [ITEM], "total": 2.5, "createdAt": 1, "dataFields": data}


def journeys(vendor: Vendor, *raws: dict[str, Any]) -> None:
    vendor.admin("journeys", {"journeys": list(raws)})


def sends(vendor: Vendor, since: int = 0) -> dict[str, int]:
    found = vendor.admin(f"journeys?since={since}")["journeys"]
    return {name: one["sends"] for name, one in found.items()}


def test_a_journey_sends_for_each_trigger_of_its_start_whatever_the_age(iterable_vendor: Vendor) -> None:
    starts = ("event", "purchase", "cart", "field")
    journeys(iterable_vendor, *({"name": name, "starts": name} for name in starts), {"name": "f", "starts": "event", "of": "f"})
    for _ in range(2):
        iterable_vendor.ok("events/trackBulk", {"events": [event(1), event(2, BEN)]})
        iterable_vendor.ok("commerce/trackPurchase", purchase(1))
    iterable_vendor.ok("commerce/updateCart", {"user": {"email": ANN}, "items": [ITEM]})
    iterable_vendor.bulk({"email": ANN, "dataFields": {"a": 1, "b": 2}})
    assert sends(iterable_vendor) == {"event": 4, "purchase": 2, "cart": 1, "field": 2, "f": 0}
    told = iterable_vendor.admin("journeys")["journeys"]
    assert told["event"] == {"sends": 4, "people": 2, "by_name": {"e": 4}}


def test_an_entry_filter_keeps_out_what_says_otherwise_or_nothing(iterable_vendor: Vendor) -> None:
    where = {"isBackfill": False}
    journeys(
        iterable_vendor, {"name": "e", "starts": "event", "where": where}, {"name": "p", "starts": "purchase", "where": where}
    )
    for number, data in enumerate(({"isBackfill": True}, {"isBackfill": False}, {})):
        iterable_vendor.ok("events/track", event(number, dataFields=data))
        iterable_vendor.ok("commerce/trackPurchase", purchase(number, **data))
    assert sends(iterable_vendor) == {"e": 1, "p": 1}


def test_an_entry_filter_may_look_at_created_at(iterable_vendor: Vendor) -> None:
    journeys(iterable_vendor, {"name": "new", "starts": "event", "younger_than_hours": 24})
    now = int(iterable_vendor.project.now())
    for hours in (1, 23, 25):
        iterable_vendor.ok("events/track", event(hours, createdAt=now - hours * 3600))
    assert sends(iterable_vendor) == {"new": 2}


def test_a_journey_may_let_everybody_in_once_only(iterable_vendor: Vendor) -> None:
    journeys(iterable_vendor, ONCE)
    for number, email in enumerate((ANN, ANN, BEN)):
        iterable_vendor.ok("events/track", event(number, email))
    assert sends(iterable_vendor) == {"once": 2}


def test_sends_are_counted_from_a_marker_on(iterable_vendor: Vendor) -> None:
    journeys(iterable_vendor, ONCE, {"name": "each", "starts": "event"})
    iterable_vendor.ok("events/track", event(1))
    marker = iterable_vendor.admin("triggers")["marker"]
    iterable_vendor.ok("events/track", event(2))
    assert sends(iterable_vendor, marker) == {"once": 0, "each": 1}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"name": "x"}, "starts is missing"),
        ({"name": "x", "starts": "weather"}, "event, purchase, cart, field, list"),
        ({"name": "x", "starts": "field", "where": {"a": 1}}, "event or a purchase"),
        ({"name": "x", "starts": "event", "filter": {}}, "unknown member 'filter'"),
    ],
)
def test_a_wrong_journey_is_refused(iterable_vendor: Vendor, raw: dict[str, Any], said: str) -> None:
    answer = iterable_vendor.client.post("/_sandbox/journeys", json={"journeys": [raw]})
    assert answer.status_code == 400
    assert said in answer.text
