"""What incremental models opened is opened again when the project's SQL or the configured path is another."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

from cartwire.settings import REPOSITORY, Settings
from cartwire.warehouse import open_warehouse
from flows.dbt import build_withdrawals
from flows.upgrade import needs_full_refresh, remember_built
from tests.conftest import Sandbox

PATH = "custom.fields.newsletterOptIn"
ORDER = '{"id":"o1","customerEmail":"a@example.com","custom":{"fields":{"newsletterOptIn":false,"post":"no"}}}'
LOADED = f"insert into raw.orders_history (id, version, loaded_at, document) values ('o1', 1, now(), '{ORDER}')"


def test_rows_opened_by_other_code_are_opened_again_and_those_of_this_code_are_kept(
    sandbox_process: Sandbox, tmp_path: Path
) -> None:
    settings = sandbox_process.settings(tmp_path)
    build_withdrawals(settings)
    _execute(settings, LOADED)
    assert _word_after_a_build(settings) == "false"
    _execute(settings, "update staging.base_commercetools__consent_words set value_text = 'as older code read it'")
    remember_built(settings)
    assert _word_after_a_build(settings) == "as older code read it"
    _execute(settings, "update control.built set code_digest = 'older'")
    assert needs_full_refresh(settings)
    assert _word_after_a_build(settings) == "false"


def test_a_newly_configured_field_is_read_from_versions_opened_before(sandbox_process: Sandbox, tmp_path: Path) -> None:
    config = shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    settings = sandbox_process.settings(tmp_path, CARTWIRE_CONFIG=config)
    build_withdrawals(settings)
    remember_built(settings)
    _execute(settings, LOADED)
    assert _word_after_a_build(settings) == "false"
    with (config / "consent_fields.csv").open("a") as file:
        file.write("orders,custom.fields.post,post,marketing,*,no,denied\n")
    assert _word_after_a_build(settings) == "false"
    assert _word_after_a_build(settings, "custom.fields.post") == "no"


def _word_after_a_build(settings: Settings, field_path: str = PATH) -> str:
    build_withdrawals(settings)
    query = "select value_text from staging.base_commercetools__consent_words where field_path = ?"
    with closing(open_warehouse(settings.warehouse)) as connection:
        ((word,),) = connection.execute(query, [field_path]).fetchall()
    return str(word)


def _execute(settings: Settings, statement: str) -> None:
    with closing(open_warehouse(settings.warehouse)) as connection:
        connection.execute(statement)
