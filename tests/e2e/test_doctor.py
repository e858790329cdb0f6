"""`cartwire doctor`: each check is broken alone; it is the only one that is not ok, and it says how to mend it."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from activation.ledger.store import Ledger
from cartwire import clock
from cartwire.cli.main import main_group
from cartwire.lock import lease
from cartwire.settings import REPOSITORY
from cartwire.warehouse import open_warehouse, write_control
from flows.doctor import CHECKS, machine
from flows.steps import project_binding
from tests.conftest import SECRET, Sandbox
from tests.e2e.locking import locked


@pytest.fixture
def examine(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run `doctor --json` with settings changed as given; answers exit code and checks by name."""

    def run(**changes: object) -> tuple[int, dict[str, dict[str, str]]]:
        for name, value in sandbox.environment(tmp_path, **changes).items():
            monkeypatch.setenv(name, value)
        result = CliRunner().invoke(main_group, ["doctor", "--json"], standalone_mode=False)
        assert result.exception is None, result.exception
        return result.return_value, {check["name"]: check for check in json.loads(result.stdout)["checks"]}

    return run


def only(checks: dict[str, dict[str, str]], name: str, verdict: str = "fail") -> dict[str, str]:
    """The check `name`, which must be the only one that is not ok and must say how to mend it."""
    assert {check["name"]: check["verdict"] for check in checks.values() if check["verdict"] != "ok"} == {name: verdict}
    assert checks[name]["mend"]
    return checks[name]


def spoilt_config(folder: Path, file: str, before: str, after: str) -> Path:
    copy = shutil.copytree(REPOSITORY / "config", folder / "config")
    text = (copy / file).read_text()
    assert before in text
    (copy / file).write_text(text.replace(before, after, 1))
    return copy


def test_all_is_well_at_the_sandbox(examine: Any) -> None:
    code, checks = examine()
    assert code == 0
    assert {check["verdict"] for check in checks.values()} == {"ok"}
    assert tuple(checks) == CHECKS


