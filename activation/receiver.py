"""The webhook receiver: Iterable's system webhooks into the ledger's inbox, on disk before the answer.

Plain HTTP on loopback: TLS, and whatever else an address on the internet needs, is the reverse proxy's. A delivery that could not be
stored is answered 503, so that Iterable may repeat it; what it gives up on, the next sync's export brings.
"""

from __future__ import annotations

import hmac
import logging
import socket
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from activation.ledger.store import Ledger
from activation.received import from_webhook
from cartwire.errors import ConfigError
from clients.iterable_events import CONSENT_EVENTS, delivered

PATH = "/webhooks/iterable"
HEALTH = "/health"
SECRET_HEADER = "X-Cartwire-Secret"  # noqa: S105 (the name of a header)
BODY_BYTES_MAX = 256_000
CONCURRENT_MAX = 64
STOP_TIMEOUT_S = 10
RETRY_AFTER_S = 30

logger = logging.getLogger(__name__)


class _Refusal(Exception):
    """An answer that is no 2xx; nothing was stored."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Receiver:
    """Judges deliveries and stores those that say something about consent.

    Args: ledger: open for writing, used by this object alone. shared_secret: what every delivery must carry.
        person_secret: key of every person key. identity: type of the Iterable project.
    """

    def __init__(self, ledger: Ledger, *, shared_secret: str, person_secret: bytes, identity: str) -> None:
        self._ledger = ledger
        self._shared_secret = shared_secret.encode()
        self._person_secret = person_secret
        self._identity = identity
        self._one_at_a_time = threading.Lock()
        self.counts: Counter[str] = Counter(dict.fromkeys(("stored", "known", "ignored", "refused", "failed"), 0))

    def app(self) -> Starlette:
        """As an ASGI app."""
        return Starlette(routes=[Route(PATH, self._receive, methods=["POST"]), Route(HEALTH, self._health, methods=["GET"])])

    async def _receive(self, request: Request) -> Response:
        try:
            self._check_secret(request)
            document = _document(await _body(request))
            if document["eventName"] not in CONSENT_EVENTS:
                self.counts["ignored"] += 1
                return _answer(202, "ignored: this event says nothing about consent")
            is_new = await run_in_threadpool(self._store, document)
        except _Refusal as refusal:
            self.counts["refused"] += 1
            return _answer(refusal.status, str(refusal))
        except ClientDisconnect:
            self.counts["refused"] += 1
            return _answer(400, "the delivery broke off")
        except sqlite3.Error as error:
            self.counts["failed"] += 1
            logger.warning("a delivery could not be stored: %s", type(error).__name__)
            return Response(b'{"msg":"not stored, try again"}', 503, {"Retry-After": str(RETRY_AFTER_S)}, "application/json")
        self.counts["stored" if is_new else "known"] += 1
        return _answer(200, "stored" if is_new else "known already")

    async def _health(self, _request: Request) -> Response:
        try:
            await run_in_threadpool(self._ask)
        except sqlite3.Error as error:
            return Response(orjson.dumps({"status": type(error).__name__}), 503, media_type="application/json")
        return Response(orjson.dumps({"status": "ok", **self.counts}), media_type="application/json")

    def _check_secret(self, request: Request) -> None:
        given = request.headers.get(SECRET_HEADER, "").encode()
        if not hmac.compare_digest(given, self._shared_secret):
            raise _Refusal(401, f"header {SECRET_HEADER} is missing or wrong")

    def _store(self, document: dict[str, Any]) -> bool:
        try:
            event = delivered(document)
        except ValueError as error:
            raise _Refusal(400, str(error)) from None
        with self._one_at_a_time:
            received = from_webhook(event, self._ledger.iterable_ids(), self._identity, self._person_secret)
            fresh, _ = self._ledger.receive([received])
        return fresh == 1

    def _ask(self) -> None:
        with self._one_at_a_time:
            self._ledger.inbox_newest()


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY_BYTES_MAX:
            raise _Refusal(413, f"larger than {BODY_BYTES_MAX} bytes")
    return body


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _Refusal(400, "no JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("eventName"), str):
        raise _Refusal(400, "no JSON object with an eventName")
    return document


def _answer(status: int, message: str) -> Response:
    return Response(orjson.dumps({"msg": message}), status, media_type="application/json")


@contextmanager
def listening(receiver: Receiver, host: str, port: int) -> Iterator[str]:
    """Serve for the length of the block, then finish the deliveries under way. Yields: the address.

    Raises: ConfigError where the address cannot be listened on.
    """
    try:
        opened = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host} port {port}: {error.strerror}; choose others with --host, --port") from None
    config = uvicorn.Config(
        receiver.app(),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONCURRENT_MAX,
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]}, name="webhooks")
    thread.start()
    shown = f"[{host}]" if ":" in host else host
    try:
        yield f"http://{shown}:{opened.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
