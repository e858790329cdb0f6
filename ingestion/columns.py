"""Columns of everything ingestion writes, frozen: a field that no document of a first load has still has its column.

One table of columns makes the dlt hints, the Arrow schema and the `create table` of a fresh warehouse, so the three cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import pyarrow as pa


class Kind(Enum):
    """Type of a column: dlt's word, DuckDB's word, Arrow type. JSON travels as text and is stored as JSON, never opened here.

    zstd, because left to itself DuckDB takes a compression that keeps 4.5 times the bytes and three times as long to write them
    (measured on made-up orders of 5.5 kB; `make bench` says the disk a shop takes).
    """

    text = ("text", "varchar", pa.string())
    integer = ("bigint", "bigint", pa.int64())
    moment = ("timestamp", "timestamptz", pa.timestamp("us", tz="UTC"))
    json = ("json", "json using compression zstd", pa.string())

    @property
    def dlt(self) -> str:
        return str(self.value[0])

    @property
    def sql(self) -> str:
        return str(self.value[1])

    @property
    def arrow(self) -> pa.DataType:
        return self.value[2]


Columns = Mapping[str, Kind]

RAW: Columns = {
    "id": Kind.text,
    "version": Kind.integer,
    "created_at": Kind.moment,
    "last_modified_at": Kind.moment,
    "loaded_at": Kind.moment,
    "document": Kind.json,
}
MALFORMED: Columns = {
    "resource": Kind.text,
    "position": Kind.text,
    "reason": Kind.text,
    "body": Kind.text,
    "loaded_at": Kind.moment,
}
USERS: Columns = {
    "user_key": Kind.text,
    "email": Kind.text,
    "user_id": Kind.text,
    "document": Kind.json,
    "read_at": Kind.moment,
}
CONSENT_EVENTS: Columns = {
    "event_key": Kind.text,
    "event_type": Kind.text,
    "origin": Kind.text,
    "email": Kind.text,
    "user_id": Kind.text,
    "created_at": Kind.moment,
    "channel_ids": Kind.json,
    "message_type_ids": Kind.json,
    "list_ids": Kind.json,
    "said_through": Kind.text,
    "recipient_state": Kind.text,
    "campaign_id": Kind.integer,
    "document": Kind.json,
    "read_at": Kind.moment,
}
CONSENT_IMPORTS: Columns = {
    "event_key": Kind.text,
    "customer_id": Kind.text,
    "email": Kind.text,
    "channel": Kind.text,
    "purpose": Kind.text,
    "status": Kind.text,
    "stated_at": Kind.moment,
    "source": Kind.text,
    "legal_basis": Kind.text,
    "policy_version": Kind.text,
    "proof_reference": Kind.text,
    "imported_at": Kind.moment,
}
CHANNELS: Columns = {
    "id": Kind.integer,
    "name": Kind.text,
    "channel_type": Kind.text,
    "message_medium": Kind.text,
    "read_at": Kind.moment,
}
MESSAGE_TYPES: Columns = {
    "id": Kind.integer,
    "name": Kind.text,
    "channel_id": Kind.integer,
    "subscription_policy": Kind.text,
    "read_at": Kind.moment,
}
PURCHASES: Columns = {
    "purchase_key": Kind.text,
    "purchase_id": Kind.text,
    "email": Kind.text,
    "user_id": Kind.text,
    "total": Kind.text,
    "created_at": Kind.moment,
    "document": Kind.json,
    "read_at": Kind.moment,
}
LISTS: Columns = {
    "id": Kind.integer,
    "name": Kind.text,
    "list_type": Kind.text,
    "read_at": Kind.moment,
}
LIST_MEMBERS: Columns = {
    "member_key": Kind.text,
    "list_id": Kind.integer,
    "identifier": Kind.text,
    "read_at": Kind.moment,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table dlt writes: its columns, and how a new row meets the ones that are there.

    Args:
        keys: what identifies a row; () replaces the whole table, as `is_replaced` does.
        version: integer column; among rows of one key the highest wins, and a row that brings nothing new changes nothing.
        is_insert_only: a key that is known keeps its first row.
        is_appended: rows are written as they come; for a table that is empty and a scan that meets each key once.
    """

    schema: str
    name: str
    columns: Columns
    keys: Sequence[str] = ()
    version: str | None = None
    is_insert_only: bool = False
    is_replaced: bool = False
    is_appended: bool = False

    def hints(self) -> dict[str, dict[str, object]]:
        """Column hints for dlt."""
        return {
            name: {"name": name, "data_type": kind.dlt, "nullable": name not in self.keys} for name, kind in self.columns.items()
        }

    def disposition(self) -> dict[str, object]:
        """Write disposition for dlt."""
        if self.is_replaced or not self.keys:
            return {"disposition": "replace"}
        if self.is_appended:
            return {"disposition": "append"}
        if self.is_insert_only:
            return {"disposition": "merge", "strategy": "insert-only"}
        merge: dict[str, object] = {"disposition": "merge", "strategy": "delete-insert"}
        if self.version is None:
            return merge
        # the filter leaves one row per key; dlt's own way, a window over whole documents, takes twice as long
        return {**merge, "deduplicated": True, "source_filter": f"{self._is_newest_staged()} and {self._brings_something()}"}

    def _is_newest_staged(self) -> str:
        """SQL condition: no newer version of the key came in the same load."""
        keys = ", ".join(self.keys)
        staged = f"select ({keys}, max({self.version})) from {self.schema}_staging.{self.name} group by {keys}"  # noqa: S608
        return f"({keys}, {self.version}) in ({staged})"

    def _brings_something(self) -> str:
        """SQL condition: nothing newer, and not the very same, is there already.

        Without it a late answer with an older version would replace the newer one, and a full reload would rewrite every row.
        """
        keys = (*self.keys, self.version)
        same_key = " and ".join(f"kept.{key} = staged.{key}" for key in self.keys)
        known = (
            f"select ({', '.join(f'staged.{key}' for key in keys)}) "  # noqa: S608 (the names are our own)
            f"from {self.schema}_staging.{self.name} as staged inner join {self.schema}.{self.name} as kept on {same_key} "
            f"where kept.{self.version} > staged.{self.version} "
            f"or (kept.{self.version} = staged.{self.version} and kept.document = staged.document)"
        )
        return f"({', '.join(map(str, keys))}) not in ({known})"

    def arrow(self, columns: Mapping[str, Sequence[object]]) -> pa.Table:
        """An Arrow table of these columns, in order; a column that is not given is empty throughout."""
        rows = len(next(iter(columns.values())))
        schema = pa.schema([pa.field(name, kind.arrow, nullable=name not in self.keys) for name, kind in self.columns.items()])
        arrays = [pa.array(columns.get(name, [None] * rows), kind.arrow) for name, kind in self.columns.items()]
        return pa.Table.from_arrays(arrays, schema=schema)

    def ddl(self) -> str:
        """`create table if not exists`, so that an empty resource has its table too."""
        columns = ", ".join(f"{name} {kind.sql}" for name, kind in self.columns.items())
        return f"create table if not exists {self.schema}.{self.name} ({columns}, _dlt_load_id varchar)"
