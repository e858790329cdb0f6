"""A wrong row in any file of config/ gives one clear error that names file, row and column."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cartwire.config_check import check_config, read_seeds
from cartwire.errors import ConfigError
from cartwire.settings import REPOSITORY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped config/, to be spoilt."""
    return shutil.copytree(REPOSITORY / "config", tmp_path / "config")


def refusal(folder: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        check_config(folder)
    return caught.value


def spoil(folder: Path, file: str, before: str, after: str) -> ConfigError:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    return refusal(folder)


def test_the_shipped_files_are_right(folder: Path) -> None:
    check_config(folder)
    assert {f"{seed.name}.csv" for seed in read_seeds(folder)} == {path.name for path in folder.glob("*.csv")}


@pytest.mark.parametrize(
    ("file", "before", "after", "row", "column", "allowed"),
    [
        ("consent_fields.csv", "false,denied", "false,refused", 3, "status", "granted, pending, denied, withdrawn"),
        ("consent_fields.csv", "email,marketing,*,false", ",marketing,*,false", 3, "channel", "what matches"),
        ("consent_fields.csv", "marketing,*,false,denied", "marketing,*,TRUE,denied", 3, "value", "once"),
        ("consent_rules.csv", "withdrawal_wins,", "newest_wins,", 2, "source_of_truth", "most_recent, most_restrictive"),
        ("markets.csv", ",EUR,", ",EURO,", 3, "currency_code", "a currency_code of currencies.csv"),
        ("markets.csv", "Europe/Berlin", "Europe/Bärlin", 3, "time_zone", "IANA"),
        ("markets.csv", "{slug},false", "{slug},no", 3, "is_default", "true, false"),
        ("markets.csv", "{slug},true", "{slug},false", 1, "is_default", "exactly one"),
        ("markets.csv", "https://shop.example.com/de/products/{slug}", "https://shop", 3, "product_url_template", "slug"),
        ("currencies.csv", "AED,2", "AED,9", 2, "fraction_digits", "at least 0 and at most 4"),
        ("currencies.csv", "AED,2", "AED,two", 2, "fraction_digits", "a whole number"),
        ("attribute_map.csv", ",loyaltyTier,string", ",userId,string", 2, "iterable_field", "any name but"),
        ("attribute_map.csv", ",long,true", ",integer,true", 3, "type", "string, long, double, boolean, date, string[]"),
        ("order_rules.csv", "minimum_age_hours,1", "minimum_age_hours,soon", 7, "value", "where rule_type is minimum_age_hours"),
        ("order_rules.csv", "failed_payment,20", "failed_payment,10", 4, "priority", "once"),
        ("cart_rules.csv", "dearest,20", "dearest,10", 3, "priority", "once"),
        ("cart_rules.csv", "highest_total,true", "highest_total,EUR", 3, "value", "where rank_by is highest_total"),
        ("objects.csv", "0.05,50", "1.5,50", 3, "guard_share", "at most 1"),
        (
            "consent_policies.csv",
            "users,*,*,profile_only",
            "users,*,*,send",
            2,
            "without_consent",
            "profile_only|exclude where object is users",
        ),
        (
            "consent_policies.csv",
            "carts,*,*,suppress",
            "carts,*,*,exclude",
            4,
            "without_consent",
            "send|suppress where object is carts",
        ),
        (
            "consent_policies.csv",
            "carts,*,*,suppress",
            "carts,*,atlantis,suppress",
            4,
            "market_code",
            "a market_code of markets.csv, or *",
        ),
        ("consent_policies.csv", "carts,*,*,suppress", "carts,order_updated,*,suppress", 4, "kind", "of the same object, or *"),
        ("consent_policies.csv", "carts,*,*,suppress", "events,*,*,suppress", 5, "market_code", "once"),
        ("identity_policies.csv", "deletion,hold", "deletion,delete", 2, "policy", "hold, send"),
        ("identity_policies.csv", "hold,7", "hold,-1", 2, "grace_days", "at least 0"),
        ("identity_rules.csv", "same_address,20", "same_address, 20", 3, "priority", "without spaces"),
    ],
)
def test_a_wrong_value_is_named_with_its_place_and_what_is_allowed(
    folder: Path, file: str, before: str, after: str, row: int, column: str, allowed: str
) -> None:
    error = spoil(folder, file, before, after)
    assert str(error).startswith(f"{file}, row {row}, column {column}: ")
    assert allowed in str(error)
    assert error.facts == {"file": file, "row": row, "column": column}


RULES = "rule_id,attribute,market_code,channel,purpose,source_of_truth,valid_from,valid_until,is_enabled,comment\n"


@pytest.mark.parametrize(
    ("first", "second", "ties"),
    [
        ("a,consent,de,*,*,iterable,,,true,", "b,consent,*,email,*,import,,,true,", True),
        ("a,consent,de,*,*,iterable,,,true,", "b,consent,de,email,*,import,,,true,", False),
        ("a,consent,de,*,*,iterable,,,true,", "b,consent,us,*,*,import,,,true,", False),
        ("a,consent,de,*,*,iterable,,,true,", "b,phoneNumber,de,*,*,iterable,,,true,", False),
        ("a,consent,de,*,*,iterable,,,true,", "b,consent,de,*,*,import,,,false,", False),
        ("a,consent,*,*,*,iterable,,2026-01-01 00:00:00,true,", "b,consent,*,*,*,import,2026-01-01 00:00:00,,true,", False),
        ("a,consent,*,*,*,iterable,,2026-01-01 00:00:01,true,", "b,consent,*,*,*,import,2026-01-01 00:00:00,,true,", True),
    ],
)
def test_two_rules_that_tie_are_refused_before_anything_is_built(folder: Path, first: str, second: str, ties: bool) -> None:
    (folder / "consent_rules.csv").write_text(f"{RULES}{first}\n{second}\n", encoding="utf-8")
    if not ties:
        check_config(folder)
        return
    error = refusal(folder)
    assert str(error).startswith("consent_rules.csv, row 3, column market_code: ties with row 2")


def test_an_address_that_is_never_messaged_is_never_shown(folder: Path) -> None:
    (folder / "consent_suppressions.csv").write_text("kind,value,channel,comment\naddress,ada.example.com,*,\n", encoding="utf-8")
    error = refusal(folder)
    assert "row 2, column value" in str(error)
    assert "ada" not in str(error)


def test_an_address_of_the_team_is_never_shown(folder: Path) -> None:
    error = spoil(folder, "test_profiles.csv", "test.customer@example.com", "test.customer.example.com")
    assert "row 2, column email" in str(error)
    assert "test.customer" not in str(error)


def test_a_row_of_the_team_needs_an_address_or_an_id(folder: Path) -> None:
    assert "one of email and customer_id" in str(spoil(folder, "test_profiles.csv", "test.customer@example.com", ""))


def test_a_column_that_is_misspelt_or_moved_is_named(folder: Path) -> None:
    assert "row 1: column curency_code is unknown" in str(spoil(folder, "currencies.csv", "currency_code", "curency_code"))
    shutil.copy(REPOSITORY / "config" / "currencies.csv", folder)
    error = spoil(folder, "currencies.csv", "currency_code,fraction_digits", "fraction_digits,currency_code")
    assert "row 1: the columns are in another order" in str(error)


def test_a_value_too_many_is_named_with_its_row(folder: Path) -> None:
    error = spoil(folder, "identity_rules.csv", "has shown that", "has shown, that")
    assert "identity_rules.csv, row 2: 6 values for 5 columns" in str(error)


def test_a_missing_and_an_unknown_file_are_named(folder: Path) -> None:
    (folder / "market.csv").write_text("a\n")
    assert str(refusal(folder)).startswith("market.csv: no such file is known here; allowed: ")
    (folder / "market.csv").unlink()
    (folder / "markets.csv").unlink()
    assert str(refusal(folder)).startswith("markets.csv is missing")


def test_a_folder_without_descriptions_says_how_to_get_them(tmp_path: Path) -> None:
    assert "cartwire init" in str(refusal(tmp_path))


def test_text_that_is_not_utf8_is_refused(folder: Path) -> None:
    (folder / "order_rules.csv").write_bytes("rule_id,priority\nbär".encode("latin-1"))
    assert "not UTF-8" in str(refusal(folder))
