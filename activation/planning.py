"""Changed rows, judged, into the ledger's items: Arrow in, one pass, fragments rendered on the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from activation.contracts import Contract, contract_of
from activation.iterable import render
from activation.iterable.values import Unrenderable
from activation.ledger.items import FieldChange, NewItem
from activation.ledger.machine import State
from activation.verdicts import STAGED, Verdict
from cartwire.errors import RowTooLarge

BULK_KEYS = ("subscription_target", "iterable_channel_id", "iterable_list_id", "endpoint")  # rows of one request agree in it
_TIMES = ("source_modified_at", "occurred_at", "send_before_at")
_COMMON = (
    "object", "kind", "subject", "person_key", "fingerprint", "lane", "market_code", "email", "user_id",
    "consent_requirement", "depends_on", "waits_for_person",
)  # fmt: skip
# md5 of type:value, as macros/fingerprints.sql computes it; null for a field that is to be removed
FIELD_FINGERPRINTS = """
list_transform(changed_fields, lambda change: md5(change."type" || ':' || change."after")) as field_fingerprints
"""


def with_fingerprints(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """Changed users with a fingerprint per changed field; other relations as they are."""
    return relation.project(f"*, {FIELD_FINGERPRINTS}") if "changed_fields" in relation.columns else relation


def new_items(table: pa.Table, verdicts: Sequence[Verdict], contracts: Mapping[tuple[str, str], Contract]) -> Iterator[NewItem]:
    """One item per row, in order. Staged rows, and refused ones that can be rendered, carry a fragment and field values.

    A row that cannot be rendered, or is over the body limit of its endpoint, becomes rejected (sticky) with the reason.
    """
    columns = [table.column(name).to_pylist() for name in _COMMON]
    times = [_milliseconds(table.column(name)) for name in _TIMES]
    keyed_by = next((name for name in BULK_KEYS if name in table.column_names), None)
    scopes = table.column("consent_scope").to_pylist() if "consent_scope" in table.column_names else None
    bulk_keys = table.column(keyed_by).to_pylist() if keyed_by else None
    payloads = _payloads(table, verdicts, contracts)
    for position, (common, verdict, (fragment, fields, fault), modified, occurred, send_before) in enumerate(
        zip(zip(*columns, strict=True), verdicts, payloads, *times, strict=True)
    ):
        state, reason, is_sticky = (State.rejected.value, fault, True) if fault else verdict
        values = dict(zip(_COMMON, common, strict=True))
        yield NewItem(
            **{**values, "waits_for_person": bool(values["waits_for_person"])},
            fragment=fragment,
            fields=fields,
            consent_scope=tuple(scopes[position] or ()) if scopes else (),
            state=state,
            reason=reason,
            is_sticky=is_sticky,
            source_modified_at_ms=modified,
            occurred_at_ms=occurred,
            send_before_at_ms=send_before,
            bulk_key="" if bulk_keys is None or bulk_keys[position] is None else str(bulk_keys[position]),
        )


def _has_payload(verdict: Verdict) -> bool:
    """What may leave, and what a person will want to see of a row that the gate refused."""
    return verdict is STAGED or verdict.state == State.rejected


def _fault(verdict: Verdict, error: Exception) -> str:
    """Of a row that the gate refused its own reason stands."""
    return str(error) if verdict is STAGED else ""


Payload = tuple[bytes, tuple[FieldChange, ...], str]  # fragment, fields, fault


def _payloads(table: pa.Table, verdicts: Sequence[Verdict], contracts: Mapping[tuple[str, str], Contract]) -> Iterator[Payload]:
    if "changed_fields" in table.column_names:
        yield from _user_payloads(table, verdicts)
        return
    pairs = zip(table.column("object").to_pylist(), table.column("kind").to_pylist(), strict=True)
    known = {pair: contract_of(contracts, *pair) for pair in dict.fromkeys(pairs)}
    names = _needed(table, list(known.values()))
    rows = zip(*(table.column(name).to_pylist() for name in names), strict=True)
    for values, verdict in zip(rows, verdicts, strict=True):
        if not _has_payload(verdict):
            yield b"", (), ""
            continue
        row = dict(zip(names, values, strict=True))
        try:
            yield render.fragment(row["object"], row, known[row["object"], row["kind"]]), (), ""
        except (Unrenderable, RowTooLarge) as error:
            yield b"", (), _fault(verdict, error)


def _needed(table: pa.Table, contracts: Sequence[Contract | None]) -> list[str]:
    """Only columns a renderer reads are turned into Python values."""
    wanted = {"object", "kind", "subject", "email", "user_id", "occurred_at", "total", "items", "consent"}
    wanted.update(("subscription_policy", "iterable_channel_id", "is_channel_left", "consent_scope", "stated_at"))
    wanted.update(("endpoint", "previous_email", "source_email", "source_user_id"))
    wanted.update(column.name for contract in contracts if contract for column in contract.fields)
    return [name for name in table.column_names if name in wanted]


def _user_payloads(table: pa.Table, verdicts: Sequence[Verdict]) -> Iterator[Payload]:
    changes = _struct_lists(table.column("changed_fields"), ("field", "type", "before", "after"))
    consent = _struct_lists(table.column("consent"), ("field", "value"))
    names = ("subject", "email", "user_id", "unsubscribe_channel_ids", "field_fingerprints")
    columns = (table.column(name).to_pylist() for name in names)
    for (subject, email, user_id, unsubscribe, prints), changed, stated, verdict in zip(
        zip(*columns, strict=True), changes, consent, verdicts, strict=True
    ):
        if not _has_payload(verdict):
            yield b"", (), ""
            continue
        try:
            document = render.user_document(
                email, user_id, ((field, kind, after) for field, kind, _, after in changed), stated, unsubscribe
            )
            fragment = render.encode("users", subject, document)
        except (Unrenderable, RowTooLarge) as error:
            yield b"", (), _fault(verdict, error)
            continue
        fields = tuple(
            FieldChange(field=field, type=kind, before=before, after=after, fingerprint=fingerprint or "")
            for (field, kind, before, after), fingerprint in zip(changed, prints or (), strict=True)
        )
        yield fragment, fields, ""


def _struct_lists(column: pa.ChunkedArray, members: Sequence[str]) -> Iterator[list[tuple[Any, ...]]]:
    """Lists of structs as lists of tuples, member by member: several times faster than Arrow's own dictionaries."""
    for chunk in column.chunks:
        lengths = pc.fill_null(pc.list_value_length(chunk), 0).to_pylist()
        elements = pc.list_flatten(chunk)
        rows = list(zip(*(pc.struct_field(elements, member).to_pylist() for member in members), strict=True))
        start = 0
        for length in lengths:
            yield rows[start : start + length]
            start += length


def _milliseconds(column: pa.ChunkedArray) -> list[int | None]:
    """Naive UTC timestamps as whole milliseconds since 1970."""
    if pa.types.is_null(column.type):
        return [None] * len(column)
    cut = column.cast(pa.timestamp("ms"), safe=False)
    values: list[int | None] = cut.cast(pa.int64()).to_pylist()
    return values
