"""What a campaign consists of: kills, each with a place, a fault and the command that dies; planned from a seed, or kept as data."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from activation.crash_points import CRASH_POINTS
from tests.kill.shopping import SPOILS

POINTS = tuple(sorted(CRASH_POINTS))
ANYWHERE, WHILE_WRITING = "from outside, anywhere", "from outside, while writing"
LOOKED = "looked-not-decided"  # by runs after a restored ledger only
OUTSIDE = (ANYWHERE, WHILE_WRITING)
WRITES = (
    "/api/users/bulkUpdate",
    "/api/commerce/trackPurchase",
    "/api/commerce/updateCart",
    "/api/events/trackBulk",
    "/api/subscriptions",
)
BATCHES = ("/api/users/bulkUpdate", "/api/events/trackBulk")
LARGEST_ALONE = 1_200  # bytes that no row of the script exceeds, and most of its batches do
TOO_LARGE = "status 413 by size"
RULES = {
    "none": [],
    TOO_LARGE: [
        {"kind": "status", "status": 413, "times": None, "match": {"path": path, "larger_than": LARGEST_ALONE}}
        for path in BATCHES
    ],
    **{
        name: [{"nth": 1, "times": 1, **rule, "match": {"path": path}} for path in WRITES]
        for name, rule in {
            "drop_after": {"kind": "drop_after"},
            "drop_before": {"kind": "drop_before"},
            "truncate": {"kind": "truncate"},
            "status 503": {"kind": "status", "status": 503},
            "status 429": {"kind": "status", "status": 429, "headers": {"Retry-After": "1"}, "times": 3},
            "delay": {"kind": "delay", "delay_ms": 400, "times": None},
        }.items()
    },
}
"""Fault → rules of the sandbox. What else is wrong is in the shop's own documents (`SPOILS`)."""
FAULTS = (*RULES, *SPOILS)
NEEDED = {"read-back-not-decided": ("drop_after",), "divided-not-sent": (TOO_LARGE, "killer row")}
"""Point → faults without which no run comes to it."""
SYNC, BACKFILL = "sync", "backfill"
COMMANDS = (SYNC, BACKFILL)
EVERY_BACKFILL = 8
REGRESSIONS = Path(__file__).with_name("regressions.csv")


@dataclass(frozen=True)
class Kill:
    """Where to kill (a named point or one of the two ways from outside), what goes wrong at Iterable meanwhile, and which command dies."""

    where: str
    fault: str
    command: str = SYNC


Chain = Sequence[Kill]


def plan(seed: int, kills: int) -> list[Chain]:
    """Chains of one to three kills: every named point in turn, every third kill from outside, some in a backfill, faults in turn; all
    shuffled."""
    source = random.Random(seed)
    places = [
        OUTSIDE[number // 3 % 2] if number % 3 == 2 else POINTS[(number - number // 3) % len(POINTS)] for number in range(kills)
    ]
    faults = [FAULTS[number % len(FAULTS)] for number in range(kills)]
    commands = [BACKFILL if number % EVERY_BACKFILL == 1 else SYNC for number in range(kills)]
    for column in (places, faults, commands):
        source.shuffle(column)
    planned = []
    for where, fault, command in zip(places, faults, commands, strict=True):
        needed = NEEDED.get(where, (fault,))
        planned.append(Kill(where, fault if fault in needed else source.choice(needed), command))
    chains = []
    while planned:
        length = source.randint(1, 3)
        looks = [number for number, kill in enumerate(planned[:length], 1) if kill.where == LOOKED]
        # the shop stands still until a restored ledger has looked: what goes back to what it believes is found by nobody
        length = min([length, *looks])
        chains.append(planned[:length])
        planned = planned[length:]
    return chains


def kept() -> dict[str, tuple[int, list[Chain]]]:
    """Name of a campaign that once failed → its seed, and the chains that it takes."""
    with REGRESSIONS.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    cases: dict[str, tuple[int, list[Chain]]] = {}
    for name in dict.fromkeys(row["case"] for row in rows):
        chains: dict[str, list[Kill]] = defaultdict(list)
        for row in (row for row in rows if row["case"] == name):
            chains[row["chain"]].append(Kill(*(row[field.name] for field in fields(Kill))))
        cases[name] = int(next(row["seed"] for row in rows if row["case"] == name)), list(chains.values())
    return cases


def to_keep(seed: int, chains: Iterable[Chain]) -> str:
    """The rows of `regressions.csv` that repeat a campaign."""
    rows = [("say what failed", seed, number, *astuple(kill)) for number, kills in enumerate(chains, 1) for kill in kills]
    return "\n".join(",".join(f'"{value}"' if "," in str(value) else str(value) for value in row) for row in rows)
