"""What is already built of the world as it stands, so that a sync builds only what something that moved changes.

Every model, seed and data test has a key: a digest of the project's SQL and of what it reads: the rows of tables, a seed's file. A node
whose key is the one it was last built (or passed) under would only be repeated. Time is an input too: what asks for the instant of the
run (`macros/run.sql`) is built anew as soon as something falls due by time alone (`changes.next_due`), and once an hour. A view holds no
rows: what moved passes through it to what is built on it, and it is made again under other SQL only.

A table that is built again often has the rows it had. Then what is built on it has its old key too, and is left out while dbt runs
(`flows/dbt_cutoff.py`): build systems call this early cutoff.

Whatever else builds (a person's `dbt run`) forgets the keys, see `macros/ensure_sources.sql`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import duckdb

from activation.standstill import AT_MOST, rows_stamp, stamps
from cartwire.warehouse import transaction

COLLECTED = "collected"
"""Tag of a model to which those that are built on it add their rows: once it is built anew they all are."""
_Known = tuple[str | None, str | None]
_RUN = ("control", "run")
_AS_OF = "macro.cartwire.as_of"
_TABLES = """
create schema if not exists control;
create table if not exists control.built_nodes (node varchar, key varchar, content varchar);
alter table control.built_nodes add column if not exists content varchar;
create table if not exists control.build_epoch (started_at timestamp, next_due_at timestamp, is_known boolean);
"""
_NEXT_DUE = "update control.build_epoch set is_known = true, next_due_at = (select min(next_due_at) from changes.next_due)"


class BuildState:
    """Which nodes are as they would be built now: at the start of a build, and as it goes on.

    Attributes:
        keys: unique id of a model, seed or data test → its key; None while what it reads is still to be built.
        still: ids whose key was, when the state was read, the one they were last built under.
    """

    def __init__(
        self, manifest: Any, rules: str, own: Mapping[str, str], sources: Mapping[str, str], known: Mapping[str, _Known]
    ):
        """Args: own: node → what else but its parents and the SQL decides its rows. sources: source → what tells its rows from others."""
        self._nodes = {name: node for name, node in manifest.nodes.items() if node.resource_type in ("model", "seed", "test")}
        self._rules, self._own, self._known = rules, own, known
        self._contents: dict[str, str] = dict(sources)
        self._emptied: set[str] = set()
        parents = {name: [each for each in _parents(node) if each in self._nodes] for name, node in self._nodes.items()}
        self.still = frozenset(name for name in TopologicalSorter(parents).static_order() if self.pass_over(name))

    @property
    def keys(self) -> dict[str, str | None]:
        return {name: self._key(name) for name in self._nodes}

    def pass_over(self, name: str) -> bool:
        """Whether to build this node would repeat what it was last built, or passed, from; what it is built from is in order by now."""
        key, (known_key, known_content) = self._key(name), self._known.get(name, (None, None))
        if key is None or key != known_key or not self._emptied.isdisjoint(_parents(self._nodes[name])):
            return False
        if not _is_view(self._nodes[name]):
            self._contents[name] = known_content or key
        return True

    def note_built(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        """This node was built just now."""
        node, key = self._nodes[name], self._key(name)
        if COLLECTED in node.tags:
            self._emptied.add(name)
        if key is not None and not _is_view(node):
            has_table = node.resource_type == "model" and node.config.materialized == "table" and COLLECTED not in node.tags
            self._contents[name] = (
                _digest(self._rules, name, rows_stamp(connection, node.schema, node.alias)) if has_table else key
            )

    def after(self, tried: Iterable[str], done: Iterable[str]) -> list[tuple[str, str | None, str | None]]:
        """(id, key, content) of every node that is in order after `tried` were to be built and `done` were; others are as they were."""
        known = {name: row for name, row in self._known.items() if name in self._nodes.keys() - {*tried}}
        known |= {name: (self._key(name), self._contents.get(name)) for name in done if name in self._nodes}
        return [(name, key, content) for name, (key, content) in sorted(known.items()) if key is not None]

    def _key(self, name: str) -> str | None:
        node = self._nodes[name]
        if _is_view(node):
            return _digest(self._rules, name)
        return self._of_parents(name)

    def _content(self, name: str) -> str | None:
        """What tells the rows that a reader of this node sees from others; None while they are still to be built."""
        if name not in self._contents and name in self._nodes and _is_view(self._nodes[name]):
            content = self._of_parents(name)
            if content is None:
                return None
            self._contents[name] = content
        return self._contents.get(name)

    def _of_parents(self, name: str) -> str | None:
        contents = [self._content(parent) for parent in _parents(self._nodes[name])]
        known = [content for content in contents if content is not None]
        return _digest(self._rules, name, self._own.get(name, ""), *known) if len(known) == len(contents) else None


def read_state(
    connection: duckdb.DuckDBPyConnection, manifest: Any, rules: str, config: Path, *, is_anew: bool = False
) -> BuildState:
    """Compare the warehouse with what it was built from.

    Args: manifest: dbt's, parsed. rules: digest of models, macros, data tests and the description of config/. config: its folder.
        is_anew: whatever was built before does not count.
    """
    connection.execute(_TABLES)
    tables = stamps(connection)
    own = {name: _file_digest(config, node) for name, node in manifest.nodes.items() if node.resource_type == "seed"}
    if _RUN in tables:
        own |= dict.fromkeys(asking_the_time(manifest), repr(_epoch(connection)))
    sources = {name: repr(tables.get((source.schema, source.identifier))) for name, source in manifest.sources.items()}
    rows = [] if is_anew else connection.execute("select node, key, content from control.built_nodes").fetchall()
    return BuildState(manifest, rules, own, sources, {node: (key, content) for node, key, content in rows})


def remember(
    connection: duckdb.DuckDBPyConnection,
    state: BuildState,
    tried: Iterable[str],
    done: Iterable[str],
    *,
    has_next_due: bool | None,
) -> None:
    """Keep the keys of what is built and in order.

    Args: tried: what dbt was given. done: what of it is built, or passed.
    has_next_due: whether `changes.next_due` is of this build, None where it was not asked for. While it is not known what falls due,
    nothing that depends on time is taken for still by a later run.
    """
    rows = state.after(tried, done)
    with transaction(connection):
        connection.execute("delete from control.built_nodes")
        connection.execute(
            "insert into control.built_nodes select unnest($nodes::varchar[]), unnest($keys::varchar[]), unnest($contents::varchar[])",
            {name: [row[place] for row in rows] for place, name in enumerate(("nodes", "keys", "contents"))},
        )
        if has_next_due:
            connection.execute(_NEXT_DUE)
        elif has_next_due is not None:
            connection.execute("update control.build_epoch set is_known = false")


def model_contents(connection: duckdb.DuckDBPyConnection, names: Iterable[str]) -> dict[str, str]:
    """Name of a model → what tells its rows from others; without those that are not known to be in order."""
    nodes = {f"model.cartwire.{name}": name for name in names}
    rows = connection.execute(
        "select node, content from control.built_nodes where list_contains($nodes, node)", {"nodes": [*nodes]}
    )
    return {nodes[node]: content for node, content in rows.fetchall()}


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


def _file_digest(config: Path, seed: Any) -> str:
    return hashlib.sha256((config / f"{seed.name}.csv").read_bytes()).hexdigest()


def asking_the_time(manifest: Any) -> set[str]:
    """Nodes that call the macro of the run's instant, themselves, through other macros or in a hook."""
    asking, found = set(), {_AS_OF}
    while found:
        asking |= found
        found = {name for name, macro in manifest.macros.items() if found & set(macro.depends_on.macros)} - asking
    return {name for name, node in manifest.nodes.items() if asking & set(node.depends_on.macros)}


def _is_view(node: Any) -> bool:
    return bool(node.config.materialized == "view")


def _parents(node: Any) -> list[str]:
    return sorted(getattr(node.depends_on, "nodes", []))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
