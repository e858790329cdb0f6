"""A parse of the project is handed on to the next installation, whole, and only where that has none."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows import dbt_parse
from flows.dbt_parse import kept_parse


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(dbt_parse, "_KEPT", tmp_path / "kept")
    return tmp_path / "kept"


def _parse(target: Path, text: str | None = None, about: str = "config") -> str | None:
    """What dbt finds in its folder; with a text it parses anew and leaves that."""
    own = target / "partial_parse.msgpack"
    with kept_parse(target, about):
        found = own.read_text() if own.exists() else None
        if text is not None:
            own.parent.mkdir(parents=True, exist_ok=True)
            own.write_text(text)
    return found


def test_a_new_installation_begins_with_what_another_parsed(tmp_path: Path) -> None:
    assert _parse(tmp_path / "one", "parsed") is None
    assert _parse(tmp_path / "two") == "parsed"


def test_an_installation_with_a_parse_of_its_own_keeps_to_it(tmp_path: Path) -> None:
    _parse(tmp_path / "one", "old")
    _parse(tmp_path / "two", "new")
    assert _parse(tmp_path / "one") == "old"
    assert _parse(tmp_path / "three") == "new", "the newest is handed on"


def test_a_parse_that_dbt_would_drop_is_not_handed_on(tmp_path: Path) -> None:
    _parse(tmp_path / "one", "parsed", about="config")
    assert _parse(tmp_path / "two", about="another config") is None


def test_what_could_not_be_parsed_is_not_handed_on(tmp_path: Path) -> None:
    with pytest.raises(ValueError), kept_parse(tmp_path / "one"):
        (tmp_path / "one" / "partial_parse.msgpack").write_text("half")
        raise ValueError
    assert _parse(tmp_path / "two") is None


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_time(tmp_path: Path, kept: Path) -> None:
    kept.write_text("a file where the folder should be")
    assert _parse(tmp_path / "one", "parsed") is None
    assert _parse(tmp_path / "two") is None
