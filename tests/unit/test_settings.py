"""Settings: complete, documented, and clear when wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from cartwire.errors import ConfigError
from cartwire.settings import REPOSITORY, Settings, load_settings

GOOD = {
    "CTP_PROJECT_KEY": "shop",
    "CTP_CLIENT_ID": "id",
    "CTP_CLIENT_SECRET": "hush-hush",
    "CTP_API_URL": "http://127.0.0.1:1",
    "CTP_AUTH_URL": "http://127.0.0.1:1/",
    "ITERABLE_API_KEY": "k" * 32,
    "ITERABLE_API_URL": "http://127.0.0.1:2",
    "CARTWIRE_SECRET": "s" * 32,
}


@pytest.fixture(autouse=True)
def nothing_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields.values():
        monkeypatch.delenv(str(field.alias), raising=False)


def dotenv(folder: Path, values: dict[str, str]) -> Path:
    path = folder / ".env"
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    return path


def test_a_complete_env_file_is_enough(tmp_path: Path) -> None:
    settings = load_settings(dotenv(tmp_path, GOOD))
    assert settings.ctp_project_key == "shop"
    assert settings.ctp_auth_url == "http://127.0.0.1:1"
    assert settings.warehouse.is_absolute()


@pytest.mark.parametrize("name", sorted(GOOD))
def test_a_missing_variable_is_named_with_where_to_get_it(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(dotenv(tmp_path, {key: value for key, value in GOOD.items() if key != name}))
    assert f"{name} is missing. " in str(caught.value)


def test_an_empty_value_counts_as_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="CTP_CLIENT_SECRET is missing"):
        load_settings(dotenv(tmp_path, {**GOOD, "CTP_CLIENT_SECRET": ""}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ITERABLE_API_URL", "api.example"),
        ("CARTWIRE_SECRET", "short-hush"),
        ("CARTWIRE_RATE_SHARE", "2"),
        ("CARTWIRE_SETTLE_SECONDS", "soon"),
        ("ITERABLE_IDENTITY", "emails"),
        ("CARTWIRE_CONFIG", "relative/folder"),
    ],
)
def test_a_wrong_value_is_named_and_never_shown(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(dotenv(tmp_path, {**GOOD, name: value}))
    assert f"{name} is wrong" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_the_process_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTP_PROJECT_KEY", "other")
    assert load_settings(dotenv(tmp_path, GOOD)).ctp_project_key == "other"


def test_the_example_documents_every_setting_with_its_default() -> None:
    lines = (REPOSITORY / ".env.example").read_text().splitlines()
    written = dict(line.lstrip("#").split("=", 1) for line in lines if "=" in line and not line.startswith("# "))
    for field in Settings.model_fields.values():
        assert field.alias in written, field.alias
        if not field.is_required() and field.alias != "CARTWIRE_CONFIG":
            assert written[field.alias] == str(field.default), field.alias
    assert set(written) == {field.alias for field in Settings.model_fields.values()}
