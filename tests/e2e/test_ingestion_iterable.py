"""Reading Iterable's side: existing users once, opt-outs again and again, channels always."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cartwire.errors import DeliveryError
from clients.iterable import IterableClient
from ingestion.consent_events import OVERLAP
from ingestion.iterable import load_iterable, project_fingerprint
from ingestion.report import LoadReport
from tests.e2e.ingestion_world import Sandbox, World, sandbox_process
from tests.http import HTTP


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox_process(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def world(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    HTTP.post(f"{sandbox.iterable_url}/_sandbox/reset").raise_for_status()
    made = World(sandbox, tmp_path_factory.mktemp("world"))
    yield made
    made.connection.close()


def load(world: World) -> LoadReport:
    return load_iterable(world.connection, world.settings)


def call(world: World, path: str, body: Any) -> None:
    key = world.settings.iterable_api_key.get_secret_value()
    HTTP.post(f"{world.sandbox.iterable_url}{path}", json=body, headers={"Api-Key": key}).raise_for_status()


def person(world: World, email: str, **fields: Any) -> None:
    call(world, "/api/users/update", {"email": email, "dataFields": fields})


def unsubscribe(world: World, email: str, *channels: int) -> None:
    call(world, "/api/users/updateSubscriptions", {"email": email, "unsubscribedChannelIds": list(channels)})


def test_channels_and_message_types_are_read_every_time(world: World) -> None:
    for _ in range(2):
        report = load(world)
        assert (report.rows["channels"], report.rows["message_types"]) == (4, 3)
    assert world.rows("select id, name, channel_type, message_medium from raw_iterable.channels order by id")[0] == (
        101,
        "Email Marketing",
        "Marketing",
        "Email",
    )
    assert world.rows("select id, channel_id, subscription_policy from raw_iterable.message_types order by id")[0] == (
        201,
        101,
        "OptOut",
    )


def test_existing_users_are_exported_at_first_sight_only(world: World) -> None:
    person(world, "ada@example.com", firstName="Ada")
    assert load(world).rows["users"] == 1
    person(world, "later@example.com", firstName="Later")
    second = load(world)
    assert "users" not in second.rows
    assert world.rows("select email, document->>'firstName' from raw_iterable.users") == [("ada@example.com", "Ada")]


def test_another_project_replaces_the_users_of_the_one_before(world: World) -> None:
    person(world, "ada@example.com")
    load(world)

    class Empty(IterableClient):
        def export(self, data_type: str, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
            return iter(())

    settings = world.settings.model_copy(
        update={"iterable_api_url": world.settings.iterable_api_url.replace("127.0.0.1", "localhost")}
    )
    assert project_fingerprint(settings) != project_fingerprint(world.settings)
    with Empty(settings) as client:
        load_iterable(world.connection, settings, client=client)
    assert world.one("select count(*) from raw_iterable.users") == 0


def test_an_opt_out_at_iterable_is_read_once_over_overlapping_windows(world: World) -> None:
    person(world, "ada@example.com")
    unsubscribe(world, "ada@example.com", 101, 103)
    load(world)
    load(world)
    person(world, "bob@example.com")
    unsubscribe(world, "bob@example.com", 101)
    load(world)
    rows = world.rows("select email, channel_ids, created_at from raw_iterable.consent_events order by email")
    assert [(email, json.loads(channels)) for email, channels, _ in rows] == [
        ("ada@example.com", [101, 103]),
        ("bob@example.com", [101]),
    ]
    assert all(abs((datetime.now(UTC) - created).total_seconds()) < 600 for _, _, created in rows)


def test_a_later_look_reaches_back_over_the_overlap(world: World) -> None:
    windows: dict[str, list[datetime]] = {}

    class Watched(IterableClient):
        def export(self, data_type: str, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
            windows.setdefault(data_type, []).append(start)
            return iter(())

    for _ in range(2):
        with Watched(world.settings) as client:
            load_iterable(world.connection, world.settings, client=client)
    everything, again = windows["emailUnSubscribe"]
    assert [everything] == windows["user"]
    assert everything < datetime(2014, 1, 1, tzinfo=UTC)
    assert timedelta(0) <= datetime.now(UTC) - OVERLAP - again < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("event", "channels", "created"),
    [
        ({"createdAt": "2026-02-03 10:11:12 +00:00", "channelId": 101}, "[101]", datetime(2026, 2, 3, 10, 11, 12, tzinfo=UTC)),
        ({"createdAt": "2026-02-03T10:11:12.000Z", "channelIds": [101]}, "[101]", datetime(2026, 2, 3, 10, 11, 12, tzinfo=UTC)),
        ({"createdAt": 1770113472000, "emailListIds": [5]}, None, datetime(2026, 2, 3, 10, 11, 12, tzinfo=UTC)),
        ({"createdAt": "some day"}, None, None),
    ],
)
def test_an_opt_out_is_kept_in_whatever_form_it_comes(
    world: World, event: dict[str, Any], channels: str | None, created: datetime | None
) -> None:
    class One(IterableClient):
        def export(self, data_type: str, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
            return iter([{"email": "ada@example.com", **event}] * 2 if data_type == "emailUnSubscribe" else [])

    with One(world.settings) as client:
        load_iterable(world.connection, world.settings, client=client)
    assert world.rows("select email, channel_ids, created_at from raw_iterable.consent_events") == [
        ("ada@example.com", channels, created)
    ]


def test_an_export_that_breaks_off_keeps_nothing_and_is_read_again(world: World) -> None:
    person(world, "ada@example.com")

    class Broken(IterableClient):
        def export(self, data_type: str, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
            yield {"email": "half@example.com"}
            raise DeliveryError("broke off")

    with Broken(world.settings) as client, pytest.raises(DeliveryError, match="broke off"):
        load_iterable(world.connection, world.settings, client=client)
    assert load(world).rows["users"] == 1
    assert world.rows("select email from raw_iterable.users") == [("ada@example.com",)]
    assert world.one("select count(*) from raw_iterable.consent_events") == 0


class Counted(IterableClient):
    """Notes what is exported and from when on, and asks nobody."""

    def __init__(self, world: World) -> None:
        super().__init__(world.settings)
        self.exports: list[tuple[str, datetime]] = []

    def export(self, data_type: str, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
        self.exports.append((data_type, start))
        return iter(())

    @property
    def types(self) -> set[str]:
        return {data_type for data_type, _ in self.exports}


def counted(world: World, at: datetime, monkeypatch: pytest.MonkeyPatch) -> Counted:
    """A load at this instant."""
    monkeypatch.setattr("cartwire.clock.now", lambda: at)
    with Counted(world) as client:
        load_iterable(world.connection, world.settings, client=client)
    return client


def test_no_minute_has_more_exports_than_iterable_allows_and_every_type_has_its_turn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = datetime(2026, 11, 1, 12, tzinfo=UTC)
    loads = [counted(world, begun + timedelta(minutes=minute), monkeypatch) for minute in (0, 1, 2, 59, 61, 62, 63)]
    assert [sorted(load.types - {"emailUnSubscribe"}) for load in loads] == [
        ["purchase", "user"],
        ["emailSubscribe"],
        ["emailSubscribe"],
        ["emailSubscribe"],
        ["emailComplaint"],
        ["emailBounce"],
        ["emailSubscribe"],
    ]
    assert [len(load.exports) for load in loads] == [3, 2, 2, 2, 2, 2, 2]


def test_frequent_loads_read_unsubscribes_each_time_and_starve_no_other_type(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = datetime(2026, 11, 1, 12, tzinfo=UTC)
    for minute in range(3):
        counted(world, begun + timedelta(minutes=minute), monkeypatch)
    burst = [counted(world, begun + timedelta(minutes=2, seconds=10 * step), monkeypatch) for step in range(1, 5)]
    assert [load.types for load in burst] == [{"emailUnSubscribe"}] * 4
    late = begun + timedelta(hours=2)
    rows = world.one("select count(*) from raw_iterable.consent_events")
    assert rows == 0
    counted(world, late, monkeypatch)
    overdue = counted(world, late + timedelta(seconds=5), monkeypatch)
    assert len(overdue.types) == 2


def test_each_type_of_event_has_a_cursor_of_its_own_that_a_failed_load_does_not_move(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = datetime(2026, 11, 1, 12, tzinfo=UTC)
    for minute in (0, 1, 61, 62):
        counted(world, begun + timedelta(minutes=minute), monkeypatch)

    class Broken(Counted):
        def export(self, data_type: str, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
            if data_type != "emailUnSubscribe":
                raise DeliveryError("broke off")
            return super().export(data_type, start, end)

    monkeypatch.setattr("cartwire.clock.now", lambda: begun + timedelta(minutes=70))
    with Broken(world) as client, pytest.raises(DeliveryError, match="broke off"):
        load_iterable(world.connection, world.settings, client=client)
    after = dict(counted(world, begun + timedelta(minutes=80), monkeypatch).exports)
    assert after == {
        "emailUnSubscribe": begun + timedelta(minutes=62) - OVERLAP,
        "emailSubscribe": begun + timedelta(minutes=1) - OVERLAP,
    }
