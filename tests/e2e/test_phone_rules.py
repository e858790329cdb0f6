"""The E.164 rule of the models against the library whose numbering plans config/phone_countries.csv was made from."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import duckdb
import phonenumbers
import pyarrow as pa
import pytest
from phonenumbers import PhoneNumberFormat
from phonenumbers.phonemetadata import PhoneMetadata

from cartwire.settings import REPOSITORY
from tests.tools import phone_countries

DEFAULT_COUNTRY = "US"  # the shipped default market's
FORMATS = (PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL, PhoneNumberFormat.RFC3966)


def typed() -> Iterator[tuple[str, str | None]]:
    """Numbers as people type them in every country there is, right and wrong, and the country of their address."""
    for country in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in (phonenumbers.PhoneNumberType.FIXED_LINE, phonenumbers.PhoneNumberType.MOBILE):
            example = phonenumbers.example_number_for_type(country, kind)
            if example is None:
                continue
            national = phonenumbers.national_significant_number(example)
            international = phonenumbers.format_number(example, PhoneNumberFormat.E164)
            shown = phonenumbers.format_number(example, PhoneNumberFormat.NATIONAL)
            for form in FORMATS:
                yield phonenumbers.format_number(example, form).removeprefix("tel:"), country
            yield international, None
            yield f"011{international[1:]}", "US"
            for text in (
                international[1:],
                f"00{international[1:]}",
                f"+{example.country_code} (0) {national}",
                f"{shown} ext. 12",
                national,
                national[:-1],
                f"{national}1",
                f"0{national}",
                f"1{national}",
                f"8{national}",
            ):
                yield text, country
    yield from (
        ("٠٣-٥٥٥٠-٠١٢٣", "JP"),
        ("０３－５５５０－０１２３", "JP"),
        ("call me", "DE"),
        ("+999 12345678", "DE"),
        ("12", "DE"),
        ("+", "GB"),
    )


def expected(text: str, country: str | None) -> str | None:
    """What the library makes of it: E.164 if the number is in the plan of any country with its calling code."""
    try:
        number = phonenumbers.parse(text, country or DEFAULT_COUNTRY)
    except phonenumbers.NumberParseException:
        return None
    national = phonenumbers.national_significant_number(number)
    countries = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(number.country_code, ())
    plans = [PhoneMetadata.metadata_for_region(country, None) for country in countries]
    in_plan = any(plan and re.fullmatch(plan.general_desc.national_number_pattern, national) for plan in plans)
    return f"+{number.country_code}{national}" if in_plan else None


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str | None, str | None, str | None]]:
    """Text, country, and what the models make of it: the number or the reason."""
    folder = tmp_path_factory.mktemp("phones")
    numbers = list(typed())
    addresses = [{"phone": text} | ({"country": country} if country else {}) for text, country in numbers]
    documents = [
        json.dumps({"email": f"p{place}@example.com", "addresses": [address]}) for place, address in enumerate(addresses)
    ]
    with duckdb.connect(folder / "warehouse.duckdb") as connection:
        connection.execute("create schema raw")
        connection.execute(
            "create table raw.customers (id varchar, version bigint, created_at timestamptz, last_modified_at timestamptz,"
            " loaded_at timestamptz, document json, _dlt_load_id varchar, _dlt_id varchar)"
        )
        given = pa.table({"id": [str(place) for place in range(len(numbers))], "document": documents})
        connection.register("given", given)
        moment = "timestamptz '2026-01-01 00:00:00+00'"
        connection.execute(f"insert into raw.customers select id, 1, {moment}, {moment}, {moment}, document, '', id from given")
    build(folder, "+int_profiles__phones")
    with duckdb.connect(folder / "warehouse.duckdb") as connection:
        rows = connection.execute(
            "from intermediate.int_profiles__phones select profile_id, phone_e164, phone_invalid_reason"
        ).fetchall()
    found = {int(place): (phone, reason) for place, phone, reason in rows}
    return [(*number, *found[place]) for place, number in enumerate(numbers)]


def build(folder: Path, selection: str) -> None:
    environment = {
        **os.environ,
        "CARTWIRE_WAREHOUSE": str(folder / "warehouse.duckdb"),
        "DBT_TARGET_PATH": str(folder / "target"),
    }
    command = [str(Path(sys.executable).with_name("dbt")), "build", "--log-path", str(folder / "logs"), "--select", selection]
    command += ["--exclude-resource-type", "test", "unit_test"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env=environment)
    assert result.returncode == 0, result.stdout[-3000:]


@pytest.mark.xdist_group("phones")
def test_the_models_and_the_library_agree_on_every_number(answers: list[tuple[str, str | None, str | None, str | None]]) -> None:
    differing = [(text, country, phone) for text, country, phone, _ in answers if phone != expected(text, country)]
    assert differing == []
    assert sum(phone is not None for _, _, phone, _ in answers) > 5_000


@pytest.mark.xdist_group("phones")
def test_every_number_that_is_refused_has_a_reason(answers: list[tuple[str, str | None, str | None, str | None]]) -> None:
    reasons = {reason for _, _, phone, reason in answers if phone is None}
    assert reasons == {"letters", "too_short", "unknown_calling_code", "not_in_numbering_plan"}
    assert all((phone is None) == (reason is not None) for _, _, phone, reason in answers)


def test_the_numbering_plans_are_those_of_the_library() -> None:
    text = io.StringIO()
    with redirect_stdout(text):
        phone_countries.main()
    assert (REPOSITORY / "config" / "phone_countries.csv").read_text() == text.getvalue(), (
        "stale: python -m tests.tools.phone_countries > config/phone_countries.csv"
    )
