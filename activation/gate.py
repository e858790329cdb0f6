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


def gate(table: pa.Table, contract: Contract, *, chunk_rows: int = CHUNK_ROWS) -> GateResult:
    """Check every row against its contract.

    Args:
        table: changed rows of one kind, any number; only columns with rules are looked at.
        contract: the rules.
        chunk_rows: rows given to great-expectations at a time (its cost per row rises above about 100,000).
    """
    rules = rules_of(contract, table.schema)
    checks = [Check(rule=rule) for rule in rules]
    failures: dict[int, list[int]] = {}
    if rules:
        for start in range(0, table.num_rows, chunk_rows):
            for frame_name in dict.fromkeys(rule.frame for rule in rules):
                chosen = [index for index, rule in enumerate(rules) if rule.frame == frame_name]
                chunk = table.slice(start, chunk_rows)
                members = list(dict.fromkeys(rules[index].column for index in chosen))
                rows, frame = _row_frame(chunk, members) if not frame_name else _element_frame(chunk, frame_name, members)
                for index, positions in _validate(frame, [(index, checks[index]) for index in chosen]):
                    for position in positions:
                        failures.setdefault(start + (rows[position] if rows is not None else position), []).append(index)
    rejections = {
        row: "; ".join(dict.fromkeys(rules[index].reason for index in sorted(indexes)))
        for row, indexes in sorted(failures.items())
    }
    return GateResult(object=contract.object, kind=contract.kind, rows=table.num_rows, rejections=rejections, checks=checks)


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


def _validate(frame: pd.DataFrame, checks: Sequence[tuple[int, Check]]) -> list[tuple[int, list[int]]]:
    """Run the rules on one frame: positions of unexpected rows per rule index. Adds to the checks' counts.

    Only rules that fail are asked which rows: most pass, and naming rows is two fifths of the library's work.
    """
    if frame.empty:
        return []
    failing = {index for index, result in _results(frame, checks, "BOOLEAN_ONLY") if not result.success}
    details = dict(_results(frame, [one for one in checks if one[0] in failing], "COMPLETE")) if failing else {}
    failed = []
    for index, check in checks:
        found = details[index].result if index in details else {"missing_count": frame[check.rule.column].isna().sum()}
        positions = [int(position) for position in found.get("unexpected_index_list") or ()]
        check.rows += len(frame)
        check.nulls += int(found.get("missing_count") or 0)
        check.unexpected += len(positions)
        failed.append((index, positions))
    return failed


def _results(frame: pd.DataFrame, checks: Sequence[tuple[int, Check]], detail: str) -> Iterator[tuple[int, Any]]:
    """Each rule's index with the library's result. `detail`: its result format. Raises: RuntimeError for a rule that cannot be asked."""
    gx, batches = expectations_library(), _batches()
    suite = gx.ExpectationSuite(name="contract")
    for index, check in checks:
        name = "".join(part.capitalize() for part in check.rule.expectation.split("_"))
        expectation = getattr(gx.expectations, name)
        suite.add_expectation(expectation(column=check.rule.column, meta={"rule": index}, **check.rule.arguments))
    batch = batches.get_batch(batch_parameters={"dataframe": frame})
    by_index = dict(checks)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # pandas remarks on groups in a contract's pattern
        results = batch.validate(suite, result_format={**_RESULT_FORMAT, "result_format": detail}).results
    for result in results:
        index = result.expectation_config.meta["rule"]
        if result.exception_info.get("raised_exception"):
            raise RuntimeError(f"the rule on {by_index[index].rule.reason} could not be evaluated")
        yield index, result


def _row_frame(chunk: pa.Table, columns: Sequence[str]) -> tuple[None, pd.DataFrame]:
    """The rows as a data frame, positions 0..n-1."""
    import pandas as pd

    return None, pd.DataFrame({name: _series(chunk.column(name)) for name in columns}, index=pd.RangeIndex(chunk.num_rows))


def _element_frame(chunk: pa.Table, column: str, members: Sequence[str]) -> tuple[list[int], pd.DataFrame]:
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
