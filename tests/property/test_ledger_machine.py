"""Any sequence of freezes, claims, answers, losses, read-backs and deaths leaves the ledger telling the truth."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from activation.ledger.items import ConsentRow, NewItem
from activation.ledger.machine import Event
from activation.ledger.sending import Claim, Outcome
from activation.ledger.store import Ledger

SECRET = b"s" * 32
OBJECTS = ("users", "purchases", "carts")
ANSWERS = (Event.accept, Event.reject, Event.hold, Event.retry, Event.lose)
READ_BACKS = (Event.accept, Event.resend, Event.hold)


class LedgerMachine(RuleBasedStateMachine):
    """A sync's life, with the ledger's file as the only memory that survives."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ledger.sqlite"
        self.runs = 0
        self.requests = 0
        self.withdrawn: set[str] = set()
        self.flying: list[Claim] = []

    @initialize()
    def start(self) -> None:
        self.ledger = Ledger.open(self.path, SECRET)
        self.next_run()

    def next_run(self) -> None:
        self.runs += 1
        self.stages = 0
        self.run_id = f"r{self.runs}"
        self.ledger.start_run(self.run_id, "test")

    @rule(subjects=st.sets(st.tuples(st.sampled_from(OBJECTS), st.integers(1, 4)), min_size=1))
    def freeze(self, subjects: set[tuple[str, int]]) -> None:
        self.stages += 1
        items = [
            NewItem(
                object=name,
                kind=name,
                subject=f"{name}-{number}",
                person_key=f"p{number}",
                fingerprint="f",
                lane=OBJECTS.index(name) + 3,
                fragment=b"{}",
                consent_requirement="any" if name == "carts" else "none",
                state="held" if number == 4 else "staged",
                reason="guard" if number == 4 else "",
            )
            for name, number in sorted(subjects)
        ]
        self.withdrawn -= {f"p{number}" for _, number in subjects}
        consent = [
            ConsentRow(person_key=f"p{number}", channel="email", purpose="marketing", status="granted", is_messageable=True)
            for _, number in subjects
        ]
        self.ledger.freeze(self.run_id, f"stage-{self.stages}", items, consent)

    @rule(number=st.integers(1, 4))
    def withdraw(self, number: int) -> None:
        row = ConsentRow(person_key=f"p{number}", channel="email", purpose="marketing", status="withdrawn", is_messageable=False)
        self.ledger.tighten_consent([row])
        self.withdrawn.add(f"p{number}")

    @precondition(lambda self: self.query("select 1 from items where state = 'staged'"))
    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        staged = [row[0] for row in self.query("select item_id from items where state = 'staged' group by object, subject")]
        chosen = data.draw(st.lists(st.sampled_from(staged), min_size=1, unique=True))
        self.requests += 1
        claim = self.ledger.claim(f"q{self.requests}", "users/bulkUpdate", chosen, lambda items: b"x" * len(items))
        assert not {item.person_key for item in claim.items if item.object == "carts"} & self.withdrawn
        assert len(claim.items) + claim.held + claim.suppressed == len(chosen)
        if claim.items:
            self.flying.append(claim)

    @precondition(lambda self: self.flying)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        claim = self.flying.pop(data.draw(st.integers(0, len(self.flying) - 1)))
        outcomes = [
            Outcome(item_id=item.item_id, event=data.draw(st.sampled_from(ANSWERS)), reason="answer") for item in claim.items
        ]
        self.ledger.settle(claim.request_id, outcomes)

    @precondition(lambda self: self.query("select 1 from items where state = 'unknown'"))
    @rule(data=st.data())
    def read_back(self, data: st.DataObject) -> None:
        outcomes = []
        for item in self.ledger.unknown_items(self.run_id) or self.ledger.unknown_items(None):
            event = data.draw(st.sampled_from(READ_BACKS))
            if event is Event.resend and item.run_id != self.run_id:
                event = Event.supersede
            outcomes.append(Outcome(item_id=item.item_id, event=event, reason="read", is_verified=event is Event.accept))
        self.ledger.settle_unknown(outcomes)

    @rule()
    def die_and_start_again(self) -> None:
        self.ledger._db.close()
        self.flying = []
        self.ledger = Ledger.open(self.path, SECRET)
        self.ledger.recover()
        assert not self.query("select 1 from items where state in ('staged', 'sending')")
        self.next_run()

    def query(self, sql: str) -> list[tuple[object, ...]]:
        return self.ledger._db.execute(sql).fetchall()

    @invariant()
    def every_state_is_the_last_transitions(self) -> None:
        assert not self.query(
            "select 1 from items where state <> coalesce((select to_state from transitions where item_id = items.item_id"
            " order by seq desc limit 1), planned_state)"
        )

    @invariant()
    def planned_rows_are_all_somewhere(self) -> None:
        for run in range(1, self.runs + 1):
            for row in self.ledger.counts(f"r{run}"):
                ended = row.accepted + row.rejected + row.held + row.suppressed + row.superseded
                assert row.planned == ended + row.open

    @invariant()
    def one_row_of_a_subject_is_in_flight_and_a_fact_is_accepted_once(self) -> None:
        assert not self.query(
            "select 1 from items where state in ('sending', 'unknown') group by object, subject having count(*) > 1"
        )
        assert not self.query(
            "select 1 from items where state = 'accepted' and object = 'purchases' group by subject having count(*) > 1"
        )

    @invariant()
    def what_is_in_flight_is_what_we_claimed(self) -> None:
        flying = {item.item_id for claim in self.flying for item in claim.items}
        assert {row[0] for row in self.query("select item_id from items where state = 'sending'")} == flying

    @invariant()
    def the_fold_would_see_each_verdict_once(self) -> None:
        [chunk] = self.ledger.unfolded_settlements(set())
        folded = chunk.items
        verdicts = self.query("select item_id from items where state in ('accepted', 'rejected', 'held', 'suppressed')")
        assert sorted(folded.column("item_id").to_pylist()) == sorted(row[0] for row in verdicts)

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()
        self.folder.cleanup()


LedgerMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestLedgerMachine = LedgerMachine.TestCase
