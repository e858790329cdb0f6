"""The fold: settlements of the ledger become `delivered`, once, and the same tables come out of the ledger alone."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from activation.fold import fold, rebuild_delivered
from activation.guard import delivered_counts
from activation.ledger.items import FieldChange, NewItem
from activation.ledger.machine import Event
from activation.ledger.sending import Outcome
from activation.ledger.store import Ledger
from activation.rehearsal import rehearsed
from cartwire.clock import to_ms
from tests.unit.changes_rows import open_small_warehouse

START_MS = to_ms(datetime(2026, 11, 1, tzinfo=UTC))
TABLES = ("outcomes", "users", "user_fields", "carts", "folded")


@pytest.fixture
def conn() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_small_warehouse() as connection:
        yield connection


class Runs:
    """A ledger in which each call is a whole run: freeze, claim, settle."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.number = ledger, 0

    def send(self, items: Sequence[NewItem], verdicts: Sequence[Outcome | Event] = (), **outcome: object) -> None:
        """Freeze items, send the staged ones in one request, settle each as accepted or as the event given for it."""
        self.number += 1
        run_id, at_ms = f"run-{self.number}", START_MS + 60_000 * self.number
        first_id = self.ledger._db.execute("select coalesce(max(item_id), 0) + 1 from items").fetchone()[0]
        self.ledger.start_run(run_id, "test", at_ms)
        self.ledger.freeze(run_id, "main", items, [], at_ms)
        ids = [first_id + position for position, item in enumerate(items) if item.state == "staged"]
        if ids:
            self.ledger.claim(f"request-{self.number}", "any", ids, lambda rows: b"{}", at_ms + 1)
            events = list(verdicts) or [Event.accept] * len(ids)
            outcomes = [
                Outcome(item_id=item_id, event=event, reason="" if event is Event.accept else "no", **outcome)  # type: ignore[arg-type]
                for item_id, event in zip(ids, events, strict=True)
            ]
            self.ledger.settle(f"request-{self.number}", outcomes, status=200, at_ms=at_ms + 2)
        self.ledger.end_run(run_id, "done", 0, at_ms=at_ms + 3)


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Runs]:
    with Ledger.open(tmp_path / "ledger.sqlite", b"s" * 32) as ledger:
        yield Runs(ledger)


def item(object_name: str, person: str, fingerprint: str = "f1", **values: object) -> NewItem:
    return NewItem(
        **{  # type: ignore[arg-type]
            "object": object_name,
            "kind": object_name,
            "subject": f"key-{person}",
            "person_key": f"key-{person}",
            "fingerprint": fingerprint,
            "lane": 3,
            "email": f"{person}@example.com",
            "user_id": f"id-{person}",
            **values,
        }
    )


def field_fingerprint(value: str | None) -> str:
    return "" if value is None else hashlib.md5(f"string:{value}".encode()).hexdigest()


def user(person: str, fingerprint: str, /, **fields: str | None) -> NewItem:
    changes = tuple(
        FieldChange(field=name, type="string", before=None, after=value, fingerprint=field_fingerprint(value))
        for name, value in fields.items()
    )
    return item("users", person, fingerprint, fields=changes)


