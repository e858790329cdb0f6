"""`python -m sandbox`: serve both stand-ins until the process is told to stop."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.clock import Clock
from sandbox.commercetools.app import create_app as commercetools_app
from sandbox.commercetools.options import Options as CommercetoolsOptions
from sandbox.commercetools.store import Store
from sandbox.faults import FaultPlan
from sandbox.iterable.app import create_app as iterable_app
from sandbox.iterable.options import Options as IterableOptions
from sandbox.journal import Journal
from sandbox.server import RunningServers, serve

WEEKS_DEFAULT, HOUSEHOLDS_DEFAULT = 13, 801
PARENT_POLL_S = 0.5


class StartError(Exception):
    """The servers cannot start; the message says why and what to do."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM, SIGINT or the end of --parent-pid.

    Returns: 0, or 1 if the servers cannot start, or 130 if interrupted while the documents are built.
    """
    wanted = _parser().parse_args(arguments)
    clock = Clock(wanted.clock_offset_seconds)
    try:
        _build_if_missing(wanted, clock)
        servers, facts = _start(wanted, clock)
    except StartError as error:
        print(f"python -m sandbox: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with servers:
        print(json.dumps(facts), flush=True)
        _wait(stop, wanted.parent_pid)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="Local stand-ins for the commercetools and Iterable APIs, on loopback. When both listen, one line of JSON on "
        "standard output gives their addresses and credentials. Requests to /_sandbox/... on either server steer it: faults, "
        "journal, clock, reset.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--documents", type=Path, required=True, help="the shop's documents (SQLite); built if missing, never changed")
    add("--weeks", type=_whole(1, 52), help=f"weeks of shopping in the documents (built with {WEEKS_DEFAULT})")
    add("--households", type=_whole(1, 801), help=f"households in the documents (built with {HOUSEHOLDS_DEFAULT})")
    add("--commercetools-port", type=_whole(0, 65_535), default=0, help="0: any free port")
    add("--iterable-port", type=_whole(0, 65_535), default=0, help="0: any free port")
    add("--visibility-seconds", type=float, default=60.0, help="how long Iterable's writes stay invisible to reads")
    add("--rate-limits", action=argparse.BooleanOptionalAction, default=True, help="enforce Iterable's published limits")
    add("--identity", choices=("hybrid", "email", "user_id"), default="hybrid", help="type of the Iterable project")
    add("--undocumented", choices=("lenient", "strict"), default="lenient", help="what to do where documentation is silent")
    add("--event-schemas", type=_folder, help="folder of JSON Schemas; events that break theirs are noted in Iterable's journal")
    add("--clock-offset-seconds", type=float, default=0.0, help="the sandbox's time minus real time")
    add("--parent-pid", type=_whole(1, 2**31), help="stop when this process is gone")
    return parser


def _folder(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no folder")
    return Path(text)


def _whole(minimum: int, maximum: int) -> Any:
    def parse(text: str) -> int:
        number = int(text)
        if not minimum <= number <= maximum:
            raise argparse.ArgumentTypeError(f"must be {minimum} to {maximum}, not {number}")
        return number

    parse.__name__ = "whole number"
    return parse


def _build_if_missing(wanted: argparse.Namespace, clock: Clock) -> None:
    path: Path = wanted.documents
    if path.exists():
        return
    # Building needs pandas and the data set, serving needs neither; their import takes seconds.
    from sandbox.shop.build import build_documents

    print(f"building the shop's documents in {path.name}", file=sys.stderr)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        build_documents(
            path,
            weeks=wanted.weeks or WEEKS_DEFAULT,
            households=wanted.households or HOUSEHOLDS_DEFAULT,
            anchor=clock.now(),
            progress=lambda line: print(line, file=sys.stderr, flush=True),
        )
    except (OSError, sqlite3.Error) as error:
        raise StartError(f"the documents file cannot be written: {error}") from error


def _start(wanted: argparse.Namespace, clock: Clock) -> tuple[RunningServers, dict[str, Any]]:
    try:
        store = Store(wanted.documents, clock)
        _check_built_as_asked(store, wanted)
    except (OSError, sqlite3.Error) as error:
        raise StartError(f"{wanted.documents} cannot be served ({error}); remove it to have it built anew") from error
    shop = CommercetoolsOptions(undocumented=wanted.undocumented)
    marketing = IterableOptions(
        visibility_seconds=wanted.visibility_seconds,
        rate_limits=wanted.rate_limits,
        undocumented=wanted.undocumented,
        identity=wanted.identity,
        event_schemas=wanted.event_schemas,
    )
    apps = {
        "commercetools": commercetools_app(store, clock, FaultPlan(), Journal(), shop),
        "iterable": iterable_app(marketing, clock, FaultPlan(), Journal()),
    }
    try:
        servers = serve(apps, {"commercetools": wanted.commercetools_port, "iterable": wanted.iterable_port})
    except OSError as error:
        raise StartError(f"{error}; choose another with --commercetools-port or --iterable-port") from error
    return servers, {
        "commercetools_url": servers.urls["commercetools"],
        "auth_url": servers.urls["commercetools"],
        "iterable_url": servers.urls["iterable"],
        "project_key": shop.project_key,
        "client_id": shop.client_id,
        "client_secret": shop.client_secret,
        "scopes": shop.loader_scopes(),
        "iterable_api_key": marketing.api_key,
        "pid": os.getpid(),
    }


def _check_built_as_asked(store: Store, wanted: argparse.Namespace) -> None:
    built = store.meta()
    for name in ("weeks", "households"):
        asked = getattr(wanted, name)
        if asked is not None and name in built and int(built[name]) != asked:
            raise StartError(
                f"{wanted.documents} was built with --{name} {built[name]}, not {asked}; remove it to have it built anew, "
                "or name another file"
            )


def _wait(stop: threading.Event, parent_pid: int | None) -> None:
    is_child = parent_pid is not None and os.getppid() == parent_pid
    while not stop.wait(PARENT_POLL_S):
        if parent_pid is None:
            continue
        if is_child and os.getppid() != parent_pid:
            return
        try:
            os.kill(parent_pid, 0)
        except ProcessLookupError:
            return
        except PermissionError:
            continue


if __name__ == "__main__":
    sys.exit(main())
