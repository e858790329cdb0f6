"""Named instants at which a test may kill the process: between two durable writes, where a real kill hurts most.

`CARTWIRE_CRASH_AT=<name>` or `<name>:<n>`: SIGKILL when the point is reached the n-th time in this process (first: 1).
"""

from __future__ import annotations

import os
import signal
from collections import Counter

OF_A_DELIVERY = frozenset(
    {"frozen-not-sent", "claimed-not-sent", "sent-not-settled", "settled-not-folded", "divided-not-sent", "looked-not-decided"}
)
CRASH_POINTS = OF_A_DELIVERY | {
    "loaded-not-built",
    "frozen-history-not-moved",
    "marts-published-not-frozen",
    "read-not-granted",
    "read-back-not-decided",
    "folded-not-published",
}
_reached: Counter[str] = Counter()


def reach(name: str) -> None:
    """Die here if the environment says so; nothing otherwise."""
    wanted, _, count = os.environ.get("CARTWIRE_CRASH_AT", "").partition(":")
    if wanted != name:
        return
    _reached[name] += 1
    if _reached[name] == int(count or "1"):
        os.kill(os.getpid(), signal.SIGKILL)
