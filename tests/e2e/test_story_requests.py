"""What holds of every request of the shared story, whoever it is about."""

from __future__ import annotations

import re

import pytest

from cartwire.settings import REPOSITORY
from sandbox.shop.day_orders import GUEST_EMAIL
from tests.e2e.consequences import CHANNELS, money
from tests.e2e.story import Story, day_of

pytestmark = pytest.mark.xdist_group("story")


def test_the_shop_day_concerns_nobody_but_its_players(story: Story) -> None:
    players = {name for report in story.day.values() for name in story.names_of(report.get("customer_id"))}
    assert {sent.person for sent in day_of(story)} <= players | set(story.names_of(None, GUEST_EMAIL))


def test_requests_carry_only_identifiers_that_the_project_has(story: Story) -> None:
    rows = [sent.row.get("user", sent.row) for chapter in story.chapters.values() for sent in chapter.sent()]
    has_email, has_id = (sum(key in row for row in rows) for key in ("email", "userId"))
    if story.identity == "email":
        assert has_id == 0 < has_email
    elif story.identity == "user_id":
        assert has_id == len(rows)
    for row in rows:
        assert re.fullmatch(r"[!-~]{1,52}", row.get("userId", "absent"))
        assert "@" not in row.get("userId", "")


def test_every_write_about_a_person_carries_the_consent_object(story: Story) -> None:
    calls = ("users/bulkUpdate", "users/update")
    rows = [sent.row for chapter in story.chapters.values() for sent in chapter.sent() if sent.call in calls]
    assert len(rows) > 40
    for row in rows:
        assert row["dataFields"]["consent"].keys() == CHANNELS.keys()


def test_yen_and_dinars_go_out_exact_and_as_doubles(story: Story) -> None:
    people = [sent.row["dataFields"] for sent in story.chapters["first"].sent() if sent.call == "users/bulkUpdate"]
    yen = {money(data["lifetimeValueGross"]) for data in people if data["currency"] == "JPY" and "orderCount" in data}
    dinars = {money(data["lifetimeValueGross"]) for data in people if data["currency"] == "KWD" and "orderCount" in data}
    assert yen
    assert all(value == value.to_integral_value() for value in yen)
    assert any(value != round(value, 2) for value in dinars), "three decimals"


def test_a_fact_has_one_id_whether_polls_messages_or_a_rebuild_from_nothing_told_of_it(whole_story: Story) -> None:
    """All but what only our own history of versions dates: it is gone with the warehouse, and says nothing of the past."""
    of_history = {"consent_changed", "loyalty_changed", "order_updated", "checkout_started", "cart_recovered"}
    sent = {(row.get("eventName", "purchases"), row["id"]) for row in (sent.row for sent in day_of(whole_story)) if "id" in row}
    grown, rebuilt, without = (whole_story.fact_ids[name] for name in ("grown", "rebuilt", "rebuilt without Messages"))
    assert sent <= grown
    assert {fact for fact in sent if fact[0] not in of_history} <= rebuilt
    own = {"purchases", "order_refunded", "order_returned", "shipment_created"}
    ids = [{fact for fact in facts if fact[0] in own} for facts in (grown, rebuilt, without)]
    assert ids[0] == ids[1] == ids[2]
    assert {kind for kind, _ in ids[0]} == own
    accounts = [{fact for fact in facts if fact[0] == "customer_created"} for facts in (grown, rebuilt, without)]
    gone = [fact for fact in grown if fact[0] == "customer_deleted"]
    assert accounts[0] >= accounts[1] == accounts[2]
    assert len(accounts[0] - accounts[1]) == len(gone) > 0, "nobody can read when a deleted customer was made"
    assert {kind for kind, _ in sent} >= {*own, "customer_created", "order_cancelled"}
    transitions = {"order_cancelled", "order_status_changed", "customer_email_changed", "customer_group_changed"}
    assert {fact for fact in without if fact[0] not in transitions | of_history} <= grown


def test_every_event_name_occurs_in_the_shop_day_or_is_accounted_for(story: Story) -> None:
    """An abandoned cart falls due by time and not by what happens on a day; two kinds are switched off as shipped, one is no shop's."""
    named = {sent.row["eventName"] for sent in day_of(story) if sent.call == "events/trackBulk"}
    events = {path.stem for path in (REPOSITORY / "models" / "activation" / "events").glob("*.sql")}
    assert events - named == {"cart_abandoned", "customer_deleted", "product_viewed", "smoke_tested"}