def rows(conn: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    return conn.execute(query).fetchall()


def contents(conn: duckdb.DuckDBPyConnection) -> dict[str, list[tuple[object, ...]]]:
    return {table: rows(conn, f"select * from delivered.{table} order by all") for table in TABLES}


def test_an_accepted_user_becomes_delivered_with_a_fingerprint_over_all_fields(
    conn: duckdb.DuckDBPyConnection, runs: Runs
) -> None:
    runs.send([user("ada", "f1", b="2", a="1")])
    assert fold(conn, runs.ledger) == 1
    assert rows(conn, "select subject, fingerprint, state, reason, is_sticky from delivered.outcomes") == [
        ("key-ada", "f1", "accepted", None, False)
    ]
    prints = [field_fingerprint("1"), field_fingerprint("2")]
    over_all = hashlib.sha256(f"a={prints[0]}\nb={prints[1]}".encode()).hexdigest()
    assert rows(conn, "select email, user_id, fields_fingerprint, accepted_at from delivered.users") == [
        ("ada@example.com", "id-ada", over_all, datetime(2026, 11, 1, 0, 1, 0, 2000))
    ]
    assert rows(conn, "select field, type, value, fingerprint from delivered.user_fields order by field") == [
        ("a", "string", "1", prints[0]),
        ("b", "string", "2", prints[1]),
    ]


def test_later_fields_replace_add_and_remove(conn: duckdb.DuckDBPyConnection, runs: Runs) -> None:
    runs.send([user("ada", "f1", a="1", b="2")])
    fold(conn, runs.ledger)
    runs.send([user("ada", "f2", a=None, b="3", c="4")])
    fold(conn, runs.ledger)
    kept = "select field, value from delivered.user_fields where fingerprint <> '' order by field"
    assert rows(conn, kept) == [("b", "3"), ("c", "4")]
    assert rows(conn, "select field, value from delivered.user_fields where fingerprint = ''") == [("a", None)]
    assert rows(conn, "select count(*) from delivered.users") == [(1,)]


def test_a_refused_user_changes_nothing_but_the_verdict(conn: duckdb.DuckDBPyConnection, runs: Runs) -> None:
    runs.send([user("ada", "f1", a="1")], [Event.reject], is_sticky=True)
    fold(conn, runs.ledger)
    assert rows(conn, "select state, reason, is_sticky from delivered.outcomes") == [("rejected", "no", True)]
    assert rows(conn, "select * from delivered.users") == []
    assert rows(conn, "select * from delivered.user_fields") == []


def test_a_field_that_iterable_filtered_out_is_not_delivered(conn: duckdb.DuckDBPyConnection, runs: Runs) -> None:
    runs.send([user("ada", "f1", a="1", b="2")], undelivered_fields=("b",))
    fold(conn, runs.ledger)
    assert rows(conn, "select field from delivered.user_fields") == [("a",)]


def test_an_accepted_email_change_shows_in_the_user(conn: duckdb.DuckDBPyConnection, runs: Runs) -> None:
    runs.send([user("ada", "f1", a="1")])
    runs.send([item("identities", "ada", "rename", kind="email_change", email="new@example.com", lane=2)])
    fold(conn, runs.ledger)
    before = rows(conn, "select fields_fingerprint from delivered.users")
    assert rows(conn, "select email, user_id from delivered.users") == [("new@example.com", "id-ada")]
    assert before != [(None,)]


def test_an_accepted_purchase_empties_the_cart_and_a_later_cart_fills_it(conn: duckdb.DuckDBPyConnection, runs: Runs) -> None:
    cart = "select fingerprint from delivered.carts"
    runs.send([item("carts", "ada", "cart-1")])
    fold(conn, runs.ledger)
    runs.send([item("purchases", "ada", "p", subject="purchase-1")])
    fold(conn, runs.ledger)
    assert rows(conn, cart) == [("empty",)]
    runs.send([item("purchases", "ada", "p", subject="purchase-2"), item("carts", "ada", "cart-2")])
    fold(conn, runs.ledger)
    assert rows(conn, cart) == [("cart-2",)]


def test_a_purchase_leaves_the_verdict_of_a_cart_that_never_arrived(conn: duckdb.DuckDBPyConnection, runs: Runs) -> None:
    runs.send([item("carts", "ada", "cart-1", state="suppressed", reason="no consent", is_sticky=True)])
    fold(conn, runs.ledger)
    runs.send([item("purchases", "ada", "p", subject="purchase-1"), item("purchases", "bob", "p", subject="purchase-2")])
    fold(conn, runs.ledger)
    assert rows(conn, "select subject, fingerprint, state from delivered.outcomes where object = 'carts'") == [
        ("key-ada", "cart-1", "suppressed")
    ]


def test_a_registered_person_takes_over_the_guest_of_the_same_address(conn: duckdb.DuckDBPyConnection, runs: Runs) -> None:
    guest = user("guest", "g1", a="1", b="2", c="3")
    runs.send([replace(guest, email="ada@example.com", user_id=None), user("bob", "f0", a="9")])
    fold(conn, runs.ledger)
    runs.send([user("ada", "f1", a="8", b=None)])
    fold(conn, runs.ledger)
    kept = "select person_key, field, value from delivered.user_fields where fingerprint <> '' order by person_key, field"
    assert rows(conn, kept) == [("key-ada", "a", "8"), ("key-ada", "c", "3"), ("key-bob", "a", "9")]
    assert rows(conn, "select person_key from delivered.users order by 1") == [("key-ada",), ("key-bob",)]
    over_all = hashlib.sha256(f"a={field_fingerprint('8')}\nc={field_fingerprint('3')}".encode()).hexdigest()
    assert rows(conn, "select fields_fingerprint from delivered.users where person_key = 'key-ada'") == [(over_all,)]
    before = contents(conn)
    rebuild_delivered(conn, runs.ledger)
    assert contents(conn) == before


def test_a_held_row_displaces_neither_what_was_accepted_nor_the_guards_count(conn: duckdb.DuckDBPyConnection, runs: Runs) -> None:
    runs.send([item("carts", "ada", "cart-1")])
    fold(conn, runs.ledger)
    runs.send([item("carts", "ada", "cart-2", state="held", reason="volume guard")])
    runs.send([item("carts", "bob", "cart-3", state="held", reason="volume guard")])
    fold(conn, runs.ledger)
    assert rows(conn, "select fingerprint, state, is_sticky from delivered.outcomes order by fingerprint") == [
        ("cart-1", "accepted", False),
        ("cart-3", "held", False),
    ]
    assert delivered_counts(conn) == {"carts": 1}


def test_a_sticky_verdict_replaces_an_accepted_state(conn: duckdb.DuckDBPyConnection, runs: Runs) -> None:
    runs.send([item("carts", "ada", "cart-1")])
    runs.send([item("carts", "ada", "cart-2", state="suppressed", reason="no consent", is_sticky=True)])
    fold(conn, runs.ledger)
    assert rows(conn, "select fingerprint, state from delivered.outcomes") == [("cart-2", "suppressed")]
    assert rows(conn, "select fingerprint from delivered.carts") == [("cart-1",)]


def test_an_accepted_fact_stays_accepted(conn: duckdb.DuckDBPyConnection, runs: Runs) -> None:
    runs.send([item("events", "ada", "e", subject="event-1")])
    fold(conn, runs.ledger)
    runs.send([item("events", "ada", "e2", subject="event-1", state="held", reason="merge", is_sticky=True)])
    fold(conn, runs.ledger)
    assert rows(conn, "select fingerprint, state from delivered.outcomes") == [("e", "accepted")]


def test_a_rehearsal_works_in_a_warehouse_just_made(runs: Runs) -> None:
    with duckdb.connect() as fresh:
        fold(fresh, runs.ledger)
        with rehearsed(fresh, []), rehearsed(fresh, [("users", "nobody")]):
            pass
        assert rows(fresh, "select table_name from duckdb_tables() where table_name = 'rehearsed'") == []


def test_folding_twice_changes_nothing(conn: duckdb.DuckDBPyConnection, runs: Runs) -> None:
    runs.send([user("ada", "f1", a="1"), item("purchases", "ada", subject="p-1")])
    assert fold(conn, runs.ledger) == 1
    once = contents(conn)
    assert fold(conn, runs.ledger) == 0
    assert contents(conn) == once


def test_of_a_restored_ledger_what_it_did_since_is_taken_over_and_nothing_twice(
    conn: duckdb.DuckDBPyConnection, runs: Runs, tmp_path: Path
) -> None:
    """What was folded of the time that the backup does not know stays known; which verdict was the last says nothing then."""
    runs.send([user("ada", "f1", a="1")])
    fold(conn, runs.ledger)
    with sqlite3.connect(tmp_path / "restored.sqlite") as restored:
        runs.ledger._db.backup(restored)
    restored.close()
    runs.send([user("bob", "f1", a="1")])
    assert fold(conn, runs.ledger) == 1
    with Ledger.open(tmp_path / "restored.sqlite", b"s" * 32) as ledger:
        again = Runs(ledger)
        again.number = 7
        again.send([user("cyd", "f1", a="1")])
        assert fold(conn, ledger) == 1
        again.send([user("ada", "f2", a="2")])
        assert fold(conn, ledger) == 1
        assert fold(conn, ledger) == 0
    assert sorted(rows(conn, "select person_key from delivered.users")) == [("key-ada",), ("key-bob",), ("key-cyd",)]
    assert rows(conn, "select value from delivered.user_fields where person_key = 'key-ada'") == [("2",)]


def test_a_fold_that_fails_leaves_nothing_behind(
    conn: duckdb.DuckDBPyConnection, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.send([user("ada", "f1", a="1")])
    monkeypatch.setattr("activation.fold.STEPS", ("fold_outcomes.sql", "no_such_step.sql"))
    with pytest.raises(FileNotFoundError):
        fold(conn, runs.ledger)
    assert all(found == [] for found in contents(conn).values())
    monkeypatch.undo()
    assert fold(conn, runs.ledger) == 1


def test_delivered_can_be_rebuilt_from_the_ledger(conn: duckdb.DuckDBPyConnection, runs: Runs) -> None:
    conn.execute("insert into delivered.held_history (subject) values ('old')")
    runs.send([user("ada", "f1", a="1", b="2"), user("bob", "g1", a="1")])
    fold(conn, runs.ledger)
    runs.send([user("ada", "f2", b=None, c="3"), item("carts", "ada", "c1")], [Event.accept, Event.accept])
    runs.send([item("purchases", "ada", subject="p-1"), user("bob", "g2", a="2")], [Event.accept, Event.reject])
    fold(conn, runs.ledger)
    runs.send([item("carts", "bob", "c2", state="held", reason="guard"), user("bob", "g3", a="3")])
    fold(conn, runs.ledger)
    grown = contents(conn)
    conn.execute("drop schema delivered cascade")
    assert rebuild_delivered(conn, runs.ledger) == len(grown["folded"])
    assert contents(conn) == grown
    rebuild_delivered(conn, runs.ledger)
    assert contents(conn) == grown


def grant(person: str, target: str, **values: object) -> NewItem:
    return item("grants", person, subject=f"key-{person}:{target}", bulk_key=target, lane=9, **values)


def test_what_we_did_to_subscriptions_is_known_with_its_time_and_cause(conn: duckdb.DuckDBPyConnection, runs: Runs) -> None:
    created = b'{"dataFields":{"unsubscribedChannelIds":[101,103]}}'
    runs.send([item("users", "ada", fragment=created), item("users", "bob", fragment=b'{"dataFields":{}}')])
    runs.send([item("withdrawals", "bob", bulk_key="101", lane=1, occurred_at_ms=START_MS)])
    runs.send([grant("ada", "messageChannel/101", occurred_at_ms=START_MS + 5), grant("bob", "messageType/204")])
    runs.send([item("withdrawals", "cyd", bulk_key="101", lane=1)], [Event.reject])
    fold(conn, runs.ledger)
    columns = "person_key, subscription_group, subscription_id, action, cause, epoch_ms(stated_at) - ?, is_accepted"
    expected = [
        ("key-ada", "messageChannel", 101, "subscribe", "grant", 5, True),
        ("key-ada", "messageChannel", 101, "unsubscribe", "creation", None, True),
        ("key-ada", "messageChannel", 103, "unsubscribe", "creation", None, True),
        ("key-bob", "messageChannel", 101, "unsubscribe", "withdrawal", 0, True),
        ("key-bob", "messageType", 204, "subscribe", "grant", None, True),
    ]
    query = f"select {columns} from delivered.subscription_writes order by all"
    assert conn.execute(query, [START_MS]).fetchall() == expected
    assert rows(conn, "select distinct settled_at - claimed_at < interval 1 second from delivered.subscription_writes") == [
        (True,)
    ]
    rebuild_delivered(conn, runs.ledger)
    assert conn.execute(query, [START_MS]).fetchall() == expected
    conn.execute("drop table delivered.subscription_writes")
    fold(conn, runs.ledger)
    assert conn.execute(query, [START_MS]).fetchall() == expected, "a warehouse of before learns what was done before it"


def test_what_a_dead_run_may_have_unsubscribed_is_known_from_its_first_request_on(
    conn: duckdb.DuckDBPyConnection, runs: Runs
) -> None:
    ledger = runs.ledger
    ledger.start_run("dead", "test", START_MS)
    ledger.freeze("dead", "main", [item("withdrawals", "ada", bulk_key="101", lane=1)], [], START_MS)
    ledger.claim("request-dead", "subscriptions/unsubscribe", [1], lambda _: b"{}", START_MS + 1)
    ledger.recover(START_MS + 10)
    query = "select epoch_ms(claimed_at), is_accepted from delivered.subscription_writes order by item_id"
    fold(conn, ledger)
    assert rows(conn, query) == [(START_MS + 1, False)]
    fold(conn, ledger)
    runs.send([item("withdrawals", "ada", bulk_key="101", lane=1)])
    fold(conn, ledger)
    assert rows(conn, query) == [(START_MS + 1, False), (START_MS + 1, True)]
