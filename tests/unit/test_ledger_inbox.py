"""The ledger's inbox: nothing twice, closed at once, never opened, and closed again by a freeze that knows nothing of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from activation.ledger.inbox import EVERY_CHANNEL, IterableId, Received, Withdrawal
from activation.ledger.items import ConsentRow, NewItem
from activation.ledger.store import Ledger
from activation.received import from_webhook, places
from cartwire.person import person_key
from clients.iterable_events import ConsentEvent, exported

SECRET = b"s" * 32
ADA, BOB = (person_key(SECRET, subject) for subject in ("customer:c1", "email:bob@x.com"))
IDS = (
    IterableId(kind="channel", iterable_id="101", medium="email", channel="email", purpose="marketing"),
    IterableId(kind="channel", iterable_id="102", medium="email", channel=None, purpose=None),
    IterableId(kind="channel", iterable_id="103", medium="sms", channel="sms", purpose="marketing"),
    IterableId(kind="message_type", iterable_id="201", medium="email", channel="email", purpose="marketing"),
    IterableId(kind="message_type", iterable_id="202", medium="email", channel=None, purpose=None),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with Ledger.open(path, SECRET) as opened:
        opened.start_run("r1", "test")
        opened.freeze("r1", "main", [user(1, ADA, "ada@x.com")], granted(ADA, BOB))
        yield opened


def user(number: int, key: str, email: str) -> NewItem:
    return NewItem(
        object="users", kind="users", subject=f"s{number}", person_key=key, fingerprint="f", lane=3, email=email, fragment=b"{}"
    )


def granted(*keys: str) -> list[ConsentRow]:
    return [
        ConsentRow(person_key=key, channel=channel, purpose="marketing", status="granted", is_messageable=True)
        for key in keys
        for channel in ("email", "sms")
    ]


def statement(key: str = "e1", **more: object) -> Received:
    withdrawal = Withdrawal(status="withdrawn", places=(("email", "marketing"),), person_keys=(ADA,), stated_at_ms=1_000)
    given = {"event_key": key, "origin": "webhook", "email": None, "user_id": "c1", "body": "{}", "withdrawal": withdrawal}
    return Received(**{**given, **more})  # type: ignore[arg-type]


def open_channels(path: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("select person_key, channel from consent where is_messageable = 1").fetchall()
    return {(key, channel) for key, channel in rows}


def test_a_withdrawal_closes_the_channel_it_names_and_no_other(ledger: Ledger, path: Path) -> None:
    assert ledger.receive([statement()]) == (1, 1)
    assert open_channels(path) == {(ADA, "sms"), (BOB, "email"), (BOB, "sms")}


def test_the_same_statement_again_is_known_and_changes_nothing(ledger: Ledger, path: Path) -> None:
    ledger.receive([statement()])
    assert ledger.receive([statement(), statement("e2", withdrawal=None)]) == (1, 0)
    assert ledger.inbox_keys("webhook", ledger.inbox_newest()) == {"e1", "e2"}


def test_a_grant_opens_nothing(ledger: Ledger, path: Path) -> None:
    ledger.receive([statement()])
    ledger.receive([statement("e2", withdrawal=None)])
    assert (ADA, "email") not in open_channels(path)


def test_whoever_we_wrote_to_under_the_address_is_meant_too(ledger: Ledger, path: Path) -> None:
    withdrawal = Withdrawal(status="withdrawn", places=(EVERY_CHANNEL,), person_keys=(BOB,))
    assert ledger.receive([statement(email="ada@x.com", user_id=None, withdrawal=withdrawal)]) == (1, 4)
    assert open_channels(path) == set()


def test_a_guest_of_a_userid_based_project_is_found_by_the_part_of_the_key_that_the_id_shows(ledger: Ledger, path: Path) -> None:
    event = exported("emailUnSubscribe", {"userId": f"g-{BOB[:32]}", "channelIds": [101]})
    ledger.receive([from_webhook(event, IDS, "user_id", SECRET)])
    assert open_channels(path) == {(ADA, "email"), (ADA, "sms"), (BOB, "sms")}


def test_a_userid_says_nothing_in_an_email_based_project(ledger: Ledger, path: Path) -> None:
    event = exported("emailUnSubscribe", {"userId": "c1", "email": "BOB@x.com", "channelIds": [101]})
    ledger.receive([from_webhook(event, IDS, "email", SECRET)])
    assert open_channels(path) == {(ADA, "email"), (ADA, "sms"), (BOB, "sms")}


def test_a_freeze_that_knows_nothing_of_a_withdrawal_does_not_open_what_it_closed(ledger: Ledger, path: Path) -> None:
    ledger.note_inbox_read(ledger.inbox_newest())
    ledger.receive([statement()])
    ledger.freeze("r1", "rest", [], granted(ADA))
    assert (ADA, "email") not in open_channels(path)


def test_a_person_who_enters_the_ledger_after_the_withdrawal_enters_it_closed(ledger: Ledger, path: Path) -> None:
    eve = person_key(SECRET, "email:eve@x.com")
    event = exported("emailUnSubscribe", {"email": "Eve@x.com", "channelIds": [103]})
    assert ledger.receive([from_webhook(event, IDS, "hybrid", SECRET)]) == (1, 0)
    ledger.freeze("r1", "rest", [], granted(eve))
    assert {channel for key, channel in open_channels(path) if key == eve} == {"email"}


def test_what_a_load_has_read_is_for_the_build_to_decide(ledger: Ledger, path: Path) -> None:
    ledger.receive([statement()])
    ledger.note_inbox_read(ledger.inbox_newest())
    ledger.freeze("r1", "rest", [], granted(ADA))
    assert (ADA, "email") in open_channels(path)


def test_an_erased_statement_is_not_loaded_and_its_repetition_stays_out(ledger: Ledger, path: Path) -> None:
    ledger.receive([statement(email="ada@x.com")])
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("update consent_inbox set email = null, user_id = null, body = null")
    assert ledger.receive([statement()]) == (0, 0)
    assert ledger.inbox_keys("webhook", ledger.inbox_newest()) == set()
    assert list(ledger.inbox_rows(["e1"])) == []


def test_what_iterables_numbers_stand_for_is_replaced_as_a_whole(ledger: Ledger) -> None:
    ledger.know_iterable_ids([("channel", "101", "email", "email", "marketing")])
    ledger.know_iterable_ids([("channel", "102", "email", None, None)])
    assert ledger.iterable_ids() == (IDS[1],)


EMAIL, SMS = ("email", "marketing"), ("sms", "marketing")


@pytest.mark.parametrize(
    ("event_type", "fields", "closes"),
    [
        ("emailUnSubscribe", {"channelIds": [101]}, (EMAIL,)),
        ("emailUnSubscribe", {"channelIds": [101, 103]}, (EMAIL, SMS)),
        ("emailUnSubscribe", {"channelIds": [102]}, ()),
        ("emailUnSubscribe", {"channelIds": [101, 999]}, (EVERY_CHANNEL,)),
        ("emailUnSubscribe", {"messageTypeIds": [201]}, (EMAIL,)),
        ("emailUnSubscribe", {"messageTypeIds": [202]}, ()),
        ("emailUnSubscribe", {}, (EVERY_CHANNEL,)),
        ("emailComplaint", {}, (EMAIL,)),
        ("emailBounce", {"recipientState": "HardBounce"}, (EMAIL,)),
    ],
)
def test_a_number_closes_what_it_stands_for_and_everything_when_nobody_knows(
    event_type: str, fields: dict[str, object], closes: tuple[tuple[str, str], ...]
) -> None:
    event: ConsentEvent = exported(event_type, {"email": "a@x.com", **fields})
    assert places(event, IDS) == closes
    assert places(event, ()) == (EVERY_CHANNEL,)
