"""`cartwire explain`: readable, masked unless asked, a page for the owner only."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from activation.ledger.items import FieldChange
from activation.ledger.machine import Event
from activation.ledger.sending import Outcome
from activation.ledger.store import Ledger
from cartwire.cli.main import main_group
from cartwire.person import person_key
from tests.unit.ledger.given import consent, item
from tests.unit.test_settings import GOOD, dotenv

ADA = person_key(GOOD["CARTWIRE_SECRET"].encode(), "customer:c-ada")
SECRETS = ("ada@example.com", "c-ada", "Wells", "Bath", "Soup")


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    given = {"subject": ADA, "person_key": ADA, "email": "ada@example.com", "user_id": "c-ada"}
    lists = FieldChange(field="top", type="string[]", before=None, after="Soup\x1fTea", fingerprint="l")
    city = FieldChange(field="city", type="string", before="Wells", after="Bath", fingerprint="f")
    with Ledger.open(path, GOOD["CARTWIRE_SECRET"].encode()) as ledger:
        ledger.start_run("r1", "schedule")
        rows = [
            item(1, **given, fields=(city, lists), source_modified_at_ms=5_000),
            item(2, "carts", **given, fragment=b'{"items":["Soup"]}'),
            item(3, "events", **{**given, "subject": "e1"}, kind="order_updated", state="held", reason="held by volume guard: 9"),
        ]
        ledger.freeze("r1", "rest", rows, [consent(1, messageable=True)], 10_000)
        for item_id, request in ((1, "q1"), (2, "q2")):
            ledger.claim(request, "users/bulkUpdate", [item_id], lambda _: b"{}", 11_000)
            ledger.settle(request, [Outcome(item_id=item_id, event=Event.accept)], status=200, at_ms=12_000)
        ledger.end_run("r1", "done", 11)
        ledger.pause(["carts"], reason="stock count", by="mira")
    return dotenv(tmp_path, {**GOOD, "CARTWIRE_LEDGER": str(path)})


def asked(env_file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main_group, ["--env-file", str(env_file), "explain", *arguments])


def test_it_says_what_when_in_which_run_and_why(env_file: Path) -> None:
    text = asked(env_file, "c-ada", "--show-values").output
    for part in (
        "ada@example.com, userId c-ada",
        "3 rows planned so far",
        "city: Wells → Bath",
        "top: (nothing) → Soup, Tea",
        "r1 (schedule)",
        "changes.changed_users, source of 1970-01-01T00:00:05.000Z",
        "accept 200",
        "cartwire release events",
        "stock count",
    ):
        assert part in text


def test_values_and_addresses_are_shown_only_when_asked(env_file: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    for text in (
        asked(env_file, "c-ada", "--page", str(page)).output,
        asked(env_file, "c-ada", "--json").output,
        page.read_text(),
    ):
        assert ADA in text
        assert not [secret for secret in SECRETS if secret in text]
    assert "a***@e***.com" in asked(env_file, "c-ada").output


def test_the_page_is_for_its_owner_only_and_says_the_same(env_file: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    asked(env_file, "ada@example.com", "--show-values", "--page", str(page))
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "city: Wells → Bath" in page.read_text()
    assert "cartwire release events" in page.read_text()


def test_as_it_was_at_a_moment(env_file: Path) -> None:
    [person] = json.loads(asked(env_file, "c-ada", "--at", "1970-01-01T00:00:11", "--json").output)["people"]
    assert (person["fields"], sorted(row["state"] for row in person["not_sent"])) == ([], ["held", "sending", "sending"])
    assert json.loads(asked(env_file, "c-ada", "--at", "1970-01-01", "--json").output)["people"] == []


def test_more_requests_than_shown_are_announced(env_file: Path) -> None:
    text = asked(env_file, "c-ada", "--limit", "1").output
    assert "the newest 1 requests are shown; --limit shows more" in text
    assert "changed_users" not in text


def test_somebody_nothing_was_planned_for_is_an_answer_and_no_error(env_file: Path) -> None:
    result = asked(env_file, "nobody@example.com")
    assert result.exit_code == 0
    assert "nothing was sent" in result.output
    assert "nobody@example.com" not in result.output


def test_a_time_that_is_none_is_refused_with_an_example(env_file: Path) -> None:
    result = asked(env_file, "c-ada", "--at", "yesterday")
    assert result.exit_code == 2
    assert "2026-11-24T09:30Z" in result.output
