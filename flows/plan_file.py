"""A plan as a file: JSON lines, one per request and row, so that a large one is never in memory as a whole.

The first line says what it is a plan of, the last holds a sha256 over all before it: a file that was cut or changed is refused.
It holds personal data, the bodies of the requests.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import orjson

from activation.as_planned import Sent
from activation.ledger.trying import TriedRow
from activation.trial import Key, PlannedRequest, Trial
from cartwire.clock import from_ms
from cartwire.errors import ConfigError
from cartwire.settings import Settings
from clients.buckets import seconds_for
from clients.endpoints import ENDPOINTS

FORMAT = 1
_WORDS = {"withdrawals": "no consent, or none any more", "grants": "consent was given since they left"}
SEND = "accepted"  # what a trial calls a row that would be sent


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLine:
    """What a plan says of a row that is to be sent. `sha256`: of its bytes; `fields`: field → canonical value after, None removed."""

    kind: str
    person_key: str
    sha256: str
    fields: Mapping[str, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFile:
    """A plan as it was read. `requests`: in their order."""

    header: Mapping[str, Any]
    requests: tuple[Sent, ...]
    rows: Mapping[Key, PlannedLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Of a written plan. `seconds`: of sending, under the limits and our share of them, waits for new people included."""

    requests: int
    rows: int
    seconds: float


def write(
    file: TextIO, header: Mapping[str, Any], trial: Trial, models: Mapping[tuple[str, str], str], settings: Settings
) -> Totals:
    """Write a plan's lines. Args: header: what `flows.apply` compares. models: (object, kind) → its model."""
    digest = hashlib.sha256()
    requests: Counter[str] = Counter()
    rows, is_waiting = 0, False

    def line(name: str, values: Mapping[str, Any]) -> None:
        text = orjson.dumps({"line": name, **values}, option=orjson.OPT_SORT_KEYS).decode()
        digest.update(text.encode())
        file.write(f"{text}\n")

    line("plan", {"format": FORMAT, **header})
    for number, request in enumerate(trial.requests(), 1):
        line("request", {"number": number, **_request(request)})
        requests[request.sent[0]] += 1
    for row in trial.rows():
        line("row", _row(row, models.get((row.object, row.kind), "")))
        rows += 1
        is_waiting |= row.waits_for_person and row.state == SEND
    line("end", {"sha256": digest.hexdigest()})
    wait_s = settings.visibility_seconds if is_waiting else 0
    paced_s = sum(seconds_for(ENDPOINTS[name], count, settings.rate_share) for name, count in requests.items())
    return Totals(requests=requests.total(), rows=rows, seconds=paced_s + wait_s)


def read(path: Path) -> PlanFile:
    """Raises: ConfigError where the file is none, was cut or was changed."""
    header: dict[str, Any] = {}
    requests: list[Sent] = []
    rows: dict[Key, PlannedLine] = {}
    for values in _lines(path):
        if values["line"] == "plan":
            header = values
        elif values["line"] == "request":
            requests.append((values["endpoint"], values["path"], values["sha256"]))
        elif values["state"] == "send":
            rows[values["object"], values["subject"]] = PlannedLine(
                kind=values["kind"],
                person_key=values["person_key"],
                sha256=values["sha256"],
                fields={change["field"]: change["after"] for change in values["fields"]},
            )
    if header.get("format") != FORMAT:
        raise ConfigError(f"{path.name} is a plan of another cartwire; make a new one with `cartwire plan --out`")
    return PlanFile(header=header, requests=tuple(requests), rows=rows)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Every line but the last, which must fit all before it."""
    digest = hashlib.sha256()
    is_whole = False
    try:
        with path.open("rb") as file:
            for line in file:
                values = orjson.loads(line)
                if values["line"] == "end":
                    is_whole = values["sha256"] == digest.hexdigest()
                    break
                digest.update(line.rstrip(b"\n"))
                yield values
    except OSError as error:
        raise ConfigError(
            f"{path.name} cannot be read ({error.strerror}): name a file that `cartwire plan --out` wrote"
        ) from None
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise ConfigError(f"{path.name} is no plan: name a file that `cartwire plan --out` wrote") from None
    if not is_whole:
        raise ConfigError(f"{path.name} was cut or changed since it was written; make a new plan with `cartwire plan --out`")


def _request(request: PlannedRequest) -> dict[str, Any]:
    endpoint, path, digest = request.sent
    return {
        "stage": request.stage,
        "object": request.object,
        "endpoint": endpoint,
        "method": ENDPOINTS[endpoint].method,
        "path": path,
        "sha256": digest,
        "bytes": len(request.body),
        "body": request.body.decode(),
        "rows": [list(key) for key in request.rows],
    }


def _row(row: TriedRow, model: str) -> dict[str, Any]:
    return {
        "object": row.object,
        "kind": row.kind,
        "subject": row.subject,
        "model": model,
        "person_key": row.person_key,
        "email": row.email,
        "user_id": row.user_id,
        "market": row.market_code,
        "state": "send" if row.state == SEND else row.state,
        "reason": why(row),
        "source_modified_at": _moment(row.source_modified_at_ms),
        "occurred_at": _moment(row.occurred_at_ms),
        "sha256": hashlib.sha256(row.fragment or b"").hexdigest(),
        "fields": [dict(zip(("field", "type", "before", "after"), change, strict=True)) for change in row.fields],
    }


def why(row: TriedRow) -> str:
    """Why a row would be sent, or why not."""
    if row.state != SEND:
        return row.reason
    if row.fields:
        return f"differs from what Iterable accepted or showed: {len(row.fields)} field{'s'[: len(row.fields) != 1]}"
    if row.object in _WORDS:
        return _WORDS[row.object]
    return "never accepted before" if row.occurred_at_ms else "differs from what Iterable accepted"


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else from_ms(at_ms).isoformat(timespec="milliseconds")
