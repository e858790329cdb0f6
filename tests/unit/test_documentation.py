"""Every model, source, seed and column says what it is, in words that the name does not already say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
_DOC_BLOCK = re.compile(r"\{%-?\s*docs\s+(\w+)\s*-?%\}(.*?)\{%-?\s*enddocs\s*-?%\}", re.DOTALL)
_DOC_CALL = re.compile(r"""\{\{\s*doc\(\s*['"](\w+)['"]\s*\)\s*\}\}""")
FOLDERS_WITH_COLUMNS = ("marts", "activation", "changes")


def doc_blocks() -> dict[str, str]:
    blocks: dict[str, str] = {}
    for path in sorted((REPOSITORY / "models").rglob("*.md")):
        for name, text in _DOC_BLOCK.findall(path.read_text(encoding="utf-8")):
            assert name not in blocks, f"{path.name}: doc block {name} is there twice"
            blocks[name] = text.strip()
    return blocks


def described() -> Iterator[tuple[str, str, str]]:
    """(place, name, description as written) of everything that has a name in our YAML."""
    for path in sorted([*(REPOSITORY / "models").rglob("*.yml"), *(REPOSITORY / "config").glob("*.yml")]):
        document: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
        owners = [*document.get("models", ()), *document.get("seeds", ())]
        for source in document.get("sources", ()):
            yield path.name, source["name"], source.get("description", "")
            owners += source["tables"]
        for owner in owners:
            yield path.name, owner["name"], owner.get("description", "")
            for column in owner.get("columns", ()):
                yield f"{path.name}: {owner['name']}", column["name"], column.get("description", "")


def words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def test_every_description_is_there_and_says_more_than_the_name() -> None:
    blocks, poor = doc_blocks(), []
    for place, name, text in described():
        full = _DOC_CALL.sub(lambda call: blocks.get(call.group(1), ""), text).strip()
        said = set(words(full).split()) - {"the", "a", "an", "of", "in", "is", "this", "column", "field"}
        if not said - set(words(name).split()):
            poor.append(f"{place}, {name}: {text!r}")
    assert not poor, "\n".join(poor)


def test_every_doc_block_that_is_named_exists_and_each_is_used() -> None:
    blocks = doc_blocks()
    named = {call for _, _, text in described() for call in _DOC_CALL.findall(text)}
    assert not named - blocks.keys()
    assert not blocks.keys() - named, "doc blocks that nothing refers to"


@pytest.mark.parametrize("folder", FOLDERS_WITH_COLUMNS)
def test_every_model_of_a_contracted_folder_describes_columns_beside_itself(folder: str) -> None:
    models = {path.stem: path for path in (REPOSITORY / "models" / folder).rglob("*.sql")}
    assert models
    for name, path in models.items():
        beside = path.with_suffix(".yml")
        assert beside.exists(), f"{path.name} has no {beside.name} beside it"
        entries = yaml.safe_load(beside.read_text(encoding="utf-8"))["models"]
        assert [entry["name"] for entry in entries] == [name]
        assert all(column.get("data_type") for column in entries[0]["columns"]), name
