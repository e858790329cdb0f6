"""Bad input before anything is read: one clear message, the right exit code, nothing made, nothing asked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from activation.ledger.store import Ledger
from cartwire import clock
from cartwire.settings import REPOSITORY, load_settings
from cartwire.warehouse import open_warehouse, write_control
from flows.steps import project_binding
from tests.conftest import SECRET
from tests.e2e.command import Outcome, cartwire
from tests.e2e.locking import locked

NOBODY = "http://127.0.0.1:9"
VERBS = (("sync",), ("plan",), ("sync", "--json"))


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """A complete installation whose two APIs are addresses where nobody listens: any request would show as another error."""
    return {
        "CTP_PROJECT_KEY": "shop",
        "CTP_CLIENT_ID": "client",
        "CTP_CLIENT_SECRET": "hush-hush",
        "CTP_API_URL": NOBODY,
        "CTP_AUTH_URL": NOBODY,
        "ITERABLE_API_KEY": "k" * 32,
        "ITERABLE_API_URL": NOBODY,
        "CARTWIRE_SECRET": SECRET,
        "CARTWIRE_WAREHOUSE": str(tmp_path / "files" / "warehouse.duckdb"),
        "CARTWIRE_LEDGER": str(tmp_path / "files" / "ledger.sqlite"),
        "CARTWIRE_ANALYST_DB": str(tmp_path / "files" / "analyst.duckdb"),
        "CARTWIRE_STATE_DIR": str(tmp_path / "files"),
    }


def refused(outcome: Outcome, code: int, *words: str) -> str:
    """One message on standard error, with these words; no traceback and no secret."""
    assert outcome.code == code, outcome
    assert outcome.err.count("cartwire: ") == 1
    assert "Traceback" not in outcome.err
    for secret in ("hush-hush", "k" * 32, SECRET):
        assert secret not in outcome.err + outcome.out
    for word in words:
        assert word in outcome.message
    return outcome.message


def spoil(folder: Path, file: str, before: str, after: str) -> Path:
    copy = shutil.copytree(REPOSITORY / "config", folder / "config")
    text = (copy / file).read_text(encoding="utf-8")
    assert before in text
    (copy / file).write_text(text.replace(before, after, 1), encoding="utf-8")
    return copy


WRONG_ROWS = [
    ("attribute_map.csv", "loyaltyPoints,long", "loyaltyPoints,integer", 3, "type"),
    ("cart_rules.csv", "newest_modified", "newest", 2, "rank_by"),
    ("cart_stages.csv", "first,60", "first,0", 2, "idle_minutes"),
    ("consent_fields.csv", "false,denied", "false,no", 3, "status"),
    ("consent_evidence.csv", "proof_path\n", "proof_path\ncustomers,custom.fields.unknown,,,,,,\n", 2, "field_path"),
    ("consent_markets.csv", "days\n", "days\nde,email,iterable,none,\n", 2, "minimum_age"),
    ("consent_policies.csv", "users,*,*,profile_only", "users,*,*,perhaps", 2, "without_consent"),
    ("consent_rules.csv", "withdrawal_wins", "newest_wins", 2, "source_of_truth"),
    ("consent_suppressions.csv", "comment\n", "comment\nphone,0170,*,\n", 2, "value"),
    ("currencies.csv", "AED,2", "AED,two", 2, "fraction_digits"),
    ("found_purchases.csv", "same_reference,hold", "same_reference,drop", 2, "decision"),
    ("go_live.csv", "go_live_at\n", "go_live_at\nyesterday\n", 2, "go_live_at"),
    ("identity_policies.csv", "deletion,hold,7", "deletion,hold,seven", 2, "grace_days"),
    ("identity_rules.csv", "same_address,20", "same_address,soon", 3, "priority"),
    ("iterable_channels.csv", "sms,marketing", "fax,marketing", 3, "channel"),
    ("iterable_lists.csv", "comment\n", "comment\nVIP,profiles.is_vip,yes,true,false,\n", 2, "is_enabled"),
    ("iterable_subscription_sources.csv", "SMS,true", "SMS,often", 3, "is_by_person"),
    ("loyalty_fields.csv", "points,custom", "stars,custom", 3, "attribute"),
    ("markets.csv", ",EUR,", ",EURO,", 3, "currency_code"),
    ("objects.csv", "users,users,true", "users,users,maybe", 4, "is_enabled"),
    ("order_attributes.csv", "campaign_id,custom.fields.campaignId", "campaign_id,", 2, "source_path"),
    ("order_rules.csv", "order_status,cancelled", "order_colour,cancelled", 3, "rule_type"),
    ("phone_countries.csv", "AC,247", "AC,+247", 2, "calling_code"),
    ("test_profiles.csv", "test.customer@example.com", "test.customer", 2, "email"),
]


def test_every_file_of_config_has_a_wrong_row_here() -> None:
    assert {row[0] for row in WRONG_ROWS} == {path.name for path in (REPOSITORY / "config").glob("*.csv")}


@pytest.mark.parametrize(("file", "before", "after", "row", "column"), WRONG_ROWS, ids=[row[0] for row in WRONG_ROWS])
def test_a_wrong_row_is_named_before_anything_happens(
    env: dict[str, str], tmp_path: Path, file: str, before: str, after: str, row: int, column: str
) -> None:
    env["CARTWIRE_CONFIG"] = str(spoil(tmp_path, file, before, after))
    for verb in VERBS:
        message = refused(cartwire(env, *verb), 2, f"{file}, row {row}, column {column}: ")
        assert "allowed" in message or "filled" in message
    assert "test.customer" not in message
    assert not (tmp_path / "files").exists()


def test_a_machine_reads_the_place_of_a_wrong_row(env: dict[str, str], tmp_path: Path) -> None:
    env["CARTWIRE_CONFIG"] = str(spoil(tmp_path, "markets.csv", ",EUR,", ",EURO,"))
    facts = cartwire(env, "sync", "--json").json()
    assert facts.pop("error").startswith("markets.csv, row 3, column currency_code")
    assert facts == {"exit_code": 2, "file": "markets.csv", "row": 3, "column": "currency_code"}


@pytest.mark.parametrize("value", ["/nowhere/at/all", "config"])
def test_a_config_folder_that_is_not_there_says_how_to_make_one(env: dict[str, str], value: str) -> None:
    refused(cartwire({**env, "CARTWIRE_CONFIG": value}, "sync"), 2, "CARTWIRE_CONFIG is wrong", "cartwire init FOLDER")


def test_a_config_folder_without_our_files_says_how_to_make_one(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    refused(cartwire({**env, "CARTWIRE_CONFIG": str(tmp_path / "config")}, "sync"), 2, "cartwire init")


def test_a_half_written_env_file_lists_everything_that_is_missing_or_wrong(tmp_path: Path) -> None:
    path = tmp_path / "half.env"
    path.write_text(
        "CTP_PROJECT_KEY=shop\nCTP_CLIENT_ID=\nCTP_CLIENT_SECRET\nCTP_API_URL=api.example.com\nITERABLE_API_KEY='hush-hush\n"
        "CARTWIRE_SECRET=hush-hush\nCARTWIRE_SETTLE_SECONDS=soon\nthis line is no setting\n"
    )
    message = refused(cartwire({}, "--env-file", str(path), "sync"), 2)
    lines = [line.split()[0] for line in message.splitlines()[1:]]
    assert sorted(lines) == [
        "CARTWIRE_SECRET",
        "CARTWIRE_SETTLE_SECONDS",
        "CTP_API_URL",
        "CTP_AUTH_URL",
        "CTP_CLIENT_ID",
        "CTP_CLIENT_SECRET",
        "ITERABLE_API_KEY",
        "ITERABLE_API_URL",
    ]
    assert "CTP_PROJECT_KEY" not in message


def test_an_env_file_that_is_no_text_is_one_message(tmp_path: Path) -> None:
    path = tmp_path / "odd.env"
    path.write_bytes(b"CTP_PROJECT_KEY=\xff\xfe\x00shop\n")
    refused(cartwire({}, "--env-file", str(path), "sync"), 2, "UTF-8")


def test_another_secret_is_refused_and_the_ledger_stays_as_it_is(env: dict[str, str]) -> None:
    ledger = Path(env["CARTWIRE_LEDGER"])
    Ledger.open(ledger, b"another secret, another secret, another").close()
    before = ledger.read_bytes()
    for verb in VERBS:
        refused(cartwire(env, *verb), 6, "CARTWIRE_SECRET", "restore the secret")
    assert ledger.read_bytes() == before


@pytest.mark.parametrize("changes", [{"ITERABLE_API_KEY": "x" * 32}, {"CTP_PROJECT_KEY": "other"}, {"CTP_API_URL": NOBODY + "0"}])
def test_another_project_after_the_binding_is_refused_before_the_first_request(
    env: dict[str, str], monkeypatch: pytest.MonkeyPatch, changes: dict[str, str]
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with Ledger.open(Path(env["CARTWIRE_LEDGER"]), SECRET.encode()) as ledger:
        ledger.bind(*project_binding(load_settings()), clock.now())
    for verb in VERBS:
        refused(cartwire({**env, **changes}, *verb), 2, "bound to another", "CARTWIRE_LEDGER")


def test_a_warehouse_of_another_shop_is_refused_before_the_first_request(env: dict[str, str]) -> None:
    connection = open_warehouse(Path(env["CARTWIRE_WAREHOUSE"]))
    moment = clock.now()
    write_control(
        connection,
        run_id="r",
        as_of=moment,
        go_live_at=moment,
        project_key="another-shop",
        identity="hybrid",
        secret=SECRET.encode(),
        authority={},
    )
    connection.close()
    for verb in VERBS:
        refused(cartwire(env, *verb), 2, "another-shop", "new files")


def test_a_locked_warehouse_is_waited_for_and_then_named(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.context.open_warehouse", lambda path, **_: open_warehouse(path, wait_s=0.3))
    path = Path(env["CARTWIRE_WAREHOUSE"])
    open_warehouse(path).close()
    with locked(path):
        refused(cartwire(env, "sync"), 2, "stayed locked", "CARTWIRE_ANALYST_DB")
        assert cartwire(env, "status").code == 0
    assert cartwire(env, "status", "--json").json()["runs"][0]["exit"] == 2


def test_a_warehouse_that_is_no_duckdb_file_is_named_and_kept(env: dict[str, str]) -> None:
    path = Path(env["CARTWIRE_WAREHOUSE"])
    path.parent.mkdir()
    path.write_text("precious notes of somebody")
    refused(cartwire(env, "sync"), 2, "CARTWIRE_WAREHOUSE", "move it away")
    assert path.read_text() == "precious notes of somebody"


def test_a_ledger_that_is_no_ledger_is_named_and_kept(env: dict[str, str]) -> None:
    path = Path(env["CARTWIRE_LEDGER"])
    path.parent.mkdir()
    path.write_text("precious notes of somebody " * 100)
    for verb in ("sync", "status", "rejections"):
        refused(cartwire(env, verb), 6, "CARTWIRE_LEDGER")
    assert path.read_text() == "precious notes of somebody " * 100


def test_a_fault_of_ours_shows_no_row(env: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, **_: object) -> None:
        raise ValueError("could not read ada@example.com, Ada Lovelace")

    monkeypatch.setattr("flows.context.open_warehouse", fail)
    message = refused(cartwire(env, "sync"), 1, "ValueError", "test_bad_input.py, line", "--log-level DEBUG")
    assert "Ada" not in message
    assert cartwire(env, "status", "--json").json()["runs"][0]["state"] == "failed"
