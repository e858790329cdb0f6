"""Iterable's side into `raw_iterable`: what people did there must be known before anything is written there.

- users, and purchases of the last months: one export each, the first time this warehouse meets the project;
- unsubscribes and other events of consent: since the last look, with an overlap (`ingestion/consent_events.py`), and what webhooks told;
- channels, message types and lists: always, they are small;
- members of the lists that config/iterable_lists.csv names: once per list, for they can be read five times a minute only.
"""

from __future__ import annotations

import csv
import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import orjson

from cartwire import clock
from cartwire.settings import Settings
from clients.iterable import IterableClient
from clients.iterable_events import integer, moment, text
from ingestion import consent_events, engine
from ingestion.columns import CHANNELS, LIST_MEMBERS, LISTS, MESSAGE_TYPES, PURCHASES, USERS, Table
from ingestion.report import LoadReport, Progress, silent

SCHEMA = "raw_iterable"
PIPELINE = "iterable"
BEGINNING = datetime(2013, 1, 1, tzinfo=UTC)
"""Before Iterable had customers: an export from here is an export of everything."""
AHEAD = timedelta(hours=1)
"""How far beyond our clock an export reaches, so that a slow clock hides nothing."""
PURCHASES_LOOK_BACK = timedelta(days=90)
"""No purchase that may still be sent is older: its maximum age in config/objects.csv is a week as shipped."""
CHUNK_ROWS = 5_000

USERS_TABLE = Table(schema=SCHEMA, name="users", columns=USERS, keys=("user_key",), is_insert_only=True)
"""A row stays as it was at first sight: a second export would show our own writes as if they had been there before us."""
USERS_REPLACED = replace(USERS_TABLE, is_replaced=True)
"""For another project than the one before: its users are other people."""
CHANNELS_TABLE = Table(schema=SCHEMA, name="channels", columns=CHANNELS)
MESSAGE_TYPES_TABLE = Table(schema=SCHEMA, name="message_types", columns=MESSAGE_TYPES)
PURCHASES_TABLE = Table(schema=SCHEMA, name="purchases", columns=PURCHASES, keys=("purchase_key",), is_insert_only=True)
PURCHASES_REPLACED = replace(PURCHASES_TABLE, is_replaced=True)
LISTS_TABLE = Table(schema=SCHEMA, name="lists", columns=LISTS)
LIST_MEMBERS_TABLE = Table(schema=SCHEMA, name="list_members", columns=LIST_MEMBERS, keys=("member_key",), is_insert_only=True)
LIST_MEMBERS_REPLACED = replace(LIST_MEMBERS_TABLE, is_replaced=True)
TABLES = [
    USERS_TABLE,
    PURCHASES_TABLE,
    consent_events.TABLE,
    CHANNELS_TABLE,
    MESSAGE_TYPES_TABLE,
    LISTS_TABLE,
    LIST_MEMBERS_TABLE,
]

_Row = tuple[object, ...]


def load_iterable(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    client: IterableClient | None = None,
    progress: Progress | None = None,
    webhooks: Iterable[consent_events.Row] = (),
) -> LoadReport:
    """Read channels, message types, new events of consent and, once per project, the existing users.

    Args:
        connection: the run's open warehouse connection. client: closed by its owner; made and closed here when absent.
        webhooks: rows of consent_events that Iterable told and the warehouse lacks.
    Raises: DeliveryError from the client (key, address, half-read export), SourceError. Then the next load reads the same again.
    """
    started = time.monotonic()
    report = LoadReport()
    with ExitStack() as stack:
        reader = client or stack.enter_context(IterableClient(settings))
        load = _Load(reader, settings, report, progress or silent, list_names(settings.config), webhooks)
        pipeline = stack.enter_context(engine.open_pipeline(PIPELINE, connection, TABLES, settings.state_dir))
        engine.run(pipeline, engine.make_source(PIPELINE, load.readers()), progress or silent)
    report.elapsed_s = time.monotonic() - started
    return report


