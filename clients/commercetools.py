"""commercetools' HTTP API, reading side. Facts and their sources: docs/reference/sandbox.md.

One client is one connection pool, one token and one project. Nothing here knows resources, cursors or the warehouse.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any

import httpx
import msgspec
import orjson

from cartwire import __version__
from cartwire.errors import ConfigError, SourceError
from cartwire.settings import Settings
from clients import tls
from clients.commercetools_errors import NotJson, api_refusal, auth_refusal, given_up, graphql_data
from clients.retry import RETRY_STATUSES, RetryPolicy, Transient, retry_after_s

LOG = logging.getLogger(__name__)

LIMIT_MAX = 500
"""Largest page a query may ask for; the default would be 20."""
OFFSET_MAX = 10_000
TIMEOUTS = httpx.Timeout(connect=5.0, read=60.0, write=10.0, pool=10.0)
"""Seconds. Reading is generous: 500 orders can be tens of megabytes."""
TOKEN_MARGIN_S = 60.0
"""A token this close to its end is replaced before it is used."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A parsed 200 answer. `server_time` is its `Date` header (aware UTC, whole seconds)."""

    document: Any
    server_time: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query: the text of each result as it was served (any JSON value; UTF-8 not checked) and the server's time."""

    records: list[msgspec.Raw]
    server_time: datetime


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What the vendor says about our token. `scopes` as granted, e.g. `view_customers:my-project`."""

    is_active: bool
    scopes: frozenset[str]
    expires_at: datetime | None


class _Results(msgspec.Struct):
    """What a page holds; the records in it are passed over unread, which takes a tenth of what parsing them would."""

    results: list[msgspec.Raw]


_RESULTS = msgspec.json.Decoder(_Results)


class CommercetoolsClient:
    """Reads one project. Not safe for use from several threads at once.

    Args:
        scopes: space-separated, asked for with the token; empty asks for all the API client has.
        retry: attempts and waits; tests pass short ones.
        timeouts: connect, read, write and pool time-outs.
        sleep: replaced in tests.
    """

    def __init__(
        self,
        *,
        project_key: str,
        client_id: str,
        client_secret: str,
        api_url: str,
        auth_url: str,
        scopes: str = "",
        retry: RetryPolicy | None = None,
        timeouts: httpx.Timeout = TIMEOUTS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.project_key = project_key
        self.api_url = api_url.rstrip("/")
        self.auth_url = auth_url.rstrip("/").removesuffix("/oauth/token")
        self.requests = 0
        self._basic = httpx.BasicAuth(client_id, client_secret)
        self._scopes = scopes
        self._retry = retry or RetryPolicy()
        self._sleep = sleep
        self._token = ""
        self._token_until = 0.0
        self._http = httpx.Client(verify=tls.context(), timeout=timeouts, headers={"User-Agent": f"cartwire/{__version__}"})

    @classmethod
    def from_settings(cls, settings: Settings, *, retry: RetryPolicy | None = None) -> CommercetoolsClient:
        """The client of the configured project."""
        return cls(
            project_key=settings.ctp_project_key,
            client_id=settings.ctp_client_id,
            client_secret=settings.ctp_client_secret.get_secret_value(),
            api_url=settings.ctp_api_url,
            auth_url=settings.ctp_auth_url,
            scopes=settings.ctp_scopes,
            retry=retry,
        )

    def __enter__(self) -> CommercetoolsClient:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection pool."""
        self._http.close()

    def query(
        self,
        path: str,
        *,
        where: str | None = None,
        variables: Mapping[str, str] | None = None,
        sort: Sequence[str] = (),
        limit: int = LIMIT_MAX,
        offset: int = 0,
        extra: Mapping[str, str] | None = None,
    ) -> Page:
        """One page of `GET /{projectKey}/{path}`, without the expensive `total`.

        Args:
            where: predicate with `:name` for each variable; values travel apart from it, so nothing needs quoting.
            limit: 1..500 rows; offset: 0..10,000 rows.
            extra: further query parameters.
        Raises: ConfigError (credentials, scope, region, project key), SourceError (refused, unreachable, failing after retries),
            UnreadablePage (a record in it is broken JSON).
        """
        params: list[tuple[str, str]] = [("limit", str(limit)), ("withTotal", "false")]
        params += [("sort", key) for key in sort]
        params += [("where", where)] if where else []
        params += [(f"var.{name}", value) for name, value in (variables or {}).items()]
        params += [("offset", str(offset))] if offset else []
        params += list((extra or {}).items())
        answer = self._repeat(
            f"/{path}", lambda correlation: self._authorised("GET", f"/{path}", correlation, _records, params=params)
        )
        if answer.document is None:
            raise SourceError(f"commercetools answered {path} without a list of results. Is CTP_API_URL an API host?")
        return Page(answer.document, answer.server_time)

    def project(self) -> dict[str, Any]:
        """Project settings: languages, currencies, whether Messages are on. Needs scope `view_project_settings`."""
        document = self._repeat("project", lambda correlation: self._authorised("GET", "", correlation, _parsed)).document
        return document if isinstance(document, dict) else {}

    def introspect(self) -> TokenFacts:
        """Scopes and end of our own token, by `POST /oauth/introspect`."""
        if not self._token_is_fresh():
            self._mint()
        form = {"token": self._token}
        answer = self._repeat("introspect", lambda correlation: self._post_auth("/oauth/introspect", form, correlation))
        facts = answer.document
        until = facts.get("exp")
        return TokenFacts(
            is_active=facts.get("active") is True,
            scopes=frozenset(str(facts.get("scope", "")).split()),
            expires_at=_moment(until) if isinstance(until, int | float) else None,
        )

    def graphql(self, query: str, variables: Mapping[str, object]) -> Answer:
        """`POST /{projectKey}/graphql`; the answer's document is `data`, complete: one error in the answer refuses all of it.

        For queries only: after a lost answer the same request is sent again.
        Raises: as `query`; MissingScope also where the vendor says so in the body of a 200.
        """
        body = {"query": query, "variables": variables}

        def attempt(correlation: str) -> Answer:
            answer = self._authorised("POST", "/graphql", correlation, _parsed, json=body)
            return Answer(graphql_data(answer.document, self.project_key), answer.server_time)

        return self._repeat("graphql", attempt)

    def _authorised(
        self, method: str, path: str, correlation: str, parse: Callable[[httpx.Response], Answer], **arguments: Any
    ) -> Answer:
        """One request with the token, and once more with a new one after a 401."""
        if not self._token_is_fresh():
            self._mint()
        for is_second_try in (False, True):
            headers = {"Authorization": f"Bearer {self._token}", "X-Correlation-ID": correlation}
            url = f"{self.api_url}/{self.project_key}{path}"
            response = self._send(method, url, correlation, headers=headers, **arguments)
            if response.is_success:
                return parse(response)
            if response.status_code != httpx.codes.UNAUTHORIZED:
                raise api_refusal(response, self.api_url, self.project_key, path)
            if not is_second_try:
                self._mint()
        raise ConfigError(
            f"{self.api_url} refused a token that {self.auth_url} had just issued, twice. "
            "CTP_API_URL and CTP_AUTH_URL must name the same region, and CTP_PROJECT_KEY a project of the API client.",
            correlation_id=correlation,
        )

    def _mint(self) -> None:
        """A new token by client credentials."""
        form = {"grant_type": "client_credentials", **({"scope": self._scopes} if self._scopes else {})}
        answer = self._repeat("token", lambda correlation: self._post_auth("/oauth/token", form, correlation))
        token, lifetime_s = answer.document.get("access_token"), answer.document.get("expires_in")
        if not isinstance(token, str) or not isinstance(lifetime_s, int | float):
            raise ConfigError(f"{self.auth_url} answered without a token. CTP_AUTH_URL must be the region's authorization host.")
        self._token = token
        self._token_until = time.monotonic() + lifetime_s - min(TOKEN_MARGIN_S, lifetime_s / 10)

    def _token_is_fresh(self) -> bool:
        return bool(self._token) and time.monotonic() < self._token_until

    def _post_auth(self, path: str, form: Mapping[str, str], correlation: str) -> Answer:
        headers = {"X-Correlation-ID": correlation}
        response = self._send("POST", self.auth_url + path, correlation, data=form, headers=headers, auth=self._basic)
        if response.is_success:
            answer = _parsed(response)
            if isinstance(answer.document, dict):
                return answer
        raise auth_refusal(response, self.auth_url, self._scopes)

    def _send(self, method: str, url: str, correlation: str, **arguments: Any) -> httpx.Response:
        """One attempt. Raises: Transient on connection faults, cut-off bodies and the statuses that mean "later"."""
        self.requests += 1
        try:
            response = self._http.request(method, url, **arguments)
        except httpx.InvalidURL:
            raise ConfigError("CTP_API_URL or CTP_AUTH_URL is not a URL.") from None
        except (httpx.TransportError, httpx.DecodingError) as fault:
            raise Transient(f"{type(fault).__name__} from {httpx.URL(url).host}") from None
        LOG.debug("%s %s %s correlation_id=%s", method, httpx.URL(url).path, response.status_code, correlation)
        if response.status_code in RETRY_STATUSES:
            wish = retry_after_s(response.headers.get("Retry-After"))
            raise Transient(f"status {response.status_code}", status=response.status_code, retry_after_s=wish)
        return response

    def _repeat(self, what: str, attempt: Callable[[str], Answer]) -> Answer:
        """Run `attempt(correlation id)` until it succeeds, fails for good, or the policy is used up."""
        correlation = f"cartwire-{uuid.uuid4().hex}"

        def announce(fault: Transient, failed: int, wait_s: float) -> None:
            LOG.warning(
                "commercetools %s: %s; attempt %d of %d, next in %.1f s, correlation_id=%s",
                *(what, fault.reason, failed, self._retry.attempts, wait_s, correlation),
            )

        try:
            return self._retry.retrying(announce, sleep=self._sleep)(attempt, correlation)
        except Transient as fault:
            host = self.auth_url if what in ("token", "introspect") else self.api_url
            raise given_up(fault, what, host, self._retry.attempts, correlation) from None


def _parsed(response: httpx.Response) -> Answer:
    """Parse a 200 answer. Raises: NotJson."""
    server_time = _server_time(response)
    try:
        return Answer(orjson.loads(response.content), server_time)
    except orjson.JSONDecodeError:
        raise NotJson(response.content, server_time) from None


def _records(response: httpx.Response) -> Answer:
    """The results of a page, each as its text; None where an answer has no list of them. Raises: NotJson."""
    server_time = _server_time(response)
    try:
        return Answer(_RESULTS.decode(response.content).results, server_time)
    except msgspec.ValidationError:
        return Answer(None, server_time)
    except msgspec.DecodeError:
        raise NotJson(response.content, server_time) from None


def _server_time(response: httpx.Response) -> datetime:
    date = response.headers.get("Date")
    if not date:
        raise SourceError("commercetools answered without a Date header, on which the cursor depends. Is a proxy removing it?")
    moment: datetime = parsedate_to_datetime(date)
    return moment.astimezone(UTC)


def _moment(exp: float) -> datetime:
    """commercetools gives `exp` in milliseconds; RFC 7662 says seconds. Both are understood."""
    return datetime.fromtimestamp(exp / 1000 if exp > 1e11 else exp, UTC)
