"""`cartwire sweep` and the nightly schedule: locks, lease, what it says, how it ends."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from cartwire import stopping
from cartwire.errors import ConfigError
from cartwire.lock import LeaseTaken, holder, lease, sweep_path
from flows.schedules import SCHEDULES
from flows.sweep_run import SweepRunning, run_sweep
from flows.worker import imported
from tests.e2e.command import Outcome, cartwire
from tests.e2e.ingestion_world import CUSTOMERS, World
from tests.e2e.sweeping import delete, findings, ids_of

pytest_plugins = ("tests.e2e.sweeping",)


def command(world: World, *arguments: str) -> Outcome:
    """`cartwire sweep` with the settings of this world."""
    values = {field.alias: getattr(world.settings, name) for name, field in type(world.settings).model_fields.items()}
    texts = {name: value.get_secret_value() if isinstance(value, SecretStr) else str(value) for name, value in values.items()}
    return cartwire({name: text for name, text in texts.items() if name and text != "None"}, "sweep", *arguments)


def test_people_read_a_table_and_machines_one_object(world: World) -> None:
    delete(world, "customers", *ids_of(world, "customers", 1))
    told = command(world)
    assert told.code == 0
    lines = told.out.splitlines()
    assert lines[0].split() == ["resource", "ids", "vanished", "expired", "reappeared"]
    assert lines[1].split() == ["customers", "1,299", "1", "0", "0"]
    assert told.err.splitlines()[:2] == ["· customers", "· orders"]
    machine = command(world, "--json")
    assert (machine.code, machine.err) == (0, "")
    rows = {row["resource"]: row for row in machine.json()["resources"]}
    assert (rows["customers"]["vanished"], rows["customers"]["living"]) == (0, CUSTOMERS - 1)


def test_a_refusal_ends_with_11_names_the_way_on_and_no_id(world: World) -> None:
    gone = ids_of(world, "customers", 101)
    delete(world, "customers", *gone)
    refused = command(world, "--json")
    assert refused.code == 11
    assert refused.json()["resources"] == {"customers": {"vanished": 101, "living": CUSTOMERS, "limit": 100}}
    assert refused.message.endswith("cartwire sweep --allow customers=101")
    assert not [row_id for row_id in gone if row_id in refused.out + refused.err]
    assert command(world, "--allow", "customers=101").code == 0
    assert len(findings(world)) == 101


@pytest.mark.parametrize("wrong", ["customers", "customers=", "customers=-1", "101"])
def test_an_allowance_that_is_no_resource_and_number_is_refused(world: World, wrong: str) -> None:
    told = command(world, "--allow", wrong)
    assert told.code == 2
    assert "such as orders=250" in told.err


def test_no_sync_waits_while_the_ids_are_read_and_the_marks_need_the_lease(world: World) -> None:
    holders: dict[str, int | None] = {}
    delete(world, "customers", *ids_of(world, "customers", 1))
    with lease(world.settings.ledger):
        pass  # the file of the lease is there, and free

    def watch(step: str, done: int, total: int | None) -> None:
        holders[step] = holder(world.settings.ledger)

    run_sweep(world.settings, progress=watch, wait_s=0)
    assert set(holders.values()) == {None}
    assert {"customers", "channels"} <= holders.keys()
    marked = findings(world)
    with lease(world.settings.ledger), pytest.raises(LeaseTaken):
        run_sweep(world.settings, wait_s=0)
    assert findings(world) == marked != []


def test_one_sweep_runs_at_a_time_and_clears_up_after_a_killed_one(world: World) -> None:
    left = world.settings.state_dir / "sweep" / "customers.parquet"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half a file")
    with lease(sweep_path(world.settings.ledger)), pytest.raises(SweepRunning, match="another sweep is running"):
        run_sweep(world.settings)
    assert left.exists()
    run_sweep(world.settings)
    assert not left.parent.exists()


def test_a_sweep_needs_a_warehouse_and_known_resources(world: World) -> None:
    nowhere = world.settings.model_copy(update={"warehouse": world.settings.warehouse.with_name("none.duckdb")})
    with pytest.raises(ConfigError, match="cartwire sync"):
        run_sweep(nowhere)
    with pytest.raises(ConfigError, match="unicorns: no such resource; known: customers, orders"):
        run_sweep(world.settings, allowed={"unicorns": 1})


def test_another_project_is_refused_before_anything_is_compared(world: World) -> None:
    world.connection.execute("create schema if not exists control")
    world.connection.execute("create or replace table control.run (project_key varchar)")
    world.connection.execute("insert into control.run values ('another-shop')")
    with pytest.raises(ConfigError, match="another-shop"):
        run_sweep(world.settings)
    assert findings(world) == []


def test_a_worker_that_is_asked_to_end_leaves_the_sweep_at_the_next_page_with_nothing_marked(world: World) -> None:
    delete(world, "customers", *ids_of(world, "customers", 1))
    steps: list[str] = []

    def ask_to_end(step: str, done: int, total: int | None) -> None:
        steps.append(step)
        stopping.request()

    with stopping.on_signals(), pytest.raises(stopping.RunStopped):
        run_sweep(world.settings, trigger="schedule", progress=ask_to_end)
    assert steps == ["customers"]
    assert findings(world) == []


def test_a_nightly_schedule_runs_the_sweep_and_its_report_has_what_a_worker_writes_down(world: World) -> None:
    (nightly,) = [row for row in SCHEDULES if row.name == "sweep"]
    assert nightly.is_daily
    report = imported(nightly.function)(world.settings, trigger="schedule")
    assert (report.run_id[:6], report.exit_code) == ("sweep-", 0)
    assert imported(nightly.flow).name == "sweep"
