"""A plan is written, read, applied to the byte, or refused because the world moved. Told once, by the command line."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cartwire.settings import REPOSITORY
from clients.commercetools import CommercetoolsClient
from tests.conftest import Sandbox
from tests.e2e.command import Outcome, cartwire
from tests.e2e.shop_rows import rows

pytestmark = [pytest.mark.xdist_group("plan_and_apply"), pytest.mark.identities]

Request = tuple[str, str]


@dataclass
class Told:
    """Outcomes by name; of each apply or sync the requests that Iterable received; the lines of each plan."""

    folder: Path
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    received: dict[str, list[Request]] = field(default_factory=dict)
    lines: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    left: dict[str, Any] = field(default_factory=dict)

    def requests(self, name: str) -> list[Request]:
        """Path and hash of each request that a plan says."""
        return [(line["path"], line["sha256"]) for line in self.lines[name] if line["line"] == "request"]


@pytest.fixture(scope="module")
def told(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("plan-and-apply")
    sandbox_process.reset()
    environment = sandbox_process.environment(folder)
    record = Told(folder)

    def run(name: str, *arguments: str, **variables: str) -> None:
        read = sandbox_process.admin("iterable", "GET", "journal?summary=1")["last_seq"] or 0
        record.outcomes[name] = cartwire({**environment, **variables}, *arguments)
        entries = sandbox_process.admin("iterable", "GET", f"journal?since={read}&bodies=1")["entries"]
        writes = [entry for entry in entries if entry["method"] != "GET"]
        record.received[name] = [(_path(entry), hashlib.sha256(entry["body"].encode()).hexdigest()) for entry in writes]

    def plan(name: str, *options: str) -> None:
        run(name, "plan", "--out", str(folder / name), *options)
        record.lines[name] = [json.loads(line) for line in (folder / name).read_text().splitlines()]

    def write(document: dict[str, Any]) -> None:
        sandbox_process.admin("commercetools", "POST", "documents/customers", document)

    plan("everything", "--page", str(folder / "masked.html"))
    run("applied", "apply", str(folder / "everything"), "--json")
    run("nothing left", "sync", "--json")
    sandbox_process.admin("commercetools", "POST", "shop-day", {})
    plan("day", "--page", str(folder / "clear.html"), "--show-addresses", "--show-values")
    record.pages = {name: (folder / f"{name}.html").read_text() for name in ("masked", "clear")}
    with CommercetoolsClient.from_settings(sandbox_process.settings(folder)) as client:
        customers = rows(client, "customers", sort=["id asc"])
    planned = [one for one in customers if _is_planned(record.lines["day"], one)]
    left = next(one for one in planned if one.get("custom", {}).get("fields", {}).get("newsletterOptIn") is True)
    record.left = left
    write(_consenting(left, False))
    run("moved", "apply", str(folder / "day"), "--json")
    plan("day as it is now")
    another = next(one for one in customers if not _is_planned(record.lines["day as it is now"], one))
    write({**another, "firstName": "Somebody", "lastName": "Else"})
    run("applied beside others", "apply", str(folder / "day as it is now"), "--json")
    run("the others", "sync", "--json")
    run("applied twice", "apply", str(folder / "day as it is now"))
    shutil.copytree(REPOSITORY / "config", folder / "config")
    (folder / "config" / "test_profiles.csv").open("a").write("ada@example.com,,\n")
    run("other rules", "apply", str(folder / "day as it is now"), CARTWIRE_CONFIG=str(folder / "config"))
    text = (folder / "day").read_text()
    (folder / "cut").write_text(text[: len(text) // 2])
    (folder / "changed").write_text(text.replace("Else", "Someone").replace('"market"', '"Market"'))
    for name in ("cut", "changed"):
        run(name, "apply", str(folder / name))
    return record


def _path(entry: Mapping[str, Any]) -> str:
    return str(entry["path"]) + (f"?{entry['query']}" if entry["query"] else "")


def _is_planned(lines: list[dict[str, Any]], customer: dict[str, Any]) -> bool:
    """Whether a plan would update this customer."""
    names = {line[by] for line in lines if line["line"] == "row" and line["object"] == "users" for by in ("email", "user_id")}
    return bool({customer["id"], customer["email"].lower()} & names)


def _addresses(lines: list[dict[str, Any]]) -> set[str]:
    return {line["email"] for line in lines if line["line"] == "row" and line["email"]}


def _consenting(customer: dict[str, Any], yes: bool) -> dict[str, Any]:
    custom = {**customer["custom"], "fields": {**customer["custom"]["fields"], "newsletterOptIn": yes}}
    return {**customer, "custom": custom}


def test_a_plan_sends_nothing_and_an_apply_sends_it_hash_by_hash(told: Told) -> None:
    assert told.received["everything"] == told.received["day"] == []
    assert told.outcomes["applied"].code in (0, 11), told.outcomes["applied"].err
    assert len(told.requests("everything")) > 20
    assert Counter(told.received["applied"]) == Counter(told.requests("everything"))


def test_after_an_apply_nothing_is_left_to_send(told: Told) -> None:
    assert told.received["nothing left"] == []


def test_a_withdrawal_since_the_plan_makes_an_apply_refuse_and_say_so(told: Told) -> None:
    assert told.outcomes["moved"].code == 4
    assert told.received["moved"] == []
    document = told.outcomes["moved"].json()
    assert not document["applied"]
    about = {row["what"] for row in document["moved"]}
    assert any("consent" in what for what in about), about
    assert told.left["email"] not in told.outcomes["moved"].out


def test_what_changed_beside_the_plan_waits_for_the_next_sync(told: Told) -> None:
    applied = told.outcomes["applied beside others"]
    assert applied.code in (0, 11), applied.err
    assert Counter(told.received["applied beside others"]) == Counter(told.requests("day as it is now"))
    assert applied.json()["others"] == 1
    assert [path for path, _ in told.received["the others"]] == ["/api/users/bulkUpdate"]


def test_a_plan_is_applied_once(told: Told) -> None:
    assert told.outcomes["applied twice"].code == 4
    assert "no longer to be sent" in told.outcomes["applied twice"].out
    assert told.received["applied twice"] == []


def test_a_plan_of_other_rules_is_refused_before_anything_is_loaded(told: Told) -> None:
    assert told.outcomes["other rules"].code == 2
    assert "of other rules" in told.outcomes["other rules"].message
    assert told.received["other rules"] == []


@pytest.mark.parametrize("name", ["cut", "changed"])
def test_a_file_that_is_not_whole_is_refused(told: Told, name: str) -> None:
    assert told.outcomes[name].code == 2
    assert f"{name} was cut or changed" in told.outcomes[name].message or f"{name} is no plan" in told.outcomes[name].message
    assert told.received[name] == []


def test_each_row_of_a_plan_has_its_reason_and_each_field_before_and_after(told: Told) -> None:
    sent = [line for line in told.lines["day"] if line["line"] == "row" and line["state"] == "send"]
    assert sent
    assert all(line["reason"] for line in sent)
    changes = [change for line in sent if line["object"] == "users" for change in line["fields"]]
    assert changes
    assert all(change["before"] != change["after"] for change in changes)
    assert any(change["before"] for change in changes)


def test_a_page_shows_addresses_and_values_only_when_asked(told: Told) -> None:
    emails = {name: _addresses(told.lines[name]) for name in ("everything", "day")}
    assert len(emails["everything"]) > 20
    assert not [email for email in emails["everything"] if email in told.pages["masked"]]
    assert all(email in told.pages["clear"] for email in emails["day"])
    assert (told.folder / "everything").stat().st_mode & 0o077 == 0, "for its owner only"
    assert (told.folder / "masked.html").stat().st_mode & 0o077 == 0
