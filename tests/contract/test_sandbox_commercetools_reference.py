"""docs/reference/sandbox.md names the test of every fact; this keeps it true."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parents[1] / "docs" / "reference" / "sandbox.md"


def test_the_reference_page_names_every_test_of_the_commercetools_stand_in_and_no_other() -> None:
    files = [path for path in TESTS.glob("test_sandbox_commercetools_*.py") if path != Path(__file__)]
    written = {name for path in files for name in re.findall(r"def (test_\w+)", path.read_text())}
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text()))
    assert named == written
