"""The command line as a user meets it: exit code, standard output, standard error."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from cartwire.cli.main import main


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """The one message of a failure, without the progress lines before it."""
        return self.err.rpartition("cartwire: ")[2].strip()

    def json(self) -> Any:
        """Standard output of `--json`."""
        return json.loads(self.out)


def cartwire(environment: Mapping[str, str], *arguments: str) -> Outcome:
    """Run the console entry in this process with these variables added, standard output and error caught."""
    out, err = io.StringIO(), io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    code: int | str | None = None
    try:
        with (
            patch.dict(os.environ, environment),
            patch.object(sys, "argv", ["cartwire", *arguments]),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            main()
    except SystemExit as exit_:
        code = exit_.code
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert isinstance(code, int), code
    return Outcome(code, out.getvalue(), err.getvalue())
