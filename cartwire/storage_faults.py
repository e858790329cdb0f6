"""What DuckDB says when memory runs out, or the storage below the warehouse is full, read-only or damaged, as one error with the way back."""

from __future__ import annotations

import duckdb

from cartwire.errors import CartwireError, WarehouseError

_FULL = (
    ("no space left", "file too large", "disk quota exceeded", "could not write"),
    "cannot be written: its disk, or that of CARTWIRE_ANALYST_DB, is full. Make room, then sync again; nothing is lost",
)
_READ_ONLY = (
    ("read-only file system", "permission denied", "in read-only mode"),
    "may not be written by this account: give it the right to write the file and its folder, then sync again; nothing is lost",
)
_DAMAGED = (
    ("corrupt database file", "not a valid duckdb database file", "could not read enough bytes", "database has been invalidated"),
    "is damaged, or no DuckDB file: move it away and run `cartwire sync`, which makes it anew from commercetools, Iterable and the ledger"
    " (docs/how-to/back-up-and-recover.md)",
)

_MEMORY = (
    ("out of memory error",),
    "needs more memory than DuckDB may take: raise CARTWIRE_MEMORY_GIB (0: four fifths of the machine's), or give the machine more, then"
    " sync again; nothing is lost",
)


def warehouse_fault(error: BaseException) -> WarehouseError | None:
    """The fault of the storage behind an error of DuckDB, or behind one that a library wrapped round it; None for every other error."""
    seen: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in seen:
        if isinstance(link, CartwireError):
            return None
        if isinstance(link, duckdb.Error) and (fault := fault_told(str(link))):
            return fault
        seen.append(link)
        link = link.__cause__ or link.__context__
    return None


def fault_told(message: str) -> WarehouseError | None:
    """The same from DuckDB's words, as dbt hands them on."""
    words = message.lower()
    for signs, what in (_MEMORY, _FULL, _READ_ONLY, _DAMAGED):
        if any(sign in words for sign in signs):
            return WarehouseError(f"the warehouse (CARTWIRE_WAREHOUSE) {what}")
    return None
