"""The fields of an event, from the canonical texts of ``changes.changed_events`` to typed columns. Pure.

All kinds share one table, whose column ``fields`` lists what an event says. The gate and the renderer want one typed
column per field, as every other changed model has; here a table of events becomes one such table per kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from activation.contracts import Contract, FieldType
from activation.iterable.values import LIST_SEPARATOR
from cartwire.errors import CartwireError

_FIELDS = "fields"


def tables_of_kinds(table: pa.Table, contracts: Mapping[tuple[str, str], Contract]) -> Iterator[pa.Table]:
    """One table per kind of event, its fields as columns named and typed as the contract says; any other table as it is.

    Rows keep their order within a kind. A kind without a contract keeps no fields: it is held for having none.
    Raises: CartwireError where the table was built with another contract than this one.
    """
    if _FIELDS not in table.column_names or "items" not in table.column_names:
        yield table
        return
    kinds = table.column("kind")
    for kind in pc.unique(kinds).to_pylist():
        rows = table.filter(pc.equal(kinds, kind))
        contract = contracts.get(("events", kind))
        yield rows.drop_columns([_FIELDS]) if contract is None else _typed(rows, contract)


def _typed(table: pa.Table, contract: Contract) -> pa.Table:
    """Every list has an entry per field of the contract, in its order, so a column is each n-th entry: no row is touched."""
    columns = [column for column in contract.fields if column.type is not FieldType.ITEMS]
    entries = pc.list_flatten(table.column(_FIELDS).combine_chunks())
    typed = table.drop_columns([_FIELDS])
    is_whole = len(entries) == table.num_rows * len(columns)
    for position, column in enumerate(columns):
        own = entries.take(pa.array(range(position, len(entries), len(columns)), pa.int64())) if is_whole else entries
        if not is_whole or pc.unique(pc.struct_field(own, "field")).to_pylist() != [column.field]:
            raise CartwireError(
                f"changes.changed_events was built with another contract of {contract.kind}; sync again", kind=contract.kind
            )
        if column.name not in typed.column_names:  # common columns are typed already, and say the same
            typed = typed.append_column(column.name, _READERS[column.type](pc.struct_field(own, "value")))
    return typed


def _lists(texts: pa.Array) -> pa.Array:
    """Empty text is a list without elements, and not of one empty element."""
    split = pc.split_pattern(texts, LIST_SEPARATOR)
    empty = pa.array([[]] * len(texts), split.type)
    return pc.if_else(pc.equal(texts, ""), empty, split)


_READERS: Mapping[FieldType, Callable[[pa.Array], pa.Array]] = {
    FieldType.STRING: lambda texts: texts,
    FieldType.LONG: lambda texts: texts.cast(pa.int64()),
    FieldType.DOUBLE: lambda texts: texts.cast(pa.float64()),
    FieldType.BOOLEAN: lambda texts: pc.equal(texts, "true"),
    FieldType.DATE: lambda texts: texts.cast(pa.timestamp("ms", tz="UTC")).cast(pa.timestamp("ms")),
    FieldType.STRING_LIST: _lists,
}
