"""Packing, for any rows: nothing lost, nothing doubled, within the caps, one row per person in a request."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activation.ledger.sending import LedgerItem
from activation.ledger.staging import StagedRow
from activation.packing import Caps, by_turns, fit_batches
from activation.routes import ROUTES
from cartwire.errors import RowTooLarge


@st.composite
def staged_rows(draw: st.DrawFn) -> list[StagedRow]:
    given_rows = draw(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["", "101", "103"]), st.integers(1, 60))))
    return [
        StagedRow(item_id=number, person_key=person, bulk_key=key, size_bytes=size)
        for number, (person, key, size) in enumerate(given_rows)
    ]


ANY_CAPS = st.builds(Caps, rows_max=st.integers(1, 5), body_bytes_max=st.integers(80, 200), overhead_bytes=st.integers(0, 20))


@given(staged_rows(), ANY_CAPS)
def test_every_row_is_in_exactly_one_request_within_the_caps(rows: list[StagedRow], caps: Caps) -> None:
    batches = [batch for turn in by_turns(rows) for batch in fit_batches(turn, caps)]
    assert sorted(row.item_id for row in chain.from_iterable(batches)) == [row.item_id for row in rows]
    for batch in batches:
        assert 1 <= len(batch) <= caps.rows_max
        assert caps.overhead_bytes + sum(row.size_bytes for row in batch) + len(batch) - 1 <= caps.body_bytes_max
        assert len({row.person_key for row in batch}) == len(batch)
        assert len({row.bulk_key for row in batch}) == 1


@given(staged_rows())
def test_a_persons_rows_keep_their_order_over_the_turns(rows: list[StagedRow]) -> None:
    order: dict[str, list[int]] = {}
    for row in chain.from_iterable(by_turns(rows)):
        order.setdefault(row.person_key, []).append(row.item_id)
    assert all(ids == sorted(ids) for ids in order.values())


@given(staged_rows(), ANY_CAPS)
def test_the_same_rows_are_split_the_same_way(rows: list[StagedRow], caps: Caps) -> None:
    assert list(fit_batches(rows, caps)) == list(fit_batches(rows, caps))


def test_a_row_over_the_limit_alone_is_told_without_its_content() -> None:
    row = StagedRow(item_id=7, person_key="p", bulk_key="", size_bytes=100)
    with pytest.raises(RowTooLarge) as caught:
        list(fit_batches([row], Caps(rows_max=10, body_bytes_max=99)))
    assert caught.value.facts == {"item_id": 7, "size_bytes": 100}


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=20), st.sampled_from(["users", "events"]))
def test_the_size_that_packing_counts_is_the_size_of_the_body_in_utf8(texts: list[str], object_name: str) -> None:
    route = ROUTES[object_name]
    fragments = [('{"x":"' + text.replace("\\", "").replace('"', "") + '"}').encode("utf-8", "replace") for text in texts]
    items = [
        LedgerItem(
            item_id=number,
            run_id="r",
            object=object_name,
            kind=object_name,
            subject=str(number),
            person_key=str(number),
            bulk_key="",
            email=None,
            user_id=None,
            fragment=fragment,
            tries=0,
        )
        for number, fragment in enumerate(fragments)
    ]
    body = route.envelope(items)
    assert len(body) == route.overhead_bytes + sum(len(fragment) for fragment in fragments) + len(fragments) - 1
