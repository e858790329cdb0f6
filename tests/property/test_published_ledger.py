"""The analysts' copy of the ledger, continued after any sequence of moves, is the copy that is made from the beginning."""

from __future__ import annotations

from pathlib import Path

import duckdb
from hypothesis import settings
from hypothesis.stateful import precondition, rule

from activation.ledger.machine import Event
from activation.ledger.sending import Outcome
from activation.publish import publish_ledger_views
from tests.property.test_ledger_machine import LedgerMachine

TABLES = ("runs", "items", "requests", "sent", "counts")


def content(version: Path) -> dict[str, list[tuple[object, ...]]]:
    with duckdb.connect(str(version), read_only=True) as conn:
        return {name: conn.execute(f"select * from ledger.{name} order by all").fetchall() for name in TABLES}


class PublishedLedger(LedgerMachine):
    """A ledger's life with an analyst beside it."""

    @rule()
    def publish(self) -> None:
        publish_ledger_views(self.path, Path(self.folder.name) / "kept" / "analyst.duckdb")

    @precondition(lambda self: self.flying)
    @rule()
    def refuse_for_good(self) -> None:
        claim = self.flying.pop()
        outcomes = [Outcome(item_id=item.item_id, event=Event.reject, reason="no", is_sticky=True) for item in claim.items]
        self.ledger.settle(claim.request_id, outcomes, status=400)

    @precondition(lambda self: self.query("select 1 from items where state = 'rejected' and is_sticky = 1"))
    @rule()
    def replay(self) -> None:
        self.ledger.replay([row[0] for row in self.query("select item_id from items where is_sticky = 1")], by="test")  # type: ignore[misc]

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            kept = publish_ledger_views(self.path, Path(self.folder.name) / "kept" / "analyst.duckdb")
            whole = publish_ledger_views(self.path, Path(self.folder.name) / "whole" / "analyst.duckdb")
            assert content(kept) == content(whole)
        super().teardown()


PublishedLedger.TestCase.settings = settings(max_examples=15, stateful_step_count=25, deadline=None)
TestPublishedLedger = PublishedLedger.TestCase
