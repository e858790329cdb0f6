"""The commercetools stand-in as an ASGI app: the token endpoint and the HTTP API of one project, on one host."""

from __future__ import annotations

import re
import uuid
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.admin import admin_routes, json_answer
from sandbox.clock import Clock
from sandbox.commercetools.admin import document_routes, mutate
from sandbox.commercetools.deletes import delete
from sandbox.commercetools.errors import ApiError, error_body, invalid_json, not_found
from sandbox.commercetools.graphql import Caller, GraphQl
from sandbox.commercetools.oauth import TokenService
from sandbox.commercetools.options import Options
from sandbox.commercetools.project import project_settings
from sandbox.commercetools.query import query_page
from sandbox.commercetools.resources import Resource, resource_by_path
from sandbox.commercetools.store import Store
from sandbox.commercetools.updates import update
from sandbox.faults import FaultHooks, FaultMiddleware, FaultPlan
from sandbox.journal import Journal, JournalMiddleware, note

_CORRELATION_ID = re.compile(r"[A-Za-z0-9_-]{8,256}")


def create_app(store: Store, clock: Clock, faults: FaultPlan, journal: Journal, options: Options) -> Starlette:
    """The app over a store. Serve it with `sandbox.server.serve`; faults that break connections need that server."""
    tokens = TokenService(options, clock)
    api = _Api(store, clock, options, tokens)
    hooks = FaultHooks(error_body, tokens.expire_all, lambda body: mutate(store, body))

    def health() -> dict[str, Any]:
        return {"project_key": options.project_key, "documents": store.counts(), "meta": store.meta()}

    app = Starlette(
        routes=[
            *admin_routes(clock, faults, journal, reset=store.reset, health=health),
            *document_routes(store),
            Route("/oauth/token", api.token, methods=["POST"]),
            Route("/oauth/introspect", api.introspect, methods=["POST"]),
            Route("/{project_key}", api.project, methods=["GET"]),
            Route("/{project_key}/graphql", api.graphql, methods=["POST"]),
            Route("/{project_key}/{path}", api.query, methods=["GET"]),
            Route("/{project_key}/{path}/{selector}", api.one, methods=["GET", "POST", "DELETE"]),
        ],
        middleware=[
            Middleware(_CorrelationMiddleware, project_key=options.project_key),
            Middleware(JournalMiddleware, journal=journal, clock=clock),
            Middleware(FaultMiddleware, plan=faults, hooks=hooks),
        ],
        exception_handlers={ApiError: _refuse, HTTPException: _refuse_unrouted},
    )
    app.router.redirect_slashes = False
    return app


class _Api:
    def __init__(self, store: Store, clock: Clock, options: Options, tokens: TokenService) -> None:
        self.store, self.clock, self.options, self.tokens = store, clock, options, tokens
        self.queries = GraphQl(store, clock, options)

    async def token(self, request: Request) -> Response:
        note(request, endpoint="oauth token")
        self.tokens.check_client(request.headers.get("authorization", ""))
        given = await _form_and_query(request)
        return json_answer(self.tokens.issue(given.get("grant_type"), given.get("scope")))

    async def introspect(self, request: Request) -> Response:
        note(request, endpoint="oauth introspect")
        self.tokens.check_client(request.headers.get("authorization", ""))
        return json_answer(self.tokens.introspect((await _form_and_query(request)).get("token")))

    async def project(self, request: Request) -> Response:
        note(request, endpoint="get project")
        self._authorize(request, ("view_project_settings",))
        return json_answer(project_settings(self.store, self.options))

    async def query(self, request: Request) -> Response:
        resource = self._resource(request)
        note(request, endpoint=f"query {resource.name}")
        self._authorize(request, _view_scopes(resource, request))
        page = query_page(self.store, self.clock, self.options, resource, request.query_params)
        note(request, rows=page.row_count)
        return Response(page.body, media_type="application/json")

    async def graphql(self, request: Request) -> Response:
        note(request, endpoint="graphql")
        self._authorize(request, None)
        caller = Caller(lambda resource: self._authorize(request, resource.view))
        outcome = self.queries.answer(await request.body(), caller)
        note(request, rows=outcome.row_count)
        return json_answer(outcome.body, outcome.status)

    async def one(self, request: Request) -> Response:
        resource = self._resource(request)
        verb = {"POST": "update", "DELETE": "delete"}.get(request.method, "get")
        note(request, endpoint=f"{verb} {resource.name}", rows=1)
        needed = resource.manage if verb != "get" else _view_scopes(resource, request)
        self._authorize(request, needed)
        if verb != "get" and not resource.can_change:
            raise HTTPException(405)
        resource_id = self._selected_id(resource, request.path_params["selector"])
        if verb == "update":
            try:
                body = orjson.loads(await request.body())
            except orjson.JSONDecodeError as error:
                raise invalid_json(str(error)) from None
            return json_answer(update(self.store, resource, resource_id, body))
        if verb == "delete":
            wanted = request.query_params
            return json_answer(delete(self.store, resource, resource_id, wanted.get("version"), wanted.get("dataErasure")))
        raw = self.store.raw(resource.name, resource_id)
        if raw is None:
            raise not_found(f"ID '{resource_id}'")
        return Response(raw, media_type="application/json")

    def _resource(self, request: Request) -> Resource:
        resource = resource_by_path(request.path_params["path"])
        if resource is None:
            self._authorize(request, None)
            raise HTTPException(404)
        return resource

    def _authorize(self, request: Request, needed: tuple[str, ...] | None) -> None:
        authorization = request.headers.get("authorization", "")
        self.tokens.authorize(authorization, request.path_params["project_key"], needed)

    def _selected_id(self, resource: Resource, selector: str) -> str:
        """The id behind "<id>", "key=<key>" or, of orders, "order-number=<number>"."""
        name, sign, value = selector.partition("=")
        if not sign:
            return selector
        field = {"key": "key" if resource.has_key else None, "order-number": "orderNumber"}.get(name)
        if field is None or field not in resource.fields:
            raise HTTPException(404)
        found = self.store.find(resource.name, **{field: value})
        if not found:
            raise not_found(f"{name} '{value}'")
        return str(found[0]["id"])


class _CorrelationMiddleware:
    """Gives a request's X-Correlation-ID back, or one of our own if there is none or it is not well formed."""

    def __init__(self, app: ASGIApp, project_key: str) -> None:
        self.app, self.project_key = app, project_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = Headers(scope=scope).get("x-correlation-id", "")
        if not _CORRELATION_ID.fullmatch(given):
            given = f"{self.project_key}-{uuid.uuid4()}"

        async def stamp(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"x-correlation-id", given.encode())]}
            await send(message)

        await self.app(scope, receive, stamp)


def _view_scopes(resource: Resource, request: Request) -> tuple[str, ...]:
    if resource.name == "product_projections" and request.query_params.get("staged") == "true":
        return ("view_products",)
    return resource.view


async def _form_and_query(request: Request) -> dict[str, str]:
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    return {**request.query_params, **{name: values[0] for name, values in form.items()}}


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ApiError)
    return json_answer(error.body(), error.status)


async def _refuse_unrouted(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        refused = ApiError(405, "MethodNotAllowed", f"Method {request.method} is not allowed here.")
    else:
        refused = ApiError(404, "ResourceNotFound", f"URI not found: {request.url.path}")
    return json_answer(refused.body(), refused.status)
