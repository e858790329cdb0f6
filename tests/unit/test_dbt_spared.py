"""dbt without its diagnostics still refuses what it must refuse, and has everything back afterwards."""

from __future__ import annotations

from dbt.compilation import Linker
from dbt.contracts.graph.nodes import ParsedNode
from dbt_common.behavior_flags import Behavior
from dbt_common.events.base_types import BaseEvent

from flows.dbt_spared import spared


def test_a_cycle_is_still_found_and_named() -> None:
    linker = Linker()
    linker.dependency("model.b", "model.a")
    with spared():
        assert linker.find_cycles() is None
        linker.dependency("model.a", "model.b")
        assert set(str(linker.find_cycles()).split(" --> ")) == {"model.a", "model.b"}


def test_a_flag_of_the_adapter_keeps_its_setting() -> None:
    with spared():
        flags = Behavior([{"name": "old_way", "default": False, "description": "how it was"}], {"old_way": True})
        assert flags.old_way.setting is True


def test_everything_is_dbts_own_again_afterwards() -> None:
    own = _replaced()
    with spared():
        assert all(now != before for now, before in zip(_replaced(), own, strict=True))
    assert _replaced() == own


def _replaced() -> tuple[object, ...]:
    return (Linker.find_cycles, Linker.get_graph_summary, BaseEvent.__init__, ParsedNode.write_node)
