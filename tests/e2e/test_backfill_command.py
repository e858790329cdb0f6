"""`cartwire backfill` as its operator meets it: what it refuses, how it is steered, what holds it back. Told once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from activation.ledger.backfills import BackfillState
from activation.ledger.store import Ledger
from cartwire import stopping
from cartwire.lock import holder
from cartwire.settings import Settings
from flows.backfill import Progressed, run_backfill
from tests.conftest import Sandbox
from tests.e2e.command import Outcome, cartwire
from tests.e2e.first_sync import FirstSync

pytestmark = [pytest.mark.xdist_group("first sync"), pytest.mark.identities]

PERIOD = ("--since", "2024-01-01", "--until", "2028-01-01")
REFUNDS = ("backfill", "--objects", "order_refunded", *PERIOD)
PURCHASES = ("backfill", "--objects", "purchases", *PERIOD)


@dataclass
class Operated:
    """Outcome of each command, and the facts Iterable had after it."""

    sandbox: Sandbox
    folder: Path
    settings: Settings
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    facts: dict[str, int] = field(default_factory=dict)
    carts: dict[str, int] = field(default_factory=dict)
    holders: list[int | None] = field(default_factory=list)
    paused: Progressed | None = None
    is_stopped: bool = False

    def tell(self, name: str, *arguments: str) -> Outcome:
        self.outcomes[name] = cartwire(self.sandbox.environment(self.folder), *arguments)
        state = self.sandbox.admin("iterable", "GET", "state")
        self.facts[name] = len(state["purchases"]) + len([one for one in state["events"] if one["eventName"] != "updateCart"])
        self.carts[name] = len([user for user in state["users"] if user["cart"]])
        return self.outcomes[name]

    def json(self, name: str) -> Any:
        return self.outcomes[name].json()

    def run(self, number: int, rows_max: int, tell: Callable[[Progressed], None]) -> Progressed:
        return run_backfill(self.settings, number, rows_max=rows_max, tell=tell)

    def pause(self, found: Progressed) -> None:
        """Somebody looks at the lease and pauses the backfill, between two chunks."""
        self.holders.append(holder(self.settings.ledger))
        with Ledger.open(self.settings.ledger, self.settings.secret_bytes) as ledger:
            ledger.steer_backfill(found.backfill.backfill_id, BackfillState.paused, by="somebody")


@pytest.fixture(scope="module")
def told(sandbox_process: Sandbox, first_sync: FirstSync, tmp_path_factory: pytest.TempPathFactory) -> Operated:
    folder = tmp_path_factory.mktemp("operated")
    sandbox_process.reset()
    told = Operated(sandbox_process, folder, sandbox_process.settings(folder))
    told.tell("too early", *REFUNDS)
    first_sync.begin(folder)

    told.tell("look", *REFUNDS, "--json")
    told.tell("look for people", *PURCHASES, "--include-live-carts")
    told.tell("look at a market", *REFUNDS, "--market", "us", "--json")
    order = _oldest_order(told.settings)
    ids = folder / "ids.txt"
    ids.write_text(f"{order}\n\n")
    told.tell("look at one", "backfill", "--objects", "purchases", "--ids", str(ids), "--include-live-carts", "--json")
    ids.write_text(f"{order}\nno-order-of-ours\n")
    told.tell("look at a stranger", "backfill", "--objects", "purchases", "--ids", str(ids))

    told.tell("pause the kind", "pause", "order_refunded", "--reason", "not yet")
    told.tell("held back", *REFUNDS, "--yes", "--json")
    told.tell("resume the kind", "resume")
    told.paused = told.run(1, 5, told.pause)
    told.tell("listed", "backfill", "list", "--json")
    with stopping.on_signals(), pytest.raises(stopping.RunStopped):
        _steer(told.settings, 1)
        told.run(1, 5, lambda _: stopping.request())
    told.tell("resumed", "backfill", "resume", "1", "--json")
    told.tell("again", *REFUNDS, "--yes", "--json")
    told.tell("live carts too", *PURCHASES, "--include-live-carts", "--yes", "--json")
    told.tell("quiet", "sync", "--json")
    return told


def _oldest_order(settings: Settings) -> str:
    """Number of an order that is history."""
    with duckdb.connect(str(settings.analyst_db), read_only=True) as marts:
        [(number,)] = marts.execute(
            "select order_number from marts.orders where is_counted order by ordered_at limit 1"
        ).fetchall()
    return str(number)


def _steer(settings: Settings, number: int) -> None:
    with Ledger.open(settings.ledger, settings.secret_bytes) as ledger:
        ledger.steer_backfill(number, BackfillState.open, by="somebody")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--objects", "newsletters", *PERIOD), "known: cart_abandoned"),
        (("--objects", "users", *PERIOD), "users has no history"),
        (("--objects", "product_viewed", *PERIOD), "switched off in config/objects.csv"),
        (("--objects", "purchases", "--since", "2026-01-01", "--until", "2026-01-01"), "is not before --until"),
        (("--objects", "purchases", "--since", "2026-01-01"), "say from when to when"),
        (PERIOD, "say which history"),
        (("--objects", "purchases", *PERIOD, "--market", "atlantis"), "config/markets.csv has: de, gb, jp, kw, us"),
        (("--objects", "purchases", "--ids", "no-such-file"), "cannot be read"),
        (("resume", "77"), "there is no backfill 77"),
        (("pause", "77"), "there is no backfill 77"),
    ],
)
def test_a_wrong_request_says_what_is_right(told: Operated, arguments: tuple[str, ...], said: str) -> None:
    refused = cartwire(told.sandbox.environment(told.folder), "backfill", *arguments)
    assert refused.code == 2
    assert said in refused.err


def test_before_the_first_sync_there_is_no_history_to_let_go(told: Operated) -> None:
    assert told.outcomes["too early"].code == 2
    assert "run `cartwire sync` first" in told.outcomes["too early"].message


def test_looking_counts_by_market_and_says_what_live_carts_would_fire(told: Operated) -> None:
    everywhere, us = told.json("look"), told.json("look at a market")
    assert told.outcomes["look"].code == told.outcomes["look at a market"].code == 11
    by_market = {row["market"]: row["facts"] for row in everywhere["kinds"]}
    assert us["facts"] == by_market["us"] < everywhere["facts"] == sum(by_market.values())
    text = told.outcomes["look for people"].out
    assert "Journeys on updateCart fire for them" in text
    assert "isBackfill equals false" in text
    assert "@" not in text
    assert told.facts["look for people"] == 0


def test_ids_are_numbers_of_orders_too_and_a_stranger_among_them_is_named(told: Operated) -> None:
    assert told.json("look at one")["facts"] == 1
    assert told.outcomes["look at a stranger"].code == 2
    assert "1 of 2 ids are no history that is held (no-order-of-ours)" in told.outcomes["look at a stranger"].message


def test_a_paused_kind_holds_the_backfill_at_its_place(told: Operated) -> None:
    held = told.json("held back")
    assert (told.outcomes["held back"].code, held["state"], held["reached"]) == (11, "open", None)
    assert "paused: by" in held["blocked"][0]
    assert held["left"]["facts"] == told.json("look")["facts"]
    assert told.facts["held back"] == 0


def test_a_backfill_paused_between_two_chunks_ends_there_with_the_lease_free(told: Operated) -> None:
    assert told.holders == [None]
    assert told.paused is not None
    assert (told.paused.backfill.state, told.paused.chunks, sum(told.paused.states.values())) == ("paused", 1, 5)
    [row] = told.json("listed")["backfills"]
    assert (row["state"], row["kinds"], row["ids"], row["left_behind"]) == ("paused", ["order_refunded"], None, 0)
    assert row["reached"] is not None


def test_a_backfill_that_was_stopped_goes_on_and_sends_the_rest(told: Operated) -> None:
    resumed = told.json("resumed")
    assert (told.outcomes["resumed"].code, resumed["state"], resumed["left"]["facts"]) == (0, "done", 0)
    facts = told.json("look")["facts"]
    assert sum(resumed["facts"].values()) == facts - 10, "a chunk of five before the pause, one before the stop"
    assert told.facts["resumed"] == facts - told.json("again").get("facts", 0)
    assert told.outcomes["again"].code == 0


def test_live_carts_that_are_included_are_there_afterwards(told: Operated) -> None:
    report = told.json("live carts too")
    assert (told.outcomes["live carts too"].code, report["state"]) == (0, "done")
    assert told.facts["live carts too"] > told.facts["again"] + 300
    assert told.carts["live carts too"] == told.carts["look"] > 0
    assert told.json("quiet")["rows"] == []
