"""What holds, refuses or interrupts a sync, on one troubled installation (tests/e2e/trouble.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Sandbox
from tests.e2e.trouble import OTHER_CLIENT, OUTCOMES, Trouble, newest_runs, received_user, tell_trouble

pytestmark = [pytest.mark.xdist_group("trouble"), pytest.mark.identities]

SYNCS = ("test profiles", "guarded", "released", "after all of them", "type conflict", "failing test", "mended")
INTERRUPTED = {"wrong credentials": 2, "missing scope": 2, "no shop": 3, "no Iterable": 5}


@pytest.fixture(scope="module")
def trouble(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Trouble:
    """Told once."""
    return tell_trouble(sandbox_process, tmp_path_factory.mktemp("trouble"))


def kinds(trouble: Trouble, plan: str) -> dict[str, dict[str, Any]]:
    return {kind["kind"]: kind for kind in trouble.chapters[plan].outcome.json()["kinds"]}


def test_a_plan_shows_counts_fields_and_what_may_fire_and_sends_nothing(trouble: Trouble) -> None:
    chapter = trouble.chapters["plan of a fresh ledger"]
    assert chapter.outcome.code == 0
    assert chapter.writes == {}
    assert " INFO " not in chapter.outcome.err
    lines = chapter.outcome.out.splitlines()
    assert lines[0].split() == ["object", "kind", "send", "people", "requests", "minutes", "rejected", "held", "suppressed"]
    first = trouble.chapters["test profiles"].counts("users")
    people = str(first["accepted"] + first["suppressed"])
    assert any(line.startswith("users ") and line.split()[1:3] == [people, people] for line in lines)
    assert any(line.startswith("users fields: ") and "firstName (" in line for line in lines)
    assert any(line.startswith("users may fire journeys on: ") and "orderCount" in line for line in lines)
    assert any(line.startswith("set aside as history: ") and "purchases" in line for line in lines)


def test_a_plan_masks_addresses(trouble: Trouble) -> None:
    outcome = trouble.chapters["plan of a fresh ledger"].outcome
    assert "***@" in outcome.out
    assert not [email for email in trouble.addresses if email in (outcome.out + outcome.err).lower()]


def test_a_plan_shows_addresses_when_asked(trouble: Trouble) -> None:
    examples = [email for kind in kinds(trouble, "plan of what is guarded").values() for email in kind["examples"]]
    assert set(examples) & trouble.addresses


def test_a_plan_binds_nothing(trouble: Trouble) -> None:
    assert trouble.bound_after_plan == (None, None)


def test_only_listed_people_leave_with_test_profiles(trouble: Trouble) -> None:
    chapter = trouble.chapters["test profiles"]
    assert chapter.outcome.code == 0
    users, withdrawals = chapter.counts("users"), chapter.counts("withdrawals")
    assert users["accepted"] == 1
    assert users["suppressed"] > 30
    assert received_user(trouble, "test profiles", trouble.listed)["dataFields"]["firstName"] == trouble.listed["firstName"]
    known = [received_user(trouble, "test profiles", person) for person in (trouble.listed, trouble.unsubscriber)]
    assert sorted(trouble.received["test profiles"], key=json.dumps) == sorted(known, key=json.dumps)
    assert withdrawals["planned"] == withdrawals["suppressed"] == 1
    assert "subscriptions.bulk" not in chapter.writes


def test_what_test_profiles_kept_back_goes_with_the_next_sync(trouble: Trouble) -> None:
    assert received_user(trouble, "test profiles", trouble.unsubscriber)["unsubscribedChannelIds"] == []
    assert 101 in received_user(trouble, "guarded", trouble.unsubscriber)["unsubscribedChannelIds"]


def test_the_volume_guard_holds_an_implausible_change_but_no_withdrawal(trouble: Trouble) -> None:
    chapter = trouble.chapters["guarded"]
    assert chapter.outcome.code == 11
    users = chapter.counts("users")
    assert users["accepted"] == 0
    assert users["held"] >= trouble.chapters["test profiles"].counts("users")["suppressed"]
    assert chapter.counts("withdrawals")["accepted"] == 1
    assert chapter.writes == {"subscriptions.bulk": 1}
    assert any("cartwire release users" in sentence for sentence in chapter.outcome.json()["attention"])
    assert "held by volume guard" in trouble.chapters["guarded for people"].outcome.out


def test_a_plan_shows_what_the_guard_would_hold(trouble: Trouble) -> None:
    users = kinds(trouble, "plan of what is guarded")["users"]
    assert users["states"] == {"held": trouble.chapters["guarded"].counts("users")["held"]}
    assert users["requests"] == 0
    assert next(iter(users["reasons"])).startswith("held by volume guard")


def test_release_shows_counts_and_masked_examples_before_it_sends(trouble: Trouble) -> None:
    asks, machine = trouble.chapters["release asks"], trouble.chapters["release asks a machine"]
    held = machine.outcome.json()
    assert (asks.outcome.code, machine.outcome.code) == (11, 11)
    assert asks.outcome.out.startswith(f"{held['held']} rows of users: held by volume guard")
    assert "***@" in asks.outcome.out
    assert not [email for email in trouble.addresses if email in (asks.outcome.out + machine.outcome.out).lower()]
    assert 0 < len(held["examples"]) <= 5
    assert asks.writes == machine.writes == {}


def test_release_with_yes_sends_what_was_held_and_leaves_nothing_to_release(trouble: Trouble) -> None:
    chapter = trouble.chapters["released"]
    assert chapter.outcome.code == 0
    assert chapter.counts("users")["accepted"] == trouble.chapters["release asks a machine"].outcome.json()["held"]
    again = trouble.chapters["release of nothing"]
    assert (again.outcome.code, again.writes) == (0, {})
    assert "holds nothing" in again.outcome.out


@pytest.mark.parametrize(("name", "code"), INTERRUPTED.items())
def test_an_interrupted_sync_says_so_once_and_sends_nothing(trouble: Trouble, name: str, code: int) -> None:
    chapter = trouble.chapters[name]
    assert chapter.outcome.code == code
    assert chapter.outcome.err.count("cartwire: ") == 1
    assert "Traceback" not in chapter.outcome.err
    assert chapter.writes == {}
    shown = (chapter.outcome.out + chapter.outcome.err).lower()
    secrets = {OTHER_CLIENT["CTP_CLIENT_SECRET"], trouble.environment["ITERABLE_API_KEY"], trouble.environment["CARTWIRE_SECRET"]}
    assert not [text for text in trouble.addresses | secrets if text in shown]


def test_after_all_interruptions_a_sync_sends_exactly_what_the_plan_before_them_showed(trouble: Trouble) -> None:
    chapter = trouble.chapters["after all of them"]
    planned = {kind: plan["states"] for kind, plan in kinds(trouble, "plan of the shop day").items()}
    report = chapter.outcome.json()
    found = {row["kind"]: row["counts"] for row in report["rows"]}
    assert {kind: sum(states.values()) for kind, states in planned.items()} == {
        kind: counts["planned"] for kind, counts in found.items()
    }
    assert sum(counts["accepted"] for counts in found.values()) > 10
    for kind, states in planned.items():
        assert found[kind]["rejected"] == states.get("rejected", 0)
        assert found[kind]["accepted"] <= states.get("staged", 0)
    assert chapter.outcome.code == 0


def test_a_document_that_does_not_parse_is_set_aside_with_a_reason_and_stops_nothing(trouble: Trouble) -> None:
    assert trouble.set_aside
    assert all(resource and reason for resource, reason in trouble.set_aside)
    assert trouble.chapters["after all of them"].outcome.code == 0


def test_no_journey_fired_twice_in_all_of_this(trouble: Trouble) -> None:
    assert trouble.fired_twice == []


def test_a_type_that_conflicts_holds_users_and_names_the_field(trouble: Trouble) -> None:
    chapter = trouble.chapters["type conflict"]
    assert chapter.outcome.code == 11
    assert chapter.counts("users")["held"] == chapter.counts("users")["planned"] == 1
    assert "users.bulkUpdate" not in chapter.writes
    (sentence,) = chapter.outcome.json()["attention"]
    assert "loyaltyPoints is string at Iterable" in sentence


def test_a_failing_test_holds_what_is_downstream_and_no_withdrawal(trouble: Trouble) -> None:
    chapter = trouble.chapters["failing test"]
    assert chapter.outcome.code == 11
    assert chapter.writes == {"subscriptions.bulk": 1}
    assert chapter.counts("withdrawals")["accepted"] == 1
    attention = chapter.outcome.json()["attention"]
    assert any(s.startswith("changed_purchases is held") and "order_lines_keys" in s for s in attention)


def test_what_was_held_goes_when_the_fault_is_mended(trouble: Trouble) -> None:
    chapter = trouble.chapters["mended"]
    assert chapter.outcome.code == 0
    assert chapter.counts("users")["accepted"] == 2


@pytest.mark.parametrize("name", SYNCS)
def test_each_report_adds_up_and_agrees_with_the_requests_that_arrived(trouble: Trouble, name: str) -> None:
    chapter = trouble.chapters[name]
    report = chapter.outcome.json()
    for row in report["rows"]:
        assert row["counts"]["planned"] == sum(row["counts"][outcome] for outcome in OUTCOMES), row
    assert report["exit_code"] == chapter.outcome.code
    assert sum(report["requests"].values()) == sum(chapter.writes.values())


def test_every_sync_is_in_the_ledger_with_its_exit_code(trouble: Trouble) -> None:
    codes = [0, 11, 0, *INTERRUPTED.values(), 0, 11, 11, 0]
    assert list(newest_runs(trouble).values()) == codes[::-1]


def test_a_gated_run_has_data_docs_without_a_person_in_them(trouble: Trouble) -> None:
    index = Path(trouble.chapters["released"].outcome.json()["data_docs"])
    pages = list(index.parent.rglob("*.html"))
    assert len(pages) > 2
    assert any("users" in page.name for page in pages)
    for page in pages:
        text = page.read_text().lower()
        assert not [email for email in trouble.addresses if email in text], page.name


def test_rejections_of_a_machine_name_reason_and_no_address(trouble: Trouble) -> None:
    outcome = trouble.chapters["rejections"].outcome
    rows = outcome.json()["rejections"]
    assert rows
    assert all(row["reason"] for row in rows)
    assert not [email for email in trouble.addresses if email in json.dumps(rows).lower()]
