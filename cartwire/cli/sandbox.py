"""`cartwire sandbox`."""

from __future__ import annotations

import os
import sys

import click


@click.command("sandbox", context_settings={"ignore_unknown_options": True, "help_option_names": []}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Start local stand-ins of both APIs (its own process; options as `python -m sandbox --help`)."""
    os.execv(sys.executable, [sys.executable, "-m", "sandbox", *arguments])  # noqa: S606
