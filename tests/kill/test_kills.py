"""SIGKILL at named points and from outside: nothing is lost, no journey fires twice.

SEED=n repeats a campaign, KILLS=n makes it longer; the seed is printed with what occurred.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.conftest import Sandbox
from tests.kill.campaign import WHILE_WRITING, Campaign, Kill, plan

KILLS = int(os.environ.get("KILLS", "40"))
ATTEMPTS_MAX = 2 * KILLS


@pytest.mark.identities
def test_a_sync_killed_three_times_in_a_row_loses_nothing_and_triggers_nobody_twice(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = Campaign(sandbox, tmp_path, seed(default=7))
    campaign.begin()
    campaign.chain([Kill("sent-not-settled", "none"), Kill(WHILE_WRITING, "drop_after"), Kill("claimed-not-sent", "status 503")])
    report(campaign, capsys)
    assert campaign.faults == []
    assert campaign.tally.kills >= 2
    assert campaign.tally.compared["scripted purchase"] > 3


@pytest.mark.kill
def test_many_kills_lose_nothing_and_trigger_nobody_twice(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    campaign = Campaign(sandbox, tmp_path, seed())
    campaign.begin()
    attempts = 0
    while campaign.tally.kills < KILLS and attempts < ATTEMPTS_MAX:
        for kills in plan(campaign.seed + attempts, KILLS - campaign.tally.kills):
            campaign.chain(kills)
            attempts += len(kills)
            report(campaign, capsys)
            assert campaign.faults == []
    assert campaign.tally.kills >= KILLS
    assert campaign.tally.never() == []


def seed(default: int | None = None) -> int:
    """SEED of the environment, else `default`, else another one each time."""
    return int(os.environ.get("SEED") or default or random.SystemRandom().randrange(1, 10_000))


def report(campaign: Campaign, capsys: pytest.CaptureFixture[str]) -> None:
    """Also when the test passes: which seed, and what occurred."""
    with capsys.disabled():
        print(f"\nSEED={campaign.seed}: {campaign.tally.shown()}")
        print("\n".join(campaign.faults))
