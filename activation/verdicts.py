"""What becomes of each changed row before anything is sent: staged, rejected, held or suppressed, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa

from activation.contracts import Contract, contract_of
from activation.gate import GateResult, gate
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


def judge(table: pa.Table, policy: Policy) -> tuple[list[Verdict], list[GateResult]]:
    """One verdict per row, in order, and the gates' results.

    The first that applies: object held · SQL's own verdict · not a test profile · volume guard · gate. Withdrawals are
    never held. An unknown verdict word is held, because sending is the one thing that cannot be undone.
    """
    names, kinds = table.column("object").to_pylist(), table.column("kind").to_pylist()
    holds = {pair: _hold(*pair, table.schema, policy) for pair in dict.fromkeys(zip(names, kinds, strict=True))}
    verdicts: list[Verdict] = []
    columns = (table.column(name).to_pylist() for name in ("verdict", "verdict_reason", "is_test"))
    for name, kind, word, reason, is_test in zip(names, kinds, *columns, strict=True):
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
    return verdicts, _refuse_at_gate(table, verdicts, policy.contracts, list(zip(names, kinds, strict=True)))


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
    table: pa.Table,
    verdicts: list[Verdict],
    contracts: Mapping[tuple[str, str], Contract],
    pairs: list[tuple[str, str]],
) -> list[GateResult]:
    """Put the still staged rows of each kind through their suite; refusals replace the verdict in place."""
    candidates: dict[tuple[str, str], list[int]] = {}
    for position, (pair, verdict) in enumerate(zip(pairs, verdicts, strict=True)):
        if verdict is STAGED:
            candidates.setdefault(pair, []).append(position)
    results = []
    for (name, kind), positions in candidates.items():
        contract = contract_of(contracts, name, kind)
        if contract is None:
            continue
        result = gate(table if len(positions) == table.num_rows else table.take(positions), contract)
        for row, reason in result.rejections.items():
            verdicts[positions[row]] = Verdict(State.rejected.value, reason, True)
        results.append(result)
    return results
