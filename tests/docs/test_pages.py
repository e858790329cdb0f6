"""The documentation: generated pages are fresh, links lead somewhere, commands exist, nothing of one machine is in a file."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from activation.contracts import load_contracts
from cartwire.cli.main import VERBS
from cartwire.settings import REPOSITORY
from docs.event_pages import broken_schemas
from docs.generate import FOLDER, pages
from flows.doctor import CHECKS

PAGES = sorted(
    list((REPOSITORY / "docs").rglob("*.md"))
    + [
        path
        for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md")
        if (path := REPOSITORY / name).exists()
    ]
)
FENCE = re.compile(r"^ *```[a-z]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
# in pieces, so that this file passes its own test
HOSTS = ["py" + "pi.org", "python" + "hosted.org", "registry." + "npmjs", "files.python" + "hosted"]
MACHINES = ["/" + "root/", "/" + "work/", "/" + "home/", "/" + "Users/"]


def name_of(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_generated_page_is_fresh(name: str) -> None:
    assert (FOLDER / name).read_text() == pages()[name], "run `make docs`"


def test_no_published_schema_is_broken_without_a_new_version() -> None:
    assert broken_schemas(FOLDER / "schemas", load_contracts(REPOSITORY / "models")) == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_documented(verb: str) -> None:
    assert f"## cartwire {verb}\n" in (FOLDER / "cli.md").read_text()
    prose = "".join(path.read_text() for path in PAGES if path != FOLDER / "cli.md")
    assert re.search(rf"cartwire {verb}\b|make {verb}\b", prose), "no page but the generated one tells when to use it"


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_of_the_doctor_is_explained(check: str) -> None:
    first_cells = [line.split("|")[1] for line in (FOLDER / "doctor.md").read_text().splitlines() if line.startswith("|")]
    assert check in {name.strip() for cell in first_cells for name in cell.split(",")}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_resolves(page: Path) -> None:
    for target in LINK.findall(FENCE.sub("", page.read_text())):
        if not re.match(r"[a-z]+:", target) and not target.startswith("#"):
            path, _, anchor = target.partition("#")
            assert (page.parent / path).exists(), target
            if anchor:
                assert anchor in anchors((page.parent / path).read_text()), target


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_in_a_fenced_block_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    for line in (line.strip().removeprefix("$ ") for block in FENCE.findall(page.read_text()) for line in block.splitlines()):
        if line.startswith("make "):
            assert line.split()[1] in targets, line
        if line.startswith((".venv/bin/cartwire ", "cartwire ")):
            assert verb_of(line) in VERBS, line


def verb_of(line: str) -> str:
    """The first word that is neither an option nor the value of `--env-file` or `--log-level`."""
    words = shlex.split(line, comments=True)[1:]
    while words and words[0].startswith("-"):
        words = words[2 if words[0] in ("--env-file", "--log-level") else 1 :]
    return words[0] if words else "sync"


def test_no_tracked_file_names_a_package_registry_or_a_machine_path() -> None:
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=REPOSITORY, capture_output=True, check=True
    )
    found = []
    for name in filter(None, listing.stdout.decode().split("\0")):
        path = REPOSITORY / name
        text = path.read_text(errors="ignore") if path.is_file() else ""
        found += [f"{name}: {word}" for word in [*HOSTS, *MACHINES] if word in text]
    assert found == []
