"""The page about the Iterable stand-in names every test, and only tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

from sandbox.iterable.limits import RATES
from sandbox.iterable.notes import KINDS

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reference" / "sandbox-iterable.md"


def test_the_page_names_every_test_and_no_other() -> None:
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", PAGE.read_text()))
    files = [path for path in HERE.glob("test_sandbox_iterable_*.py") if path.name != Path(__file__).name]
    written = {name for path in files for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)}
    assert named == written


def test_every_contract_note_kind_is_used_by_a_rule() -> None:
    rules = "".join(
        path.read_text() for path in (HERE.parents[1] / "sandbox" / "iterable").glob("*.py") if path.name != "notes.py"
    )
    assert [kind for kind in KINDS if f'"{kind}"' not in rules] == []


def test_every_limit_belongs_to_an_endpoint() -> None:
    table = (HERE.parents[1] / "sandbox" / "iterable" / "endpoints.py").read_text()
    assert [name for name in RATES if f'"{name}"' not in table] == []
