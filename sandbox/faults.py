"""Injectable faults: what may go wrong between a client and a vendor, switched on by rule.

A rule matches requests by method, path, query and size of the body and acts from the `nth` match on, `times` times (None: for
ever). The first rule that wants to act wins; every matching rule counts the request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.journal import ADMIN_PREFIX, entry_of

KINDS = ("status", "delay", "drop_before", "drop_after", "truncate", "token_expiry", "mutate")


@dataclass(slots=True)
class Rule:
    """One fault.

    kind:
        status        answer `status`, `headers` and `body` (None: the vendor's usual error body); nothing is done.
        delay         wait `delay_ms`, then go on as usual.
        drop_before   break the connection before the request has any effect.
        drop_after    do what was asked, then break the connection instead of answering.
        truncate      do what was asked, send half of the answer's body, then break the connection.
        token_expiry  let every access token expire first (only where the vendor has tokens).
        mutate        do what was asked, then change the vendor's data as `body` says before the answer leaves.
    """

    kind: str
    method: str = "*"
    path: str = "/"
    query: str = ""
    larger_than: int = 0
    nth: int = 1
    times: int | None = None
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    delay_ms: int = 0
    seen: int = 0
    fired: int = 0

    def matches(self, method: str, path: str, query: str, body_bytes: int) -> bool:
        """True if the rule's path is a prefix of `path` or, with `*`, `?` or `[`, a glob over the whole of it; its query is a part of
        `query`; and the body is larger than it says, if it says so."""
        if self.method not in ("*", method) or self.query not in query:
            return False
        if self.larger_than and body_bytes <= self.larger_than:
            return False
        if any(sign in self.path for sign in "*?["):
            return fnmatchcase(path, self.path)
        return path.startswith(self.path)

    def as_json(self) -> dict[str, Any]:
        """The rule as it was posted, with how often it matched (`seen`) and acted (`fired`)."""
        plain = ("kind", "nth", "times", "status", "body", "delay_ms", "seen", "fired")
        shown = {name: getattr(self, name) for name in plain}
        match = {"method": self.method, "path": self.path, "query": self.query, "larger_than": self.larger_than}
        return {"match": match, "headers": dict(self.headers), **shown}


def parse_rule(raw: Mapping[str, Any]) -> Rule:
    """A rule from its JSON form. Raises: ValueError that says which key is wrong."""
    known = {"match", "nth", "times", "kind", "status", "headers", "body", "delay_ms"}
    if unknown := set(raw) - known:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r} in a fault rule; known: {', '.join(sorted(known))}")
    if raw.get("kind") not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}")
    match = raw.get("match") or {}
    if unknown := set(match) - {"method", "path", "query", "larger_than"}:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r} in match; known: method, path, query, larger_than")
    numbers = {name: raw.get(name) for name in ("nth", "times", "status", "delay_ms")}
    numbers["larger_than"] = match.get("larger_than")
    for name, value in numbers.items():
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise ValueError(f"{name} must be a whole number, 0 or more")
    return Rule(
        kind=raw["kind"],
        method=str(match.get("method") or "*").upper(),
        path=str(match.get("path") or "/"),
        query=str(match.get("query") or ""),
        larger_than=numbers["larger_than"] or 0,
        nth=numbers["nth"] or 1,
        times=numbers["times"],
        status=numbers["status"] or 503,
        headers={str(name): str(value) for name, value in (raw.get("headers") or {}).items()},
        body=raw.get("body"),
        delay_ms=numbers["delay_ms"] or 0,
    )


class FaultPlan:
    """The rules in force at one server."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def add(self, rule: Rule) -> None:
        """Put a rule behind those in force."""
        self.rules.append(rule)

    def clear(self) -> None:
        """Take all rules away."""
        self.rules.clear()

    def next_for(self, method: str, path: str, query: str, body_bytes: int) -> Rule | None:
        """Count the request in every matching rule and give the one that acts on it, if any."""
        acting = None
        for rule in self.rules:
            if not rule.matches(method, path, query, body_bytes):
                continue
            rule.seen += 1
            if acting is None and rule.seen >= rule.nth and (rule.times is None or rule.fired < rule.times):
                rule.fired += 1
                acting = rule
        return acting


@dataclass(frozen=True, slots=True)
class FaultHooks:
    """What a vendor's app contributes: its error body for a status, its token expiry, its data."""

    error_body: Callable[[int], Any]
    expire_tokens: Callable[[], None] = lambda: None
    mutate: Callable[[Any], None] = lambda _body: None


@dataclass(frozen=True, slots=True)
class _Call:
    """One request on its way through the middleware, and the rule that acts on it."""

    rule: Rule
    scope: Scope
    receive: Receive
    send: Send


class FaultMiddleware:
    """Second layer of a sandbox app, inside the journal: applies the plan to every request but the admin's."""

    def __init__(self, app: ASGIApp, plan: FaultPlan, hooks: FaultHooks) -> None:
        self.app, self.plan, self.hooks = app, plan, hooks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rule = None
        if scope["type"] == "http" and not scope["path"].startswith(ADMIN_PREFIX):
            announced = dict(scope["headers"]).get(b"content-length", b"0")  # as an ingress does, before it reads
            rule = self.plan.next_for(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), int(announced))
        if rule is None:
            await self.app(scope, receive, send)
            return
        if (entry := entry_of(scope)) is not None:
            entry.fault = rule.kind
        await getattr(self, f"_{rule.kind}")(_Call(rule, scope, receive, send))

    async def _status(self, call: _Call) -> None:
        await _read_to_end(call.receive)
        rule = call.rule
        body = rule.body if rule.body is not None else self.hooks.error_body(rule.status)
        media_type = "text/html" if isinstance(body, str) else "application/json"
        content = body.encode() if isinstance(body, str) else orjson.dumps(body)
        headers = {"content-type": media_type, **{name.lower(): value for name, value in rule.headers.items()}}
        await Response(content, rule.status, headers)(call.scope, call.receive, call.send)

    async def _delay(self, call: _Call) -> None:
        await asyncio.sleep(call.rule.delay_ms / 1000)
        await self.app(call.scope, call.receive, call.send)

    async def _token_expiry(self, call: _Call) -> None:
        self.hooks.expire_tokens()
        await self.app(call.scope, call.receive, call.send)

    async def _mutate(self, call: _Call) -> None:
        async def mutate_first(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.hooks.mutate(call.rule.body)
            await call.send(message)

        await self.app(call.scope, call.receive, mutate_first)

    async def _drop_before(self, call: _Call) -> None:
        await _read_to_end(call.receive)
        await _break(call)

    async def _drop_after(self, call: _Call) -> None:
        async def swallow(message: Message) -> None:
            if (entry := entry_of(call.scope)) is not None and message["type"] == "http.response.start":
                entry.status = message["status"]

        await self.app(call.scope, call.receive, swallow)
        await _break(call)

    async def _truncate(self, call: _Call) -> None:
        parts: list[Message] = []

        async def collect(message: Message) -> None:
            parts.append(message)

        await self.app(call.scope, call.receive, collect)
        body = b"".join(part.get("body", b"") for part in parts[1:])
        await call.send(parts[0])
        await call.send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
        await _break(call, flush=True)


async def _read_to_end(receive: Receive) -> None:
    """Take the whole request in, so that the client has sent everything before it learns of the fault."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


async def _break(call: _Call, flush: bool = False) -> None:
    """Close the client's connection and wait until it is; needs `sandbox.server`, which shares the transport."""
    transport = call.scope["state"]["transport"]
    if flush:
        transport.close()
    else:
        transport.abort()
    while (await call.receive())["type"] != "http.disconnect":
        continue
