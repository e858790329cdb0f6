"""Static lists kept by flags of a mart, from config to Iterable. Told once; each test reads one claim off the record."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cartwire.settings import REPOSITORY
from clients.commercetools import CommercetoolsClient
from tests.conftest import Sandbox
from tests.e2e.command import Outcome, cartwire
from tests.e2e.people import name_of, named
from tests.e2e.shop_rows import rows
from tests.e2e.waiting import until
from tests.http import HTTP

pytestmark = [pytest.mark.xdist_group("lists"), pytest.mark.identities]

VERIFIED, REPEAT, FULL, NONE = "Newsletter subscribers", "Repeat customers", "Taken over whole", "Nobody's list"
HEADER = "list_name,source,is_enabled,creates_missing,removes_found_members,comment\n"
ROWS = [
    f"{VERIFIED},profiles.is_email_verified,true,false,false,there before us\n",
    f"{REPEAT},customer_metrics.is_repeat_customer,true,true,false,made by us\n",
    f"{FULL},profiles.is_deleted,true,false,true,empties\n",
    f"{NONE},profiles.is_test,true,false,false,is not there\n",
]
FLAGGED = """
select customer_id, email from marts.profiles
inner join (
    select profile_id, bool_or(is_messageable) as may from marts.consent_state group by profile_id
) as consent using (profile_id)
left join marts.customer_metrics as metrics
    on profiles.profile_id = metrics.profile_id and profiles.currency_code = metrics.currency_code
where may and not profiles.is_deleted and {flag}
"""


@dataclass
class Lists:
    """After each chapter: outcome, writes, list members as `named` calls them, and whom Iterable has and a flag is true of."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    writes: dict[str, dict[str, int]] = field(default_factory=dict)
    members: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    channels_left: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    flagged: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    notes: dict[str, int] = field(default_factory=dict)
    fired_twice: list[dict[str, Any]] = field(default_factory=list)
    found: str = ""
    found_elsewhere: str = ""
    unverified: str = ""
    stranger: str = ""

    def counts(self, name: str, kind: str) -> dict[str, int]:
        rows = [row["counts"] for row in self.outcomes[name].json()["rows"] if row["kind"] == kind]
        return rows[0] if rows else {}


