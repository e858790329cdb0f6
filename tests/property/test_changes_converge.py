"""The diff: what changed is planned once, what did not change is not planned, whatever happens between two runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.property.small_marts import GO_LIVE, NOW, Project, SmallMarts

_PROJECTS: dict[Path, Project] = {}


@pytest.fixture
def marts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallMarts]:
    """Two channels at Iterable, nobody in the shop."""
    small = SmallMarts(tmp_path_factory.mktemp("marts"), _PROJECTS)
    small.put("raw_iterable.channels", id=101, name="Email Marketing", channel_type="Marketing", message_medium="Email")
    small.put("raw_iterable.channels", id=103, name="SMS Marketing", channel_type="Marketing", message_medium="SMS")
    yield small
    small.close()


def shop_with_everything(marts: SmallMarts) -> None:
    """One of each: orders, refund, cancellation, carts, opt-outs, a shared address, a customer deleted later."""
    ada, bob = marts.registered("ada"), marts.guest("bob")
    marts.registered("dan", email="shared@example.com", last_activity_at=NOW - timedelta(days=3))
    marts.registered("eve", email="shared@example.com", last_activity_at=NOW - timedelta(days=2))
    marts.consent("ada", ada, sms="withdrawn")
    marts.statement("ada", "withdrawn", channel="sms")
    marts.statement("ada", "granted")
    marts.statement("bob", "denied", resource_type="orders", resource_id="order-3", customer_id=None)
    marts.consent("bob", bob, email="denied")
    marts.order("ada", "1", total=1200)
    marts.order("ada", "2", at=GO_LIVE - timedelta(seconds=1))
    marts.order("bob", "3", is_guest=True)
    marts.order("dan", "4")
    marts.cart("ada")
    marts.cart("bob")
    marts.put(
        "marts.refunds", refund_id="r1", order_id="order-1", payment_id="pay-1", transaction_id="t1", refund_amount=2,
        currency_code="USD", refunded_at=NOW, source_modified_at=NOW, is_full=False,
    )  # fmt: skip
    marts.put(
        "intermediate.int_orders__status_changes", order_id="order-3", from_status="open", to_status="cancelled",
        changed_at=NOW,
    )  # fmt: skip
    marts.put(
        "intermediate.int_consent__changes", profile_id="profile-ada", channel="sms", purpose="marketing",
        from_status="granted", to_status="withdrawn", changed_at=NOW,
    )  # fmt: skip
    marts.put(
        "intermediate.int_profiles__mapped_attributes", profile_id="profile-ada", iterable_field="loyaltyPoints",
        type="long", value="12",
    )  # fmt: skip


def only(rows: list[dict[str, object]]) -> dict[str, object]:
    assert len(rows) == 1, rows
    return rows[0]


def changes_of(row: dict[str, object]) -> dict[str, tuple[object, object]]:
    return {change["field"]: (change["before"], change["after"]) for change in row["changed_fields"]}  # type: ignore[attr-defined]


def test_after_a_run_that_settled_everything_nothing_is_planned(marts: SmallMarts) -> None:
    shop_with_everything(marts)
    marts.build()
    assert marts.changed() == {
        "changed_users": 4, "changed_purchases": 3, "changed_carts": 2, "changed_events": 3, "new_held_history": 1,
    }  # fmt: skip
    marts.fold()
    marts.build()
    assert marts.changed() == {}


def test_an_hour_passing_changes_nothing_and_sends_no_old_fact(marts: SmallMarts) -> None:
    shop_with_everything(marts)
    marts.build()
    marts.fold()
    marts.execute("update control.run set as_of = as_of + interval 400 days")
    marts.build()
    assert marts.changed() == {}


def test_versions_and_reading_times_are_no_change(marts: SmallMarts) -> None:
    shop_with_everything(marts)
    marts.build()
    marts.fold()
    for table in ("marts.profiles", "marts.orders", "marts.carts", "marts.refunds"):
        marts.execute(f"update {table} set source_modified_at = source_modified_at + interval 1 hour")
    marts.build()
    assert marts.changed() == {}


def test_only_the_changed_fields_are_planned_with_before_and_after(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.guest("bob")
    marts.build()
    marts.fold()
    marts.execute("update marts.profiles set first_name = 'Augusta', time_zone = null where customer_id = 'c-ada'")
    marts.build()
    assert marts.changed() == {"changed_users": 1}
    row = only(marts.rows("changes.changed_users"))
    assert changes_of(row) == {"firstName": ("Ada", "Augusta"), "timeZone": ("America/New_York", None)}
    assert row["consent"] == [
        {"field": "email_marketing", "value": "granted"},
        {"field": "sms_marketing", "value": "unknown"},
    ]
    marts.fold()
    marts.build()
    assert marts.changed() == {}


def test_a_change_taken_back_after_a_refusal_needs_nothing(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.build()
    marts.fold()
    marts.execute("update marts.profiles set first_name = 'Too long'")
    marts.build()
    marts.settle(only(marts.rows("changes.changed_users")), "rejected", reason="too long")
    marts.build()
    assert marts.changed() == {}, "the same refused content is not planned again"
    marts.execute("update marts.profiles set first_name = 'Ada'")
    marts.build()
    assert marts.changed() == {}, "Iterable still has what it accepted before"


def test_people_found_at_iterable_get_only_what_differs(marts: SmallMarts) -> None:
    marts.registered("ada", first_name="Ada", created_at=datetime(2024, 2, 3, 10, 11, 12))
    marts.put(
        "raw_iterable.users", email="Ada@Example.com", user_id="c-ada", read_at=NOW,
        document="""{"firstName": "Ada", "profileCreatedAt": "2024-02-03 10:11:12 +00:00", "emailVerified": true,
            "store": "us", "market": "de", "somebodyElses": 7, "consent": {"email_marketing": "granted"}}""",
    )  # fmt: skip
    marts.build()
    row = only(marts.rows("changes.changed_users"))
    changed = changes_of(row)
    assert changed["market"] == ("de", "us")
    assert changed["consent.sms_marketing"] == (None, "unknown")
    untouched = {"firstName", "profileCreatedAt", "emailVerified", "store", "somebodyElses", "consent.email_marketing"}
    assert not untouched & changed.keys()
    assert (row["is_new"], row["unsubscribe_channel_ids"]) == (False, None)
    marts.fold()
    marts.build()
    assert marts.changed() == {}
    marts.execute("update marts.profiles set first_name = 'Augusta', company_name = 'Engines'")
    marts.build()
    changed = changes_of(only(marts.rows("changes.changed_users")))
    assert changed == {"firstName": ("Ada", "Augusta"), "companyName": (None, "Engines")}


def test_a_person_without_a_grant_is_created_unsubscribed(marts: SmallMarts) -> None:
    ada = marts.registered("ada")
    marts.consent("ada", ada, sms="granted")
    marts.guest("bob")
    marts.build()
    channels = {row["email"]: row["unsubscribe_channel_ids"] for row in marts.rows("changes.changed_users")}
    assert channels == {"ada@example.com": None, "bob@example.com": [101, 103]}


@pytest.mark.parametrize("obstacle", ["opt-in types", "channel missing"])
def test_a_person_who_cannot_be_created_unsubscribed_is_held(marts: SmallMarts, obstacle: str) -> None:
    marts.guest("bob")
    marts.order("bob", "1", is_guest=True)
    if obstacle == "opt-in types":
        marts.put("raw_iterable.message_types", id=1, name="News", channel_id=101, subscription_policy="OptIn")
    else:
        marts.execute("delete from raw_iterable.channels where id = 101")
    marts.build()
    row = only(marts.rows("changes.changed_users"))
    assert (row["verdict"], row["verdict_reason"]) == ("held", "cannot be created unsubscribed")
    order = only(marts.rows("changes.changed_purchases"))
    assert (order["verdict"], order["verdict_reason"]) == ("held", "the person is not at Iterable")


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
    marts.execute("update marts.profiles set is_deleted = true where customer_id = 'c-old'")
    marts.build()
    kinds = {row["user_id"]: (row["kind"], row["verdict"]) for row in marts.rows("changes.changed_users")}
    assert kinds["c-old"] == ("deletion", "held")
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


def test_a_deleted_customer_is_a_visible_held_row_and_a_never_sent_one_is_nothing(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.build()
    marts.fold()
    marts.registered("bob", is_deleted=True)
    marts.execute("update marts.profiles set is_deleted = true where customer_id = 'c-ada'")
    marts.build()
    row = only(marts.rows("changes.changed_users"))
    assert (row["user_id"], row["kind"], row["verdict"]) == ("c-ada", "deletion", "held")
    marts.fold()
    marts.build()
    assert marts.changed() == {}


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


def test_lines_come_in_order_and_each_says_where_it_was_bought(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.order("ada", "1", market_code="jp", store_key="jp", channel_key="app-jp", currency_code="JPY", locale="ja-JP")
    marts.put("marts.order_lines", order_id="order-1", line_number=0, product_id="p0", quantity=1, unit_price=600)
    marts.build()
    items = only(marts.rows("changes.changed_purchases"))["items"]
    assert [item["id"] for item in items] == ["p0", "p1"]  # type: ignore[attr-defined]
    envelope = {"market": "jp", "store": "jp", "channel": "app-jp", "currency": "JPY", "locale": "ja-JP"}
    assert all(item.items() >= envelope.items() for item in items)  # type: ignore[attr-defined]


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


def test_a_fact_is_sent_once_whatever_becomes_of_its_content(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.order("ada", "1")
    marts.order("ada", "2")
    marts.build()
    marts.fold()
    unknown = only(
        marts.rows(
            "delivered.outcomes",
            "kind = 'purchases' and subject <> (select min(subject) from delivered.outcomes where kind = 'purchases')",
        )
    )
    marts.execute(
        "update delivered.outcomes set state = 'held', reason = 'outcome unknown' where subject = ?", unknown["subject"]
    )
    marts.execute("update marts.orders set order_total = 99")
    marts.build()
    assert marts.changed() == {}


def test_facts_before_go_live_or_over_age_are_history_and_counted_once(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.order("ada", "1", at=GO_LIVE - timedelta(seconds=1))
    marts.order("ada", "2", at=NOW - timedelta(hours=168))
    marts.order("ada", "3", at=NOW - timedelta(hours=167))
    marts.build()
    reasons = {row["reason"] for row in marts.rows("changes.new_held_history")}
    assert reasons == {"before go-live", "over the maximum age"}
    fresh = only(marts.rows("changes.changed_purchases"))
    assert fresh["send_before_at"] == NOW + timedelta(hours=1)
    marts.fold()
    marts.build()
    assert marts.changed() == {}


def test_a_fact_of_somebody_refused_at_iterable_is_held_until_the_person_is_there(marts: SmallMarts) -> None:
    marts.registered("ada")
    marts.build()
    marts.settle(only(marts.rows("changes.changed_users")), "rejected", reason="invalid address")
    marts.order("ada", "1")
    marts.build()
    row = only(marts.rows("changes.changed_purchases"))
    assert (row["verdict"], row["verdict_reason"]) == ("held", "the person is not at Iterable")
    marts.fold()
    marts.execute("update marts.profiles set first_name = 'Augusta'")
    marts.build()
    assert only(marts.rows("changes.changed_purchases"))["verdict"] == "send"


def test_a_kind_switched_off_plans_nothing(marts: SmallMarts) -> None:
    shop_with_everything(marts)
    marts.configure("objects", "kind = 'order_refunded'", "is_enabled = false")
    marts.build()
    assert {row["kind"] for row in marts.rows("changes.changed_events")} == {"order_cancelled", "consent_changed"}
