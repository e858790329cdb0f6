"""What counts as arrived when a lost row is read back."""

from __future__ import annotations

from typing import Any

import pytest

from activation.iterable.evidence import Evidence, of_cart, of_deletion, of_email_change, of_fact, of_merge, of_user


def arrived(sent: Any, shown: Any) -> bool:
    return of_user({"dataFields": {"x": sent}}, {"email": "a@example.com", "dataFields": {"x": shown}}) is Evidence.present


@pytest.mark.parametrize(
    ("sent", "shown", "same"),
    [
        ("Ann", "Ann", True),
        ("Ann", "ann", False),
        (1200.0, 1200, True),
        (1, True, False),
        (None, None, True),
        (None, "still there", False),
        ("2024-02-03T10:11:12.345Z", "2024-02-03 10:11:12 +00:00", True),
        ("2024-02-03T10:11:12.345Z", "2024-02-03 10:11:13 +00:00", False),
        ("2024-02-03T10:11:12.000Z", "2024-02-03 11:11:12 +01:00", True),
        (["a", "b"], ["a", "b"], True),
        (["a", "b"], ["b", "a"], False),
        ({"email": True}, {"email": True, "sms": False}, True),
        ({"email": True}, {"email": False}, False),
        ({"email": True}, None, False),
    ],
)
def test_a_value_is_recognised_in_the_form_iterable_keeps_it(sent: Any, shown: Any, same: bool) -> None:
    assert arrived(sent, shown) is same


def test_nobody_there_means_absent() -> None:
    assert of_user({"email": "a@example.com", "dataFields": {}}, None) is Evidence.absent


def test_an_unsubscribe_on_creation_counts_when_the_channels_are_among_those_left() -> None:
    sent = {"dataFields": {"unsubscribedChannelIds": [101]}}
    assert of_user(sent, {"dataFields": {"unsubscribedChannelIds": [101, 103]}}) is Evidence.present
    assert of_user(sent, {"dataFields": {}}) is Evidence.absent


def test_an_email_change_is_seen_in_the_identifier() -> None:
    sent = {"userId": "u", "dataFields": {"email": "New@example.com"}}
    assert of_user(sent, {"email": "new@example.com", "userId": "u", "dataFields": {}}) is Evidence.present
    assert of_user(sent, {"email": "old@example.com", "userId": "u", "dataFields": {}}) is Evidence.absent


def test_a_fact_is_found_by_its_id_and_a_full_page_without_it_proves_nothing() -> None:
    assert of_fact({"id": "e-1"}, [{"id": "e-0"}, {"id": "e-1"}]) is Evidence.present
    assert of_fact({"id": "e-1"}, [{"id": "e-0"}]) is Evidence.absent
    assert of_fact({"id": "e-1"}, [{"id": f"x-{n}"} for n in range(200)]) is Evidence.unclear


def test_a_cart_is_compared_by_its_lines_in_any_order() -> None:
    tea, jam = {"id": "t", "quantity": 1, "price": 2.0, "name": "Tea"}, {"id": "j", "quantity": 2, "price": 3.5}
    shown = {"dataFields": {"shoppingCartItems": [jam, {**tea, "price": 2}]}}
    assert of_cart({"items": [tea, jam]}, shown) is Evidence.present
    assert of_cart({"items": [tea]}, shown) is Evidence.absent
    assert of_cart({"items": []}, {"dataFields": {}}) is Evidence.present


SOMEBODY = {"email": "a@example.com"}


def test_a_change_of_address_happened_if_the_new_one_is_there_and_the_old_one_is_not() -> None:
    assert of_email_change(None, SOMEBODY) is Evidence.present
    assert of_email_change(SOMEBODY, None) is Evidence.absent
    assert of_email_change(SOMEBODY, SOMEBODY) is Evidence.unclear
    assert of_email_change(None, None) is Evidence.unclear


def test_a_merge_happened_if_its_source_is_gone_and_its_destination_is_there() -> None:
    assert of_merge(None, SOMEBODY) is Evidence.present
    assert of_merge(SOMEBODY, SOMEBODY) is Evidence.absent
    assert of_merge(SOMEBODY, None) is Evidence.absent
    assert of_merge(None, None) is Evidence.unclear


def test_a_deletion_happened_if_nobody_is_there() -> None:
    assert of_deletion(None) is Evidence.present
    assert of_deletion(SOMEBODY) is Evidence.absent