@pytest.fixture(scope="module")
def told(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Lists:
    folder = tmp_path_factory.mktemp("lists")
    sandbox_process.reset()
    config = shutil.copytree(REPOSITORY / "config", folder / "config")
    (config / "iterable_lists.csv").write_text(HEADER + "".join(ROWS))
    environment = sandbox_process.environment(folder, CARTWIRE_CONFIG=config)
    record = Lists()
    people = _verified_and_willing(sandbox_process, folder)
    whole = _make_list(environment, FULL)
    found, other, unverified = people[:3]
    identity = sandbox_process.identity
    names = [name_of(identity, one["id"], one["email"]) for one in people[:3]]
    record.found, record.found_elsewhere, record.unverified = names
    stranger = {"email": "stranger@example.com"} | ({"userId": "stranger"} if identity == "user_id" else {})
    record.stranger = named(identity, {"userId": None, **stranger})
    known = [
        {"email": found["email"].lower(), "userId": found["id"], "dataFields": {"userListIds": [301]}},
        {"email": other["email"].lower(), "userId": other["id"], "dataFields": {"userListIds": [whole]}},
        {**stranger, "dataFields": {"userListIds": [301, whole]}},
    ]
    sandbox_process.admin("iterable", "POST", "users", {"users": known})

    def tell(name: str, *arguments: str) -> None:
        marker = sandbox_process.admin("iterable", "GET", "writes")["marker"]
        record.outcomes[name] = cartwire(environment, *arguments)
        record.writes[name] = sandbox_process.admin("iterable", "GET", f"writes?since={marker}")["by_endpoint"]
        state = sandbox_process.admin("iterable", "GET", "state")
        record.channels_left[name] = {named(identity, one): one["unsubscribedChannelIds"] for one in state["users"]}
        record.members[name] = {
            each["name"]: {
                named(identity, one) for one in state["users"] if each["id"] in one["dataFields"].get("userListIds", ())
            }
            for each in state["lists"]
        }
        with duckdb.connect(str(folder / "analyst.duckdb"), read_only=True) as connection:
            at_iterable = {named(identity, one) for one in state["users"]}
            record.flagged[name] = {
                flag: at_iterable
                & {name_of(identity, *row) for row in connection.execute(FLAGGED.format(flag=flag)).fetchall() if row[1]}
                for flag in ("is_email_verified", "is_repeat_customer")
            }

    tell("first", "sync", "--json")
    tell("unchanged", "sync", "--json")
    sandbox_process.admin("commercetools", "POST", "documents/customers", {**unverified, "isEmailVerified": False})
    tell("somebody left", "sync", "--json")
    tell("after the echo", "sync", "--json")
    sandbox_process.admin("commercetools", "POST", "documents/customers", {**unverified, "isEmailVerified": True})
    tell("and came back", "sync", "--json")
    (folder / "warehouse.duckdb").unlink()
    tell("warehouse lost", "sync", "--json")
    record.notes = sandbox_process.admin("iterable", "GET", "contract-notes")["counts"]
    record.fired_twice = sandbox_process.admin("iterable", "GET", "triggers?list=0")["duplicates"]
    return record


def _make_list(environment: dict[str, str], name: str) -> int:
    """A list that was there long before the first sync: reads show it."""
    url, headers = f"{environment['ITERABLE_API_URL']}/api/lists", {"Api-Key": environment["ITERABLE_API_KEY"]}
    number = int(HTTP.post(url, json={"name": name}, headers=headers).raise_for_status().json()["listId"])
    until("reads show the list", lambda: number in {one["id"] for one in HTTP.get(url, headers=headers).json()["lists"]})
    return number


def _verified_and_willing(sandbox: Sandbox, folder: Path) -> list[dict[str, Any]]:
    with CommercetoolsClient.from_settings(sandbox.settings(folder)) as client:
        people = rows(client, "customers", sort=["id asc"])
    return [
        one
        for one in people
        if one.get("isEmailVerified") and one.get("custom", {}).get("fields", {}).get("newsletterOptIn") is True
    ]


def test_a_list_holds_those_whose_flag_is_true_and_who_may_be_messaged(told: Lists) -> None:
    first = told.members["first"]
    assert len(told.flagged["first"]["is_email_verified"]) > 5
    assert first[VERIFIED] == told.flagged["first"]["is_email_verified"] | {told.found, told.stranger}
    assert first[REPEAT] == told.flagged["first"]["is_repeat_customer"]
    assert told.outcomes["first"].code == 0


def test_a_missing_list_is_made_where_its_row_says_so_and_else_holds_its_people(told: Lists) -> None:
    assert told.writes["first"]["lists.create"] == 1
    assert REPEAT in told.members["first"]
    assert NONE not in told.members["first"]
    assert all("lists.create" not in writes for name, writes in told.writes.items() if name != "first")


def test_who_is_on_the_list_already_is_not_added_again(told: Lists) -> None:
    joined = told.members["first"][VERIFIED] - {told.found, told.stranger}
    assert told.counts("first", "list_add")["accepted"] == len(joined) + len(told.members["first"][REPEAT])
    assert "member_added_again" not in told.notes
    assert told.fired_twice == []


def test_found_members_leave_only_where_the_row_says_so_and_strangers_stay(told: Lists) -> None:
    assert told.members["first"][FULL] == {told.stranger}
    assert told.counts("first", "list_remove")["accepted"] == 1
    assert told.found in told.members["first"][VERIFIED]


def test_an_unchanged_source_writes_nothing(told: Lists) -> None:
    assert told.writes["unchanged"] == told.writes["after the echo"] == told.writes["warehouse lost"] == {}


def test_a_flag_that_falls_removes_and_one_that_rises_adds(told: Lists) -> None:
    assert told.unverified in told.members["unchanged"][VERIFIED]
    assert told.unverified not in told.members["somebody left"][VERIFIED]
    assert told.unverified in told.members["and came back"][VERIFIED]
    assert told.writes["somebody left"]["lists.unsubscribe"] == 1
    assert told.writes["and came back"]["lists.subscribe"] == 1


def test_leaving_a_list_leaves_no_channel_neither_there_nor_here(told: Lists) -> None:
    assert told.channels_left["after the echo"][told.unverified] == told.channels_left["unchanged"][told.unverified]
    assert told.outcomes["after the echo"].json()["rows"] == []
    assert told.counts("and came back", "list_add")["accepted"] == 1


@pytest.mark.parametrize(
    ("row", "allowed"),
    [
        (f"{VERIFIED},profiles.first_name,true,false,false,\n", "profiles.is_email_verified"),
        (f"{VERIFIED},attributes.loyalty_tier,true,false,false,\n", "customer_metrics.is_repeat_customer"),
        (f"{VERIFIED},orders.is_counted,true,false,false,\n", "profiles|customer_metrics|attributes"),
    ],
)
def test_a_flag_that_is_none_is_refused_before_anything_starts(sandbox: Sandbox, tmp_path: Path, row: str, allowed: str) -> None:
    config = shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    (config / "iterable_lists.csv").write_text(HEADER + row)
    refused = cartwire(sandbox.environment(tmp_path, CARTWIRE_CONFIG=config), "sync")
    assert refused.code == 2
    assert "iterable_lists.csv, row 2, column source" in refused.err
    assert allowed in refused.err
    assert sandbox.writes() == {}
