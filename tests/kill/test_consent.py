"""Whoever withdrew is not subscribed, and no grant that the rules allow is lost: over killed, paused and disturbed syncs.

SEED=n repeats a campaign, HISTORIES=n makes it longer, PEOPLE=n has so many made-up customers speak in each round; all are printed
with what occurred.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.shop.large import LargeShop
from tests.conftest import Sandbox, running_sandbox
from tests.kill.consent_campaign import ConsentCampaign
from tests.kill.test_kills import seed

HISTORIES = 4_000
ACTORS = 200
PEOPLE = int(os.environ.get("PEOPLE", "0"))


@pytest.fixture
def crowd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sandbox]:
    """The tests' small shop, or one with as many customers as PEOPLE says."""
    if not PEOPLE:
        yield request.getfixturevalue("sandbox")
        return
    documents = tmp_path / "crowd.sqlite"
    LargeShop(PEOPLE, PEOPLE, datetime.now(UTC) - timedelta(hours=1)).write(documents)
    with running_sandbox(documents, tmp_path / "sandbox.log", request.config.getoption("identity")) as running:
        yield running


def test_a_round_of_words_and_disturbances_ends_as_the_rules_say(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = ConsentCampaign(sandbox, tmp_path, seed(default=5))
    campaign.begin()
    campaign.go_round(120)
    report(campaign, capsys)
    assert campaign.tally.faults == []
    assert campaign.tally.seen["subscribed"] > 10
    assert campaign.tally.seen["unsubscribed"] > 10


@pytest.mark.kill
def test_thousands_of_histories_end_as_the_rules_say(crowd: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    campaign = ConsentCampaign(crowd, tmp_path, seed())
    campaign.begin()
    wanted = int(os.environ.get("HISTORIES", HISTORIES))
    while campaign.tally.histories < wanted:
        campaign.go_round(PEOPLE or ACTORS)
        report(campaign, capsys)
        assert campaign.tally.faults == []
    assert campaign.tally.never() == []


def report(campaign: ConsentCampaign, capsys: pytest.CaptureFixture[str]) -> None:
    """Also when the test passes: which seed, and what occurred."""
    with capsys.disabled():
        print(f"\nSEED={campaign.seed}: {campaign.tally.histories} histories")
        print(", ".join(f"{name} {count}" for name, count in sorted(campaign.tally.seen.items())))
        print("\n".join(campaign.tally.faults[:20]))
