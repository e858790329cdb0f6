"""What `cartwire demo` starts ends with it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from cartwire.settings import REPOSITORY


def test_a_demo_that_is_asked_to_end_takes_its_servers_along() -> None:
    command = [str(Path(sys.executable).with_name("cartwire")), "demo", "--households", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=REPOSITORY) as demo:
        assert demo.stdout is not None
        ready = next(line for line in demo.stdout if line.startswith("ready"))
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) == 130
    addresses = re.findall(r"http://\S+", ready)
    assert len(addresses) == 3
    for address in addresses:
        with pytest.raises(httpx.ConnectError):
            httpx.get(address)
