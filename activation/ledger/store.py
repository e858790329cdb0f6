"""The ledger: one SQLite file, the only copy of what was planned, sent and decided.

Its parts are files of their own: runs, pauses, backfills, freezing, inbox, staging, sending, recovery, trying, drifting, pruning, queries,
folding. One process writes at a time, under the lease (the operator's switches and approvals, backfills being started or steered, and the
inbox of consent excepted); others read through `activation.ledger.reading`.
"""

from __future__ import annotations

from pathlib import Path

from activation.ledger.backfills import Backfilling
from activation.ledger.database import open_writer
from activation.ledger.drifting import Drifting
from activation.ledger.folding import Folding
from activation.ledger.freezing import Freezing
from activation.ledger.inbox import Inbox
from activation.ledger.pauses import Pausing
from activation.ledger.pruning import Pruning
from activation.ledger.queries import Queries
from activation.ledger.recovery import Recovering
from activation.ledger.refused import Replaying
from activation.ledger.runs import Runs
from activation.ledger.staging import Staging
from activation.ledger.trying import Trying


class Ledger(
    Runs, Pausing, Freezing, Inbox, Staging, Recovering, Replaying, Trying, Drifting, Pruning, Backfilling, Queries, Folding
):
    """The writing side of a run."""

    @classmethod
    def open(cls, path: Path, secret: bytes) -> Ledger:
        """Open for writing, creating or migrating the file; close it when done.

        Raises: LedgerError for a newer file, or one made with another CARTWIRE_SECRET.
        """
        ledger = cls(open_writer(path), path)
        try:
            ledger.claim_secret(secret)
        except BaseException:
            ledger.close()
            raise
        return ledger

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
