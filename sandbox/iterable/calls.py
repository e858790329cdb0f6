"""One request on its way through a rule, and what the rule answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.iterable.bodies import BodyCheck
from sandbox.iterable.errors import ApiError, Failure, bad_json_body
from sandbox.iterable.project import Project

JSON = "application/json"
JSON_LINES = "application/x-json-stream"


@dataclass(slots=True)
class Call:
    """A request after auth, limits and JSON parsing. `rows` is how many rows its body carries."""

    endpoint: str
    path: str
    body: Any = None
    path_params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    rows: int = 1

    def param(self, name: str) -> str | None:
        """A parameter from the path or else from the query."""
        return self.path_params.get(name) or self.query.get(name)

    def count_rows(self, project: Project, rows: int) -> None:
        """Say how many rows the body carries; refuses more than the project's own limit, if it has one."""
        self.rows = rows
        most = project.options.rows_max
        if most is not None and rows > most:
            raise ApiError(400, "BatchTooLarge", f"[{self.path}] Batch too large: {rows} rows, at most {most}")

    def refuse_faults(self, project: Project, check: BodyCheck) -> None:
        """Refuse a body with schema faults; unknown keys are ignored with a note, or refused when strict."""
        if check.unknown and project.options.strict:
            check.faults.update(dict.fromkeys(check.unknown, "Unexpected key"))
        if check.faults:
            raise bad_json_body(self.path, check.faults)
        for place in check.unknown:
            project.note("unknown_key", self.endpoint, place)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a rule answers: a JSON value, or ready bytes of another media type. `failures` are refused rows."""

    content: Any
    status: int = 200
    media_type: str = JSON
    failures: tuple[Failure, ...] = ()