def test_doctor_leaves_no_files_and_writes_to_no_api(examine: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    examine()
    assert list(tmp_path.iterdir()) == []
    assert sandbox.writes() == {}


def test_settings_that_are_missing_are_listed(examine: Any) -> None:
    code, checks = examine(CTP_PROJECT_KEY="", ITERABLE_API_KEY="short")
    assert code == 2
    mend = only(checks, "settings")["mend"]
    assert "CTP_PROJECT_KEY is missing" in mend
    assert "ITERABLE_API_KEY is wrong" in mend
    assert "short" not in mend


@pytest.mark.parametrize("package", list(machine.TESTED))
def test_another_version_of_a_library_is_a_warning(examine: Any, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    real = machine.version
    monkeypatch.setattr(machine, "version", lambda name: "0.0.1" if name == package else real(name))
    code, checks = examine()
    assert code == 0
    assert "make setup" in only(checks, package, "warn")["mend"]


def test_a_full_disk_is_a_warning(examine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12 - 1, 1))
    code, checks = examine()
    assert code == 0
    assert "CARTWIRE_WAREHOUSE" in only(checks, "disk", "warn")["mend"]


def test_a_wrong_row_of_config_is_named_and_what_depends_on_it_left_out(examine: Any, tmp_path: Path) -> None:
    code, checks = examine(CARTWIRE_CONFIG=spoilt_config(tmp_path, "markets.csv", ",EUR,", ",EURO,"))
    assert code == 2
    assert only(checks, "config")["found"].startswith("markets.csv, row 3, column currency_code")
    assert "iterable channels" not in checks


def test_a_ledger_of_another_secret(examine: Any, tmp_path: Path) -> None:
    Ledger.open(tmp_path / "ledger.sqlite", b"another secret, another secret, another").close()
    code, checks = examine()
    assert code == 2
    assert "restore the secret" in only(checks, "ledger")["mend"]


@pytest.mark.parametrize("side", ["commercetools", "iterable"])
def test_a_ledger_bound_to_another_project(examine: Any, sandbox: Sandbox, tmp_path: Path, side: str) -> None:
    source, target, identity = project_binding(sandbox.settings(tmp_path))
    with Ledger.open(tmp_path / "ledger.sqlite", SECRET.encode()) as ledger:
        ledger.bind(*(("another", target, identity) if side == "commercetools" else (source, "another", identity)), clock.now())
    check = only(examine()[1], "ledger")
    assert f"another {side} project" in check["found"]
    assert "CARTWIRE_LEDGER" in check["mend"]


def test_a_file_that_is_no_ledger(examine: Any, tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").write_text("not a database, but longer than a header of SQLite would be " * 20)
    assert "CARTWIRE_LEDGER" in only(examine()[1], "ledger")["mend"]


def test_a_locked_warehouse(examine: Any, tmp_path: Path) -> None:
    with locked(tmp_path / "warehouse.duckdb"):
        check = only(examine()[1], "warehouse")
    assert "stayed locked" in check["found"]
    assert "CARTWIRE_ANALYST_DB" in check["mend"]


def test_a_warehouse_that_a_running_sync_holds_is_no_fault(examine: Any, tmp_path: Path) -> None:
    with locked(tmp_path / "warehouse.duckdb"), lease(tmp_path / "ledger.sqlite"):
        code, checks = examine()
    assert code == 0
    assert "running sync" in checks["warehouse"]["found"]


def test_a_warehouse_with_another_shop_in_it(examine: Any, tmp_path: Path) -> None:
    connection = open_warehouse(tmp_path / "warehouse.duckdb")
    facts = {"run_id": "r", "as_of": clock.now(), "go_live_at": clock.now(), "identity": "hybrid", "authority": {}}
    write_control(connection, project_key="another-shop", secret=SECRET.encode(), **facts)  # type: ignore[arg-type]
    connection.close()
    check = only(examine()[1], "warehouse")
    assert "another-shop" in check["found"]
    assert "new files" in check["mend"]


def test_wrong_credentials(examine: Any) -> None:
    code, checks = examine(CTP_CLIENT_SECRET="a-wrong-secret")
    assert code == 2
    assert "CTP_CLIENT_SECRET" in only(checks, "commercetools access")["mend"]
    assert "a-wrong-secret" not in json.dumps(checks)


def test_an_unreachable_commercetools(examine: Any) -> None:
    _, checks = examine(CTP_AUTH_URL="http://127.0.0.1:9")
    assert "CTP_AUTH_URL" in only(checks, "commercetools access")["mend"]


def test_a_missing_scope_is_named(examine: Any, sandbox: Sandbox) -> None:
    scopes = [scope for scope in sandbox.credentials["CTP_SCOPES"].split() if not scope.startswith("view_payments")]
    code, checks = examine(CTP_SCOPES=" ".join(scopes))
    assert code == 2
    assert only(checks, "commercetools scopes")["found"] == "missing: view_payments:cartwire-demo"


def test_missing_project_settings_are_named_once(examine: Any, sandbox: Sandbox) -> None:
    scopes = [scope for scope in sandbox.credentials["CTP_SCOPES"].split() if "project_settings" not in scope]
    checks = examine(CTP_SCOPES=" ".join(scopes))[1]
    assert only(checks, "commercetools scopes")["found"] == "missing: view_project_settings:cartwire-demo"


def test_published_products_are_enough(examine: Any, sandbox: Sandbox) -> None:
    code, checks = examine(CTP_SCOPES=sandbox.credentials["CTP_SCOPES"].replace("view_products", "view_published_products"))
    assert code == 0
    check = only(checks, "commercetools scopes", "warn")
    assert check["found"] == "missing: view_products:cartwire-demo"
    assert "skipped without them (product_types, inventory)" in check["mend"]


def test_scopes_of_resources_one_can_do_without_are_a_warning_that_says_what_is_skipped(examine: Any, sandbox: Sandbox) -> None:
    optional = ("view_discount_codes", "view_states", "view_business_units", "view_key_value_documents")
    scopes = [scope for scope in sandbox.credentials["CTP_SCOPES"].split() if not scope.startswith(optional)]
    code, checks = examine(CTP_SCOPES=" ".join(scopes))
    assert code == 0
    check = only(checks, "commercetools scopes", "warn")
    assert check["found"] == "missing: " + " ".join(f"{scope}:cartwire-demo" for scope in sorted(optional))
    assert "(discount_codes, states, business_units, custom_objects)" in check["mend"]


def test_an_api_host_of_another_region(examine: Any, sandbox: Sandbox) -> None:
    code, checks = examine(CTP_API_URL=sandbox.iterable_url)
    assert code == 2
    assert "CTP_API_URL" in only(checks, "commercetools region")["mend"]


def test_a_clock_that_is_off(examine: Any, sandbox: Sandbox) -> None:
    sandbox.admin("commercetools", "POST", "clock", {"offset_seconds": 90})
    code, checks = examine()
    assert code == 0
    assert "NTP" in only(checks, "commercetools clock", "warn")["mend"]


def test_messages_that_are_switched_off(examine: Any, sandbox: Sandbox) -> None:
    sandbox.admin("commercetools", "POST", "settings", {"messages_enabled": False})
    try:
        code, checks = examine()
    finally:
        sandbox.admin("commercetools", "POST", "settings", {"messages_enabled": True})
    assert code == 0
    only(checks, "commercetools messages", "warn")


def test_a_wrong_iterable_key(examine: Any) -> None:
    code, checks = examine(ITERABLE_API_KEY="x" * 32)
    assert code == 2
    assert "ITERABLE_API_KEY" in only(checks, "iterable access")["mend"]
    assert "x" * 32 not in json.dumps(checks)


def test_an_unreachable_iterable(examine: Any) -> None:
    assert "ITERABLE_API_URL" in only(examine(ITERABLE_API_URL="http://127.0.0.1:9")[1], "iterable access")["mend"]


@pytest.mark.parametrize("identity", ["hybrid", "email", "user_id"])
def test_the_right_type_of_project_passes_with_people_in_it(examine: Any, sandbox: Sandbox, identity: str) -> None:
    sandbox.admin("iterable", "POST", "settings", {"identity": identity})
    people = [{"email": f"person{number}@example.com", "userId": f"u-{number}"} for number in range(3)]
    odd = {
        "hybrid": [{"email": "guest@example.com"}, {"userId": "u-9"}],
        "email": [{"email": "u-1@placeholder.email", "userId": "u-1"}, {"email": "guest@example.com"}],
        "user_id": [{"email": "person1@example.com", "userId": "g-1"}, {"userId": "u-9"}],
    }
    sandbox.admin("iterable", "POST", "users", {"users": people + odd[identity]})
    code, checks = examine(ITERABLE_IDENTITY=identity)
    assert (code, checks["iterable project type"]["found"]) == (0, f"nothing speaks against {identity}")


ADA = {"email": "ada@example.com", "userId": "u-1"}
CONTRADICTIONS: list[tuple[str, str, list[dict[str, str]], str]] = [
    ("email", "hybrid", [], "static lists are in the field emailListIds"),
    ("email", "user_id", [], "static lists are in the field emailListIds"),
    ("hybrid", "email", [], "static lists are in the field userListIds"),
    ("user_id", "email", [], "static lists are in the field userListIds"),
    ("user_id", "hybrid", [ADA, {**ADA, "userId": "u-2"}], "several users have one address"),
    ("hybrid", "user_id", [ADA, {"email": "guest@example.com"}], "there are users without a userId"),
    ("hybrid", "user_id", [ADA, {**ADA, "email": "bob@example.com"}], "several users have one userId"),
    (
        "hybrid",
        "hybrid",
        [{"email": "u-1@placeholder.email", "userId": "u-1"}],
        "addresses that only e-mail-based projects make up",
    ),
]
"""What the project is, what the setting says, who is there, and what gives it away."""


@pytest.mark.parametrize(("is_really", "setting", "users", "evidence"), CONTRADICTIONS)
def test_a_project_of_another_type(
    examine: Any, sandbox: Sandbox, is_really: str, setting: str, users: list[dict[str, str]], evidence: str
) -> None:
    sandbox.admin("iterable", "POST", "settings", {"identity": is_really})
    sandbox.admin("iterable", "POST", "users", {"users": users})
    code, checks = examine(ITERABLE_IDENTITY=setting)
    check = only(checks, "iterable project type")
    assert code == 2
    assert check["found"].startswith(f"not a project of ITERABLE_IDENTITY={setting}: ")
    assert check["found"].count(";") == 0
    assert evidence in check["found"]
    assert "ITERABLE_IDENTITY" in check["mend"]
    assert "@example.com" not in json.dumps(checks)


def test_a_ledger_of_another_type_of_project(examine: Any, sandbox: Sandbox, tmp_path: Path) -> None:
    settings = sandbox.settings(tmp_path)
    with Ledger.open(settings.ledger, SECRET.encode()) as ledger:
        ledger.bind(*project_binding(settings), clock.now())
    sandbox.admin("iterable", "POST", "settings", {"identity": "email"})
    assert "ITERABLE_IDENTITY=hybrid" in only(examine(ITERABLE_IDENTITY="email")[1], "ledger")["found"]


def test_a_channel_the_project_does_not_have(examine: Any, sandbox: Sandbox) -> None:
    channels = sandbox.admin("iterable", "GET", "settings")["channels"]
    sandbox.admin("iterable", "POST", "settings", {"channels": [one for one in channels if one["name"] != "SMS Marketing"]})
    check = only(examine()[1], "iterable channels")
    assert "SMS Marketing" in check["found"]
    assert "iterable_channels.csv" in check["mend"]


def test_a_list_the_project_does_not_have_and_one_that_the_next_sync_makes(examine: Any, tmp_path: Path) -> None:
    header = "list_name,source,is_enabled,creates_missing,removes_found_members,comment\n"
    row = "Nobody's list,profiles.is_email_verified,true,{},false,\n"
    config = spoilt_config(tmp_path, "iterable_lists.csv", header, header + row.format("false"))
    check = only(examine(CARTWIRE_CONFIG=config)[1], "iterable lists", "warn")
    assert "Nobody's list" in check["found"]
    assert "iterable_lists.csv" in check["mend"]
    (config / "iterable_lists.csv").write_text(header + row.format("true"))
    assert "the next sync makes it" in examine(CARTWIRE_CONFIG=config)[1]["iterable lists"]["found"]


def test_a_message_type_of_another_channel(examine: Any, sandbox: Sandbox) -> None:
    types = sandbox.admin("iterable", "GET", "settings")["message_types"]
    moved = [{**one, "channelId": 104} if one["name"] == "Newsletter" else one for one in types]
    sandbox.admin("iterable", "POST", "settings", {"message_types": moved})
    assert "Newsletter (Email Marketing)" in only(examine()[1], "iterable message types")["found"]


@pytest.mark.parametrize(("field", "fixed"), [("firstName", "long"), ("loyaltyTier", "double"), ("consent", "string")])
def test_a_field_of_another_type(examine: Any, sandbox: Sandbox, field: str, fixed: str) -> None:
    sandbox.admin("iterable", "POST", "fields", {"fields": {field: fixed}})
    check = only(examine()[1], "iterable fields")
    assert field in check["found"]
    assert "attribute_map.csv" in check["mend"]


def test_people_read_one_line_a_check_and_the_mend_below(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in sandbox.environment(tmp_path, CTP_CLIENT_SECRET="a-wrong-secret").items():
        monkeypatch.setenv(name, value)
    result: Result = CliRunner().invoke(main_group, ["doctor"], standalone_mode=False)
    lines = result.output.splitlines()
    failing = [index for index, line in enumerate(lines) if line.startswith("FAIL")]
    assert len(failing) == 1
    assert lines[failing[0] + 1].lstrip().startswith("→ Check CTP_CLIENT_ID")
    assert "ready" not in result.output
