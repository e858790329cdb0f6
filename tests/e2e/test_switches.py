"""The operator's switches, on one installation: pause and resume by the command line, on and off in config/objects.csv.

The story is told once; each test reads one claim off its record.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cartwire.settings import REPOSITORY
from tests.conftest import Sandbox
from tests.e2e.command import Outcome, cartwire
from tests.e2e.first_sync import FirstSync

pytestmark = [pytest.mark.xdist_group("first sync"), pytest.mark.identities]

HOURS_OF_A_LONG_HOLIDAY = 200
"""Longer than the maximum age of any kind of fact."""


@dataclass
class Switches:
    """Outcome of each command, and write requests at Iterable during it."""

    sandbox: Sandbox
    environment: dict[str, str]
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    writes: dict[str, dict[str, int]] = field(default_factory=dict)

    def tell(self, name: str, *arguments: str, **changes: str) -> Outcome:
        before = self.sandbox.admin("iterable", "GET", "writes")["marker"]
        self.outcomes[name] = cartwire({**self.environment, **changes}, *arguments)
        self.writes[name] = self.sandbox.admin("iterable", "GET", f"writes?since={before}")["by_endpoint"]
        return self.outcomes[name]

    def counts(self, name: str, kind: str) -> dict[str, int]:
        rows = [row["counts"] for row in self.outcomes[name].json()["rows"] if row["kind"] == kind]
        return rows[0] if rows else {}


@pytest.fixture(scope="module")
def told(sandbox_process: Sandbox, first_sync: FirstSync, tmp_path_factory: pytest.TempPathFactory) -> Switches:
    folder = tmp_path_factory.mktemp("switches")
    config = shutil.copytree(REPOSITORY / "config", folder / "config")
    switches = Switches(sandbox_process, first_sync.begin(folder, CARTWIRE_CONFIG=config))
    switches.tell("pause", "pause", "--reason", "prices are wrong, ask ada@example.com")
    sandbox_process.admin("commercetools", "POST", "shop-day", {})
    switches.tell("paused", "sync", "--json")
    switches.tell("paused again", "sync", "--json")
    switches.tell("status while paused", "status")
    switches.tell("plan while paused", "plan", "--json")
    switches.tell("resume", "resume")
    switches.tell("pause two", "pause", "carts", "order_refunded", "--json")
    _switch(config, "events,order_cancelled,", on=False)
    _switch(config, "purchases,purchases,", on=False)
    switches.tell("two paused, two off", "sync", "--json")
    switches.tell("resume two", "resume", "carts", "order_refunded", "--json")
    switches.tell("flows", "sync", "--json")
    _switch(config, "events,order_cancelled,", on=True)
    _switch(config, "purchases,purchases,", on=True)
    later = str(HOURS_OF_A_LONG_HOLIDAY * 3600)
    switches.tell("on again, much later", "sync", "--json", CARTWIRE_CLOCK_OFFSET_SECONDS=later)
    switches.tell("and once more", "sync", "--json", CARTWIRE_CLOCK_OFFSET_SECONDS=later)
    return switches


def _switch(config: Path, row: str, *, on: bool) -> None:
    path = config / "objects.csv"
    before, after = f"{row}{str(not on).lower()},", f"{row}{str(on).lower()},"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_a_paused_installation_ends_as_skipped_and_still_delivers_withdrawals(told: Switches) -> None:
    assert told.outcomes["paused"].code == told.outcomes["paused again"].code == 12
    assert set(told.writes["paused"]) == {"subscriptions.bulk"}
    assert told.writes["paused again"] == {}
    assert told.counts("paused", "withdrawals")["accepted"] == told.counts("paused", "withdrawals")["planned"] > 0
    assert [row["kind"] for row in told.outcomes["paused"].json()["rows"]] == ["withdrawals"]


def test_a_pause_says_who_when_and_why_in_the_report_and_in_status_without_an_address(told: Switches) -> None:
    (sentence,) = told.outcomes["paused"].json()["attention"]
    assert sentence.startswith("paused: by ")
    assert "prices are wrong" in sentence
    assert "cartwire resume" in sentence
    status = told.outcomes["status while paused"].out
    assert "everything but withdrawals: by " in status
    assert "prices are wrong" in status
    assert "ada@example.com" not in sentence + status


def test_a_plan_under_a_full_pause_shows_everything_but_withdrawals_as_held(told: Switches) -> None:
    kinds = told.outcomes["plan while paused"].json()["kinds"]
    assert {kind["kind"] for kind in kinds} >= {"users", "carts", "purchases", "order_refunded"}
    for kind in kinds:
        assert kind["states"].get("staged", 0) == 0, kind
        assert any(reason.startswith("paused: by ") for reason in kind["reasons"])


def test_paused_kinds_are_held_with_the_reason_and_the_others_flow(told: Switches) -> None:
    name = "two paused, two off"
    assert told.outcomes[name].code == 11
    for kind in ("carts", "order_refunded"):
        assert told.counts(name, kind)["held"] == told.counts(name, kind)["planned"] > 0
        assert any(f"{kind} held: paused: by " in sentence for sentence in told.outcomes[name].json()["attention"])
    assert told.counts(name, "users")["accepted"] > 0
    assert not {"commerce.updateCart"} & told.writes[name].keys()


def test_after_resume_what_was_held_flows(told: Switches) -> None:
    assert told.outcomes["resume two"].json() == {"resumed": ["carts", "order_refunded"]}
    before, after = told.counts("two paused, two off", "order_refunded"), told.counts("flows", "order_refunded")
    assert after["accepted"] == before["held"]
    carts = told.counts("flows", "carts")
    assert carts["accepted"] + carts["suppressed"] == told.counts("two paused, two off", "carts")["held"]
    assert told.outcomes["flows"].code == 0


def test_what_is_switched_off_in_config_is_not_even_planned(told: Switches) -> None:
    for name in ("two paused, two off", "flows"):
        assert told.counts(name, "order_cancelled") == told.counts(name, "purchases") == {}
        assert not {"commerce.trackPurchase"} & told.writes[name].keys()


def test_switching_on_long_after_floods_nobody(told: Switches) -> None:
    report = told.outcomes["on again, much later"].json()
    assert told.counts("on again, much later", "order_cancelled") == {}
    assert told.counts("on again, much later", "purchases") == {}
    assert report["history"]["order_cancelled"] > 0
    assert report["history"]["purchases"] > 0
    again = told.outcomes["and once more"].json()
    assert (again["rows"], again["history"], told.writes["and once more"]) == ([], {}, {})


@pytest.mark.parametrize("names", [["withdrawals"], ["carts", "withdrawals"], ["newsletters"]])
def test_a_name_that_cannot_be_paused_is_refused_and_nothing_is_paused(
    sandbox: Sandbox, tmp_path: Path, names: list[str]
) -> None:
    environment = sandbox.environment(tmp_path)
    refused = cartwire(environment, "pause", *names)
    assert refused.code == 2
    assert "an opt-out may not wait" in refused.err or "allowed: cart_abandoned" in refused.err
    assert cartwire(environment, "status", "--json").json() == {"runs": [], "is_fresh": None}


def test_a_pause_before_the_first_sync_lets_nobody_be_created(sandbox: Sandbox, tmp_path: Path) -> None:
    environment = sandbox.environment(tmp_path)
    assert cartwire(environment, "pause").code == 0
    assert cartwire(environment, "sync", "--json").code == 12
    assert sandbox.writes() == {}
