"""Sending from a ledger that may not know all that was sent: each row is looked for at Iterable before it leaves.

After a restored backup, or with a new ledger in the place of a lost one, the diff plans what the ledger does not know to be there.
Whatever Iterable shows already is accepted without a request; of a profile only the fields that differ are sent.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import orjson

from activation import crash_points
from activation.iterable.evidence import Evidence, without_what_is_there
from activation.ledger import reasons
from activation.ledger.machine import Event
from activation.ledger.sending import LedgerItem, Outcome
from activation.ledger.store import Ledger
from activation.settle import CHUNK_ROWS, READERS, decide, look
from cartwire import stopping
from clients.iterable import IterableClient

ENDPOINT = "looked first"  # of the requests that stand for a look; nothing was sent under it
READS_OF_ITS_OWN = frozenset({"withdrawals", "grants"})  # harmless to repeat; sent after a fresh reading anyhow

Narrowed = Mapping[int, bytes]


def look_first(
    ledger: Ledger,
    client: IterableClient,
    run_id: str,
    stage: str,
    *,
    visibility_s: float,
    unknown_outcome: Mapping[str, str],
    sleep: Callable[[float], None] = time.sleep,
) -> Narrowed:
    """Decide every staged row that Iterable shows already; the others stay staged.

    Waits for the visibility delay first: the last requests that the ledger does not know may have left just now.
    Returns: by item the fragment to send in the place of the frozen one, for profiles that have a part of their fields already.
    """
    rows = [item_id for item_id, name in ledger.staged_objects(run_id, stage) if name not in READS_OF_ITS_OWN]
    if not rows:
        return {}
    sleep(visibility_s)
    narrowed: dict[int, bytes] = {}
    with ThreadPoolExecutor(READERS, thread_name_prefix="look-first") as pool:
        for start in range(0, len(rows), CHUNK_ROWS):
            stopping.check()
            claim = ledger.claim(uuid.uuid4().hex, ENDPOINT, rows[start : start + CHUNK_ROWS], lambda _: b"")
            if not claim.items:
                continue
            lost = [Outcome(item_id=item.item_id, event=Event.lose, reason=reasons.LOOKED_FIRST) for item in claim.items]
            ledger.settle(claim.request_id, lost)
            found = list(pool.map(lambda item: _look(client, item), claim.items))
            crash_points.reach("looked-not-decided")
            ledger.settle_unknown(
                [
                    decide(item, evidence, is_dead=False, may_resend=unknown_outcome.get(item.object) == "resend")
                    for item, (evidence, _) in zip(claim.items, found, strict=True)
                ]
            )
            narrowed |= {item.item_id: fragment for item, (_, fragment) in zip(claim.items, found, strict=True) if fragment}
    return narrowed


def narrowing(narrowed: Narrowed, build: Callable[[Sequence[LedgerItem]], bytes]) -> Callable[[Sequence[LedgerItem]], bytes]:
    """An envelope around what is left to send of each row."""
    if not narrowed:
        return build

    def envelope(items: Sequence[LedgerItem]) -> bytes:
        return build([item.with_fragment(narrowed.get(item.item_id, item.fragment)) for item in items])

    return envelope


def _look(client: IterableClient, item: LedgerItem) -> tuple[Evidence, bytes | None]:
    """What Iterable shows of the row, and where it is a part of a profile, what is left to send."""
    if item.object != "users":
        return look(client, item), None
    sent = orjson.loads(item.fragment)
    user = client.get_user(email=sent.get("email"), user_id=sent.get("userId"))
    left = without_what_is_there(sent, user)
    if left is None:
        return Evidence.present, None
    return Evidence.absent, orjson.dumps(left, option=orjson.OPT_SORT_KEYS) if user is not None else None
