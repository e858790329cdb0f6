"""The health file: whole at every instant, and the memory of the next worker."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cartwire.health import Health, LastRun, health_path, read_health

STARTED = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def test_a_reader_never_meets_half_a_file(tmp_path: Path) -> None:
    health = Health(health_path(tmp_path))
    health.write()
    met, done = [], threading.Event()

    def read() -> None:
        while not done.is_set():
            met.append(read_health(tmp_path))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(300):
        health.runs[f"schedule-{number}"] = LastRun(run_id="x" * 200)
        health.write()
    done.set()
    reader.join()
    assert met
    assert None not in met


def test_the_next_worker_knows_when_each_schedule_last_ran(tmp_path: Path) -> None:
    before = Health(health_path(tmp_path))
    before.runs["sync"] = LastRun(run_id="r1", started_at=STARTED, ended_at=STARTED, exit_code=11)
    before.state = "stopped"
    before.write()
    after = Health.resumed(tmp_path)
    assert after.runs["sync"] == before.runs["sync"]
    assert after.state == "waiting"


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00"])
def test_a_file_that_says_nothing_is_no_file(tmp_path: Path, content: str) -> None:
    health_path(tmp_path).write_text(content)
    assert read_health(tmp_path) is None
    assert Health.resumed(tmp_path).runs == {}
