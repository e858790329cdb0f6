"""Client-credentials tokens: HTTP Basic in, bearer out; scopes checked when a token is asked for and when it is used."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.clock import Clock
from sandbox.commercetools.errors import ApiError
from sandbox.commercetools.options import Options

_CLIENT_WANTED = "Please provide valid client credentials using HTTP Basic Authentication."


@dataclass(frozen=True, slots=True)
class Token:
    """An access token's scopes, each "name:projectKey", and the instant it ends."""

    scopes: frozenset[str]
    expires_at: datetime


class TokenService:
    """Issues, checks and inspects the tokens of one API client."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.options, self.clock = options, clock
        self._tokens: dict[str, Token] = {}

    def expire_all(self) -> None:
        """Every token issued so far is invalid from now on."""
        self._tokens.clear()

    def check_client(self, authorization: str) -> None:
        """Raises: ApiError 401 invalid_client unless the header carries the client's id and secret as HTTP Basic."""
        scheme, _, encoded = authorization.partition(" ")
        try:
            given = base64.b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
        except binascii.Error:
            given = b""
        wanted = f"{self.options.client_id}:{self.options.client_secret}".encode()
        if not hmac.compare_digest(given, wanted):
            raise ApiError(401, "invalid_client", _CLIENT_WANTED, oauth=True)

    def issue(self, grant_type: str | None, scope: str | None) -> dict[str, Any]:
        """The answer to a token request.

        Args: grant_type must be client_credentials; scope: space separated, None for all the client has.
        Raises: ApiError 400 with invalid_request, unsupported_grant_type or invalid_scope.
        """
        if grant_type is None:
            raise ApiError(400, "invalid_request", "Missing required parameter: grant_type.", oauth=True)
        if grant_type != "client_credentials":
            raise ApiError(400, "unsupported_grant_type", f"Invalid parameter: grant_type: {grant_type}.", oauth=True)
        key = self.options.project_key
        owned = frozenset(f"{name}:{key}" for name in self.options.client_scopes)
        scopes = frozenset(scope.split()) if scope and scope.strip() else owned
        for wanted in sorted(scopes):
            name, _, project = wanted.partition(":")
            if project != key or not _includes(owned, (name,), key):
                raise ApiError(400, "invalid_scope", f"Permissions exceeded: {wanted}.", oauth=True)
        token = secrets.token_urlsafe(24)
        self._tokens[token] = Token(scopes, self.clock.now() + timedelta(seconds=self.options.token_seconds))
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": self.options.token_seconds,
            "scope": " ".join(sorted(scopes)),
        }

    def introspect(self, token: str | None) -> dict[str, Any]:
        """The answer to an introspection request: active, scope, exp in milliseconds, client_id."""
        if token is None:
            raise ApiError(400, "invalid_request", "Missing required parameter: token.", oauth=True)
        known = self._tokens.get(token)
        if known is None or known.expires_at <= self.clock.now():
            return {"active": False}
        return {
            "active": True,
            "scope": " ".join(sorted(known.scopes)),
            "exp": int(known.expires_at.timestamp() * 1000),
            "client_id": self.options.client_id,
        }

    def authorize(self, authorization: str, project_key: str, needed: tuple[str, ...] | None) -> None:
        """Check the bearer token of an API request.

        Args: needed: scopes without the project key, one of which is enough; manage_x includes view_x. None checks
            the token only.
        Raises: ApiError 401 invalid_token, 403 insufficient_scope.
        """
        scheme, _, given = authorization.partition(" ")
        known = self._tokens.get(given.strip()) if scheme.lower() == "bearer" else None
        if known is None or known.expires_at <= self.clock.now():
            raise ApiError(401, "invalid_token", "invalid_token", oauth=True)
        if needed is not None and not _includes(known.scopes, needed, project_key):
            missing = " ".join(f"{name}:{project_key}" for name in needed)
            message = f"Insufficient scope. One of the following scopes is missing: {missing}."
            raise ApiError(403, "insufficient_scope", message, oauth=True)


def _includes(scopes: frozenset[str], needed: tuple[str, ...], project_key: str) -> bool:
    accepted = {f"manage_project:{project_key}"}
    for name in needed:
        accepted.add(f"{name}:{project_key}")
        if name.startswith("view_"):
            accepted.add(f"manage_{name.removeprefix('view_')}:{project_key}")
    return not scopes.isdisjoint(accepted)
