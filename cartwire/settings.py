"""Settings from the environment and `.env`. `.env.example` documents each; a test holds the two together."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cartwire.errors import ConfigError

REPOSITORY = Path(__file__).resolve().parent.parent

HOW_TO_GET = {
    "CTP_PROJECT_KEY": "In the commercetools Merchant Center: Settings > Developer settings > your API client.",
    "CTP_CLIENT_ID": "Create an API client in the Merchant Center (template 'Read-only'); the id is shown once.",
    "CTP_CLIENT_SECRET": "Shown once when the API client is created in the Merchant Center.",
    "CTP_SCOPES": "Shown with the API client, e.g. `view_customers:my-project view_orders:my-project`.",
    "CTP_API_URL": "Your region's API host, shown with the API client.",
    "CTP_AUTH_URL": "Your region's authorization host, shown with the API client.",
    "ITERABLE_API_KEY": "In Iterable: Integrations > API Keys, type 'Server-side' (standard), 32 characters.",
    "ITERABLE_API_URL": "The API host of your Iterable data center (US or EU).",
    "ITERABLE_IDENTITY": "The project's type (Iterable: Settings > Project Settings): `hybrid`, `email` or `user_id`.",
    "CARTWIRE_WEBHOOK_SECRET": "At least 32 random characters of your own; the webhook in Iterable sends them as a custom header.",
    "CARTWIRE_SECRET": "At least 32 characters; `make setup` writes one into .env. Keep it: the ledger belongs to it.",
}


class Settings(BaseSettings):
    """Everything a run needs to know. Paths are absolute after loading; durations are seconds."""

    model_config = SettingsConfigDict(env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", populate_by_name=True)

    ctp_project_key: str = Field(alias="CTP_PROJECT_KEY", pattern=r"^[A-Za-z0-9_-]+$")
    ctp_client_id: str = Field(alias="CTP_CLIENT_ID", min_length=1)
    ctp_client_secret: SecretStr = Field(alias="CTP_CLIENT_SECRET", min_length=1)
    ctp_scopes: str = Field(alias="CTP_SCOPES", default="")
    ctp_api_url: str = Field(alias="CTP_API_URL", pattern=r"^https?://")
    ctp_auth_url: str = Field(alias="CTP_AUTH_URL", pattern=r"^https?://")
    iterable_api_key: SecretStr = Field(alias="ITERABLE_API_KEY", min_length=32)
    iterable_api_url: str = Field(alias="ITERABLE_API_URL", pattern=r"^https?://")
    iterable_identity: Literal["hybrid", "email", "user_id"] = Field(alias="ITERABLE_IDENTITY", default="hybrid")
    secret: SecretStr = Field(alias="CARTWIRE_SECRET", min_length=32)
    warehouse: Path = Field(alias="CARTWIRE_WAREHOUSE", default=Path("var/warehouse.duckdb"))
    ledger: Path = Field(alias="CARTWIRE_LEDGER", default=Path("var/ledger.sqlite"))
    analyst_db: Path = Field(alias="CARTWIRE_ANALYST_DB", default=Path("var/analyst.duckdb"))
    state_dir: Path = Field(alias="CARTWIRE_STATE_DIR", default=Path("var"))
    config: Path = Field(alias="CARTWIRE_CONFIG", default=REPOSITORY / "config")
    settle_seconds: int = Field(alias="CARTWIRE_SETTLE_SECONDS", default=300, ge=0)
    visibility_seconds: int = Field(alias="CARTWIRE_VISIBILITY_SECONDS", default=60, ge=0)
    rate_share: float = Field(alias="CARTWIRE_RATE_SHARE", default=0.7, gt=0, le=1)
    shadow: bool = Field(alias="CARTWIRE_SHADOW", default=False)
    payload_days: int = Field(alias="CARTWIRE_PAYLOAD_DAYS", default=0, ge=0)
    memory_gib: float = Field(alias="CARTWIRE_MEMORY_GIB", default=0.0, ge=0)
    threads: int = Field(alias="CARTWIRE_THREADS", default=0, ge=0)
    webhook_secret: SecretStr = Field(alias="CARTWIRE_WEBHOOK_SECRET", default=SecretStr(""))

    @field_validator("warehouse", "ledger", "analyst_db", "state_dir", mode="after")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value if value.is_absolute() else REPOSITORY / value

    @field_validator("config", mode="after")
    @classmethod
    def _existing_folder(cls, value: Path) -> Path:
        if not value.is_absolute() or not value.is_dir():
            raise ValueError("must be the absolute path of an existing folder; `cartwire init FOLDER` makes one")
        return value

    @field_validator("webhook_secret", mode="after")
    @classmethod
    def _long_or_none(cls, value: SecretStr) -> SecretStr:
        if 0 < len(value.get_secret_value()) < 32:
            raise ValueError("must have at least 32 characters, or be empty")
        return value

    @field_validator("ctp_api_url", "ctp_auth_url", "iterable_api_url", mode="after")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")

    @model_validator(mode="after")
    def _apart_in_shadow(self) -> Settings:
        """A rehearsal shares no file with the real thing."""
        if self.shadow:
            self.state_dir = self.state_dir / "shadow"
            self.warehouse, self.ledger, self.analyst_db = (
                self.state_dir / name for name in ("warehouse.duckdb", "ledger.sqlite", "analyst.duckdb")
            )
        return self

    @property
    def secret_bytes(self) -> bytes:
        """The key of every `person_key`."""
        return self.secret.get_secret_value().encode()


def env_file() -> Path:
    """The `.env` beside `dbt_project.yml`, or the file that CARTWIRE_ENV_FILE (`--env-file`) names."""
    return Path(os.environ.get("CARTWIRE_ENV_FILE") or REPOSITORY / ".env")


def load_settings(dotenv: Path | None = None, *, shadow: bool = False) -> Settings:
    """Read the environment, then `.env`.

    Args: shadow: rehearse whatever CARTWIRE_SHADOW says; every file is then one below `shadow/` of the state folder.

    Raises: ConfigError that lists every missing or wrong variable by name and says where to get a value. Values are never shown.
    """
    try:
        given = {"CARTWIRE_SHADOW": True} if shadow else {}
        return Settings(_env_file=dotenv or env_file(), **given)  # type: ignore[arg-type, call-arg]
    except ValidationError as error:
        lines = [_explain(str(problem["loc"][0]), problem["type"], problem["msg"]) for problem in error.errors()]
        raise ConfigError("settings are incomplete (environment or .env):\n" + "\n".join(lines)) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{dotenv or env_file()} is not UTF-8 text; write it again, .env.example shows its form") from None


def _explain(variable: str, kind: str, message: str) -> str:
    problem = "is missing" if kind == "missing" else f"is wrong: {message}"
    return f"  {variable} {problem}. {HOW_TO_GET.get(variable, 'See .env.example.')}"
