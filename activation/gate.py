"""The gate: great-expectations on the changed rows. A failing row is refused with its reason, the others go on.

Suites are generated from the contract (``activation.rules``). The library is imported only when there are rows, its
context lives in memory, and it is given no way to phone anybody. Nothing that leaves this module holds a value: reasons
name column and expectation, checks hold counts.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from activation.contracts import Contract
from activation.rules import Rule, rules_of

if TYPE_CHECKING:
    import pandas as pd

CHUNK_ROWS = 100_000
_NOT_NULL = "expect_column_values_to_not_be_null"
_RESULT_FORMAT = {"partial_unexpected_count": 0, "return_unexpected_index_query": False}


@dataclass(slots=True, kw_only=True)
class Check:
    """How one rule fared over all rows: counts only."""

    rule: Rule
    rows: int = 0
    nulls: int = 0
    unexpected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """The verdict on a table: `rejections` maps a row's index to its reason; `checks` has one entry per rule."""

    object: str
    kind: str
    rows: int
    rejections: Mapping[int, str]
    checks: Sequence[Check] = field(default=())


@dataclass(frozen=True, slots=True)
class _Asked:
    """A rule and who shares it: for each table its place among that table's rules."""

    rule: Rule
    places: dict[int, int] = field(default_factory=dict)


def gate(table: pa.Table, contract: Contract, *, chunk_rows: int = CHUNK_ROWS) -> GateResult:
    """Check every row against its contract.

    Args:
        table: changed rows of one kind, any number; only columns with rules are looked at.
        contract: the rules.
        chunk_rows: rows given to great-expectations at a time (its cost per row rises above about 100,000).
    """
    [result] = gate_together([(table, contract)], chunk_rows=chunk_rows)
    return result


def gate_together(tables: Sequence[tuple[pa.Table, Contract]], *, chunk_rows: int = CHUNK_ROWS) -> list[GateResult]:
    """`gate` for several kinds, one result each, in order.

    A rule that contracts share is asked once for the rows of all of them: asking costs the library milliseconds, however few
    the rows, and events share most of their rules. `chunk_rows` is of each table.
    """
    rules = [rules_of(contract, table.schema) for table, contract in tables]
    checks = [[Check(rule=rule) for rule in own] for own in rules]
    failures: list[dict[int, list[int]]] = [{} for _ in tables]
    for shared in _shared([table for table, _ in tables], rules):
        sharing = list(shared[0].places)
        columns = list(dict.fromkeys(one.rule.column for one in shared))
        for start in range(0, max(tables[table][0].num_rows for table in sharing), chunk_rows):
            chunks = (tables[table][0].slice(start, chunk_rows) for table in sharing)
            frames = [_frame(chunk, shared[0].rule.frame, columns) for chunk in chunks]
            unexpected = _unexpected([frame for _, frame in frames], [one.rule for one in shared])
            end = 0
            for table, (rows, frame) in zip(sharing, frames, strict=True):
                begin, end = end, end + len(frame)
                for one, positions in zip(shared, unexpected, strict=True):
                    place = one.places[table]
                    own = [position - begin for position in positions if begin <= position < end]
                    _count(checks[table][place], frame, len(own))
                    for position in own:
                        failures[table].setdefault(start + rows[position], []).append(place)
    return [
        GateResult(
            object=contract.object, kind=contract.kind, rows=table.num_rows, rejections=_reasons(own, failed), checks=counts
        )
        for (table, contract), own, failed, counts in zip(tables, rules, failures, checks, strict=True)
    ]


def _shared(tables: Sequence[pa.Table], rules: Sequence[Sequence[Rule]]) -> Iterator[list[_Asked]]:
    """Equal rules on columns of one type, asked once; in groups of one frame and the same tables, each a suite."""
    asked: dict[tuple[str, str], _Asked] = {}
    for index, (table, own) in enumerate(zip(tables, rules, strict=True)):
        for place, rule in enumerate(own):
            key = repr(rule), str(table.schema.field(rule.frame or rule.column).type)
            asked.setdefault(key, _Asked(rule)).places[index] = place
    suites: dict[tuple[object, ...], list[_Asked]] = {}
    for one in asked.values():
        suites.setdefault((one.rule.frame, *one.places), []).append(one)
    yield from suites.values()


def _reasons(rules: Sequence[Rule], failures: Mapping[int, Sequence[int]]) -> dict[int, str]:
    """Row → what it broke, in the order of the contract."""
    return {
        row: "; ".join(dict.fromkeys(rules[place].reason for place in sorted(places))) for row, places in sorted(failures.items())
    }


