"""A campaign of kills: chains of killed syncs and backfills, each ended by a restart that must finish the work."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from activation.ledger.backfills import BackfillState
from tests.conftest import Sandbox
from tests.kill.comparison import compare
from tests.kill.installation import SYNC, Command, Ended, Installation
from tests.kill.kills import ANYWHERE, BACKFILL, LOOKED, RULES, WHILE_WRITING, Chain, Kill
from tests.kill.shopping import SPOILS, Shopping
from tests.kill.tally import Tally

SEVERAL_A_RUN = {
    "claimed-not-sent": 6,
    "sent-not-settled": 6,
    "settled-not-folded": 6,
    "frozen-history-not-moved": 2,
    "divided-not-sent": 2,
}
RESTARTS_MAX = 4
REJECTED, HELD = 10, 11
RELEASED_AT_ONCE, CHUNK = 16, ("--chunk", "8")
EVERYTHING = ("--objects", "purchases,events")
HISTORY = """
select history.subject from delivered.held_history as history
inner join activation.iterable_users as users on history.person_key = users.person_key
inner join changes.recipients as recipients on users.profile_id = recipients.profile_id
where recipients.hold_reason is null order by history.subject
"""


class Campaign:
    """One installation that is killed again and again, over one sandbox that remembers everything."""

    def __init__(self, sandbox: Sandbox, folder: Path, seed: int) -> None:
        self.seed = seed
        self.tally = Tally()
        self.chains: list[Chain] = []
        self.faults: list[str] = []
        self._random = random.Random(seed)
        self._sandbox = sandbox
        self._folder = folder
        self._installation = Installation(sandbox, folder)
        self._typical_s = 0.0

    def begin(self) -> None:
        """The first sync, undisturbed."""
        self._sandbox.reset()
        ended = self._timed_sync()
        assert ended.returncode == 0, ended.output
        self._shopping = Shopping(self._sandbox, self._installation.warehouse, self._random)
        with duckdb.connect(str(self._installation.warehouse), read_only=True) as conn:
            self._history = [subject for (subject,) in conn.execute(HISTORY).fetchall()]
        random.Random(self.seed).shuffle(self._history)

    def chain(self, kills: Chain) -> None:
        """Kill one command after the other, with a little shopping before each; then restart, and compare."""
        self.chains.append(kills)
        dead = set()
        for number, kill in enumerate(kills):
            self._sandbox.admin("iterable", "DELETE", "faults")
            self._shopping.mend()
            self._shopping.go_on(much=number == 0)
            if kill.where == LOOKED:
                self._installation.lose_last_sync()
            if self._dies(kill):
                dead.add(self._installation.newest_run())
                self.tally.states_at_death += self._installation.states({self._installation.newest_run()})
        self._finish_and_compare(dead, str(kills))

    def end(self) -> None:
        """What Iterable refused is mended, and arrives."""
        self._sandbox.admin("iterable", "DELETE", "faults")
        self._shopping.mend()
        self._finish_and_compare(set(), "the end")

    def _finish_and_compare(self, dead: set[str], after: str) -> None:
        self._restart()
        self.tally.states_after += self._installation.states(dead)
        found = compare(self._installation, self._shopping.wanted)
        self.tally.compared += found.compared
        self.faults += [f"after {after}: {fault}" for fault in found.faults]

    def _dies(self, kill: Kill) -> bool:
        marker = self._sandbox.admin("iterable", "GET", "writes")["marker"]
        self._break(kill)
        command = self._backfill() if kill.command == BACKFILL else SYNC
        ended = self._run_into(kill, command)
        if self._was_met(kill, marker):
            self.tally.faults[kill.fault] += 1
        if ended.was_killed:
            self.tally.places[kill.where] += 1
            self.tally.commands[kill.command] += 1
        else:
            # beside a row that Iterable refuses others may wait for it, and a backfill may leave behind what waits for a live cart
            is_strict = command == SYNC and not self._shopping.wanted.refused
            assert ended.returncode in ({0} if is_strict else {0, REJECTED, HELD}), ended.output
        return ended.was_killed

    def _run_into(self, kill: Kill, command: Command) -> Ended:
        if kill.where == ANYWHERE:
            return self._installation.sync_killed_after(self._random.uniform(0.1, 0.9) * self._typical_s, command)
        if kill.where == WHILE_WRITING:
            return self._installation.sync_killed_while_writing(self._random.randint(1, 8), self._random, command)
        times = self._random.randint(1, SEVERAL_A_RUN.get(kill.where, 1))
        return self._installation.sync(f"{kill.where}:{times}", command)

    def _break(self, kill: Kill) -> None:
        if kill.fault in SPOILS:
            self._shopping.spoil(kill.fault)
        else:
            self._sandbox.admin("iterable", "POST", "faults", {"rules": RULES[kill.fault]})

    def _was_met(self, kill: Kill, marker: int) -> bool:
        """Whether Iterable did during the command what the fault says."""
        if kill.fault in SPOILS:
            written = self._sandbox.admin("iterable", "GET", f"writes?since={marker}")
            return "400" in written["by_status"] or bool(written["rows_refused"])
        acted = self._sandbox.admin("iterable", "GET", "faults")["rules"]
        return not acted or any(rule["fired"] for rule in acted)

    def _backfill(self) -> Command:
        """Lets some facts of history go that no backfill has asked for."""
        ids = self._folder / f"ids-{len(self._history)}.txt"
        ids.write_text("\n".join(self._history[:RELEASED_AT_ONCE]))
        del self._history[:RELEASED_AT_ONCE]
        return ("backfill", *EVERYTHING, "--ids", str(ids), *CHUNK, "--yes", "--json")

    def _restart(self) -> None:
        """By the normal commands, until they end well. What goes wrong at Iterable goes on."""
        for number in self._open_backfills():
            self._again("backfill", lambda number=number: self._resume(number) not in self._open_backfills())
        self._again("sync", lambda: self._timed_sync().returncode == 0)

    def _again(self, name: str, ends_well: Callable[[], bool]) -> None:
        """What Iterable refuses is not sent to it again, so the last of them has nothing to report."""
        for number in range(1, RESTARTS_MAX + 1):
            if ends_well():
                self.tally.restarts[f"{name} well after {number}"] += 1
                return
        raise AssertionError(f"no {name} ended well: {self._installation.said()}")

    def _open_backfills(self) -> list[int]:
        return [one.backfill_id for one in self._installation.backfills() if one.state is BackfillState.open]

    def _resume(self, number: int) -> int:
        self._installation.sync(command=("backfill", "resume", str(number), *CHUNK, "--json"))
        return number

    def _timed_sync(self) -> Ended:
        """The last one's length is the measure for kills at any instant."""
        started = time.monotonic()
        ended = self._installation.sync()
        self._typical_s = time.monotonic() - started
        return ended
