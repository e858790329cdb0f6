"""Which differences are ours to repair, and what a person can do about the others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import duckdb

from activation.iterable.evidence import CART_FIELD
from activation.ledger.drifting import DriftedField
from activation.ledger.queries import Queries
from activation.reconcile import CONSENT_PREFIX, Drift
from activation.routes import ROUTES
from clients.endpoints import ENDPOINTS

GONE_ADVICE = (
    "never made anew by a repair, which would make them with these fields only: find out in Iterable who deleted or renamed them;"
    " rename them back, or delete them in commercetools too"
)
CONSENT_ADVICE = (
    "told with the person's next change, and with every repair of theirs; find out which tool writes it, it is ours alone"
)
LEFT_ADVICE = "config/consent_rules.csv leaves this field to Iterable: what stands there is right"
_LEFT = Path(__file__).parent / "sql" / "fields_of_iterable.sql"


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRepaired:
    """A difference that stays, and what to do about it."""

    drift: Drift
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """What a repair would do. `requests`: about how many it takes."""

    drifts: tuple[Drift, ...]
    told: tuple[NotRepaired, ...]

    @property
    def people(self) -> int:
        return len({drift.person_key for drift in self.drifts})

    @property
    def carts(self) -> int:
        """Each a request of its own, which starts what a cart update starts."""
        return sum(drift.field == CART_FIELD for drift in self.drifts)

    @property
    def requests(self) -> int:
        profiles = {drift.person_key for drift in self.drifts if drift.field != CART_FIELD}
        return math.ceil(len(profiles) / ENDPOINTS[ROUTES["users"].endpoint].rows_max) + self.carts

    @property
    def fields(self) -> list[DriftedField]:
        """For the ledger."""
        return [
            DriftedField(person_key=drift.person_key, field=drift.field, type=drift.type, cause=drift.cause)
            for drift in self.drifts
            if drift.field and drift.type
        ]


def plan_repair(drifts: Sequence[Drift], reader: Queries, left: AbstractSet[tuple[str, str]]) -> Repair:
    """Split differences into fields to send again and the rest. `left`: (market_code, field) of `fields_left_to_iterable`."""
    told = [NotRepaired(drift=drift, advice=advice) for drift in drifts if (advice := _advice(drift, reader, left))]
    stays = {id(one.drift) for one in told}
    return Repair(drifts=tuple(drift for drift in drifts if id(drift) not in stays), told=tuple(told))


def fields_left_to_iterable(conn: duckdb.DuckDBPyConnection) -> set[tuple[str, str]]:
    """(market_code, field) that config/ leaves to Iterable, as the last build resolved it; empty before the first."""
    try:
        return set(conn.execute(_LEFT.read_text()).fetchall())
    except duckdb.CatalogException:
        return set()


def _advice(drift: Drift, reader: Queries, left: AbstractSet[tuple[str, str]]) -> str | None:
    if drift.field is None:
        return GONE_ADVICE
    if drift.field.startswith(CONSENT_PREFIX):
        return CONSENT_ADVICE
    if any(field == drift.field for _, field in left) and (reader.market_of(drift.person_key), drift.field) in left:
        return LEFT_ADVICE
    return None
