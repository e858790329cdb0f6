"""Another tool writes into fields of ours: a repair sends exactly these again, from the newest data, and leaves the rest alone."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cartwire.settings import REPOSITORY
from tests.conftest import Sandbox
from tests.e2e.command import cartwire
from tests.e2e.first_sync import FirstSync
from tests.e2e.other_tool import OtherTool
from tests.e2e.people import user_of

pytestmark = [pytest.mark.xdist_group("first sync"), pytest.mark.identities]

CAST = ("group_changed", "cart_edited", "new_registered_order", "email_changed")
VISIBLE_S = 1.1


def test_only_what_drifted_is_sent_again_and_afterwards_nothing_differs(
    sandbox: Sandbox, first_sync: FirstSync, tmp_path: Path
) -> None:
    environment = first_sync.begin(tmp_path)
    changed, removed, newer, *_ = _people(sandbox)
    tool = OtherTool(environment)
    holder = next(user for user in sandbox.admin("iterable", "GET", "state")["users"] if user["cart"])
    tool.post("commerce/updateCart", {"user": _identifier(sandbox, {**holder, "id": holder["userId"]}), "items": []})
    for person, data in ((changed, {"firstName": "Nobody"}), (removed, {"locale": None}), (newer, {"lastName": "Other"})):
        tool.post("users/update", {**_identifier(sandbox, person), "dataFields": data})
    sandbox.admin(
        "commercetools", "POST", "documents/customers", {**newer, "version": newer["version"] + 1, "lastName": "Newest"}
    )
    time.sleep(VISIBLE_S)
    fired = sandbox.admin("iterable", "GET", "triggers?list=0")["marker"]
    marker = sandbox.admin("iterable", "GET", "writes")["marker"]

    shown = cartwire(environment, "reconcile", "--sample", "1000", "--repair", "--json")
    assert sandbox.admin("iterable", "GET", f"writes?since={marker}")["total"] == 0
    killed = _killed(environment, "reconcile", "--sample", "1000", "--repair", "--yes", at="loaded-not-built")
    (tmp_path / "warehouse.duckdb").unlink()
    completed = cartwire(environment, "sync", "--json")
    time.sleep(VISIBLE_S)
    after = cartwire(environment, "reconcile", "--sample", "1000", "--repair", "--json")

    assert shown.code == 11
    assert {group["field"]: group["people"] for group in shown.json()["to_repair"]["fields"]} == {
        "firstName": 1,
        "locale": 1,
        "lastName": 1,
        "shoppingCartItems": 1,
    }
    assert (shown.json()["to_repair"]["requests"], shown.json()["not_repaired"]) == (2, [])
    assert killed == -9
    assert completed.code == 0
    triggers = sandbox.admin("iterable", "GET", f"triggers?since={fired}&list=0")
    assert triggers["by_name"]["profile_field"] == {"firstName": 1, "locale": 1, "lastName": 1}
    assert triggers["by_kind"]["cart"] == 1
    users = sandbox.admin("iterable", "GET", "state")["users"]
    data = [user_of(sandbox.identity, users, person)["dataFields"] for person in (changed, removed, newer)]
    assert [data[0]["firstName"], data[1]["locale"], data[2]["lastName"]] == [changed["firstName"], removed["locale"], "Newest"]
    carts = [user["cart"] for user in users if user["person"] == holder["person"]]
    assert [[(line["id"], line["quantity"]) for line in cart] for cart in carts] == [
        [(line["id"], line["quantity"]) for line in holder["cart"]]
    ]
    assert (after.code, after.json()["drifts"]) == (0, [])


def test_consent_and_people_who_are_gone_are_told_not_repaired(sandbox: Sandbox, first_sync: FirstSync, tmp_path: Path) -> None:
    environment = first_sync.begin(tmp_path)
    gone, consented, drifted, *_ = _people(sandbox)
    tool = OtherTool(environment)
    tool.delete_user(_identifier(sandbox, gone))
    tool.post(
        "users/update",
        {**_identifier(sandbox, consented), "dataFields": {"consent": {"email_marketing": "maybe"}}, "mergeNestedObjects": True},
    )
    time.sleep(VISIBLE_S)
    marker = sandbox.admin("iterable", "GET", "writes")["marker"]

    told = cartwire(environment, "reconcile", "--sample", "1000", "--repair", "--yes", "--json")
    tool.post("users/update", {**_identifier(sandbox, drifted), "dataFields": {"firstName": "Nobody"}})
    time.sleep(VISIBLE_S)
    marker = sandbox.admin("iterable", "GET", "writes")["marker"]
    repaired = cartwire(environment, "reconcile", "--sample", "1000", "--repair", "--yes")

    assert (told.code, told.json()["noted"]) == (11, 0)
    assert {row["field"] for row in told.json()["not_repaired"]} == {"(user)", "consent.email_marketing"}
    assert repaired.code == 11, "what could not be repaired still differs"
    assert "1 field noted" in repaired.out
    assert "find out in Iterable who deleted or renamed them" in repaired.out
    assert sandbox.admin("iterable", "GET", f"writes?since={marker}")["rows_accepted"] == {"users.bulkUpdate": 1}
    state = sandbox.admin("iterable", "GET", "state")["users"]
    assert user_of(sandbox.identity, state, gone) == {}, "nobody is made anew with one field"


def _people(sandbox: Sandbox) -> list[dict[str, Any]]:
    cast = json.loads(sandbox.admin("commercetools", "GET", "health")["meta"]["shop_day"])
    return [sandbox.admin("commercetools", "GET", f"documents/customers/{cast[name]['customer_id']}") for name in CAST]


def _identifier(sandbox: Sandbox, person: dict[str, Any]) -> dict[str, str]:
    return {"userId": person["id"]} if sandbox.identity == "user_id" else {"email": person["email"]}


def _killed(environment: dict[str, str], *arguments: str, at: str) -> int:
    command = [Path(sys.executable).with_name("cartwire"), *arguments]
    return subprocess.run(command, cwd=REPOSITORY, env={**environment, "CARTWIRE_CRASH_AT": at}, check=False).returncode
