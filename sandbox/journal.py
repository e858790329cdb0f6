"""What a sandbox server was asked and what it answered, request by request.

An entry is written when a request arrives and completed when its answer leaves, so that a request whose answer was lost
is in the journal too. Handlers say more about it with `note()`.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.clock import Clock, to_iso

ADMIN_PREFIX = "/_sandbox"
_STATE_KEY = "journal_entry"
_READING_METHODS = ("GET", "HEAD", "OPTIONS")


@dataclass(slots=True)
class Entry:
    """One request. `status` is what the server decided, None when a fault ended the request before it was handled.

    `fault` names the fault that touched it: with "drop_after" and "truncate" the effect happened and the client did not
    get the (whole) answer.
    """

    seq: int
    at: str
    method: str
    path: str
    query: str
    status: int | None = None
    endpoint: str | None = None
    rows: int | None = None
    fault: str | None = None
    notes: list[str] = field(default_factory=list)
    body: bytes = b""

    def as_json(self, with_body: bool) -> dict[str, Any]:
        """The entry as the admin route shows it; the body as text, or base64 where it is not UTF-8."""
        shown: dict[str, Any] = {
            name: getattr(self, name)
            for name in ("seq", "at", "method", "path", "query", "status", "endpoint", "rows", "fault", "notes")
        }
        if with_body:
            try:
                shown["body"] = self.body.decode()
            except UnicodeDecodeError:
                shown["body_base64"] = base64.b64encode(self.body).decode()
        return shown


class Journal:
    """All requests of one server since its start or last reset, oldest first."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._seq = 0

    def open(self, at: str, method: str, path: str, query: str) -> Entry:
        """Append the entry of a request that has just arrived."""
        self._seq += 1
        entry = Entry(self._seq, at, method, path, query)
        self.entries.append(entry)
        return entry

    def clear(self) -> None:
        """Forget all entries; sequence numbers go on."""
        self.entries.clear()

    def since(self, seq: int) -> list[Entry]:
        """Entries with a larger sequence number than `seq`."""
        return [entry for entry in self.entries if entry.seq > seq]


def summary(entries: Iterable[Entry]) -> dict[str, Any]:
    """Counts over entries: all, writes (any method that is not a read), and per endpoint and status."""
    counted = Counter[str]()
    total = writes = 0
    for entry in entries:
        total += 1
        writes += entry.method not in _READING_METHODS
        counted[f"{entry.endpoint or entry.method + ' ' + entry.path} {entry.status}"] += 1
    return {"requests": total, "writes": writes, "by_endpoint": dict(sorted(counted.items()))}


def entry_of(scope: Scope) -> Entry | None:
    """The entry of the request being handled, None for admin requests."""
    entry: Entry | None = scope.get("state", {}).get(_STATE_KEY)
    return entry


def note(request: Request, *, endpoint: str | None = None, rows: int | None = None, text: str | None = None) -> None:
    """Say in the journal which endpoint handles the request, how many rows it carries, or remark on it in words."""
    entry = entry_of(request.scope)
    if entry is None:
        return
    if endpoint is not None:
        entry.endpoint = endpoint
    if rows is not None:
        entry.rows = rows
    if text is not None:
        entry.notes.append(text)


class JournalMiddleware:
    """Outermost layer of a sandbox app: keeps the journal and stamps each answer with the sandbox's `Date`."""

    def __init__(self, app: ASGIApp, journal: Journal, clock: Clock) -> None:
        self.app, self.journal, self.clock = app, journal, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        entry = None
        if not scope["path"].startswith(ADMIN_PREFIX):
            query = scope["query_string"].decode("latin-1")
            entry = self.journal.open(to_iso(self.clock.now()), scope["method"], scope["path"], query)
            scope.setdefault("state", {})[_STATE_KEY] = entry

        async def keep_body() -> Message:
            message = await receive()
            if entry is not None and message["type"] == "http.request":
                entry.body += message.get("body", b"")
            return message

        async def stamp(message: Message) -> None:
            if message["type"] == "http.response.start":
                if entry is not None and entry.status is None:
                    entry.status = message["status"]
                date = format_datetime(self.clock.now(), usegmt=True).encode()
                message = {**message, "headers": [*message.get("headers", []), (b"date", date)]}
            await send(message)

        await self.app(scope, keep_body, stamp)
