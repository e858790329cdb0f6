"""The worker's health file: who works, what ran last, what is due. For supervisors and people; holds no personal data.

It is written whole beside its place and moved there, so a reader never meets half of it. It survives the worker: the next one
reads when each schedule last ran.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from cartwire import clock


@dataclass(slots=True)
class LastRun:
    """The newest run of one schedule. Times aware UTC; `exit_code` None while it runs; `error`: kind of what ended it."""

    run_id: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    error: str | None = None
    next_due_at: datetime | None = None


@dataclass(slots=True)
class Health:
    """State of the worker. `state`: waiting, running, stopping or stopped. `prefect`: none, connected or unreachable."""

    path: Path
    pid: int = field(default_factory=os.getpid)
    state: str = "waiting"
    prefect: str = "none"
    started_at: datetime = field(default_factory=clock.now)
    runs: dict[str, LastRun] = field(default_factory=dict)

    def write(self) -> None:
        """Replace the file."""
        content: dict[str, Any] = {**asdict(self), "updated_at": clock.now()}
        del content["path"]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self.path.with_name(self.path.name + ".unfinished")
        unfinished.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z))
        unfinished.replace(self.path)

    @classmethod
    def resumed(cls, state_dir: Path) -> Health:
        """A new worker's, with the last runs of the one before. A file that cannot be read counts as none."""
        found = read_health(state_dir) or {}
        health = cls(health_path(state_dir))
        for name, run in found.get("runs", {}).items():
            times = {key: _moment(run.get(key)) for key in ("started_at", "ended_at")}
            health.runs[name] = LastRun(run_id=run.get("run_id"), exit_code=run.get("exit_code"), error=run.get("error"), **times)
        return health


def health_path(state_dir: Path) -> Path:
    """Where an installation's worker writes."""
    return state_dir / "health.json"


def read_health(state_dir: Path) -> dict[str, Any] | None:
    """What an installation's worker wrote last; None without a file, or for one that is no JSON object."""
    try:
        content = orjson.loads(health_path(state_dir).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return content if isinstance(content, dict) else None


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None
