"""`cartwire init`."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from cartwire.errors import ConfigError
from cartwire.settings import REPOSITORY


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def command(folder: Path) -> None:
    """Copy the shipped config/ (markets, consent fields, attribute map, switches) to FOLDER and say how to use it."""
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is not empty; name a new folder, your files stay as they are")
    shutil.copytree(REPOSITORY / "config", folder, dirs_exist_ok=True)
    click.echo(
        f"copied config/ to {folder}\nadd to .env:  CARTWIRE_CONFIG={folder.resolve()}\nthen edit; README.md in it explains each file"
    )
