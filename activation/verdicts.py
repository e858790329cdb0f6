"""What becomes of each changed row before anything is sent: staged, rejected, held or suppressed, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from activation.contracts import Contract, contract_of
from activation.gate import GateResult, gate_together
from activation.ledger.machine import State
from activation.rules import missing_columns

NOT_A_TEST_PROFILE = "test profiles only: this person is not listed in config/test_profiles.csv"
NEEDS_CONTRACT = frozenset({"users", "purchases", "carts", "events"})
NEVER_HELD = frozenset({"withdrawals"})


class Verdict(NamedTuple):
    """`is_sticky`: the verdict stands until the row's fingerprint changes. What a person can lift is not sticky."""

    state: str
    reason: str = ""
    is_sticky: bool = False


STAGED = Verdict(State.staged.value)
_SQL_STATES = {"held": State.held.value, "suppressed": State.suppressed.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a stage decides by.

    Attributes:
        contracts: by (object, kind).
        held: object or kind to reason: a failed test or a type conflict. Everything of it waits; nothing is sticky.
        held_by_guard: object to reason. Rows that SQL has judged keep that verdict.
        test_profiles: only rows of test profiles (`is_test`) may leave.
    """

    contracts: Mapping[tuple[str, str], Contract]
    held: Mapping[str, str]
    held_by_guard: Mapping[str, str]
    test_profiles: bool = False


def judge(tables: Sequence[pa.Table], policy: Policy) -> tuple[list[list[Verdict]], list[GateResult]]:
    """For each table one verdict per row, in order; and the gates' results. What all tables have to pass the gate passes it together.

    The first that applies: object held · SQL's own verdict · not a test profile · volume guard · gate. Withdrawals are
    never held. An unknown verdict word is held, because sending is the one thing that cannot be undone.
    """
    verdicts = [_before_the_gate(table, policy) for table in tables]
    return verdicts, _refuse_at_gate(tables, verdicts, policy.contracts)


def _before_the_gate(table: pa.Table, policy: Policy) -> list[Verdict]:
    pairs = _pairs(table)
    holds = {pair: _hold(*pair, table.schema, policy) for pair in dict.fromkeys(pairs)}
    verdicts: list[Verdict] = []
    columns = (table.column(name).to_pylist() for name in ("verdict", "verdict_reason", "is_test"))
    for (name, kind), word, reason, is_test in zip(pairs, *columns, strict=True):
        if (hold := holds[name, kind]) is not None:
            verdicts.append(hold)
        elif word != "send":
            state = _SQL_STATES.get(word)
            verdicts.append(
                Verdict(state, reason or f"{word} by the model", True)
                if state
                else Verdict(State.held.value, "the model gave no known verdict")
            )
        elif policy.test_profiles and not is_test:
            verdicts.append(Verdict(State.suppressed.value, NOT_A_TEST_PROFILE))
        elif name in policy.held_by_guard and name not in NEVER_HELD:
            verdicts.append(Verdict(State.held.value, policy.held_by_guard[name]))
        else:
            verdicts.append(STAGED)
    return verdicts


def _pairs(table: pa.Table) -> list[tuple[str, str]]:
    """Object and kind of each row."""
    return list(zip(table.column("object").to_pylist(), table.column("kind").to_pylist(), strict=True))


def _hold(name: str, kind: str, schema: pa.Schema, policy: Policy) -> Verdict | None:
    contract = contract_of(policy.contracts, name, kind)
    if contract is None and name in NEEDS_CONTRACT:
        return Verdict(
            State.held.value, f"no contract: add meta.cartwire for {name}/{kind} to the YAML beside its activation model"
        )
    if contract is not None and name not in NEVER_HELD and (missing := missing_columns(contract, schema)):
        return Verdict(State.held.value, f"contract of {contract.model}: the changed rows lack {', '.join(missing)}")
    reason = policy.held.get(kind) or policy.held.get(name)
    return Verdict(State.held.value, reason) if reason and name not in NEVER_HELD else None


def _refuse_at_gate(
    tables: Sequence[pa.Table], verdicts: Sequence[list[Verdict]], contracts: Mapping[tuple[str, str], Contract]
) -> list[GateResult]:
    """Put the still staged rows of each kind through their suite; refusals replace the verdict in place."""
    candidates: list[tuple[pa.Table, Contract]] = []
    places: list[tuple[list[Verdict], list[int]]] = []
    for table, own in zip(tables, verdicts, strict=True):
        staged: dict[tuple[str, str], list[int]] = {}
        for position, (pair, verdict) in enumerate(zip(_pairs(table), own, strict=True)):
            if verdict is STAGED:
                staged.setdefault(pair, []).append(position)
        for pair, positions in staged.items():
            if (contract := contract_of(contracts, *pair)) is not None:
                candidates.append((table if len(positions) == table.num_rows else table.take(positions), contract))
                places.append((own, positions))
    results = gate_together(candidates)
    for result, (own, positions) in zip(results, places, strict=True):
        for row, reason in result.rejections.items():
            own[positions[row]] = Verdict(State.rejected.value, reason, True)
    return results
