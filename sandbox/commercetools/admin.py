"""Admin routes of the commercetools stand-in: documents, touch, the shop day, and the Messages switch. For tests and demos.

Resources are named as in the store ("product_projections") or as in the API ("product-projections").
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.admin import json_answer, json_body, refusal
from sandbox.commercetools.resources import RESOURCES
from sandbox.commercetools.store import NotFoundError, Store
from sandbox.journal import ADMIN_PREFIX
from sandbox.shop import day

Handler = Callable[[Request], Awaitable[Response]]


def document_routes(store: Store) -> list[Route]:
    """Routes for a Starlette app.

    POST /_sandbox/shop-day    {"at": ISO | null} plays the shop day; answers what each scenario touched
    POST /_sandbox/touch    {"resource", "at", "count"}, all optional: new version and lastModifiedAt, same content
    POST /_sandbox/documents/{resource}    a document or an array of them, added or replaced; ?at=ISO sets lastModifiedAt
    GET|DELETE /_sandbox/documents/{resource}/{id}    DELETE leaves no Message, like an expiry
    PUT /_sandbox/documents/{resource}/{id}/raw    any text, served as it is; ?version=N&last_modified_at=ISO
    POST /_sandbox/settings    {"messages_enabled": true | false}: whether changes leave Messages
    """

    async def shop_day(request: Request) -> Response:
        at = (await json_body(request)).get("at") or store.clock.now()
        return json_answer({"scenarios": day.apply(store, at)})

    async def touch(request: Request) -> Response:
        body = await json_body(request)
        resource = None if body.get("resource") is None else _resource_name(body["resource"])
        return json_answer({"touched": store.touch(resource, body.get("at"), body.get("count"))})

    async def put_documents(request: Request) -> Response:
        resource = _resource_name(request.path_params["resource"])
        content = orjson.loads(await request.body())
        documents = content if isinstance(content, list) else [content]
        if not all(isinstance(document, dict) for document in documents):
            raise ValueError("the body must be a document or an array of documents")
        put = [store.put(resource, document, request.query_params.get("at")) for document in documents]
        return json_answer(put if isinstance(content, list) else put[0])

    async def one_document(request: Request) -> Response:
        resource = _resource_name(request.path_params["resource"])
        resource_id = request.path_params["id"]
        if request.method == "DELETE":
            store.delete(resource, resource_id)
            return json_answer({"status": "ok"})
        raw = store.raw(resource, resource_id)
        if raw is None:
            raise NotFoundError(resource, resource_id)
        return Response(raw, media_type="application/json")

    async def put_raw(request: Request) -> Response:
        resource = _resource_name(request.path_params["resource"])
        wanted = request.query_params
        text = (await request.body()).decode()
        store.put_raw(resource, request.path_params["id"], int(wanted.get("version", 1)), wanted.get("last_modified_at"), text)
        return json_answer({"status": "ok"})

    async def settings(request: Request) -> Response:
        match await json_body(request):
            case {"messages_enabled": bool() as enabled}:
                store.messages_enabled = enabled
            case _:
                raise ValueError('the body must be {"messages_enabled": true} or {"messages_enabled": false}')
        return json_answer({"messages_enabled": enabled})

    documents = f"{ADMIN_PREFIX}/documents/{{resource}}"
    return [
        Route(f"{ADMIN_PREFIX}/shop-day", _explained(shop_day), methods=["POST"]),
        Route(f"{ADMIN_PREFIX}/touch", _explained(touch), methods=["POST"]),
        Route(documents, _explained(put_documents), methods=["POST"]),
        Route(f"{documents}/{{id}}", _explained(one_document), methods=["GET", "DELETE"]),
        Route(f"{documents}/{{id}}/raw", _explained(put_raw), methods=["PUT"]),
        Route(f"{ADMIN_PREFIX}/settings", _explained(settings), methods=["POST"]),
    ]


def mutate(store: Store, body: Any) -> None:
    """The change a `mutate` fault makes while an answer is on its way out.

    Args: body: {"operation": "touch" | "put" | "delete", "resource", "id", "document", "at"}. touch without an id takes
    the least recently modified document; put needs `document`, delete needs `id`.
    Raises: ValueError, NotFoundError.
    """
    if not isinstance(body, dict) or body.get("operation") not in ("touch", "put", "delete"):
        raise ValueError('a mutate fault needs {"operation": "touch" | "put" | "delete", "resource": ...}')
    resource = _resource_name(body.get("resource", ""))
    if body["operation"] == "put":
        store.put(resource, body["document"], body.get("at"))
    elif body["operation"] == "delete":
        store.delete(resource, body["id"])
    elif body.get("id"):
        store.update(resource, body["id"], lambda _document: None, body.get("at"))
    else:
        store.touch(resource, body.get("at"), count=1)


def _resource_name(name: str) -> str:
    known = str(name).replace("-", "_")
    if known not in RESOURCES:
        raise ValueError(f"unknown resource {name!r}; known: {', '.join(RESOURCES)}")
    return known


def _explained(handler: Handler) -> Handler:
    """Turn a wrong admin request into an answer that says what is wrong."""

    async def explain(request: Request) -> Response:
        try:
            return await handler(request)
        except NotFoundError:
            return refusal("there is no such document", 404)
        except (ValueError, TypeError, LookupError) as error:
            return refusal(f"{type(error).__name__}: {error}")

    return explain
