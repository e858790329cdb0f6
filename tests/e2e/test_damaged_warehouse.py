"""A warehouse that its storage damaged, or has no room for: one clear error, and the documented way back sends nothing again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from cartwire.settings import REPOSITORY
from tests.conftest import Sandbox
from tests.e2e.command import cartwire
from tests.e2e.first_sync import FirstSync

WITHOUT_ROOM = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
from cartwire.cli.main import main
main()
"""


@pytest.mark.identities
@pytest.mark.xdist_group("first sync")
def test_a_damaged_warehouse_is_made_anew_without_sending_anything_also_not_of_who_was_deleted_meanwhile(
    sandbox: Sandbox, first_sync: FirstSync, tmp_path: Path
) -> None:
    environment = first_sync.begin(tmp_path)
    warehouse = tmp_path / "warehouse.duckdb"
    deleted = _delete_a_customer_with_orders_and_a_cart(warehouse, sandbox)
    marker = sandbox.admin("iterable", "GET", "writes")["marker"]

    content = bytearray(warehouse.read_bytes())
    for place in range(16_384, len(content) - 64, 262_144):
        content[place : place + 64] = b"\xff" * 64
    warehouse.write_bytes(content)
    damaged = cartwire(environment, "sync")
    warehouse.rename(tmp_path / "damaged.duckdb")
    anew = cartwire(environment, "sync", "--json")

    assert damaged.code == 2
    assert damaged.message.startswith("the warehouse (CARTWIRE_WAREHOUSE) is damaged")
    assert (anew.code, anew.json()["requests"]) == (0, {})
    assert sandbox.admin("iterable", "GET", f"writes?since={marker}")["total"] == 0
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        profile = connection.execute("select identity_rule from marts.profiles where profile_id = ?", [deleted]).fetchall()
    assert profile == [("account_not_in_shop",)]


def _delete_a_customer_with_orders_and_a_cart(warehouse: Path, sandbox: Sandbox) -> str:
    """The shop loses somebody whom Iterable has, without a Message. Returns the customer's id."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        (found,) = connection.execute(
            "select min(carts.profile_id) from activation.iterable_carts as carts"
            " inner join marts.orders as orders on carts.profile_id = orders.customer_id"
        ).fetchall()
    sandbox.admin("commercetools", "DELETE", f"documents/customers/{found[0]}")
    return str(found[0])


FULL = (
    ("working files", 600_000, 3, "working files below CARTWIRE_STATE_DIR cannot be written"),
    ("load", 3_000_000, 2, "the warehouse (CARTWIRE_WAREHOUSE) cannot be written"),
    ("build", 30_000_000, 2, "the warehouse (CARTWIRE_WAREHOUSE) cannot be written"),
)
"""What there is no room for, how many bytes a file may have, exit code, message."""


@pytest.mark.identities
def test_a_full_disk_ends_the_sync_before_anything_is_sent_and_the_next_one_does_all(sandbox: Sandbox, tmp_path: Path) -> None:
    environment = sandbox.environment(tmp_path)
    for what, room, code, fault in FULL:
        command = [sys.executable, "-c", WITHOUT_ROOM, str(room), "sync"]
        full = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)
        assert full.returncode == code, what
        assert fault in full.stderr and "Make room" in full.stderr, what
        assert sandbox.writes() == {}, what
    assert cartwire(environment, "sync", "--json").code == 0
