"""Whatever a row holds: valid JSON, the same bytes each time, and money without an artefact of binary fractions."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from activation.contracts import Column, Contract, FieldType
from activation.iterable.render import fragment
from activation.iterable.values import LIST_SEPARATOR

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters=LIST_SEPARATOR), max_size=20)
MONEY = st.decimals(min_value=Decimal("-99999999999.9999"), max_value=Decimal("99999999999.9999"), places=4)
CANONICAL = st.one_of(
    st.tuples(st.just("string"), st.none() | TEXTS),
    st.tuples(st.just("long"), st.integers(-(2**63), 2**63 - 1).map(str)),
    st.tuples(st.just("double"), MONEY.map(lambda value: format(value.normalize(), "f"))),
    st.tuples(st.just("boolean"), st.sampled_from(["true", "false"])),
    st.tuples(st.just("string[]"), st.lists(TEXTS, max_size=4).map(LIST_SEPARATOR.join)),
)
RESERVED = {"email", "userId", "consent", "unsubscribedChannelIds"}
NAMES = TEXTS.filter(lambda name: name not in RESERVED and not name.startswith("consent."))
PURCHASE = Contract(
    model="m", object="purchases", kind="p", columns=(Column(name="total", field="total", type=FieldType.DOUBLE),)
)


@given(st.dictionaries(NAMES, CANONICAL, max_size=8), st.randoms())
def test_a_user_is_valid_json_and_does_not_depend_on_the_order_of_fields(fields: dict, random: object) -> None:  # type: ignore[type-arg]
    changes = [{"field": name, "type": kind, "after": after} for name, (kind, after) in fields.items()]
    first = fragment("users", {"email": "a@example.com", "changed_fields": changes, "consent": []})
    random.shuffle(changes)  # type: ignore[attr-defined]
    assert fragment("users", {"email": "a@example.com", "changed_fields": changes, "consent": []}) == first
    sent = json.loads(first)["dataFields"]
    assert sent.keys() == fields.keys() | {"consent"}
    for name, (kind, after) in fields.items():
        expected = {"string": str, "long": int, "double": float, "boolean": bool, "string[]": list}[kind]
        assert sent[name] is None if after is None else isinstance(sent[name], expected)


@given(MONEY)
def test_money_arrives_as_the_same_decimal_digits_and_always_as_a_fraction(amount: Decimal) -> None:
    row = {
        "subject": f"purchase-{0:032x}",
        "user_id": "c-1",
        "total": amount,
        "occurred_at": datetime(2026, 1, 1),
        "items": [{"id": "i", "name": "n", "price": amount, "quantity": 1}],
    }
    sent = json.loads(fragment("purchases", row, PURCHASE), parse_float=str, parse_int=lambda text: text)
    for text in (sent["total"], sent["items"][0]["price"]):
        assert Decimal(text) == amount
        assert "." in text or "e" in text
