"""Keys, ids and fingerprints made in SQL equal hand-checked values for ever, and Python's own hashes.

A failure here means that every person, or every fact, would be sent again. The golden file is written by hand with
Python's hashlib and hmac; it is never regenerated from the macros.
"""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cartwire.person import person_key, subject_of
from tests.property.macro_sql import open_with_secret, render, rows

GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "golden_fingerprints.json").read_text(encoding="utf-8"))
SECRET = GOLDEN["secret"].encode()
FIELDS = "[{'field': 'a', 'type': 'string', 'value': 'x'}, {'field': 'b', 'type': 'long', 'value': '12'}]"
TEMPLATE = """
select
    {{ person_key("'customer:c1'") }} as registered_key,
    {{ person_key(person_subject('null', "' Ada@Example.com '")) }} as guest_key,
    {{ fact_id('purchase', ["'o-1'"]) }} as purchase_id,
    {{ fact_id('order_cancelled', ["'o-1'", 'null', "'cancelled'", ts_iso("timestamp '2026-11-01 10:11:12.345678'")]) }}
        as event_id,
    {{ field_fingerprint("'long'", "'12'") }} as field_fingerprint,
    {{ fields_fingerprint("FIELDS") }} as fields_fingerprint,
    {{ row_fingerprint([
        ('text', 'string', "'v'"), ('absent', 'string', 'null'), ('time', 'date', "timestamp '2026-11-01 10:00:00'"),
        ('list', 'string[]', "['a', 'b']"), ('flag', 'boolean', 'false'), ('money', 'double', "cast(1200 as decimal(28, 4))")
    ]) }} as row_fingerprint,
    {{ verdict_fingerprint("'abc'", "'send'", "cast(null as varchar)") }} as sent_fingerprint,
    {{ verdict_fingerprint("'abc'", "'held'", "'why'") }} as held_fingerprint
""".replace("FIELDS", FIELDS)
ANY_SUBJECT = """select {{ person_key('subject') }} as key from (select cast(getvariable('subject') as varchar) as subject)"""
ANY_AMOUNT = """
select
    {{ amount("cast(getvariable('minor') as bigint)", "cast(getvariable('digits') as integer)") }} as amount,
    {{ decimal_text("cast(getvariable('number') as decimal(28, 8))") }} as number
"""


@pytest.fixture(scope="module")
def sql(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The templates above as dbt renders them; one invocation, since parsing the project is what takes time."""
    parts = render(f"{TEMPLATE}\n-- next\n{ANY_SUBJECT}\n-- next\n{ANY_AMOUNT}", tmp_path_factory.mktemp("render"))
    return dict(zip(("golden", "subject", "amount"), parts.split("-- next"), strict=True))


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    """A warehouse of the golden secret and project."""
    return open_with_secret(tmp_path_factory.mktemp("render"), SECRET, project_key=GOLDEN["project_key"])


def test_keys_ids_and_fingerprints_are_what_they_always_were(sql: dict[str, str], warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse = warehouse.cursor()
    made = rows(warehouse, sql["golden"])[0]
    assert made == GOLDEN["values"]


def test_the_golden_values_follow_from_the_written_rule() -> None:
    def sha256(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    def field(name: str, kind: str, value: str) -> str:
        return f"{name}={hashlib.md5(f'{kind}:{value}'.encode(), usedforsecurity=False).hexdigest()}"

    lines = ["text=v", "absent", "time=2026-11-01T10:00:00.000Z", "list=a\x1fb", "flag=false", "money=1200"]
    event = ["shop", "order_cancelled", "o-1", "", "cancelled", "2026-11-01T10:11:12.345Z"]
    assert GOLDEN["values"] == {
        "registered_key": person_key(SECRET, "customer:c1"),
        "guest_key": person_key(SECRET, subject_of(None, " Ada@Example.com ")),
        "purchase_id": "purchase-" + sha256("\x1f".join(["shop", "purchase", "o-1"]))[:32],
        "event_id": "order-cancelled-" + sha256("\x1f".join(event))[:32],
        "field_fingerprint": field("b", "long", "12").removeprefix("b="),
        "fields_fingerprint": sha256("\n".join([field("a", "string", "x"), field("b", "long", "12")])),
        "row_fingerprint": sha256("\n".join(lines)),
        "sent_fingerprint": "abc",
        "held_fingerprint": sha256("held:why:abc"),
    }


@settings(max_examples=60, deadline=None)
@given(subject=st.text(min_size=1, max_size=200).filter(lambda text: "\0" not in text))
def test_person_key_in_sql_is_pythons_hmac(sql: dict[str, str], warehouse: duckdb.DuckDBPyConnection, subject: str) -> None:
    subject = subject.encode("utf-8", "ignore").decode()
    warehouse.execute("set variable subject = ?", [subject])
    assert rows(warehouse, sql["subject"])[0]["key"] == person_key(SECRET, subject)


@settings(max_examples=60, deadline=None)
@given(
    minor=st.integers(-(10**15), 10**15),
    digits=st.integers(0, 4),
    number=st.decimals(-(10**15), 10**15, places=8, allow_nan=False, allow_infinity=False),
)
def test_money_and_decimal_text_are_exact(
    sql: dict[str, str], warehouse: duckdb.DuckDBPyConnection, minor: int, digits: int, number: Decimal
) -> None:
    for name, value in {"minor": minor, "digits": digits, "number": number}.items():
        warehouse.execute(f"set variable {name} = ?", [str(value) if isinstance(value, Decimal) else value])
    made = rows(warehouse, sql["amount"])[0]
    assert made["amount"] == Decimal(minor).scaleb(-digits)
    assert Decimal(made["number"]) == number
    assert not ("." in made["number"] and made["number"].endswith("0"))