def _count(check: Check, frame: pd.DataFrame, unexpected: int) -> None:
    check.rows += len(frame)
    check.unexpected += unexpected
    if check.rule.expectation != _NOT_NULL:  # to which a null is no absence but the fault
        check.nulls += int(frame[check.rule.column].isna().sum())


@cache
def expectations_library() -> Any:
    """great-expectations, imported on first need (seconds), silent and without analytics."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    for name in [name for name in logging.Logger.manager.loggerDict if name.startswith("great_expectations")]:
        logging.getLogger(name).setLevel(logging.WARNING)  # its modules set a level of their own
    return great_expectations


@cache
def _batches() -> Any:
    """Makes a batch of a data frame. One in-memory context a process: it holds no rows, only the library's own settings."""
    context = expectations_library().get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("changes").add_dataframe_asset("rows")
    return asset.add_batch_definition_whole_dataframe("all")


def _unexpected(frames: Sequence[pd.DataFrame], rules: Sequence[Rule]) -> list[list[int]]:
    """Positions of unexpected rows for each rule, in the frames one below the other.

    Only rules that fail are asked which rows: most pass, and naming rows is two fifths of the library's work.
    """
    import pandas as pd

    filled = [frame for frame in frames if len(frame)]
    if not filled:
        return [[] for _ in rules]
    rows = pd.concat(filled, ignore_index=True)
    failing = {place for place, result in _results(rows, dict(enumerate(rules)), "BOOLEAN_ONLY") if not result.success}
    details = dict(_results(rows, {place: rules[place] for place in sorted(failing)}, "COMPLETE")) if failing else {}
    return [
        [int(position) for position in details[place].result.get("unexpected_index_list") or ()] if place in details else []
        for place in range(len(rules))
    ]


def _results(rows: pd.DataFrame, rules: Mapping[int, Rule], detail: str) -> Iterator[tuple[int, Any]]:
    """Each rule's place with the library's result. `detail`: its result format. Raises: RuntimeError for a rule that cannot be asked."""
    gx, batches = expectations_library(), _batches()
    suite = gx.ExpectationSuite(name="contract")
    for place, rule in rules.items():
        name = "".join(part.capitalize() for part in rule.expectation.split("_"))
        expectation = getattr(gx.expectations, name)
        suite.add_expectation(expectation(column=rule.column, meta={"rule": place}, **rule.arguments))
    batch = batches.get_batch(batch_parameters={"dataframe": rows})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pandas remarks on groups in a contract's pattern
        results = batch.validate(suite, result_format={**_RESULT_FORMAT, "result_format": detail}).results
    for result in results:
        place = result.expectation_config.meta["rule"]
        if result.exception_info.get("raised_exception"):
            raise RuntimeError(f"the rule on {rules[place].reason} could not be evaluated")
        yield place, result


def _frame(chunk: pa.Table, frame: str, columns: Sequence[str]) -> tuple[Sequence[int], pd.DataFrame]:
    """What rules of one frame look at, and for each position the row it belongs to: the rows, or the elements of a list column."""
    import pandas as pd

    if frame:
        return _element_frame(chunk, frame, columns)
    rows = range(chunk.num_rows)
    return rows, pd.DataFrame({name: _series(chunk.column(name)) for name in columns}, index=pd.RangeIndex(len(rows)))


def _element_frame(chunk: pa.Table, column: str, members: Sequence[str]) -> tuple[Sequence[int], pd.DataFrame]:
    """The elements of a list column, one a row, and for each the position of the row that it belongs to."""
    import pandas as pd

    lists = chunk.column(column).combine_chunks()
    parents = pc.list_parent_indices(lists).to_pylist()
    elements = pc.list_flatten(lists)
    data: dict[str, Any] = {}
    for member in members:
        if member == column:
            data[member] = _series(elements)
        elif elements.type.get_field_index(member) >= 0:
            data[member] = _series(pc.struct_field(elements, member))
        else:
            data[member] = pd.Series([None] * len(parents), dtype=object)
    return parents, pd.DataFrame(data, index=pd.RangeIndex(len(parents)))


def _series(column: pa.Array | pa.ChunkedArray) -> pd.Series[Any]:
    """Numbers as float64 (cheap for the library), everything else as Python objects; null is null either way."""
    import pandas as pd

    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        return pd.Series(column.cast(pa.float64(), safe=False).to_pandas(), dtype="float64")
    return pd.Series(column.to_pylist(), dtype=object)
