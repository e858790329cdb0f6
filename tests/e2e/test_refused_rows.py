"""Rows that Iterable refuses inside its 200, seen from the command line: exit code, ledger, and what the next sync does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cartwire.person import person_key, subject_of
from tests.conftest import SECRET, Sandbox
from tests.e2e.command import cartwire
from tests.e2e.first_sync import FirstSync

FORGOTTEN = {"new_registered_order": "email", "group_changed": "email", "cart_edited": "userId"}
"""Players of the shop day, and by which identifier a hybrid project was told to forget them; the last one has a cart."""
ONLY = {"email": "email", "user_id": "userId"}
"""The identifier by which the other types of project forget."""


@pytest.mark.identities
def test_refused_rows_are_counted_named_and_not_sent_again(sandbox: Sandbox, tmp_path: Path) -> None:
    people = _forget(sandbox)
    by_id = {person["id"]: person["email"].lower() for person in people}
    secret = SECRET.encode()
    keys = {email: person_key(secret, subject_of(customer_id, email)) for customer_id, email in by_id.items()}
    environment = sandbox.environment(tmp_path)

    first = cartwire(environment, "sync", "--json")
    listed = cartwire(environment, "rejections", "--json", "--show-addresses")
    recorded = sandbox.admin("iterable", "GET", "refused-rows")["rows"]
    marker = sandbox.admin("iterable", "GET", "writes")["marker"]
    second = cartwire(environment, "sync", "--json")

    assert first.code == 10
    assert sum(row["counts"]["rejected"] for row in first.json()["rows"]) == len(people)
    causes = {row["email"] or by_id[row["userId"]]: row["reason"] for row in recorded}
    reasons = {row["person_key"]: row["reason"] for row in listed.json()["rejections"]}
    assert causes.keys() == set(by_id.values())
    assert reasons.keys() == set(keys.values())
    for person, cause in causes.items():
        assert reasons[keys[person]].startswith(cause)
    assert not [email for email in by_id.values() if email in listed.out], "no identifier of the forgotten is kept"
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


@pytest.mark.xdist_group("first sync")
def test_a_refusal_that_was_mended_there_is_replayed_once_with_the_newest_data(
    sandbox: Sandbox, first_sync: FirstSync, tmp_path: Path
) -> None:
    """An event name that the project disallows, until somebody allows it in Iterable's settings."""
    environment = first_sync.begin(tmp_path)
    sandbox.admin("iterable", "POST", "settings", {"disallowed_event_names": ["order_refunded"]})
    sandbox.admin("commercetools", "POST", "shop-day", {})
    refused = cartwire(environment, "sync", "--json")
    sandbox.admin("iterable", "POST", "settings", {"disallowed_event_names": []})
    marker = sandbox.admin("iterable", "GET", "writes")["marker"]

    still = cartwire(environment, "sync", "--json")
    shown = cartwire(environment, "replay", "--kind", "order_refunded", "--json")
    other = cartwire(environment, "replay", "--kind", "order_updated", "--json")
    rehearsed = cartwire(environment, "replay", "--kind", "order_refunded", "--dry-run", "--json")
    assert sandbox.admin("iterable", "GET", f"writes?since={marker}")["total"] == 0
    sent = cartwire(environment, "replay", "--kind", "order_refunded", "--yes", "--json")
    after = cartwire(environment, "replay", "--json")

    rejected = next(row["counts"]["rejected"] for row in refused.json()["rows"] if row["kind"] == "order_refunded")
    assert (refused.code, still.code, rejected) == (10, 0, 2)
    [group] = shown.json()["groups"]
    assert (shown.code, group["rows"], group["reason"]) == (11, rejected, "disallowedEventNames")
    assert (other.code, other.json()) == (0, {"rows": 0})
    [kind] = [kind for kind in rehearsed.json()["kinds"] if kind["kind"] == "order_refunded"]
    assert kind["states"] == {"staged": rejected}
    assert (sent.code, sent.json()["let_go"]) == (0, rejected)
    written = sandbox.admin("iterable", "GET", f"writes?since={marker}")
    assert written["rows_accepted"] == {"events.trackBulk": rejected}
    assert sandbox.admin("iterable", "GET", "triggers?list=0")["duplicates"] == []
    assert after.json() == {"rows": 0}
