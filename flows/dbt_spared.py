"""What dbt does at every invocation and nobody here reads or needs, left out while we run it.

Together it is a quarter of the CPU time of a build. The names are dbt's own, of the release in the lock file: where
another release has moved one, the first build says so (KeyError) instead of going on without it.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any


@contextlib.contextmanager
def spared() -> Iterator[None]:
    """For the block dbt works without what is listed below."""
    with _unheard(), _undiagnosed(), _unwritten(), _heap_set_aside():
        yield


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Log events are neither written nor made: both cost a fifth of a build's CPU time, and nobody reads them."""
    from dbt_common.events.base_types import BaseEvent
    from dbt_common.events.event_manager import EventManager
    from dbt_common.events.event_manager_client import ctx_set_event_manager, get_event_manager

    class Unheard(EventManager):
        def fire_event(self, *_: object, **__: object) -> None:
            pass

    def keep_fields(event: Any, *_: object, **fields: object) -> None:
        event.pb_msg = SimpleNamespace(**fields)  # instead of a protobuf message

    heard = get_event_manager()
    ctx_set_event_manager(Unheard())
    try:
        with replaced(BaseEvent, "__init__", keep_fields):
            yield
    finally:
        ctx_set_event_manager(heard)


@contextlib.contextmanager
def _undiagnosed() -> Iterator[None]:
    """No summary of the graph for dbt's developers, no walk up the stack to name, in such an event, the module that has a flag, and
    no edge by edge search for the cycle where a sort says that there is none."""
    import networkx as nx  # type: ignore[import-untyped]
    from dbt.compilation import Linker
    from dbt_common.behavior_flags import BehaviorFlagRendered

    find_cycles = Linker.find_cycles

    def cycle_of(linker: Any) -> str | None:
        return None if nx.is_directed_acyclic_graph(linker.graph) else find_cycles(linker)

    with (
        replaced(Linker, "get_graph_summary", lambda *_: {}),
        replaced(Linker, "find_cycles", cycle_of),
        replaced(BehaviorFlagRendered, "_default_source", lambda *_: "dbt"),
    ):
        yield


@contextlib.contextmanager
def _unwritten() -> Iterator[None]:
    """No two files per node with the SQL that is run, 350 of them at a build of all. `dbt compile` writes them
    for whoever wants to read them."""
    from dbt.contracts.graph.nodes import ParsedNode

    with replaced(ParsedNode, "write_node", lambda *_: None):
        yield


@contextlib.contextmanager
def _heap_set_aside() -> Iterator[None]:
    """The garbage collector leaves alone what is there: 200,000 objects of dbt's, looked through in vain again and again."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextlib.contextmanager
def replaced(owner: Any, name: str, other: Any) -> Iterator[None]:
    """For the block the class has `other` under this name. Raises: KeyError where it has none of its own."""
    own = vars(owner)[name]
    setattr(owner, name, other)
    try:
        yield
    finally:
        setattr(owner, name, own)
