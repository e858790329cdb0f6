"""How to speak to Iterable: key, time-outs, one bucket per quota, and the reads that are safe to repeat.

A write never raises for what Iterable answered: it returns an `Answer`, and `activation` decides what each row's fate is.
A read is asked again on 429, 5xx and lost connections, then fails with a DeliveryError. Nothing here logs or quotes an
address: httpx's own request log (full URLs) is switched off, and errors name endpoint and status only.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

import httpx
import orjson
from pydantic import SecretStr

from cartwire.errors import DeliveryError, Throttled
from clients import tls
from clients.answers import Answer, Fault, asked_wait_s, refused_key
from clients.buckets import Bucket, make_buckets
from clients.endpoints import ENDPOINTS, Endpoint
from clients.retry import RetryPolicy, Transient

TIMEOUT = httpx.Timeout(connect=10.0, read=60.0, write=30.0, pool=120.0)
EXPORT_TIMEOUT = httpx.Timeout(connect=10.0, read=300.0, write=30.0, pool=120.0)
KEEPALIVE_S = 2.0  # shorter than a server's, so that a write seldom meets a connection just closed at the other end
EVENTS_LIMIT_MAX = 200
NO_SUCH_USER = frozenset({"error.users.noUserWithIdExists", "UnknownUserIdError", "UnknownEmailError"})

logger = logging.getLogger(__name__)
T = TypeVar("T")


class IterableSettings(Protocol):
    """The part of `cartwire.settings.Settings` this client reads."""

    @property
    def iterable_api_key(self) -> SecretStr: ...
    @property
    def iterable_api_url(self) -> str: ...
    @property
    def rate_share(self) -> float: ...


class IterableClient:
    """One per process; safe to use from several threads. Close it, or use it as a context manager.

    Args: retries: how reads are repeated; writes never are. sleep: replaced in tests. read_only: `send` refuses.
    """

    def __init__(
        self,
        settings: IterableSettings,
        *,
        retries: RetryPolicy | None = None,
        sleep: Callable[[float], None] = time.sleep,
        read_only: bool = False,
    ) -> None:
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._buckets: dict[str, Bucket] = make_buckets(settings.rate_share, sleep=sleep)
        self._retries = retries or RetryPolicy()
        self._sleep = sleep
        self._is_read_only = read_only
        self._http = httpx.Client(
            base_url=settings.iterable_api_url,
            headers={"Api-Key": settings.iterable_api_key.get_secret_value(), "Content-Type": "application/json"},
            timeout=TIMEOUT,
            verify=tls.context(),
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=32, keepalive_expiry=KEEPALIVE_S),
        )

    def __enter__(self) -> IterableClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # -- writes ------------------------------------------------------------------------------------------------------

    def reserve(self, endpoint_name: str) -> float:
        """Take one call of the endpoint's bucket (0.0), or learn after how many seconds to ask again.

        Deliver asks before it claims, so that consent is looked at when a request leaves and not when it starts to wait.
        """
        return self._buckets[ENDPOINTS[endpoint_name].quota_key].try_take()

    def wait_s(self, endpoint_name: str) -> float:
        """After how many seconds a call of the endpoint may leave; takes none."""
        return self._buckets[ENDPOINTS[endpoint_name].quota_key].wait_s()

    def pause(self, seconds: float) -> None:
        """Wait for a token or after a fault; a test's client may make it short."""
        self._sleep(seconds)

    def send(self, endpoint_name: str, body: bytes, **path_values: str) -> Answer:
        """Send one body, once; `reserve` comes first.

        Args:
            endpoint_name: key of ENDPOINTS. path_values: what fills the braces of its path, unquoted.
        Returns: an Answer for every status and every fault of the connection; a 429 has already paused the bucket.
        Raises: DeliveryError from a read-only client, before anything leaves.
        """
        if self._is_read_only:
            raise DeliveryError("this client reads only: nothing was sent", endpoint=endpoint_name)
        endpoint = ENDPOINTS[endpoint_name]
        return self._call(endpoint, path_of(endpoint, path_values), content=body)

    # -- reads -------------------------------------------------------------------------------------------------------

    def get_user(self, *, email: str | None = None, user_id: str | None = None) -> dict[str, Any] | None:
        """The user as Iterable shows it now: ``{"email", "userId"?, "dataFields"}``, or None when there is none.

        By user id where given, else by e-mail. Writes become visible after the visibility delay only.
        """
        if user_id:
            answer = self._read("users/byUserId", params={"userId": user_id})
        else:
            answer = self._read("users/getByEmail", params={"email": email or ""})
        user = None if _is_no_such_user(answer) else _document("users", answer).get("user")
        return user if isinstance(user, dict) and user else None

    def get_events(
        self, *, email: str | None = None, user_id: str | None = None, limit: int = EVENTS_LIMIT_MAX
    ) -> list[dict[str, Any]]:
        """The newest events of one user (custom events, purchases and others), at most `limit` (Iterable's maximum: 200)."""
        params = {"limit": str(limit)}
        if user_id:
            answer = self._read("events/byUserId", params=params, path_values={"user_id": user_id})
        else:
            answer = self._read("events/byEmail", params=params, path_values={"email": email or ""})
        return [] if _is_no_such_user(answer) else list(_document("events", answer).get("events") or [])

    def get_fields(self) -> dict[str, str]:
        """Profile fields and their types, e.g. ``{"LTV": "double", "address.city": "string"}``."""
        return dict(_document("users/getFields", self._read("users/getFields")).get("fields") or {})

    def channels(self) -> list[dict[str, Any]]:
        """``[{"id", "name", "channelType", "messageMedium"}]``; also the cheapest way to try a key."""
        return list(_document("channels", self._read("channels")).get("channels") or [])

    def message_types(self) -> list[dict[str, Any]]:
        """``[{"id", "name", "channelId", "subscriptionPolicy"}]``."""
        return list(_document("messageTypes", self._read("messageTypes")).get("messageTypes") or [])

    def lists(self) -> list[dict[str, Any]]:
        """``[{"id", "name", "listType", "createdAt"}]``; one made a moment ago may be missing."""
        return list(_document("lists", self._read("lists")).get("lists") or [])

    def list_members(self, list_id: int, *, prefer_user_id: bool) -> list[str]:
        """Everybody on a list: the e-mail, or the user id where there is one and it is preferred.

        5 calls a minute, the whole list at once.
        """
        params = {"listId": str(list_id), "preferUserId": str(prefer_user_id).lower()}
        answer = self._read("lists/getUsers", params=params, timeout=EXPORT_TIMEOUT)
        if answer.status != 200:
            raise _refused("lists/getUsers", answer)
        return [line for line in answer.body.decode().splitlines() if line]

    def export(self, data_type: str, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
        """Stream one data type (user, emailUnSubscribe, ...) of the time window, one dict per line.

        Args: start, end: aware; sent in UTC with whole seconds (end rounded up by the caller where it matters).
        Raises: DeliveryError where the stream breaks: a half-read export must not be taken for a whole one.
        """
        endpoint = ENDPOINTS["export/data.json"]
        params = {"dataTypeName": data_type, "startDateTime": _export_time(start), "endDateTime": _export_time(end)}
        request = self._http.build_request(endpoint.method, endpoint.path, params=params, timeout=EXPORT_TIMEOUT)
        with closing(self._repeated("export/data.json", lambda: self._open_stream(endpoint, request))) as response:
            if response.status_code != 200:
                raise _refused("export/data.json", _answer(response, 0.0))
            try:
                yield from (orjson.loads(line) for line in response.iter_lines() if line.strip())
            except (httpx.TransportError, orjson.JSONDecodeError):
                raise DeliveryError(f"Iterable broke off the export of {data_type}; run again, nothing of it was used") from None

    # -- inside ------------------------------------------------------------------------------------------------------

    def _read(
        self,
        name: str,
        *,
        params: Mapping[str, str] | None = None,
        path_values: Mapping[str, str] | None = None,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> Answer:
        endpoint = ENDPOINTS[name]

        def ask() -> Answer:
            self._buckets[endpoint.quota_key].take()
            answer = self._call(endpoint, path_of(endpoint, path_values or {}), params=params, timeout=timeout)
            _raise_if_temporary(answer)
            return answer

        answer = self._repeated(name, ask)
        if answer.status in (401, 403):
            raise refused_key(answer)
        return answer

    def _repeated(self, name: str, ask: Callable[[], T]) -> T:
        def announce(fault: Transient, attempt: int, wait_s: float) -> None:
            logger.info("iterable %s: %s, try %d, waiting %.1f s", name, fault.reason, attempt, wait_s)

        try:
            return self._retries.retrying(announce, sleep=self._sleep)(ask)
        except Transient as fault:
            if fault.status == 429:
                raise Throttled(f"Iterable still asks to wait on {name}; try again later", endpoint=name) from None
            raise DeliveryError(
                f"Iterable does not answer {name} ({fault.reason}); check ITERABLE_API_URL and the network, or try again later",
                endpoint=name,
            ) from None

    def _call(
        self,
        endpoint: Endpoint,
        path: str,
        *,
        content: bytes | None = None,
        params: Mapping[str, str] | None = None,
        timeout: httpx.Timeout = TIMEOUT,
    ) -> Answer:
        started = time.monotonic()
        try:
            response = self._http.request(endpoint.method, path, content=content, params=params, timeout=timeout)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol):
            return Answer(fault=Fault.not_sent, elapsed_s=time.monotonic() - started)
        except (httpx.TransportError, httpx.DecodingError, httpx.TooManyRedirects):
            return Answer(fault=Fault.lost, elapsed_s=time.monotonic() - started)
        answer = _answer(response, time.monotonic() - started)
        self._learn(endpoint, answer)
        return answer

    def _open_stream(self, endpoint: Endpoint, request: httpx.Request) -> httpx.Response:
        self._buckets[endpoint.quota_key].take()
        try:
            response = self._http.send(request, stream=True)
            if response.status_code != 200:
                response.read()
        except httpx.TransportError as error:
            raise Transient(type(error).__name__) from None
        if response.status_code != 200:
            answer = _answer(response, 0.0)
            self._learn(endpoint, answer)
            _raise_if_temporary(answer)
        return response

    def _learn(self, endpoint: Endpoint, answer: Answer) -> None:
        bucket = self._buckets[endpoint.quota_key]
        if answer.status == 429:
            bucket.throttled(asked_wait_s(answer))
        elif answer.status < 500:
            bucket.passed()


def _refused(name: str, answer: Answer) -> DeliveryError:
    if answer.status in (401, 403) or 300 <= answer.status < 400 or answer.status == 404:
        return refused_key(answer)
    return DeliveryError(f"Iterable refused {name} with status {answer.status}", endpoint=name, status=answer.status)


def _raise_if_temporary(answer: Answer) -> None:
    if answer.fault is not Fault.none:
        raise Transient(f"connection {answer.fault}")
    if answer.status in (408, 429) or answer.status >= 500:
        raise Transient(f"status {answer.status}", status=answer.status)


def _is_no_such_user(answer: Answer) -> bool:
    return answer.status in (400, 404) and str((answer.document() or {}).get("code")) in NO_SUCH_USER


def _document(name: str, answer: Answer) -> dict[str, Any]:
    document = answer.document()
    if answer.status != 200 or document is None:
        raise _refused(name, answer)
    return document


def _answer(response: httpx.Response, elapsed_s: float) -> Answer:
    headers = {key.lower(): value for key, value in response.headers.items()}
    return Answer(status=response.status_code, headers=headers, body=response.content, elapsed_s=elapsed_s)


def path_of(endpoint: Endpoint, values: Mapping[str, str]) -> str:
    """The endpoint's path, its braces filled with these values, quoted."""
    return endpoint.path.format(**{name: quote(value, safe="") for name, value in values.items()})


def _export_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S +00:00")
