"""What occurred in a campaign, and what has to occur in a long one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.kill.comparison import RELEASED, refused_by
from tests.kill.kills import COMMANDS, FAULTS, NEEDED, OUTSIDE, POINTS, SYNC, Chain, Kill
from tests.kill.shopping import SPOILS

WANTED = {
    "places": (*POINTS, *OUTSIDE),
    "faults": FAULTS,
    "commands": COMMANDS,
    "states_at_death": ("staged", "sending", "unknown", "accepted", "suppressed"),
    "states_after": ("accepted", "suppressed", "superseded"),
    "compared": (RELEASED, *map(refused_by, SPOILS)),
}


@dataclass
class Tally:
    """How often each place of death, fault and command that died occurred, the states of a run's rows when it died and after the
    restart, and what was compared then."""

    places: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    states_at_death: Counter[str] = field(default_factory=Counter)
    states_after: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    restarts: Counter[str] = field(default_factory=Counter)

    @property
    def kills(self) -> int:
        return self.places.total()

    def never(self) -> list[str]:
        """What a long campaign must have seen and this one did not."""
        return [f"{kind}: {name}" for kind, names in WANTED.items() for name in names if not getattr(self, kind)[name]]

    def gone_after(self) -> list[Chain]:
        """A kill for each place, fault and command that chance has left out, and for what only a fault brings about."""
        places = [Kill(name, NEEDED.get(name, ("none",))[0]) for name in WANTED["places"] if not self.places[name]]
        missed = [name for name in FAULTS if not self.faults[name] or (name in SPOILS and not self.compared[refused_by(name)])]
        faults = [Kill("settled-not-folded", name) for name in missed]
        commands = [Kill("claimed-not-sent", "none", name) for name in COMMANDS if not self.commands[name] and name != SYNC]
        return [[kill] for kill in (*places, *faults, *commands)]

    def shown(self) -> str:
        """For a person, one line per counter."""
        counters = ("places", "faults", "commands", "states_at_death", "states_after", "restarts", "compared")
        lines = (
            f"{name}: {', '.join(f'{key} {count}' for key, count in sorted(getattr(self, name).items()))}" for name in counters
        )
        return "\n".join((f"{self.kills} kills", *lines))
