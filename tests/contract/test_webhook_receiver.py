"""`cartwire webhooks` as a process of its own, over real HTTP: what it takes, what it refuses, and that a 200 is on disk."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from activation.ledger.database import transaction
from activation.ledger.items import ConsentRow
from activation.ledger.store import Ledger
from cartwire.person import person_key
from cartwire.settings import REPOSITORY
from tests.conftest import SECRET
from tests.http import HTTP
from tests.unit.test_settings import GOOD

if TYPE_CHECKING:
    from tests.contract.iterable_vendor import Vendor

pytest_plugins = ("tests.contract.iterable_vendor",)

SHARED = "shared-secret-shared-secret-shared-secret"
ANN = "ann@example.com"
EVENT = {
    "email": ANN,
    "userId": "u-1",
    "eventName": "emailUnSubscribe",
    "dataFields": {"channelIds": [101], "unsubSource": "EmailLink", "createdAt": "2026-02-03 10:11:12 +00:00"},
}


class Receiver:
    """The command as a child, on a ledger in which Ann may be messaged by e-mail and SMS."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ledger.sqlite"
        self.environment = {
            **os.environ,
            **GOOD,
            "CARTWIRE_SECRET": SECRET,
            "CARTWIRE_LEDGER": str(self.path),
            "CARTWIRE_WEBHOOK_SECRET": SHARED,
        }
        with Ledger.open(self.path, SECRET.encode()) as ledger:
            ledger.start_run("r1", "test")
            key = person_key(SECRET.encode(), "customer:u-1")
            rows = [
                ConsentRow(person_key=key, channel=channel, purpose="marketing", status="granted", is_messageable=True)
                for channel in ("email", "sms")
            ]
            ledger.freeze("r1", "main", [], rows)
            ids = [("channel", "101", "email", "email", "marketing"), ("channel", "103", "sms", "sms", "marketing")]
            ledger.know_iterable_ids(ids)
        self.child = self.start()

    def start(self) -> subprocess.Popen[str]:
        command = [str(Path(sys.executable).with_name("cartwire")), "webhooks", "--port", "0"]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self.environment, cwd=REPOSITORY)
        assert self.child.stdout is not None
        line = self.child.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:"), line
        self.url = line.split()[-1]
        self.health_url = self.url.replace("/webhooks/iterable", "/health")
        return self.child

    def post(self, body: Any = None, *, content: bytes | None = None, secret: str | None = SHARED) -> httpx.Response:
        headers = {"X-Cartwire-Secret": secret} if secret is not None else {}
        raw = content if content is not None else json.dumps(body).encode()
        return HTTP.post(self.url, content=raw, headers=headers, timeout=60)

    def stop(self) -> int:
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(30)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as db:
            return db.execute(sql).fetchall()

    def open_channels(self) -> list[str]:
        return [channel for (channel,) in self.rows("select channel from consent where is_messageable = 1 order by 1")]

    def counts(self) -> dict[str, Any]:
        counts: dict[str, Any] = HTTP.get(self.health_url, timeout=60).json()
        return counts


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = Receiver(tmp_path)
    yield made
    made.child.kill()
    made.child.wait(30)
    if made.child.stdout:
        made.child.stdout.close()


def test_an_unsubscribe_is_on_disk_and_closes_the_channel_when_it_is_answered(receiver: Receiver) -> None:
    answer = receiver.post(EVENT)
    assert (answer.status_code, answer.json()) == (200, {"msg": "stored"})
    assert receiver.rows("select origin, email, user_id from consent_inbox") == [("webhook", ANN, "u-1")]
    assert json.loads(receiver.rows("select body from consent_inbox")[0][0]) == EVENT
    assert receiver.open_channels() == ["sms"]


def test_the_same_delivery_twice_is_one_row(receiver: Receiver) -> None:
    with ThreadPoolExecutor(8) as several:
        answers = list(several.map(lambda _: receiver.post(EVENT).json()["msg"], range(8)))
    assert sorted(answers) == ["known already"] * 7 + ["stored"]
    assert receiver.rows("select count(*) from consent_inbox") == [(1,)]


def test_a_subscribe_is_kept_and_opens_nothing(receiver: Receiver) -> None:
    receiver.post(EVENT)
    answer = receiver.post({**EVENT, "eventName": "emailSubscribe"})
    assert answer.status_code == 200
    assert receiver.open_channels() == ["sms"]


