"""A warehouse that its storage damaged, or has no room for: one clear error, and the documented way back sends nothing again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cartwire.settings import REPOSITORY
from tests.conftest import Sandbox
from tests.e2e.command import cartwire

WITHOUT_ROOM = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)), resource.RLIM_INFINITY))
from cartwire.cli.main import main
main()
"""


@pytest.mark.identities
def test_a_damaged_warehouse_is_moved_away_and_made_anew_without_sending_anything(sandbox: Sandbox, tmp_path: Path) -> None:
    environment = sandbox.environment(tmp_path)
    warehouse = tmp_path / "warehouse.duckdb"
    assert cartwire(environment, "sync", "--json").code == 0
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


@pytest.mark.identities
@pytest.mark.parametrize(
    ("room", "code", "fault"),
    [
        (600_000, 3, "working files below CARTWIRE_STATE_DIR cannot be written"),
        (3_000_000, 2, "the warehouse (CARTWIRE_WAREHOUSE) cannot be written"),
        (30_000_000, 2, "the warehouse (CARTWIRE_WAREHOUSE) cannot be written"),
    ],
    ids=["working files", "load", "build"],
)
def test_a_full_disk_ends_the_sync_before_anything_is_sent_and_the_next_one_does_all(
    sandbox: Sandbox, tmp_path: Path, room: int, code: int, fault: str
) -> None:
    environment = sandbox.environment(tmp_path)
    command = [sys.executable, "-c", WITHOUT_ROOM, str(room), "sync"]
    full = subprocess.run(command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert sandbox.writes() == {}
    roomy = cartwire(environment, "sync", "--json")

    assert (full.returncode, roomy.code) == (code, 0)
    assert fault in full.stderr and "Make room" in full.stderr
