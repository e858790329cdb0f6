"""`cartwire rejections` and `cartwire replay` before anything is sent: filters, export, masking."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from activation.ledger import reasons
from activation.ledger.machine import Event
from activation.ledger.sending import Outcome
from activation.ledger.store import Ledger
from cartwire.cli.main import main_group
from tests.unit.ledger.given import claim, item
from tests.unit.test_settings import GOOD, dotenv


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    with Ledger.open(path, GOOD["CARTWIRE_SECRET"].encode()) as ledger:
        ledger.start_run("r1", "test")
        held = item(3, "carts", state="held", reason="held by volume guard: 9")
        lost = item(5, "events", kind="order_refunded")
        ledger.freeze("r1", "main", [item(1, market_code="de"), item(2), held, item(4), lost], [])
        claim(ledger, "q1", [1, 2, 4, 5])
        outcomes = [
            Outcome(item_id=1, event=Event.reject, reason="400 BadParams", is_sticky=True),
            Outcome(item_id=2, event=Event.reject, reason="forgottenEmails", is_sticky=True, is_forgotten=True),
            Outcome(item_id=4, event=Event.reject, reason="notFoundEmails"),
            Outcome(item_id=5, event=Event.lose),
        ]
        ledger.settle("q1", outcomes)
        ledger.settle_unknown([Outcome(item_id=5, event=Event.hold, reason=reasons.OUTCOME_UNKNOWN, is_sticky=True)])
        ledger.end_run("r1", "done", 10)
    return dotenv(tmp_path, {**GOOD, "CARTWIRE_LEDGER": str(path)})


def asked(env_file: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main_group, ["--env-file", str(env_file), *arguments])


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], ["s4", "s2", "s1"]),
        (["--held"], ["s5", "s4", "s3", "s2", "s1"]),
        (["--market", "de"], ["s1"]),
        (["--reason", "NOTFOUND"], ["s4"]),
        (["--held", "--object", "carts"], ["s3"]),
        (["--held", "--kind", "order_refunded"], ["s5"]),
        (["--since", "2100-01-01"], []),
        (["--limit", "1"], ["s4"]),
    ],
)
def test_each_option_chooses_rows(env_file: Path, options: list[str], found: list[str]) -> None:
    rows = json.loads(asked(env_file, "rejections", "--json", *options).output)["rejections"]
    assert [row["subject"] for row in rows] == found


def test_addresses_and_payloads_only_when_asked_for(env_file: Path) -> None:
    masked, clear = (asked(env_file, "rejections", "--json", *more).output for more in ([], ["--show-addresses"]))
    assert "p1@example.com" not in masked
    assert "payload" not in masked
    row = json.loads(clear)["rejections"][-1]
    assert (row["person"], row["payload"], row["waits_for_data"], row["runs"]) == ("p1@example.com", '{"email":"x"}', True, 1)


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl"])
def test_an_export_holds_every_row_is_for_its_owner_only_and_overwrites_nothing(
    env_file: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    assert "5 rows written" in asked(env_file, "rejections", "--held", "--limit", "1", "--export", str(path)).output
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    rows = [json.loads(line) for line in text.splitlines()] if name.endswith("l") else list(csv.DictReader(text.splitlines()))
    assert [row["subject"] for row in rows] == ["s5", "s4", "s3", "s2", "s1"]
    assert "p1@example.com" not in text
    again = asked(env_file, "rejections", "--export", str(path))
    assert again.exit_code != 0
    assert path.read_text() == text


def test_replay_shows_what_waits_and_leaves_out_the_forgotten_and_what_goes_by_itself(env_file: Path) -> None:
    result = asked(env_file, "replay")
    assert result.exit_code in (0, 11)
    assert "400 BadParams" in result.output
    assert "--dry-run" in result.output
    assert "forgotten" not in result.output
    assert "notFound" not in result.output
    assert "p1@example.com" not in result.output


def test_unknown_outcomes_are_let_go_only_when_named_and_with_a_warning(env_file: Path) -> None:
    assert reasons.OUTCOME_UNKNOWN not in asked(env_file, "replay").output
    text = asked(env_file, "replay", "--outcome-unknown").output
    assert reasons.OUTCOME_UNKNOWN in text
    assert "a second time" in text


def test_trying_and_sending_exclude_each_other(env_file: Path) -> None:
    assert "exclude each other" in asked(env_file, "replay", "--yes", "--dry-run").output
