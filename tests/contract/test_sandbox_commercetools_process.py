"""`python -m sandbox` as a process: how it starts, says where it listens, refuses to start, and stops."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.contract.commercetools_vendor import FIRST, write_documents
from tests.http import HTTP

FACTS = {
    "commercetools_url",
    "auth_url",
    "iterable_url",
    "project_key",
    "client_id",
    "client_secret",
    "scopes",
    "iterable_api_key",
    "pid",
}


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    return write_documents(tmp_path / "documents.sqlite")


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "sandbox", *(str(argument) for argument in arguments)]


@contextmanager
def started(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A running sandbox process and the facts it printed."""
    with subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            yield child, json.loads(child.stdout.readline())
        finally:
            child.kill()


def refused(*arguments: object) -> tuple[int, str]:
    """Exit code and message of a sandbox that must not start."""
    child = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=60, check=False)
    assert child.stdout == ""
    return child.returncode, child.stderr


def test_it_tells_in_one_line_where_both_servers_listen_and_stops_when_told(documents: Path) -> None:
    with started("--documents", documents, "--clock-offset-seconds", 86_400) as (child, facts):
        assert facts.keys() == FACTS
        assert facts["pid"] == child.pid
        for url in (facts["commercetools_url"], facts["iterable_url"]):
            assert HTTP.get(f"{url}/_sandbox/clock").json()["offset_seconds"] == 86_400
        form = {"grant_type": "client_credentials", "scope": facts["scopes"]}
        auth = (facts["client_id"], facts["client_secret"])
        token = HTTP.post(f"{facts['auth_url']}/oauth/token", data=form, auth=auth).json()["access_token"]
        orders = f"{facts['commercetools_url']}/{facts['project_key']}/orders"
        assert HTTP.get(orders, headers={"Authorization": f"Bearer {token}"}).json()["total"] == 25
        channels = HTTP.get(f"{facts['iterable_url']}/api/channels", headers={"Api-Key": facts["iterable_api_key"]})
        assert channels.status_code == 200
        child.terminate()
        assert child.wait(20) == 0


def test_it_never_changes_the_documents_file(documents: Path) -> None:
    before = hashlib.sha256(documents.read_bytes()).hexdigest()
    with started("--documents", documents) as (child, facts):
        url = facts["commercetools_url"]
        assert HTTP.delete(f"{url}/_sandbox/documents/customers/{FIRST}").status_code == 200
        assert HTTP.post(f"{url}/_sandbox/touch").json()["touched"] > 0
        child.terminate()
        child.wait(20)
    assert hashlib.sha256(documents.read_bytes()).hexdigest() == before
    assert list(documents.parent.iterdir()) == [documents]


def test_it_ends_with_the_process_that_wanted_it(documents: Path) -> None:
    waiting = [sys.executable, "-c", "input()"]
    with (
        subprocess.Popen(waiting, stdin=subprocess.PIPE) as parent,
        started("--documents", documents, "--parent-pid", parent.pid) as (child, _),
    ):
        parent.kill()
        parent.wait(20)
        assert child.wait(20) == 0


def test_the_shop_day_needs_documents_with_a_cast(documents: Path) -> None:
    with started("--documents", documents) as (_, facts):
        answer = HTTP.post(f"{facts['commercetools_url']}/_sandbox/shop-day", json={"at": None})
        assert answer.status_code == 400
        assert "shop day" in answer.json()["error"]


def test_a_taken_port_is_named(documents: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, message = refused("--documents", documents, "--iterable-port", port)
    assert code == 1
    assert f"port {port}" in message
    assert "--iterable-port" in message


def test_a_file_that_holds_no_documents_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but somebody's notes " * 200)
    code, message = refused("--documents", path)
    assert code == 1
    assert f"{path} cannot be served" in message
    assert "Traceback" not in message
    assert path.read_text().startswith("not a database")


def test_documents_of_another_size_than_asked_for_are_refused(documents: Path) -> None:
    code, message = refused("--documents", documents, "--weeks", 52)
    assert code == 1
    assert "was built with --weeks 13, not 52" in message


@pytest.mark.parametrize("arguments", [[], ["--documents", "x", "--weeks", "0"], ["--documents", "x", "--undocumented", "both"]])
def test_wrong_arguments_are_explained(arguments: list[str]) -> None:
    code, message = refused(*arguments)
    assert code == 2
    assert "usage: python -m sandbox" in message
    assert "error: " in message


def test_help_names_every_option() -> None:
    shown = subprocess.run(command("--help"), capture_output=True, text=True, timeout=60, check=True).stdout
    for option in ("documents", "weeks", "households", "commercetools-port", "iterable-port", "visibility-seconds"):
        assert f"--{option}" in shown
    for option in ("rate-limits", "undocumented", "clock-offset-seconds", "parent-pid"):
        assert f"--{option}" in shown
