"""`cartwire demo`: three syncs against the sandbox, with a day of shopping between the first and the second."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from itertools import count
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import click
import httpx

from cartwire.cli.output import as_json, emit_json, progress, summary
from cartwire.cli.processes import end_by_term_as_by_ctrl_c, free_port, installation, prefect_server, sandbox, wait_for
from cartwire.errors import CartwireError
from cartwire.lock import LeaseTaken, lease
from cartwire.settings import REPOSITORY, load_settings

if TYPE_CHECKING:
    from flows.report import RunReport

_AT_THE_SANDBOX = {
    "subscriptions/subscribe": "subscriptions.bulk",
    "subscriptions/unsubscribe": "subscriptions.bulk",
    "users/deleteByEmail": "users.delete",
    "users/deleteByUserId": "users.delete",
}
_ALONE = {"CARTWIRE_RATE_SHARE": "1"}  # nobody else uses the sandbox's limits
_WARNING = "CARTWIRE_VISIBILITY_SECONDS=1 on both sides (Iterable itself may take a minute to show what it accepted)"


@click.command("demo")
@click.option("--full", is_flag=True, help="The whole year instead of the last 13 weeks.")
@click.option("--households", type=click.IntRange(1, 801), default=801, show_default=True, help="How many of the data set's.")
@click.option("--keep-running", is_flag=True, help="Leave sandbox and Prefect up until Ctrl-C, to look around.")
@as_json
def command(full: bool, households: int, keep_running: bool, as_json: bool) -> int:
    """The whole product on a year of real grocery shopping (completejourney), against the local sandbox.

    First sync: everything is new. Then a scripted shop day; the second sync sends exactly its consequences. The third sends nothing.
    """
    started = time.monotonic()
    end_by_term_as_by_ctrl_c()
    weeks = 52 if full else 13
    say = (lambda text: None) if as_json else click.echo
    with ExitStack() as stack:
        folder = stack.enter_context(_own_folder())
        home, port = folder / "prefect", free_port()
        api = stack.enter_context(prefect_server(home, folder / "prefect.log", port))
        say(f"sandbox: {households} households, {weeks} weeks of shopping; {_WARNING}")
        documents = REPOSITORY / "var" / "documents" / f"{weeks}w-{households}.sqlite"
        options = [
            "--documents",
            str(documents),
            "--weeks",
            str(weeks),
            "--households",
            str(households),
            "--visibility-seconds",
            "1",
        ]
        # Prefect reads its settings when it is imported.
        os.environ.update({"PREFECT_API_URL": api, "PREFECT_HOME": str(home), "PREFECT_LOGGING_LEVEL": "WARNING"})
        Thread(target=_import_ahead, daemon=True).start()
        servers = stack.enter_context(sandbox(options, folder / "sandbox.log"))
        env_file = _write_env(installation(servers, folder) | _ALONE, folder)
        os.environ["CARTWIRE_ENV_FILE"] = str(env_file)
        wait_for(f"{api}/health", folder / "prefect.log")
        say(
            f"ready after {time.monotonic() - started:.0f} s. Prefect: http://127.0.0.1:{port}  commercetools: {servers['commercetools_url']}"
            f"  Iterable: {servers['iterable_url']}"
        )
        rounds = _three_syncs(servers, say, quiet=as_json)
        _check(rounds)
        if as_json:
            emit_json([{"title": title, "report": report.as_dict(), "received": received} for title, report, received in rounds])
        say(_where_next(folder, documents, time.monotonic() - started))
        if keep_running:
            _wait_for_interrupt(say)
    return 0


def _three_syncs(servers: dict[str, Any], say: Any, quiet: bool) -> list[tuple[str, RunReport, dict[str, int]]]:
    from flows.sync import sync_as_flow

    rounds = []
    for number, title in enumerate(
        ("first sync: everything is new", "second sync: after the shop day", "third sync: nothing changed"), 1
    ):
        if number == 2:
            day = httpx.post(f"{servers['commercetools_url']}/_sandbox/shop-day", json={}, timeout=60).raise_for_status().json()
            say("\nshop day: " + ", ".join(sorted({entry["scenario"] for entry in day["scenarios"]})))
        before = _writes(servers)
        with progress(quiet) as callback:
            report = sync_as_flow(load_settings(), trigger="demo", progress=callback)
        after = _writes(servers)
        received = {
            endpoint: count - before.get(endpoint, 0) for endpoint, count in after.items() if count > before.get(endpoint, 0)
        }
        say(f"\n{title} ({sum(report.seconds.values()):.0f} s)\n{summary(report)}")
        rounds.append((title, report, received))
    return rounds


def _import_ahead() -> None:
    """Load what the first sync needs while the servers start: seconds of imports that would come on top."""
    for name in ("flows.sync", "dbt.cli.main", "great_expectations"):
        import_module(name)


def _check(rounds: list[tuple[str, RunReport, dict[str, int]]]) -> None:
    """The demo proves what it says: the counts add up, Iterable counts the same requests, the third sync wrote nothing."""
    for title, report, received in rounds:
        if report.attention:
            raise CartwireError(f"{title}: {'; '.join(report.attention)}")
        outcomes = sum(report.total(name) for name in ("accepted", "rejected", "held", "suppressed"))
        if report.total("planned") != outcomes:
            raise CartwireError(f"{title}: planned {report.total('planned')} but {outcomes} outcomes")
        counted: Counter[str] = Counter()
        for endpoint, requests in report.requests.items():
            counted[at_the_sandbox(endpoint)] += requests
        if counted != received:
            raise CartwireError(f"{title}: the ledger counts requests {dict(counted)}, the sandbox received {received}")
    if rounds[-1][2]:
        raise CartwireError(f"the third sync wrote: {rounds[-1][2]}")


def at_the_sandbox(endpoint: str) -> str:
    """The name by which the sandbox counts requests to an endpoint of ours."""
    return _AT_THE_SANDBOX.get(endpoint, endpoint.replace("/", "."))


def _writes(servers: dict[str, Any]) -> dict[str, int]:
    answer = httpx.get(f"{servers['iterable_url']}/_sandbox/writes", timeout=30).raise_for_status().json()
    counts: dict[str, int] = answer["by_endpoint"]
    return counts


@contextmanager
def _own_folder() -> Iterator[Path]:
    """`var/demo`, or `var/demo-2` and so on where another demo is at work; nobody else's until the block ends."""
    for number in count(1):
        folder = REPOSITORY / "var" / ("demo" if number == 1 else f"demo-{number}")
        with ExitStack() as stack:
            try:
                stack.enter_context(lease(folder))
            except LeaseTaken:
                continue
            _start_over(folder)
            yield folder
            return


