"""`explain` over the shared story: for everybody, what it says Iterable has is what Iterable shows, then and later."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest

from activation.explain import Explanation, explain
from cartwire.clock import from_ms
from tests.e2e.people import named
from tests.e2e.story import Story, day_of

pytestmark = pytest.mark.xdist_group("story")

CHAPTERS = ("first", "after the shop day")


def _explained(story: Story, chapter: str) -> dict[str, Explanation]:
    """Everybody with a row that was sent, by the name Iterable knows them by, as of the end of the chapter's run."""
    with closing(sqlite3.connect(story.settings.ledger)) as ledger:
        run_id = story.chapters[chapter].report.run_id
        (ended_at_ms,) = ledger.execute("select ended_at_ms from runs where run_id = ?", (run_id,)).fetchone()
        keys = ledger.execute("select distinct person_key from items inner join attempts using (item_id)").fetchall()
    secret, at = story.settings.secret_bytes, from_ms(ended_at_ms)
    found = [one for (key,) in keys for one in explain(key, story.settings.ledger, secret, at, with_values=True)]
    return {named(story.identity, {"email": one.email, "userId": one.user_id}): one for one in found}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_what_iterable_has_of_everybody_is_what_explain_says(story: Story, chapter: str) -> None:
    people = _explained(story, chapter)
    shown = {named(story.identity, user): user["dataFields"] for user in story.chapters[chapter].state["users"]}
    assert len(shown) > 40
    for name, data in shown.items():
        for field in people[name].fields:
            if not field["field"].startswith("consent."):
                assert _is_shown(field, data), (chapter, field["field"])


def _is_shown(field: dict[str, Any], data: dict[str, Any]) -> Any:
    shown, text = data.get(field["field"]), field["value"]
    if shown is None:
        return field["is_removed"] or (field["type"], text) == ("string[]", "")
    match field["type"]:
        case "boolean":
            return bool(shown) is (text == "true")
        case "long" | "double":
            return float(shown) == float(text)
        case "date":
            return datetime.fromisoformat(shown.replace(" +", "+")) == datetime.fromisoformat(text).replace(microsecond=0)
        case "string[]":
            return shown == (text.split("\x1f") if text else [])
    return str(shown) == text


def test_every_request_of_the_shop_day_is_told_of_its_person_and_no_other(story: Story) -> None:
    told: Counter[str] = Counter()
    run_id = story.chapters["shop day"].report.run_id
    for person in _explained(story, "after the shop day").values():
        told.update(row["endpoint"] for row in person.requests if row["run_id"] == run_id)
    received = Counter(sent.call for sent in day_of(story))
    assert received.total() > 20
    assert told.total() == received.total()


def test_reading_everybody_back_finds_no_difference(story: Story) -> None:
    found = story.reconciled
    assert found["drifts"] == ()
    assert found["people"] > 40
    assert found["fields"] > 20 * found["people"]
    assert found["too_fresh"] == 0
