"""After any sequence of loads every model has exactly the rows that one full build would make of `raw`: those that keep what they opened,
and those that a build left out because nothing that moved would change them.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cartwire.settings import Settings
from flows.dbt import build_everything, parsed_project
from tests.property.dbt_project import dbt, nodes_of, settings_of
from tests.property.raw_history import KINDS, RawHistory

INCREMENTS, CHANGES = 4, 24
OTHER_CONFIG = """
update config.loyalty_fields set source_path = 'custom.fields.newsletterOptIn' where attribute = 'tier';
update config.attribute_map set is_enabled = not is_enabled;
update config.order_attributes set source_path = 'orderState' where attribute = 'campaign_id';
insert into config.consent_fields
select * replace ('custom.fields.loyaltyPoints' as field_path) from config.consent_fields where resource = 'orders';
"""
"""Rows of config/ that decide what is opened of a document."""
LATER = """
update control.run
set go_live_at = timestamp '2026-01-01', as_of = least(as_of, timestamp '2026-01-02') + interval 5 hours
"""
SELECTED = ["--select", "+config.materialized:incremental", "--exclude-resource-type", "test", "unit_test"]


def build(warehouse: Path, *more: str) -> list[Any]:
    """Nodes of the project's incremental models and of what they stand on, built."""
    return nodes_of(dbt(warehouse, "build", *SELECTED, *more))


def models_of(settings: Settings, *materialized: str) -> list[str]:
    """`schema.model` of every model that is kept this way, whoever wrote it."""
    nodes = parsed_project(settings).nodes.values()
    models = (node for node in nodes if node.resource_type == "model" and node.config.materialized in materialized)
    return sorted(f"{node.schema}.{node.name}" for node in models)


def difference(warehouse: Path, other: Path, models: list[str]) -> dict[str, list[Any]]:
    """Rows of each model that only one of the two warehouses has."""
    found = {}
    with duckdb.connect() as connection:
        connection.execute(f"attach '{warehouse}' as kept (read_only); attach '{other}' as fresh (read_only)")
        for model in models:
            both = (f"(from kept.{model} except all from fresh.{model})", f"(from fresh.{model} except all from kept.{model})")
            rows = [row for one in both for row in connection.execute(one).fetchall()]
            if rows:
                found[model] = rows
    return found


@pytest.mark.parametrize("seed", [1])
def test_any_sequence_of_loads_gives_the_rows_of_one_full_build(seed: int, tmp_path: Path) -> None:
    kept, fresh = tmp_path / "kept" / "warehouse.duckdb", tmp_path / "fresh" / "warehouse.duckdb"
    kept.parent.mkdir()
    fresh.parent.mkdir()
    models = models_of(settings_of(kept), "table", "incremental")
    opened = models_of(settings_of(kept), "incremental")
    assert {"staging.base_commercetools__orders", "staging.base_commercetools__consent_words"} <= set(opened)
    assert {"marts.orders", "activation.iterable_users"} <= set(models) - set(opened)
    build_everything(settings_of(kept))
    occurred: dict[str, int] = {}
    history: RawHistory | None = None
    for _ in range(INCREMENTS):
        with duckdb.connect(str(kept)) as connection:
            connection.execute("set timezone = 'UTC'")
            history = history or RawHistory(connection, seed)
            history.connection = connection
            history.advance(CHANGES)
            connection.execute(LATER)
        assert build_everything(settings_of(kept)).held == {}
        shutil.copyfile(kept, fresh)
        assert build_everything(settings_of(fresh), full_refresh=True).held == {}
        assert difference(kept, fresh, models) == {}
        occurred = dict(history.occurred)
    with duckdb.connect(str(kept)) as connection:
        connection.execute(OTHER_CONFIG)
    without_seeds = ("--exclude-resource-type", "seed")
    build(kept, *without_seeds)
    shutil.copyfile(kept, fresh)
    build(fresh, "--full-refresh", *without_seeds)
    assert difference(kept, fresh, opened) == {}
    assert set(KINDS) <= set(occurred), f"seed {seed} does not show {set(KINDS) - set(occurred)}"
