"""The operator's switches: what must not leave until somebody says so. Durable, effective at the next claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from activation.ledger.database import LedgerFile, transaction
from cartwire.clock import from_ms, now_ms

EVERYTHING = ""
SINCE_VERSION = 2  # a ledger that no newer run has opened yet has no such table, and nothing is paused in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A standing pause. `name`: an object or a kind, or EVERYTHING; `paused_by`: the account that said so."""

    name: str
    reason: str
    paused_by: str
    paused_at_ms: int

    @property
    def is_full(self) -> bool:
        """Whether nothing but withdrawals may leave."""
        return self.name == EVERYTHING

    @property
    def sentence(self) -> str:
        """The reason on a held row: who, since when, why."""
        return f"paused: by {self.paused_by} since {from_ms(self.paused_at_ms):%Y-%m-%d %H:%M:%SZ}, {self.reason}"


class Pauses(LedgerFile):
    """Reading the switches; also on a read-only connection."""

    def pauses(self) -> tuple[Pause, ...]:
        """What is paused now, the full pause first, then by name."""
        if self._db.execute("pragma user_version").fetchone()[0] < SINCE_VERSION:
            return ()
        columns = ", ".join(field.name for field in fields(Pause))
        rows = self._db.execute(
            f"select {columns} from pauses where resumed_at_ms is null order by name"  # noqa: S608 - column names of a dataclass
        )
        return tuple(Pause(**dict(zip([field.name for field in fields(Pause)], row, strict=True))) for row in rows)


class Pausing(Pauses):
    """Turning them. Works beside a running sync: each of its claims looks at the switches in its own transaction."""

    def pause(self, names: Sequence[str], *, reason: str, by: str, at_ms: int | None = None) -> tuple[str, ...]:
        """Pause these names. Returns: those that were not paused before; the others keep their reason and time."""
        moment = at_ms or now_ms()
        with transaction(self._db) as db:
            return tuple(
                name
                for name in names
                if db.execute(
                    "insert into pauses (name, reason, paused_by, paused_at_ms) values (?, ?, ?, ?)"
                    " on conflict (name) where resumed_at_ms is null do nothing",
                    (name, reason, by, moment),
                ).rowcount
            )

    def resume(self, names: Sequence[str] | None, *, by: str, at_ms: int | None = None) -> tuple[str, ...]:
        """Lift the pauses of these names, or (None) every one. Returns: the names that were paused."""
        moment = at_ms or now_ms()
        standing = [pause.name for pause in self.pauses()]
        lifted = tuple(name for name in standing if names is None or name in names)
        with transaction(self._db) as db:
            db.executemany(
                "update pauses set resumed_by = ?, resumed_at_ms = ? where name = ? and resumed_at_ms is null",
                [(by, moment, name) for name in lifted],
            )
        return lifted
