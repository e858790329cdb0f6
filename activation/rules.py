"""Row-level rules of a contract as plain data: which expectation, on which column, and how a refusal reads.

Pure and without great-expectations, so that a plan or a reference page can list the rules without loading it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from activation.contracts import Column, Contract, FieldType

_ITEM_TEXTS = ("id", "name")
_ITEM_NUMBERS = ("price", "quantity")
_TYPE_NAMES = {
    FieldType.STRING: "str",
    FieldType.LONG: "int",
    FieldType.DOUBLE: "float",
    FieldType.BOOLEAN: "bool",
    FieldType.DATE: "Timestamp",
    FieldType.STRING_LIST: "list",
    FieldType.ITEMS: "list",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One expectation on one column.

    Attributes:
        frame: "" for the row itself, else the list column whose elements are checked one by one.
        column: the column, or the member of the frame's elements.
        expectation: great-expectations' name of it.
        arguments: its keyword arguments besides the column.
        phrase: the reason a refused row gets; names the column and the rule, never the value.
    """

    frame: str = ""
    column: str
    expectation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    phrase: str

    @property
    def reason(self) -> str:
        """What a refused row is told: column, what was expected, and the expectation's name."""
        place = f"{self.frame}.{self.column}" if self.frame and self.column != self.frame else self.column
        return f"{place} {self.phrase} ({self.expectation})"


def rules_of(contract: Contract, schema: pa.Schema) -> list[Rule]:
    """The rules for rows of this Arrow schema, in contract order.

    A column whose Arrow type cannot carry its contract type gets a type expectation (every value in it fails) in place of
    rules on values; where the Arrow type already proves the type, no expectation repeats the proof.
    """
    rules: list[Rule] = []
    for column in contract.columns:
        if column.name in schema.names:
            rules.extend(_column_rules(column, schema.field(column.name).type))
    return rules


def missing_columns(contract: Contract, schema: pa.Schema) -> list[str]:
    """Columns the contract sends or requires that the rows do not have."""
    names = set(schema.names)
    return [column.name for column in contract.columns if (column.field or column.required) and column.name not in names]


def proves_type(arrow: pa.DataType, expected: FieldType) -> bool:
    """Whether every non-null value of an Arrow type is a value of the contract type."""
    types = pa.types
    if expected is FieldType.STRING:
        return bool(types.is_string(arrow) or types.is_large_string(arrow))
    if expected is FieldType.LONG:
        return bool(types.is_integer(arrow) or (types.is_decimal(arrow) and arrow.scale == 0))
    if expected is FieldType.DOUBLE:
        return bool(types.is_floating(arrow) or types.is_decimal(arrow) or types.is_integer(arrow))
    if expected is FieldType.BOOLEAN:
        return bool(types.is_boolean(arrow))
    if expected is FieldType.DATE:
        return bool(types.is_timestamp(arrow) or types.is_date(arrow))
    if not (types.is_list(arrow) or types.is_large_list(arrow)):
        return False
    return (
        proves_type(arrow.value_type, FieldType.STRING)
        if expected is FieldType.STRING_LIST
        else types.is_struct(arrow.value_type)
    )


def _column_rules(column: Column, arrow: pa.DataType) -> Iterator[Rule]:
    if column.required:
        yield Rule(column=column.name, expectation="expect_column_values_to_not_be_null", phrase="must not be null")
    if pa.types.is_null(arrow):
        return
    if not proves_type(arrow, column.type):
        yield Rule(
            column=column.name,
            expectation="expect_column_values_to_be_in_type_list",
            arguments={"type_list": [_TYPE_NAMES[column.type]]},
            phrase=f"must be a {column.type}",
        )
        return
    if column.type is FieldType.ITEMS:
        yield from _item_rules(column.name, arrow.value_type)
    elif column.type in (FieldType.STRING, FieldType.STRING_LIST):
        yield from _text_rules(column, frame=column.name if column.type is FieldType.STRING_LIST else "")
    elif column.type in (FieldType.LONG, FieldType.DOUBLE):
        yield from _number_rules(column)


def _text_rules(column: Column, frame: str) -> Iterator[Rule]:
    if column.pattern is not None:
        yield Rule(
            frame=frame,
            column=column.name,
            expectation="expect_column_values_to_match_regex",
            arguments={"regex": f"^(?:{column.pattern})$"},
            phrase="must match the pattern of its contract",
        )
    if column.max_length is not None:
        yield Rule(
            frame=frame,
            column=column.name,
            expectation="expect_column_value_lengths_to_be_between",
            arguments={"min_value": 0, "max_value": column.max_length},
            phrase=f"must have at most {column.max_length} characters",
        )
    if column.enum:
        yield Rule(
            frame=frame,
            column=column.name,
            expectation="expect_column_values_to_be_in_set",
            arguments={"value_set": list(column.enum)},
            phrase=f"must be one of {', '.join(column.enum)}",
        )


def _number_rules(column: Column) -> Iterator[Rule]:
    if column.type is FieldType.LONG and column.minimum is None and column.maximum is None:
        return
    low = None if column.minimum is None else float(column.minimum)
    high = None if column.maximum is None else float(column.maximum)
    if column.minimum is not None and column.maximum is not None:
        phrase = f"must be between {column.minimum} and {column.maximum}"
    elif column.minimum is not None:
        phrase = f"must be at least {column.minimum}"
    elif column.maximum is not None:
        phrase = f"must be at most {column.maximum}"
    else:
        phrase = "must be finite"
    phrase = column.reason or phrase
    if column.type is FieldType.DOUBLE:
        low = -sys.float_info.max if low is None else low
        high = sys.float_info.max if high is None else high
    arguments = {name: bound for name, bound in (("min_value", low), ("max_value", high)) if bound is not None}
    yield Rule(column=column.name, expectation="expect_column_values_to_be_between", arguments=arguments, phrase=phrase)


def _item_rules(name: str, item: pa.StructType) -> Iterator[Rule]:
    """What Iterable demands of every CommerceItem: id, name, price and quantity (a missing one refuses the whole call)."""
    members = {item.field(index).name: item.field(index).type for index in range(item.num_fields)}
    for member in (*_ITEM_TEXTS, *_ITEM_NUMBERS):
        yield Rule(frame=name, column=member, expectation="expect_column_values_to_not_be_null", phrase="must not be null")
        expected = FieldType.STRING if member in _ITEM_TEXTS else FieldType.LONG if member == "quantity" else FieldType.DOUBLE
        if member in members and not pa.types.is_null(members[member]) and not proves_type(members[member], expected):
            yield Rule(
                frame=name,
                column=member,
                expectation="expect_column_values_to_be_in_type_list",
                arguments={"type_list": [_TYPE_NAMES[expected]]},
                phrase=f"must be a {expected}",
            )
