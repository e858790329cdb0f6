"""The HTTP side: key, limits, body size and JSON first, then the endpoint's rule."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.admin import admin_routes
from sandbox.clock import Clock
from sandbox.faults import FaultHooks, FaultMiddleware, FaultPlan
from sandbox.iterable.admin import person_unsubscribes, project_routes
from sandbox.iterable.calls import JSON, Call
from sandbox.iterable.endpoints import ENDPOINTS, Endpoint
from sandbox.iterable.errors import ApiError, Failure
from sandbox.iterable.limits import RESET_IS_TOLD
from sandbox.iterable.options import Options
from sandbox.iterable.project import Project
from sandbox.iterable.writes import Write
from sandbox.journal import Journal, JournalMiddleware, note

ERROR_CODES: Mapping[int, tuple[str, str]] = {
    400: ("BadParams", "Invalid parameters"),
    401: ("BadApiKey", "Invalid API key"),
    403: ("Forbidden", "Forbidden"),
    404: ("NotFound", "Endpoint not found"),
    409: ("Conflict", "Email/userId conflict"),
    413: ("RequestEntityTooLarge", "Request entity too large"),
    429: ("RateLimitExceeded", "Exceeded rate limit"),
}


def create_app(options: Options, clock: Clock, faults: FaultPlan, journal: Journal) -> Starlette:
    """The Iterable stand-in as an ASGI app; its `Project` is at `app.state.project`.

    Faults apply to every path under /api, the admin routes under /_sandbox are free of keys, faults and limits.
    """
    project = Project(options, clock)
    routes = [Route(endpoint.path, _serve(project, endpoint), methods=[endpoint.method]) for endpoint in ENDPOINTS]
    routes += project_routes(project)
    routes += admin_routes(clock, faults, journal, reset=project.reset, health=lambda: {"identity": options.identity})

    def person_acts(body: Any) -> None:
        person_unsubscribes(project, body)

    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(JournalMiddleware, journal=journal, clock=clock),
            Middleware(
                FaultMiddleware,
                plan=faults,
                hooks=FaultHooks(error_body=_error_body, mutate=person_acts),
            ),
        ],
        exception_handlers={404: _not_found, 405: _not_found},
    )
    app.state.project = project
    return app


def _serve(project: Project, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        raw = await request.body()
        call = Call(endpoint.name, request.url.path, None, request.path_params, request.query_params)
        failures: tuple[Failure, ...] = ()
        try:
            _check_key(project, endpoint, request)
            _check_rate(project, endpoint, request.url.path)
            if len(raw) > project.options.largest_body_bytes:
                raise ApiError(413, *ERROR_CODES[413])
            if endpoint.method in ("POST", "PUT"):
                call.body = _json(raw, request.url.path)
            answer = endpoint.rule(project, call)
        except ApiError as error:
            response = _answer(error.body(), error.status, JSON)
        else:
            failures = answer.failures
            response = _answer(answer.content, answer.status, answer.media_type)
        note(request, endpoint=endpoint.name, rows=call.rows if endpoint.is_write else None)
        if endpoint.is_write:
            write = Write(project.now(), endpoint.name, response.status_code, call.rows, failures)
            project.state.writes.add(write)
        return response

    return serve


def _check_key(project: Project, endpoint: Endpoint, request: Request) -> None:
    given = request.headers.get("api-key") or request.headers.get("api_key")
    options = project.options
    if given is None:
        raise ApiError(401, "BadApiKey", "No API key found on request")
    if given != options.api_key:
        raise ApiError(401, "Success" if options.strict else "BadApiKey", "Invalid API key")
    if endpoint.server_key and options.api_key_type != "server":
        params = {
            "ip": request.client.host if request.client else "",
            "endpoint": endpoint.path,
            "apiKeyIdentifier": given[:8],
            "apiKeyType": options.api_key_type,
        }
        raise ApiError(401, "BadApiKey", "Disabled API key or insufficient privileges", params)


def _check_rate(project: Project, endpoint: Endpoint, path: str) -> None:
    if not project.options.rate_limits:
        return
    exhausted = project.limiter.take(endpoint.name)
    if exhausted is None:
        return
    rate, wait_s = exhausted
    params: dict[str, Any] | None = None
    if endpoint.name in RESET_IS_TOLD:
        params = {"rateLimitLimit": rate.requests, "rateLimitRemaining": 0, "rateLimitReset": max(1, round(wait_s))}
    message = f"Exceeded rate limit for endpoint: {path}, project: {project.options.project_id}"
    raise ApiError(429, "RateLimitExceeded", message, params)


def _json(raw: bytes, path: str) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise ApiError(400, "BadJsonBody", f"[{path}] Invalid JSON body") from None


def _answer(content: Any, status: int, media_type: str) -> Response:
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    return Response(body, status, media_type=media_type)


def _error_body(status: int) -> Any:
    """What an injected status answers with: the vendor's shape, or the ingress's HTML for 502 to 504."""
    if status in (502, 503, 504):
        return f"<html><head><title>{status}</title></head><body>iterable-ingress</body></html>"
    code, message = ERROR_CODES.get(status, ("GenericError", "Please try again later"))
    return {"msg": message, "code": code, "params": None}


async def _not_found(_request: Request, _error: Exception) -> Response:
    return _answer(_error_body(404), 404, JSON)