def load_lists(
    connection: duckdb.DuckDBPyConnection, settings: Settings, client: IterableClient, lists: Sequence[Mapping[str, Any]]
) -> None:
    """Replace `raw_iterable.lists` by these (as GET lists shows them): a list just made may not be read for a minute."""
    load = _Load(client, settings, LoadReport(), silent, frozenset())
    with engine.open_pipeline(PIPELINE, connection, TABLES, settings.state_dir) as pipeline:
        engine.run(pipeline, engine.make_source(PIPELINE, {"lists": load.lists(lists)}), silent)


def list_names(config: Path) -> frozenset[str]:
    """Names of the lists that config/iterable_lists.csv keeps."""
    with (config / "iterable_lists.csv").open(newline="", encoding="utf-8-sig") as file:
        return frozenset(row["list_name"] for row in csv.DictReader(file) if row["is_enabled"] == "true")


def project_fingerprint(settings: Settings) -> str:
    """Tells one Iterable project from another without naming its key: host and API key, hashed."""
    host = urlsplit(settings.iterable_api_url).hostname or ""
    return hashlib.sha256(f"{host}\n{settings.iterable_api_key.get_secret_value()}".encode()).hexdigest()[:32]


class _Load:
    def __init__(
        self,
        client: IterableClient,
        settings: Settings,
        report: LoadReport,
        progress: Progress,
        kept_lists: frozenset[str],
        webhooks: Iterable[consent_events.Row] = (),
    ) -> None:
        self._client = client
        self._project = project_fingerprint(settings)
        # where the address identifies, a userId that some earlier system gave out says nothing
        self._prefers_user_id = settings.iterable_identity != "email"
        self._report = report
        self._progress = progress
        self._kept_lists = kept_lists
        self._webhooks = webhooks
        self._now = clock.now()

    def readers(self) -> dict[str, Iterator[Any]]:
        """One generator per table."""
        return {
            "channels": self._channels(),
            "message_types": self._message_types(),
            "consent_events": self._consent_events(),
            "users": self._users(),
            "purchases": self._purchases(),
            "lists": self.lists(found := self._client.lists()),
            "list_members": self._list_members(found),
        }

    def lists(self, lists: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
        """All lists, replaced at each load."""
        rows = ((integer(one.get("id")), text(one.get("name")), text(one.get("listType"))) for one in lists)
        self._report.requests += 1
        yield from self._tables(LISTS_TABLE, rows)

    def _list_members(self, lists: Sequence[Mapping[str, Any]]) -> Iterator[Any]:
        state = engine.state()
        is_new_project = state.get("lists_of_project") not in (None, self._project)
        read: list[int] = [] if is_new_project else list(state.get("lists_read", []))
        wanted = [int(one["id"]) for one in lists if one.get("name") in self._kept_lists and one["id"] not in read]
        if not wanted and not is_new_project:
            return
        self._report.requests += len(wanted)
        rows = (
            (hashlib.sha256(f"{number}\n{identifier}".encode()).hexdigest()[:32], number, identifier)
            for number in wanted
            for identifier in self._client.list_members(number, prefer_user_id=self._prefers_user_id)
        )
        yield from self._tables(LIST_MEMBERS_REPLACED if is_new_project else LIST_MEMBERS_TABLE, rows)
        state["lists_of_project"], state["lists_read"] = self._project, [*read, *wanted]

    def _channels(self) -> Iterator[Any]:
        rows = (
            (integer(row.get("id")), text(row.get("name")), text(row.get("channelType")), text(row.get("messageMedium")))
            for row in self._client.channels()
        )
        self._report.requests += 1
        yield from self._tables(CHANNELS_TABLE, rows)

    def _message_types(self) -> Iterator[Any]:
        rows = (
            (
                integer(row.get("id")),
                text(row.get("name")),
                integer(row.get("channelId")),
                text(row.get("subscriptionPolicy")),
            )
            for row in self._client.message_types()
        )
        self._report.requests += 1
        yield from self._tables(MESSAGE_TYPES_TABLE, rows)

    def _consent_events(self) -> Iterator[Any]:
        cursors = consent_events.Cursors(self._project, self._now, BEGINNING)
        event_types = cursors.due(others=sum(self._is_unread(table) for table in ("users", "purchases")))
        self._report.requests += len(event_types)
        self._report.exports_left = cursors.exports_left
        exported = consent_events.export_rows(self._client, cursors, event_types, self._now + AHEAD, self._now)
        yield from self._tables(consent_events.TABLE, chain(self._webhooks, exported))

    def _users(self) -> Iterator[Any]:
        state = engine.state()
        if not self._is_unread("users"):
            return
        users = self._client.export("user", BEGINNING, self._now + AHEAD)
        self._report.requests += 1
        self._report.full_scans.append("users")
        is_first_project = state.get("users_of_project") is None
        yield from self._tables(USERS_TABLE if is_first_project else USERS_REPLACED, map(_user, users))
        state["users_of_project"] = self._project

    def _purchases(self) -> Iterator[Any]:
        """What others sent before us; a row stays as it was at first sight, as with users."""
        state = engine.state()
        if not self._is_unread("purchases"):
            return
        purchases = self._client.export("purchase", self._now - PURCHASES_LOOK_BACK, self._now + AHEAD)
        self._report.requests += 1
        is_first_project = state.get("purchases_of_project") is None
        table = PURCHASES_TABLE if is_first_project else PURCHASES_REPLACED
        yield from self._tables(table, _unrepeated(map(_purchase, purchases)))
        state["purchases_of_project"] = self._project

    def _is_unread(self, table: str) -> bool:
        """Whether users or purchases of this project are still to be exported. Inside a reader."""
        return engine.state().get(f"{table}_of_project") != self._project

    def _tables(self, table: Table, rows: Iterable[_Row]) -> Iterator[Any]:
        """Arrow tables of at most CHUNK_ROWS rows; at least one, so that an empty answer empties a replaced table."""
        remaining = iter(rows)
        count = 0
        while (chunk := list(islice(remaining, CHUNK_ROWS))) or count == 0:
            yield engine.into(table, _columns(table, chunk, self._now))
            count += len(chunk)
            self._progress(f"iterable {table.name}", count, None)
            if not chunk:
                break
        self._progress(f"iterable {table.name}", count, count)
        self._report.rows[table.name] = count


def _columns(table: Table, rows: list[_Row], read_at: datetime) -> dict[str, Sequence[object]]:
    """Columns of rows; `read_at` is of the rows where they have it, else of the load."""
    width = len(rows[0]) if rows else len(table.columns) - 1
    names = list(table.columns)[:width]
    values: Sequence[Sequence[object]] = list(zip(*rows, strict=True)) or [[] for _ in names]
    return {"read_at": [read_at] * len(rows), **dict(zip(names, values, strict=True))}


def _user(document: dict[str, Any]) -> _Row:
    email, user_id = text(document.get("email")), text(document.get("userId"))
    user_key = hashlib.sha256(orjson.dumps([email, user_id])).hexdigest()[:32]
    return user_key, email, user_id, orjson.dumps(document).decode()


def _purchase(event: dict[str, Any]) -> _Row:
    body = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
    total = event.get("total")
    return (
        hashlib.sha256(body).hexdigest()[:32],
        text(event.get("id")),
        text(event.get("email")),
        text(event.get("userId")),
        str(total) if isinstance(total, int | float) and not isinstance(total, bool) else None,
        moment(event.get("createdAt")),
        body.decode(),
    )


def _unrepeated(rows: Iterable[_Row]) -> Iterator[_Row]:
    """Each event once: Iterable gives no id of its own, so two equal lines are one event."""
    seen: set[object] = set()
    for row in rows:
        if row[0] not in seen:
            seen.add(row[0])
            yield row
