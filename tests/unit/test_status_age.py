"""`cartwire status --max-age`: a scheduler that died says nothing, so its silence has to be heard."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from activation.ledger.backfills import Criteria
from activation.ledger.store import Ledger
from cartwire import clock
from cartwire.cli.durations import Duration
from tests.e2e.command import Outcome, cartwire
from tests.unit.test_settings import GOOD

MINUTE_MS = 60_000


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    files = {
        "CARTWIRE_LEDGER": str(tmp_path / "ledger.sqlite"),
        "CARTWIRE_STATE_DIR": str(tmp_path),
        "CARTWIRE_WAREHOUSE": str(tmp_path / "warehouse.duckdb"),
    }
    return {**GOOD, **files}


@pytest.fixture
def ledger(environment: dict[str, str]) -> Iterator[Ledger]:
    opened = Ledger.open(Path(environment["CARTWIRE_LEDGER"]), environment["CARTWIRE_SECRET"].encode())
    try:
        ended = clock.now_ms()
        add_run(opened, "complete", ended, "done", 11)
        yield opened
    finally:
        opened.close()


def add_run(ledger: Ledger, run_id: str, ended_ms: int, state: str, exit_code: int) -> None:
    ledger.start_run(run_id, "schedule", at_ms=ended_ms - 30_000)
    ledger.end_run(run_id, state, exit_code, at_ms=ended_ms)


def status_after(environment: dict[str, str], minutes: int, *arguments: str) -> Outcome:
    """`cartwire status` as many minutes after now."""
    later = {"CARTWIRE_CLOCK_OFFSET_SECONDS": str(minutes * 60)}
    return cartwire({**environment, **later}, "status", *arguments)


@pytest.mark.usefixtures("ledger")
def test_a_sync_within_the_age_is_fresh_whatever_it_held(environment: dict[str, str]) -> None:
    outcome = status_after(environment, 14, "--max-age", "15m")
    assert (outcome.code, outcome.err) == (0, "")


@pytest.mark.usefixtures("ledger")
def test_an_older_one_exits_1_and_says_how_old(environment: dict[str, str]) -> None:
    outcome = status_after(environment, 16, "--max-age", "15m")
    assert outcome.code == 1
    assert "ended 16m ago, --max-age is 15m" in outcome.message
    assert "complete" in outcome.out


@pytest.mark.usefixtures("ledger")
def test_json_is_one_document_with_the_age_either_way(environment: dict[str, str]) -> None:
    fresh, stale = (status_after(environment, minutes, "--json", "--max-age", "2h") for minutes in (119, 121))
    assert (fresh.code, fresh.json()["is_fresh"]) == (0, True)
    assert (stale.code, stale.json()["is_fresh"]) == (1, False)
    assert 121 * 60 <= stale.json()["last_done_age_s"] < 122 * 60


def test_runs_that_failed_crashed_or_still_run_do_not_count(environment: dict[str, str], ledger: Ledger) -> None:
    soon = clock.now_ms() + 60 * MINUTE_MS
    add_run(ledger, "failed", soon, "failed", 3)
    ledger.start_run("running", "schedule", at_ms=soon + MINUTE_MS)
    outcome = status_after(environment, 62, "--max-age", "15m")
    assert (outcome.code, "ended 62m ago" in outcome.message) == (1, True)


def test_no_sync_at_all_is_stale_but_only_to_who_asks(environment: dict[str, str]) -> None:
    asked = status_after(environment, 0, "--max-age", "15m", "--json")
    assert (asked.code, asked.json()["is_fresh"]) == (1, False)
    assert status_after(environment, 0).code == 0


@pytest.mark.usefixtures("ledger")
def test_without_the_option_age_never_fails(environment: dict[str, str]) -> None:
    outcome = status_after(environment, 1_000_000, "--json")
    assert (outcome.code, outcome.json()["is_fresh"]) == (0, None)


@given(st.integers(1, 10_000), st.sampled_from([("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)]))
def test_a_duration_is_its_number_times_its_unit(number: int, unit: tuple[str, int]) -> None:
    assert Duration().convert(f"{number}{unit[0]}", None, None) == timedelta(seconds=number * unit[1])


@pytest.mark.parametrize("text", ["", "15", "m", "0m", "-5m", "15 m", "1.5h", "15m30s", "1w"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write 90s, 15m, 2h or 1d"):
        Duration().convert(text, None, None)


def test_backfills_that_are_not_done_are_listed_until_they_are(environment: dict[str, str], ledger: Ledger) -> None:
    wanted = Criteria(kinds=(("events", "order_refunded"),), since_ms=0, until_ms=1)
    number = ledger.start_backfill(wanted, by="ada").backfill_id
    assert f"cartwire backfill resume {number}" in cartwire(environment, "status").out
    (told,) = cartwire(environment, "status", "--json").json()["backfills"]
    assert (told["state"], told["kinds"]) == ("open", "order_refunded")
    ledger.advance_backfill(number, None, left_behind=0, is_over=True)
    assert cartwire(environment, "status", "--json").json()["backfills"] == []