@pytest.mark.parametrize("secret", [None, "", "x" * 41, SHARED[:-1], SHARED + "x", "ä"])
def test_without_the_shared_secret_nothing_is_taken(receiver: Receiver, secret: str | None) -> None:
    headers = [] if secret is None else [(b"X-Cartwire-Secret", secret.encode())]
    answer = HTTP.post(receiver.url, json=EVENT, headers=headers, timeout=60)
    assert answer.status_code == 401
    assert receiver.rows("select count(*) from consent_inbox") == [(0,)]


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"[]", 400),
        (b'{"email": "ann@example.com"}', 400),
        (b'{"eventName": 7}', 400),
        (b'{"eventName": "emailUnSubscribe", "dataFields": {}}', 400),
        (b'{"eventName": "emailUnSubscribe", "email": "ann@example.com"}', 400),
        (b'{"eventName": "emailUnSubscribe", "email": "' + b"a" * 300_000 + b'"}', 413),
    ],
    ids=("half", "empty", "list", "no name", "number for a name", "nobody", "no fields", "too large"),
)
def test_what_is_no_event_is_refused_and_says_nothing_of_the_person(receiver: Receiver, content: bytes, status: int) -> None:
    answer = receiver.post(content=content)
    assert answer.status_code == status
    assert ANN not in answer.text
    assert receiver.counts()["refused"] == 1
    assert receiver.rows("select count(*) from consent_inbox") == [(0,)]


def test_events_that_say_nothing_about_consent_are_counted_and_dropped(receiver: Receiver) -> None:
    for name in ("emailOpen", "smsReceived"):
        assert receiver.post({**EVENT, "eventName": name}).status_code == 202
    assert receiver.counts() == {"status": "ok", "stored": 0, "known": 0, "ignored": 2, "refused": 0, "failed": 0}


def test_a_ledger_that_is_being_written_is_waited_for(receiver: Receiver) -> None:
    with Ledger.open(receiver.path, SECRET.encode()) as run, ThreadPoolExecutor(1) as one:
        with transaction(run._db):
            waiting = one.submit(receiver.post, EVENT)
            assert receiver.rows("select count(*) from consent_inbox") == [(0,)]
        assert waiting.result().status_code == 200
    assert receiver.open_channels() == ["sms"]


def test_a_kill_after_the_answer_loses_nothing(receiver: Receiver) -> None:
    for number in range(20):
        fields = {**EVENT["dataFields"], "campaignId": number}  # type: ignore[dict-item]
        assert receiver.post({**EVENT, "dataFields": fields}).status_code == 200
    receiver.child.kill()
    receiver.child.wait(30)
    assert receiver.rows("select count(*) from consent_inbox") == [(20,)]
    receiver.start()
    assert receiver.post({**EVENT, "dataFields": {**EVENT["dataFields"], "campaignId": 0}}).json()["msg"] == "known already"  # type: ignore[dict-item]


def test_it_ends_cleanly_when_asked(receiver: Receiver) -> None:
    receiver.post(EVENT)
    assert receiver.stop() == 0
    assert receiver.child.stdout is not None
    assert receiver.child.stdout.read().strip() == "stopped"


@pytest.mark.parametrize(("value", "message"), [("", "CARTWIRE_WEBHOOK_SECRET is missing"), ("short", "at least 32")])
def test_without_a_secret_it_does_not_start(tmp_path: Path, value: str, message: str) -> None:
    environment = {**os.environ, **GOOD, "CARTWIRE_WEBHOOK_SECRET": value, "CARTWIRE_LEDGER": str(tmp_path / "l.sqlite")}
    command = [str(Path(sys.executable).with_name("cartwire")), "webhooks", "--port", "0"]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=REPOSITORY)
    assert ended.returncode == 2
    assert message in ended.stderr


def test_what_a_person_does_at_iterable_arrives_by_its_webhook(receiver: Receiver, iterable_vendor: Vendor) -> None:
    iterable_vendor.bulk({"email": ANN, "userId": "u-1"})
    iterable_vendor.settings(webhook_url=receiver.url, webhook_headers={"X-Cartwire-Secret": SHARED}, webhook_copies=2)
    iterable_vendor.admin("person-acts", {"email": ANN, "act": "sms_stop"})
    while None in (statuses := [one["status"] for one in iterable_vendor.admin("webhooks")["deliveries"]]):
        pass
    assert statuses == [202, 202, 200, 200]
    assert receiver.rows("select json_extract(body, '$.dataFields.unsubSource') from consent_inbox") == [("SMS",)]
    assert receiver.open_channels() == ["email"]
