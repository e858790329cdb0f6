"""`cartwire`: the entry point. Verbs are imported when used, so that `--help` and `status` stay instant."""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import logging
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path

import click

from cartwire import __version__
from cartwire.errors import CartwireError
from cartwire.masking import install_logging, mask

VERBS = {
    "sync": "Load, build, gate and send what changed, once.",
    "plan": "Show what a sync would send now; sends nothing.",
    "apply": "Send exactly what a plan says, or nothing where the world has moved.",
    "sweep": "Find and mark what was deleted in commercetools without a word.",
    "smoke": "Try the whole way with one test profile, and read each step back.",
    "status": "Recent runs, what is held, how old the last complete sync is.",
    "adopt": "Look at a living project before the first sync; writes a page, sends nothing.",
    "rejections": "Rows that were refused, with the reason.",
    "explain": "What was sent to one person, when and why; what was not; what comes next.",
    "replay": "Let refused rows go again, after looking at them; dry run first.",
    "backfill": "Let history go that was set aside, oldest first and marked; after looking at it.",
    "pause": "Stop sending, all of it or some objects, until resumed; withdrawals still go.",
    "resume": "Lift a pause.",
    "release": "Let through what the volume guard held, after looking at it.",
    "reconcile": "Read people at Iterable and compare with what it accepted from us.",
    "audit": "Account for every row ever planned, and read a sample back.",
    "ledger": "Back up, check, restore and prune the ledger, the only file that cannot be made again.",
    "recover": "Sync from a ledger that may not know all that was sent: look at Iterable before sending.",
    "authority": "Who dates changes of a plain field: Messages or our own history; change it.",
    "consent": "Why somebody is or is not messaged; import consent given elsewhere (till, call centre).",
    "webhooks": "Receive what people do in Iterable at once.",
    "doctor": "Check settings, both APIs and this machine; say how to mend each.",
    "serve": "Run the schedules until stopped: a long-lived worker.",
    "init": "Copy the shipped config/ to a folder of your own.",
    "sandbox": "Start local stand-ins of both APIs.",
    "demo": "The whole product on real shopping data against the sandbox.",
}

EXIT_CODES = """\b
Exit codes:
  0   ok
  10  some rows were rejected
  11  something is held by a guard, a failed test, a pause or an unknown outcome
  12  skipped: another sync is running, or sending is paused
  1-6 error (2 settings or config, 3 reading, 4 build or gate, 5 delivery, 6 ledger)"""


class _LazyVerbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"cartwire.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.command(
    cls=_LazyVerbs,
    help="Reverse ETL from commercetools to Iterable: only what changed, once, to people who may be messaged.",
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__)
@click.option(
    "--log-level", type=click.Choice(["DEBUG", "INFO", "WARNING"]), default="WARNING", help="Logs go to stderr, masked."
)
@click.option("--env-file", type=click.Path(exists=True, dir_okay=False), help="Read settings from this file instead of .env.")
def main_group(log_level: str, env_file: str | None) -> None:
    """Root of all verbs."""
    install_logging(log_level)
    if env_file:
        os.environ["CARTWIRE_ENV_FILE"] = env_file


def process() -> None:
    """Console entry: `main` as all that this process does."""
    gc.set_threshold(
        50_000, 20, 50
    )  # dbt, Prefect and great-expectations are a million objects that stay: a fifth of their import
    ended: list[int] = []
    atexit.register(_leave, ended)  # first registered, last called
    ended.append(_run())
    sys.exit(ended[0])


def main() -> None:
    """Run the command of `sys.argv`. Raises: SystemExit with its exit code, always."""
    sys.exit(_run())


def _run() -> int:
    """A user's error is one masked message on stderr and its exit code; with --json also an object on stdout.

    Any other exception shows its type and place only: a library's message may quote a row.
    """
    try:
        code = main_group.main(standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except CartwireError as error:
        if "--json" in sys.argv:
            click.echo(json.dumps({"error": mask(str(error)), "exit_code": error.exit_code, **error.facts}, default=str))
        click.echo(f"cartwire: {mask(str(error))}", err=True)
        return error.exit_code
    except Exception as error:
        logging.getLogger(__name__).debug("unexpected", exc_info=True)
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}, line {frame.lineno}"
        click.echo(f"cartwire: a fault of ours, {type(error).__name__} in {place}; --log-level DEBUG shows all of it", err=True)
        return 1


def _leave(ended: list[int]) -> None:
    """When every thread and exit handler is done: leave without dismantling those objects one by one, which takes a second or two."""
    if ended:
        logging.shutdown()
        with contextlib.suppress(OSError):  # a reader that went away
            sys.stdout.flush()
        os._exit(ended[0])
