"""What is already built of the world as it stands, so that a sync builds only what is downstream of something that moved.

Every model, seed and data test has a key: a digest of the project's SQL, of the rows it reads (tables; of a seed, its file) and of its
parents' keys. A node whose key is the one it was last built (or passed) under would only be repeated. Time is an input too: what reads
`control.run`, where a run writes its instant, is built anew as soon as something falls due by time alone (`changes.next_due`), and once
an hour. A view holds no rows: what moved passes through it to what is built on it, and it is made again under other SQL only.

Whatever else builds (a person's `dbt run`) forgets the keys, see `macros/ensure_sources.sql`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from activation.standstill import AT_MOST, stamps
from cartwire.warehouse import transaction

COLLECTED = "collected"
"""Tag of a model that others fill while they are built: it is empty after its own build, so it is built with all of them or not at all."""
_RUN = ("control", "run")
_TABLES = """
create schema if not exists control;
create table if not exists control.built_nodes (node varchar, key varchar);
create table if not exists control.build_epoch (started_at timestamp, next_due_at timestamp, is_known boolean);
"""
_NEXT_DUE = "update control.build_epoch set is_known = true, next_due_at = (select min(next_due_at) from changes.next_due)"


@dataclass(frozen=True)
class BuildState:
    """The keys of now, and which of them were built.

    Attributes:
        keys: unique id of a model, seed or data test → its key.
        still: ids whose key is the one they were last built under.
    """

    keys: Mapping[str, str]
    still: frozenset[str]


def read_state(connection: duckdb.DuckDBPyConnection, manifest: Any, rules: str, config: Path) -> BuildState:
    """Compare the warehouse with what it was built from.

    Args: manifest: dbt's, parsed. rules: digest of models, macros, data tests and the description of config/. config: its folder.
    """
    connection.execute(_TABLES)
    tables = stamps(connection)
    keys = _keys(manifest, rules, config, tables, _epoch(connection) if _RUN in tables else None)
    known = dict(connection.execute("select node, key from control.built_nodes").fetchall())
    return BuildState(keys, frozenset(node for node, key in keys.items() if known.get(node) == key))


def remember(connection: duckdb.DuckDBPyConnection, state: BuildState, done: Iterable[str], *, has_next_due: bool | None) -> None:
    """Keep the keys of what is built and in order: what was still, and `done`.

    has_next_due: whether `changes.next_due` is of this build, None where it was not asked for. While it is not known what falls due,
    nothing that depends on time is taken for still by a later run.
    """
    rows = [(node, state.keys[node]) for node in sorted({*state.still, *done}) if node in state.keys]
    with transaction(connection):
        connection.execute("delete from control.built_nodes")
        connection.execute(
            "insert into control.built_nodes select unnest($nodes), unnest($keys)",
            {"nodes": [node for node, _ in rows], "keys": [key for _, key in rows]},
        )
        if has_next_due:
            connection.execute(_NEXT_DUE)
        elif has_next_due is not None:
            connection.execute("update control.build_epoch set is_known = false")


def model_keys(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> dict[str, str]:
    """Name of a model → the key it was last built under; without those that are not known to be in order."""
    nodes = {f"model.cartwire.{name}": name for name in names}
    rows = connection.execute("select node, key from control.built_nodes where list_contains($nodes, node)", {"nodes": [*nodes]})
    return {nodes[node]: key for node, key in rows.fetchall()}


def _epoch(connection: duckdb.DuckDBPyConnection) -> datetime:
    """Since when time alone changed nothing; a new epoch begins when something fell due, and hourly."""
    [(as_of,)] = connection.execute("select as_of from control.run").fetchall()
    for started_at, next_due_at, is_known in connection.execute("from control.build_epoch").fetchall():
        is_over = not is_known or not started_at <= as_of < started_at + AT_MOST or (next_due_at and next_due_at <= as_of)
        if started_at == as_of or not is_over:
            return started_at  # type: ignore[no-any-return]
    connection.execute("delete from control.build_epoch")
    connection.execute("insert into control.build_epoch values (?, null, false)", [as_of])
    return as_of  # type: ignore[no-any-return]


def _keys(
    manifest: Any, rules: str, config: Path, tables: Mapping[tuple[str, str], object], epoch: datetime | None
) -> dict[str, str]:
    files = {
        name: hashlib.sha256((config / f"{node.name}.csv").read_bytes()).hexdigest()
        for name, node in manifest.nodes.items()
        if node.resource_type == "seed"
    }
    everything = repr((sorted(tables.items()), sorted(files.items())))
    sources = {
        name: repr(
            (tables.get((source.schema, source.identifier)), epoch if (source.schema, source.identifier) == _RUN else None)
        )
        for name, source in manifest.sources.items()
    }
    contents: dict[str, str] = {}

    def content(name: str) -> str:
        """What decides the rows that a reader of this node sees."""
        if name in sources:
            return sources[name]
        if name not in contents:
            node = manifest.nodes[name]
            parents = sorted(getattr(node.depends_on, "nodes", []))
            own = everything if COLLECTED in node.tags else files.get(name, "")
            contents[name] = _digest(rules, name, own, *(content(parent) for parent in parents))
        return contents[name]

    return {
        name: _digest(rules, name) if node.config.materialized == "view" else content(name)
        for name, node in manifest.nodes.items()
        if node.resource_type in ("model", "seed", "test")
    }


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
