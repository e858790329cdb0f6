"""The main job on the shared story."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from activation.ledger.reading import read_only
from activation.ledger.store import Ledger
from cartwire.errors import LedgerError
from cartwire.settings import REPOSITORY
from flows.dbt import SLOWEST_MODELS
from flows.steps import MARTS
from sandbox.shop.day import expectations
from tests.conftest import SECRET
from tests.e2e.story import Chapter, Story

pytestmark = pytest.mark.xdist_group("story")

OPENED = ("customers", "orders", "carts", "payments", "products", "consent_words")


def test_the_first_sync_sends_people_and_carts_and_no_history(story: Story) -> None:
    first = story.chapters["first"]
    assert first.report.exit_code == 0
    assert set(first.writes) == {"users.bulkUpdate", "commerce.updateCart"}
    assert first.report.history["purchases"] > 300
    assert {trigger["kind"] for trigger in first.triggers} == {"profile_field", "cart"}


@pytest.mark.parametrize("name", ["unchanged", "after the shop day"])
def test_a_sync_without_new_content_makes_no_write_request(story: Story, name: str) -> None:
    _assert_nothing_was_written(story.chapters[name])


@pytest.mark.parametrize("name", ["every version touched", "reloaded from nothing", "after a full refresh"])
def test_a_sync_of_the_same_rows_made_anew_makes_no_write_request(whole_story: Story, name: str) -> None:
    _assert_nothing_was_written(whole_story.chapters[name])


def _assert_nothing_was_written(chapter: Chapter) -> None:
    assert chapter.writes == {}
    assert chapter.report.total("planned") == 0
    assert chapter.report.exit_code == 0


def test_the_report_names_the_models_that_took_its_build_longest(story: Story) -> None:
    slowest = story.chapters["first"].report.slowest_models
    assert len(slowest) == SLOWEST_MODELS
    assert list(slowest.values()) == sorted(slowest.values(), reverse=True)
    assert all(list((REPOSITORY / "models").rglob(f"{model}.sql")) for model in slowest)


def test_what_the_increments_left_is_what_one_full_build_makes(whole_story: Story) -> None:
    """Each of those syncs built only what was downstream of something that moved."""
    increments, full = whole_story.built
    assert increments == full
    assert all(full[f"staging.base_commercetools__{name}"][0][0] for name in OPENED)


def test_analysts_read_what_the_warehouse_has_though_only_moved_marts_were_copied(whole_story: Story) -> None:
    marts = {f"marts.{name}" for name in MARTS}
    assert whole_story.published.keys() == marts | {"marts.published", "marts.published_marts"}
    assert {name: whole_story.published[name] for name in marts} == {name: whole_story.built[0][name] for name in marts}


def test_a_lost_warehouse_is_rebuilt_and_only_what_history_dated_is_sent_anew(whole_story: Story) -> None:
    """Gone are the versions that dated a statement of consent and the last change of a cart; no fact is sent again."""
    chapter = whole_story.chapters["warehouse rebuilt from the ledger"]
    assert set(chapter.writes) <= {"subscriptions.bulk", "users.bulkUpdate"}
    assert {(trigger["kind"], trigger["name"]) for trigger in chapter.triggers} <= {("profile_field", "lastCartAt")}
    for entry in chapter.journal:
        if entry["endpoint"] == "users.bulkUpdate":
            assert all(set(user["dataFields"]) <= {"consent", "lastCartAt"} for user in json.loads(entry["body"])["users"])
    assert chapter.report.exit_code == 0


@pytest.mark.parametrize("name", ["first", "shop day"])
def test_every_planned_row_has_one_outcome_and_iterable_counts_the_same(story: Story, name: str) -> None:
    report = story.chapters[name].report
    assert report.total("planned") == sum(report.total(outcome) for outcome in ("accepted", "rejected", "held", "suppressed"))
    assert sum(report.requests.values()) == sum(story.chapters[name].writes.values())


def test_no_journey_trigger_brought_nothing_new(story: Story) -> None:
    assert story.duplicates == []


def test_the_contract_is_kept_in_every_request(story: Story) -> None:
    assert set(story.contract_notes) <= {"reserved_field_written"}, "only unsubscribedChannelIds at creation may be one"


def test_every_scenario_of_the_shop_day_happened(story: Story) -> None:
    assert set(story.day) == set(expectations())


def test_a_deleted_ledger_row_fails_the_proof_of_conservation(story: Story, tmp_path: Path) -> None:
    copy = tmp_path / "ledger.sqlite"
    story_ledger = Ledger.open(story.settings.ledger, SECRET.encode())
    story_ledger._db.execute("vacuum into ?", (str(copy),))
    story_ledger.close()
    run_id = story.chapters["shop day"].report.run_id
    with Ledger.open(copy, SECRET.encode()) as ledger:
        ledger.prove_conservation(run_id)
        ledger._db.execute("pragma foreign_keys = off")
        ledger._db.execute("delete from items where item_id = (select max(item_id) from items where run_id = ?)", (run_id,))
        with pytest.raises(LedgerError, match="not accounted for"):
            ledger.prove_conservation(run_id)


def test_the_run_report_is_kept_in_the_ledger(story: Story) -> None:
    with read_only(story.settings.ledger) as ledger:
        runs = ledger.status(20).runs
    assert {run.run_id for run in runs} == {chapter.report.run_id for chapter in story.chapters.values()}
    assert all(run.state == "done" for run in runs)
