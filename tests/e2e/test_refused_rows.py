"""Rows that Iterable refuses inside its 200, seen from the command line: exit code, ledger, and what the next sync does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Sandbox
from tests.e2e.command import cartwire

FORGOTTEN = {"new_registered_order": "email", "group_changed": "email", "cart_edited": "userId"}
"""Players of the shop day, and by which identifier a hybrid project was told to forget them; the last one has a cart."""
ONLY = {"email": "email", "user_id": "userId"}
"""The identifier by which the other types of project forget."""


@pytest.mark.identities
def test_refused_rows_are_counted_named_and_not_sent_again(sandbox: Sandbox, tmp_path: Path) -> None:
    people = _forget(sandbox)
    by_id = {person["id"]: person["email"].lower() for person in people}
    environment = sandbox.environment(tmp_path)

    first = cartwire(environment, "sync", "--json")
    listed = cartwire(environment, "rejections", "--json", "--show-addresses")
    recorded = sandbox.admin("iterable", "GET", "refused-rows")["rows"]
    marker = sandbox.admin("iterable", "GET", "writes")["marker"]
    second = cartwire(environment, "sync", "--json")

    assert first.code == 10
    assert sum(row["counts"]["rejected"] for row in first.json()["rows"]) == len(people)
    causes = {row["email"] or by_id[row["userId"]]: row["reason"] for row in recorded}
    reasons = {row["person"]: row["reason"] for row in listed.json()["rejections"]}
    assert reasons.keys() == causes.keys() == set(by_id.values())
    for person, reason in reasons.items():
        assert reason.startswith(causes[person])
    assert not [email for email in by_id.values() if email in first.out + first.err + second.out + second.err]

    assert sandbox.admin("iterable", "GET", f"writes?since={marker}")["total"] == 0
    assert second.code == 0


def _forget(sandbox: Sandbox) -> list[dict[str, Any]]:
    cast = json.loads(sandbox.admin("commercetools", "GET", "health")["meta"]["shop_day"])
    people = []
    for scenario, identifier in FORGOTTEN.items():
        person = sandbox.admin("commercetools", "GET", f"documents/customers/{cast[scenario]['customer_id']}")
        values = {"email": person["email"], "userId": person["id"]}
        known_by = ONLY.get(sandbox.identity, identifier)
        sandbox.admin("iterable", "POST", "forget", {known_by: values[known_by]})
        people.append(person)
    return people
