"""A wish to stop is heard wherever a run waits, and outlives only the block that listens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from cartwire import stopping

SECOND_SIGNAL = """
import os, signal
from cartwire import stopping
with stopping.on_signals(lambda: print("asked", flush=True)):
    os.kill(os.getpid(), signal.SIGTERM)
    assert stopping.is_requested()
    os.kill(os.getpid(), signal.SIGTERM)
    print("still here", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_ends_waits_and_raises_at_the_next_good_place(number: signal.Signals) -> None:
    with stopping.on_signals():
        stopping.check()
        os.kill(os.getpid(), number)
        assert stopping.wait(3_600)
        with pytest.raises(stopping.RunStopped):
            stopping.check()
        with pytest.raises(stopping.RunStopped):
            stopping.sleep(3_600)
    stopping.check()


def test_the_handlers_of_before_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with stopping.on_signals():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


def test_a_second_signal_ends_the_process_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", SECOND_SIGNAL], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGTERM
    assert done.stdout == "asked\n"
