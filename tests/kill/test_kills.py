"""SIGKILL at named points and from outside: nothing is lost, no journey fires twice.

SEED=n repeats a campaign, KILLS=n makes it longer; the seed is printed with what occurred. What failed once is kept in
`regressions.csv`, with the kills it takes.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.conftest import Sandbox
from tests.kill.campaign import Campaign
from tests.kill.kills import WHILE_WRITING, Chain, Kill, kept, plan, to_keep

KILLS = int(os.environ.get("KILLS", "40"))
ATTEMPTS_MAX = 2 * KILLS
MEETS_ALL = 40  # kills after which everything has to have occurred


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
    while attempts < ATTEMPTS_MAX and (chains := still_to_do(campaign, attempts)):
        for kills in chains:
            campaign.chain(kills)
            attempts += len(kills)
            report(campaign, capsys)
            assert campaign.faults == []
    campaign.end()
    assert campaign.faults == []
    assert campaign.tally.kills >= KILLS
    assert KILLS < MEETS_ALL or campaign.tally.never() == []


@pytest.mark.kill
@pytest.mark.parametrize("case", kept())
def test_a_campaign_that_failed_once_loses_nothing_now(
    sandbox: Sandbox, tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    number, chains = kept()[case]
    campaign = Campaign(sandbox, tmp_path, number)
    campaign.begin()
    for kills in chains:
        campaign.chain(kills)
        report(campaign, capsys)
        assert campaign.faults == []
    campaign.end()
    assert campaign.faults == []


def still_to_do(campaign: Campaign, attempts: int) -> list[Chain]:
    """As many kills as are missing; then, in a long campaign, one for each thing that chance has left out."""
    if (missing := KILLS - campaign.tally.kills) > 0:
        return plan(campaign.seed + attempts, missing)
    return campaign.tally.gone_after() if KILLS >= MEETS_ALL else []


def seed(default: int | None = None) -> int:
    """SEED of the environment, else `default`, else another one each time."""
    return int(os.environ.get("SEED") or default or random.SystemRandom().randrange(1, 10_000))


def report(campaign: Campaign, capsys: pytest.CaptureFixture[str]) -> None:
    """Also when the test passes: which seed, and what occurred."""
    with capsys.disabled():
        print(f"\nSEED={campaign.seed}: {campaign.tally.shown()}")
        print("\n".join(campaign.faults))
        if campaign.faults:
            print(f"to keep it in regressions.csv:\n{to_keep(campaign.seed, campaign.chains)}")
