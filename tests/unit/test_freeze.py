"""The freeze: every changed row becomes one ledger item with the right state, and consent travels in the same transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from activation.contracts import Column, Contract, FieldType
from activation.freeze import StageCounts, freeze_stage
from activation.ledger.store import Ledger
from activation.verdicts import NOT_A_TEST_PROFILE
from cartwire.errors import CartwireError, ConfigError, LedgerError
from tests.unit.changes_rows import CONTRACTS, MOMENT, add_change, add_consent, open_small_warehouse

REFUND = f"order-refunded-{1:032x}"
MAIN = ("changed_users", "changed_purchases", "changed_carts", "changed_events")


@pytest.fixture
def conn() -> Iterator[duckdb.DuckDBPyConnection]:
    with open_small_warehouse() as connection:
        yield connection


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite", b"s" * 32) as opened:
        opened.start_run("run-1", "test")
        yield opened


def freeze(conn: duckdb.DuckDBPyConnection, ledger: Ledger, models: tuple[str, ...] = MAIN, **options: object) -> StageCounts:
    held = options.pop("held", {})
    return freeze_stage(conn, ledger, "run-1", "main", models, CONTRACTS, held_objects=held, **options)  # type: ignore[arg-type]


def stored(ledger: Ledger, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(ledger.path) as db:
        rows = db.execute(query).fetchall()
    db.close()
    return rows


def verdicts(ledger: Ledger) -> dict[str, tuple[object, ...]]:
    rows = stored(ledger, "select subject, state, reason, is_sticky from items")
    return {str(subject): tuple(rest) for subject, *rest in rows}


def change(field: str, kind: str, after: str | None, before: str | None = None) -> dict[str, str | None]:
    return {"field": field, "type": kind, "before": before, "after": after}


def test_a_changed_user_is_staged_with_fragment_fields_and_consent(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    fields = [
        change("firstName", "string", "Ada", "Ad"),
        change("orderCount", "long", None, "3"),
        change("consent.emailMarketing", "string", "granted"),
    ]
    add_change(conn, "changed_users", "ada", changed_fields=fields, first_name="Ada", waits_for_person=True)
    add_consent(conn, "ada")
    add_consent(conn, "stranger")
    counts = freeze(conn, ledger)
    assert counts.planned == {("users", "users"): 1}
    assert counts.states == {("users", "users", "staged"): 1}
    ((fragment,),) = stored(ledger, "select fragment from item_values")
    assert json.loads(fragment) == {
        "email": "ada@example.com",
        "userId": "id-ada",
        "dataFields": {"consent": {"emailMarketing": "granted"}, "firstName": "Ada", "orderCount": None},
    }
    in_sql = conn.execute("select md5('string:granted'), md5('string:Ada')").fetchall()[0]
    assert stored(ledger, "select field, before_value, after_value, fingerprint from item_fields order by field") == [
        ("consent.emailMarketing", None, "granted", in_sql[0]),
        ("firstName", "Ad", "Ada", in_sql[1]),
        ("orderCount", "3", None, ""),
    ]
    assert stored(ledger, "select person_key, status, is_messageable from consent") == [("key-ada", "granted", 1)]
    assert stored(ledger, "select waits_for_person from items") == [(1,)]


def test_times_are_whole_milliseconds(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    add_change(conn, "changed_events", "ada", subject=REFUND, send_before_at=MOMENT)
    freeze(conn, ledger)
    assert stored(ledger, "select source_modified_at_ms, occurred_at_ms, send_before_at_ms from items") == [
        (1793527200123, 1793527200123, 1793527200123)
    ]


def test_a_withdrawal_is_packed_by_its_channel_and_only_ever_closes_consent(
    conn: duckdb.DuckDBPyConnection, ledger: Ledger
) -> None:
    add_change(conn, "changed_withdrawals", "ada", subject="key-ada:email")
    conn.execute(
        "insert into activation.iterable_withdrawals values"
        " ('s', 'key-ada', 'email', 'marketing', 'withdrawn', true, 101, ?),"
        " ('s', 'key-ada', 'sms', 'marketing', 'granted', false, 103, ?),"
        " ('s', 'key-other', 'email', 'marketing', 'denied', true, 101, ?)",
        [MOMENT] * 3,
    )
    freeze(conn, ledger, ("changed_withdrawals",))
    assert stored(ledger, "select bulk_key, state from items") == [("101", "staged")]
    assert stored(ledger, "select person_key, channel, is_messageable from consent") == [("key-ada", "email", 0)]


def test_a_gate_refusal_is_sticky_names_no_value_and_lets_the_others_go(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    add_change(conn, "changed_users", "ada", first_name="Ada")
    add_change(conn, "changed_users", "bob", first_name="Bobbington-Smythe")
    counts = freeze(conn, ledger)
    found = verdicts(ledger)
    assert found["key-ada"][0] == "staged"
    assert found["key-bob"] == (
        "rejected",
        "first_name must have at most 10 characters (expect_column_value_lengths_to_be_between)",
        1,
    )
    query = "select length(fragment) > 0 from item_values where email like 'bob%'"
    assert stored(ledger, query) == [(1,)], "what was refused is kept for a person to see"
    assert [(result.rows, len(result.rejections)) for result in counts.gates] == [(2, 1)]


def test_a_value_that_is_not_of_its_mapped_type_refuses_its_row(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    add_change(conn, "changed_users", "ada", changed_fields=[change("loyaltyPoints", "long", "many")])
    freeze(conn, ledger)
    assert verdicts(ledger)["key-ada"] == ("rejected", "field loyaltyPoints is not a long", 1)


def test_a_fact_without_a_time_is_refused(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    add_change(conn, "changed_events", "ada", subject=REFUND, occurred_at=None)
    freeze(conn, ledger)
    assert verdicts(ledger)[REFUND] == ("rejected", "the row has no time of its own", 1)


def test_verdicts_of_the_models_are_kept_and_sticky(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    add_change(conn, "changed_carts", "ada", verdict="suppressed", verdict_reason="no consent")
    add_change(conn, "changed_users", "bob", verdict="held", verdict_reason="identifier owned by another profile")
    freeze(conn, ledger)
    assert verdicts(ledger) == {
        "key-ada": ("suppressed", "no consent", 1),
        "key-bob": ("held", "identifier owned by another profile", 1),
    }


def test_a_failed_test_holds_its_object_and_nothing_is_sticky(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    add_change(conn, "changed_users", "ada", verdict="suppressed", verdict_reason="no consent")
    add_change(conn, "changed_events", "ada", subject=REFUND)
    add_change(conn, "changed_carts", "ada")
    freeze(conn, ledger, held={"users": "test unique_email failed", "order_refunded": "test not_null failed"})
    assert stored(ledger, "select object, state, reason, is_sticky from items order by object") == [
        ("carts", "staged", "", 0),
        ("events", "held", "test not_null failed", 0),
        ("users", "held", "test unique_email failed", 0),
    ]


def test_withdrawals_are_never_held(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    add_change(conn, "changed_withdrawals", "ada", subject="key-ada:email")
    conn.execute("insert into config.objects values ('withdrawals', 'withdrawals', true, null, 0.0, 0, 'resend')")
    conn.execute("insert into delivered.outcomes (object, subject, state) values ('withdrawals', 'x', 'accepted')")
    freeze(conn, ledger, ("changed_withdrawals",), held={"withdrawals": "test failed"})
    assert verdicts(ledger)["key-ada:email"][0] == "staged"


def flood(conn: duckdb.DuckDBPyConnection, people: int) -> None:
    for number in range(people):
        add_change(conn, "changed_carts", f"p{number}")
    conn.execute("insert into config.objects values ('carts', 'carts', true, null, 0.5, 2, 'hold')")
    conn.execute("insert into delivered.outcomes (object, subject, state) values ('carts', 'x', 'accepted')")


def test_a_flood_of_changes_is_held_whole_until_a_person_approves(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    flood(conn, 3)
    counts = freeze(conn, ledger)
    assert set(counts.held_by_guard) == {"carts"}
    assert {state[0] for state in verdicts(ledger).values()} == {"held"}
    assert {state[2] for state in verdicts(ledger).values()} == {0}


def test_an_approval_lets_one_run_send_at_most_the_approved_rows(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    flood(conn, 3)
    ledger.approve_release("carts", 3)
    counts = freeze(conn, ledger)
    assert counts.released_by_approval == {"carts"}
    assert {state[0] for state in verdicts(ledger).values()} == {"staged"}
    assert ledger.release_approved("carts") is None


def test_only_test_profiles_leave_when_asked_for(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    add_change(conn, "changed_users", "ada", is_test=True)
    add_change(conn, "changed_users", "eve")
    conn.execute("insert into config.test_profiles values ('ada@example.com', null, '')")
    freeze(conn, ledger, test_profiles=True)
    assert verdicts(ledger) == {"key-ada": ("staged", "", 0), "key-eve": ("suppressed", NOT_A_TEST_PROFILE, 0)}


def test_test_profiles_without_a_list_are_a_configuration_error(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    with pytest.raises(ConfigError, match=r"test_profiles\.csv"):
        freeze(conn, ledger, test_profiles=True)


def test_rows_without_a_contract_are_held(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    add_change(conn, "changed_carts", "ada")
    freeze_stage(conn, ledger, "run-1", "main", ["changed_carts"], {}, held_objects={})
    assert verdicts(ledger)["key-ada"][0] == "held"
    assert "no contract" in str(verdicts(ledger)["key-ada"][1])


def test_facts_are_frozen_oldest_first(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    for model in ("changed_purchases", "changed_events"):
        for number in (2, 0, 1):
            at = MOMENT + timedelta(hours=number)
            add_change(conn, model, "ada", subject=f"{model}-{number}", occurred_at=at)
    freeze(conn, ledger, batch_rows=2)
    subjects = [subject for (subject,) in stored(ledger, "select subject from items order by item_id")]
    assert subjects == [f"{model}-{number}" for model in ("changed_purchases", "changed_events") for number in range(3)]


def test_history_moves_once_is_counted_by_kind_and_waits_for_a_held_object(
    conn: duckdb.DuckDBPyConnection, ledger: Ledger
) -> None:
    conn.execute(
        "insert into changes.new_held_history values ('purchases', 'purchases', 'a', 'k', ?, 'before go-live', 'us'),"
        " ('purchases', 'purchases', 'b', 'k', ?, 'over age', null), ('events', 'order_refunded', 'c', 'k', ?, 'over age', null)",
        [MOMENT] * 3,
    )
    held = {"order_refunded": "test failed"}
    assert freeze(conn, ledger, held=held).history == {"purchases": 2}
    again = freeze_stage(conn, ledger, "run-1", "again", MAIN, CONTRACTS, held_objects=held)
    assert again.history == {"purchases": 2}
    assert conn.execute("select subject, market_code from delivered.held_history").fetchall() == [("a", "us"), ("b", None)]
    assert verdicts(ledger) == {}


def test_rows_of_several_batches_are_each_planned_once(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    for number in range(7):
        add_change(conn, "changed_users", f"p{number}", first_name="x" * (20 if number == 5 else 1))
    counts = freeze(conn, ledger, batch_rows=3)
    assert counts.planned == {("users", "users"): 7}
    assert [subject for subject, state in verdicts(ledger).items() if state[0] == "rejected"] == ["key-p5"]


def test_a_stage_of_nothing_is_frozen_and_reads_nothing(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    for schema in ("changes", "marts", "activation"):
        conn.execute(f"drop schema {schema} cascade")
    counts = freeze(conn, ledger, ())
    assert (counts.planned, counts.states, counts.history) == ({}, {}, {})


def test_a_stage_without_a_history_model_moves_nothing(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    conn.execute("drop table changes.new_held_history")
    assert freeze(conn, ledger).history == {}


def test_a_stage_is_frozen_once(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    freeze(conn, ledger)
    with pytest.raises(LedgerError):
        freeze(conn, ledger)


def test_a_model_that_was_not_built_is_named(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    with pytest.raises(CartwireError, match=r"changes\.changed_identities"):
        freeze(conn, ledger, ("changed_identities",))


def test_each_kind_of_event_meets_the_rules_of_its_own_contract(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    other = Contract(
        model="points_won",
        object="events",
        kind="points_won",
        columns=(Column(name="points", field="points", type=FieldType.LONG, minimum=Decimal(1), maximum=Decimal(9)),),
    )
    contracts = {**CONTRACTS, ("events", "points_won"): other}
    points = {person: f"points-won-{number:032x}" for number, person in enumerate(("bob", "cyd", "dan"))}
    add_change(conn, "changed_events", "ada", subject=REFUND)
    for person, value in (("bob", "9"), ("cyd", "10"), ("dan", None)):
        fields = [{"field": "points", "type": "long", "value": value}]
        add_change(conn, "changed_events", person, subject=points[person], kind="points_won", fields=fields)
    counts = freeze_stage(conn, ledger, "run-1", "main", ["changed_events"], contracts, held_objects={})
    states = {subject: (state, reason) for subject, (state, reason, _) in verdicts(ledger).items()}
    refusal = "points must be between 1 and 9 (expect_column_values_to_be_between)"
    assert states == {
        REFUND: ("staged", ""),
        points["bob"]: ("staged", ""),
        points["cyd"]: ("rejected", refusal),
        points["dan"]: ("staged", ""),
    }
    data = {
        json.loads(text)["id"]: json.loads(text)["dataFields"]
        for (text,) in stored(ledger, "select fragment from item_values")
        if text
    }
    assert data == {
        REFUND: {"refundAmount": 5.0, "schemaVersion": 1},
        points["bob"]: {"points": 9, "schemaVersion": 1},
        points["dan"]: {"schemaVersion": 1},
    }
    assert sorted((gate.kind, gate.rows) for gate in counts.gates) == [("order_refunded", 1), ("points_won", 3)]


def test_facts_are_frozen_as_they_happened_whatever_order_the_build_left_them_in(
    conn: duckdb.DuckDBPyConnection, ledger: Ledger
) -> None:
    for number in (3, 1, 2):
        add_change(conn, "changed_purchases", f"p{number}", occurred_at=MOMENT - timedelta(hours=number))
    freeze(conn, ledger)
    assert stored(ledger, "select person_key from items order by item_id") == [("key-p3",), ("key-p2",), ("key-p1",)]


def test_of_chosen_rows_nothing_else_is_planned_or_counted_by_the_guard(conn: duckdb.DuckDBPyConnection, ledger: Ledger) -> None:
    flood(conn, 3)
    chosen = pa.table({"object": ["carts", "carts"], "subject": ["key-p0", "key-p2"]})
    assert freeze(conn, ledger, only=chosen).states == {("carts", "carts", "staged"): 2}
