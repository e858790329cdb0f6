"""A campaign of kills: chains of killed syncs, each ended by a restart that must finish the work, with a tally of what occurred."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from activation.crash_points import CRASH_POINTS
from tests.conftest import Sandbox
from tests.kill.comparison import compare
from tests.kill.installation import Ended, Installation
from tests.kill.shopping import Shopping

POINTS = tuple(sorted(CRASH_POINTS))
SEVERAL_A_RUN = {"claimed-not-sent": 6, "sent-not-settled": 6, "settled-not-folded": 6, "frozen-history-not-moved": 2}
ANYWHERE, WHILE_WRITING = "from outside, anywhere", "from outside, while writing"
FAULTS = {
    "none": None,
    "drop_after": {"kind": "drop_after"},
    "drop_before": {"kind": "drop_before"},
    "truncate": {"kind": "truncate"},
    "status 503": {"kind": "status", "status": 503},
    "status 429": {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}, "times": 3},
    "delay": {"kind": "delay", "delay_ms": 400, "times": None},
}
WRITES = (
    "/api/users/bulkUpdate",
    "/api/commerce/trackPurchase",
    "/api/commerce/updateCart",
    "/api/events/trackBulk",
    "/api/subscriptions",
)
STATES_AT_DEATH = ("staged", "sending", "unknown", "accepted", "suppressed")
STATES_AFTER = ("accepted", "suppressed", "superseded")
RESTARTS_MAX = 3


@dataclass(frozen=True)
class Kill:
    """Where to kill (a named point or one of the two ways from outside) and what goes wrong at Iterable meanwhile."""

    where: str
    fault: str


@dataclass
class Tally:
    """How often each place of death and fault occurred, the states of a run's rows when it died and after the restart, and what
    was compared then."""

    places: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    states_at_death: Counter[str] = field(default_factory=Counter)
    states_after: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)

    @property
    def kills(self) -> int:
        return self.places.total()

    def never(self) -> list[str]:
        """What a long campaign must have seen and this one did not."""
        wanted = {
            "places": (*POINTS, ANYWHERE, WHILE_WRITING),
            "faults": FAULTS,
            "states_at_death": STATES_AT_DEATH,
            "states_after": STATES_AFTER,
        }
        return [f"{kind}: {name}" for kind, names in wanted.items() for name in names if not getattr(self, kind)[name]]

    def shown(self) -> str:
        """For a person, one line per counter."""
        counters = ("places", "faults", "states_at_death", "states_after", "restarts", "compared")
        lines = (
            f"{name}: {', '.join(f'{key} {count}' for key, count in sorted(getattr(self, name).items()))}" for name in counters
        )
        return "\n".join((f"{self.kills} kills", *lines))


class Campaign:
    """One installation that is killed again and again, over one sandbox that remembers everything."""

    def __init__(self, sandbox: Sandbox, folder: Path, seed: int) -> None:
        self.seed = seed
        self.tally = Tally()
        self.faults: list[str] = []
        self._random = random.Random(seed)
        self._sandbox = sandbox
        self._installation = Installation(sandbox, folder)
        self._typical_s = 0.0

    def begin(self) -> None:
        """The first sync, undisturbed; its length is the measure for kills at any instant."""
        self._sandbox.reset()
        started = time.monotonic()
        ended = self._installation.sync()
        self._typical_s = time.monotonic() - started
        assert ended.returncode == 0, ended.output
        self._shopping = Shopping(self._sandbox, self._installation.warehouse, self._random)

    def chain(self, kills: list[Kill]) -> None:
        """Kill one sync after the other, with a little shopping before each; then restart, and compare."""
        dead = set()
        for number, kill in enumerate(kills):
            self._shopping.go_on(much=number == 0)
            if self._dies(kill):
                dead.add(self._installation.newest_run())
                self.tally.states_at_death += self._installation.states({self._installation.newest_run()})
        self._restart()
        self.tally.states_after += self._installation.states(dead)
        found = compare(self._installation, self._shopping.wanted)
        self.tally.compared += found.compared
        self.faults += [f"after {kills}: {fault}" for fault in found.faults]

    def _dies(self, kill: Kill) -> bool:
        self._break(kill)
        ended = self._run_into(kill)
        acted = self._sandbox.admin("iterable", "GET", "faults")["rules"]
        if kill.fault == "none" or any(rule["fired"] for rule in acted):
            self.tally.faults[kill.fault] += 1
        if ended.was_killed:
            self.tally.places[kill.where] += 1
        else:
            assert ended.returncode == 0, ended.output
        return ended.was_killed

    def _run_into(self, kill: Kill) -> Ended:
        if kill.where == ANYWHERE:
            return self._installation.sync_killed_after(self._random.uniform(0.1, 0.9) * self._typical_s)
        if kill.where == WHILE_WRITING:
            return self._installation.sync_killed_while_writing(self._random.randint(1, 8), self._random)
        times = self._random.randint(1, SEVERAL_A_RUN.get(kill.where, 1))
        return self._installation.sync(crash_at=f"{kill.where}:{times}")

    def _break(self, kill: Kill) -> None:
        self._sandbox.admin("iterable", "DELETE", "faults")
        rule = FAULTS[kill.fault]
        if rule is not None:
            rules = [{"match": {"path": path}, "nth": 1, "times": 1, **rule} for path in WRITES]
            self._sandbox.admin("iterable", "POST", "faults", {"rules": rules})

    def _restart(self) -> None:
        """By the normal command, until it ends well. What goes wrong at Iterable goes on."""
        for number in range(1, RESTARTS_MAX + 1):
            ended = self._installation.sync()
            if ended.returncode == 0:
                self.tally.restarts[f"ok after {number}"] += 1
                return
            self.tally.restarts[f"exit {ended.returncode}"] += 1
        raise AssertionError(f"no restart ended well: {ended.output}")


def plan(seed: int, kills: int) -> list[list[Kill]]:
    """Chains of one to three kills: every named point in turn, every third kill from outside, faults in turn, all shuffled."""
    source = random.Random(seed)
    outside = [ANYWHERE, WHILE_WRITING]
    places = [
        outside[number // 3 % 2] if number % 3 == 2 else POINTS[(number - number // 3) % len(POINTS)] for number in range(kills)
    ]
    names = list(FAULTS)
    faults = [names[number % len(names)] for number in range(kills)]
    source.shuffle(places)
    source.shuffle(faults)
    planned = [
        Kill(where, "drop_after" if where == "read-back-not-decided" else fault)
        for where, fault in zip(places, faults, strict=True)
    ]
    chains = []
    while planned:
        length = source.randint(1, 3)
        chains.append(planned[:length])
        planned = planned[length:]
    return chains
