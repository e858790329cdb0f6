"""What a refusal of commercetools means for the person who operates the load: one error, one sentence on what to do."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import orjson

from cartwire.errors import CartwireError, ConfigError, SourceError
from cartwire.masking import mask
from clients.retry import Transient

TRANSIENT_CODES = frozenset(("BadGateway", "OverCapacity", "PendingOperation", "QueryTimedOut"))
"""Error codes that mean "later" where an answer carries them with status 200."""


class MissingScope(ConfigError):
    """The API client may not read something; facts: `scope`, as the vendor named it."""


class UnreadablePage(SourceError):
    """A whole answer that is no JSON: one record in it is broken. `results` is the text of its results array, never to be logged."""

    def __init__(self, message: str, results: bytes, server_time: datetime) -> None:
        super().__init__(message)
        self.results = results
        self.server_time = server_time


class NotJson(Transient):
    """A whole body that is no JSON. Asked for once more in case a proxy wrote it; then it is the source's own."""

    def __init__(self, body: bytes, server_time: datetime) -> None:
        super().__init__("a whole body that is no JSON", attempts_max=2)
        self.body = body
        self.server_time = server_time


def api_refusal(response: httpx.Response, api_url: str, project_key: str, path: str) -> CartwireError:
    """The error for an answer of the API host that is neither success, nor 401, nor worth repeating."""
    status = response.status_code
    code, message = _vendor_error(response)
    if status == httpx.codes.FORBIDDEN and "scope" in f"{code} {message}".lower():
        return _missing_scope(message, path or "the project", project_key, status)
    if status in (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND):
        return ConfigError(
            f"{api_url} does not know {project_key}{path} (status {status}). "
            "Check CTP_PROJECT_KEY, and that CTP_API_URL names the project's region.",
            status=status,
            code=code,
        )
    what = path or "the project"
    return SourceError(f"commercetools refused {what} with status {status} {code}: {message}", status=status, code=code)


def auth_refusal(response: httpx.Response, auth_url: str, scopes: str) -> CartwireError:
    """The error for an answer of the authorization host that is neither success nor worth repeating."""
    status = response.status_code
    code, message = _vendor_error(response)
    if status == httpx.codes.UNAUTHORIZED:
        return ConfigError(
            f"{auth_url} refused the API client's id or secret. Check CTP_CLIENT_ID and CTP_CLIENT_SECRET, "
            "and that CTP_AUTH_URL names the region the client was created in.",
            status=status,
            code=code,
        )
    if "scope" in code:
        return MissingScope(
            f"the API client lacks scopes that CTP_SCOPES asks for: {message}. "
            "Set CTP_SCOPES to what the Merchant Center shows for the client, or leave it empty.",
            scope=scopes,
            status=status,
        )
    return ConfigError(
        f"{auth_url} answered {status} {code} instead of a token. CTP_AUTH_URL must be the region's authorization host.",
        status=status,
        code=code,
    )


def given_up(fault: Transient, what: str, host: str, attempts: int, correlation_id: str) -> CartwireError:
    """The error after the last attempt. `what`: path or step; `host`: who was asked."""
    if isinstance(fault, NotJson) and fault.body.lstrip().startswith(b"{"):
        results = fault.body.partition(b"[")[2].rpartition(b"]")[0]
        return UnreadablePage(f"commercetools answered {what} with JSON that does not parse.", results, fault.server_time)
    if fault.status is not None:
        return SourceError(
            f"commercetools still answers {what} with status {fault.status} after {attempts} attempts. "
            "No cursor has moved; run again later.",
            status=fault.status,
            correlation_id=correlation_id,
        )
    return SourceError(
        f"commercetools cannot be read at {host} ({fault.reason}) after {attempts} attempts. "
        "Check the network, CTP_API_URL and CTP_AUTH_URL. No cursor has moved.",
        correlation_id=correlation_id,
    )


def graphql_data(body: Any, project_key: str) -> Any:
    """`data` of a GraphQL answer.

    Raises: MissingScope, SourceError, or Transient for codes that mean "later"; an answer with both data and errors is incomplete,
    and rows it leaves out would look deleted.
    """
    errors = body.get("errors") if isinstance(body, dict) else None
    if errors is None and isinstance(body, dict) and isinstance(body.get("data"), dict):
        return body["data"]
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    extensions = first.get("extensions")
    code = str(extensions.get("code", "") if isinstance(extensions, dict) else "")
    message = mask(str(first.get("message", "")))[:300]
    if code in TRANSIENT_CODES:
        raise Transient(f"GraphQL error {code}")
    if "scope" in f"{code} {message}".lower():
        raise _missing_scope(message, "what the query asks for", project_key, httpx.codes.OK)
    raise SourceError(f"commercetools refused a GraphQL query: {code} {message or 'no data in the answer'}", code=code)


def _missing_scope(message: str, what: str, project_key: str, status: int) -> MissingScope:
    scope = message.partition(":")[2].strip(" .[]") or "unknown"
    return MissingScope(
        f"the commercetools API client may not read {what}: one of these scopes is missing: {scope}. "
        "Create an API client that has it and update CTP_CLIENT_ID, CTP_CLIENT_SECRET and CTP_SCOPES; "
        f"or is CTP_PROJECT_KEY ({project_key}) not the project of this client?",
        scope=scope,
        status=status,
    )


def _vendor_error(response: httpx.Response) -> tuple[str, str]:
    """Code and masked, shortened message of a documented error body; empty strings for any other body."""
    try:
        body = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code = body.get("error") or first.get("code") or ""
    return str(code), mask(str(body.get("error_description") or body.get("message") or ""))[:300]