def _start_over(folder: Path) -> None:
    """An empty demo folder, but for what costs seconds to make anew and holds no shop data: dbt's parse, Prefect's database."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.iterdir():
        if left.is_symlink() or left.is_file():
            left.unlink()
        elif left.name not in ("dbt", "prefect"):
            shutil.rmtree(left, ignore_errors=True)


def _write_env(values: dict[str, str], folder: Path) -> Path:
    for name in values:
        os.environ.pop(name, None)
    path = folder / "demo.env"
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    return path


def _where_next(folder: Path, documents: Path, seconds: float) -> str:
    place = folder.relative_to(REPOSITORY)
    cartwire = f".venv/bin/cartwire --env-file {place}/demo.env"
    analyst = place / "analyst.duckdb"
    return f"""
all counts add up, the sandbox received exactly these requests, and the third sync wrote nothing ({seconds:.0f} s)

look next:
  {cartwire} status
  {cartwire} rejections
  .venv/bin/python -c "import duckdb; print(duckdb.connect('{analyst}', read_only=True).sql('from marts.customer_metrics limit 5'))"
  .venv/bin/cartwire demo --keep-running        (leaves both APIs and Prefect up)
your own projects: docs/how-to/connect-your-projects.md
the shop's documents are kept in {documents.relative_to(REPOSITORY)}; everything else is in {place}"""


def _wait_for_interrupt(say: Any) -> None:
    say("\nrunning until Ctrl-C")
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        say("stopped")
