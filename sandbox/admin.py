"""The routes under /_sandbox that every sandbox server has: faults, journal, clock, health, reset. JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.clock import Clock
from sandbox.faults import FaultPlan, parse_rule
from sandbox.journal import ADMIN_PREFIX, Journal, summary


def json_answer(content: Any, status: int = 200) -> Response:
    """A JSON answer made by orjson."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def refusal(message: str, status: int = 400) -> Response:
    """The admin routes' own error body."""
    return json_answer({"error": message}, status)


async def json_body(request: Request) -> dict[str, Any]:
    """The request's body as a JSON object, {} if there is none. Raises: ValueError."""
    raw = await request.body()
    if not raw:
        return {}
    content = orjson.loads(raw)
    if not isinstance(content, dict):
        raise ValueError("the body must be a JSON object")
    return content


def admin_routes(
    clock: Clock,
    faults: FaultPlan,
    journal: Journal,
    *,
    reset: Callable[[], None],
    health: Callable[[], Mapping[str, Any]] = dict,
) -> list[Route]:
    """Routes for a Starlette app.

    POST /_sandbox/reset    back to the start: `reset()`, no faults, empty journal, the clock's first offset
    GET|POST|DELETE /_sandbox/faults    {"rules": [...]} are added to those in force; see `sandbox.faults.Rule`
    GET|DELETE /_sandbox/journal    entries and counts; ?since=SEQ, ?bodies=1, ?summary=1 (counts only)
    GET|POST /_sandbox/clock    {"offset_seconds": N}
    GET /_sandbox/health    {"status": "ok", ...}
    """

    async def reset_all(_request: Request) -> Response:
        reset()
        faults.clear()
        journal.clear()
        clock.reset()
        return json_answer({"status": "ok"})

    async def on_faults(request: Request) -> Response:
        if request.method == "DELETE":
            faults.clear()
        elif request.method == "POST":
            try:
                rules = [parse_rule(raw) for raw in (await json_body(request)).get("rules", [])]
            except (ValueError, TypeError, AttributeError) as error:
                return refusal(str(error))
            for rule in rules:
                faults.add(rule)
        return json_answer({"rules": [rule.as_json() for rule in faults.rules]})

    async def on_journal(request: Request) -> Response:
        if request.method == "DELETE":
            journal.clear()
        try:
            entries = journal.since(int(request.query_params.get("since", "0")))
        except ValueError:
            return refusal("since must be a whole number")
        content: dict[str, Any] = {"last_seq": entries[-1].seq if entries else None, "summary": summary(entries)}
        if request.query_params.get("summary") != "1":
            with_body = request.query_params.get("bodies") == "1"
            content["entries"] = [entry.as_json(with_body) for entry in entries]
        return json_answer(content)

    async def on_clock(request: Request) -> Response:
        if request.method == "POST":
            try:
                clock.offset_seconds = float((await json_body(request))["offset_seconds"])
            except (ValueError, TypeError, KeyError):
                return refusal('the body must be {"offset_seconds": <number>}')
        return json_answer({"offset_seconds": clock.offset_seconds, "now": clock.now_iso()})

    async def on_health(_request: Request) -> Response:
        return json_answer({"status": "ok", "now": clock.now_iso(), **health()})

    return [
        Route(f"{ADMIN_PREFIX}/reset", reset_all, methods=["POST"]),
        Route(f"{ADMIN_PREFIX}/faults", on_faults, methods=["GET", "POST", "DELETE"]),
        Route(f"{ADMIN_PREFIX}/journal", on_journal, methods=["GET", "DELETE"]),
        Route(f"{ADMIN_PREFIX}/clock", on_clock, methods=["GET", "POST"]),
        Route(f"{ADMIN_PREFIX}/health", on_health, methods=["GET"]),
    ]
