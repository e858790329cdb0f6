"""What incremental models opened under earlier code is opened again by the first sync after an upgrade."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from cartwire.settings import Settings
from cartwire.warehouse import open_warehouse
from flows.dbt import build_withdrawals
from flows.upgrade import needs_full_refresh, remember_built
from tests.conftest import Sandbox

ORDER = '{"id":"o1","customerEmail":"a@example.com","custom":{"fields":{"newsletterOptIn":false}}}'


def test_rows_opened_by_other_code_are_opened_again_and_those_of_this_code_are_kept(
    sandbox_process: Sandbox, tmp_path: Path
) -> None:
    settings = sandbox_process.settings(tmp_path)
    build_withdrawals(settings)
    _execute(settings, f"insert into raw.orders_history (id, version, document) values ('o1', 1, '{ORDER}')")
    assert _word_after_a_build(settings) == "false"
    _execute(settings, "update staging.base_commercetools__consent_words set value_text = 'as older code read it'")
    remember_built(settings)
    assert _word_after_a_build(settings) == "as older code read it"
    _execute(settings, "update control.built set code_digest = 'older'")
    assert needs_full_refresh(settings)
    assert _word_after_a_build(settings) == "false"


def _word_after_a_build(settings: Settings) -> str:
    build_withdrawals(settings)
    with closing(open_warehouse(settings.warehouse)) as connection:
        ((word,),) = connection.execute("select value_text from staging.base_commercetools__consent_words").fetchall()
    return str(word)


def _execute(settings: Settings, statement: str) -> None:
    with closing(open_warehouse(settings.warehouse)) as connection:
        connection.execute(statement)
