"""`cartwire serve`."""

from __future__ import annotations

import os
from datetime import timedelta

import click

from cartwire.errors import ConfigError
from cartwire.settings import load_settings


@click.command("serve")
@click.option("--every", "every_s", type=click.IntRange(5), default=300, show_default=True, metavar="SECONDS", help="Interval.")
@click.option("--name", default="every-interval", show_default=True, help="Name of the deployment at the Prefect server.")
def command(every_s: int, name: str) -> None:
    """Run the sync by schedule until stopped, through the Prefect server at PREFECT_API_URL."""
    load_settings()
    if not os.environ.get("PREFECT_API_URL"):
        raise ConfigError(
            "PREFECT_API_URL is not set. Start a server with `prefect server start` and export the address it prints."
        )
    from flows.serve import serve

    serve(timedelta(seconds=every_s), name)
