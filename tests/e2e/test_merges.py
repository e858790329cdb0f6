"""A guest of a userID-based project registers and the two users are merged, because the installation's policy says so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cartwire.settings import REPOSITORY
from flows.run import sync
from tests.conftest import Sandbox
from tests.e2e.people import guest_id

pytestmark = pytest.mark.xdist_group("merges")


def test_the_guests_user_becomes_part_of_the_customers_and_the_next_sync_says_everything_again(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """One story, because each sync costs."""
    config = shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    policies = config / "identity_policies.csv"
    assert "merge,hold," in policies.read_text()
    policies.write_text(policies.read_text().replace("merge,hold,", "merge,send,"))
    sandbox.admin("iterable", "POST", "settings", {"identity": "user_id"})
    settings = sandbox.settings(tmp_path, ITERABLE_IDENTITY="user_id", CARTWIRE_CONFIG=config)
    sync(settings)
    day = {one["scenario"]: one for one in sandbox.admin("commercetools", "POST", "shop-day", {})["scenarios"]}
    customer = day["guest_registered"]["customer_id"]
    order = sandbox.admin("commercetools", "GET", f"documents/orders/{day['guest_registered']['order_id']}")
    guest = guest_id(order["customerEmail"])

    sync(settings)
    before = _people(sandbox)
    assert {guest, customer} <= before.keys()

    merged = _requests(sandbox, lambda: sync(settings))
    assert merged == {"users.merge": 1}
    after = _people(sandbox)
    assert guest not in after
    assert set(before[guest]["unsubscribedChannelIds"]) | set(before[customer]["unsubscribedChannelIds"]) >= set(
        after[customer]["unsubscribedChannelIds"]
    )

    said_again = _requests(sandbox, lambda: sync(settings))
    assert said_again.pop("users.bulkUpdate") == 1
    assert set(said_again) <= {"subscriptions.bulk", "commerce.updateCart"}
    person = _people(sandbox)[customer]
    assert person["dataFields"]["profileType"] == "registered"
    assert set(before[customer]["unsubscribedChannelIds"]) <= set(person["unsubscribedChannelIds"])

    report = sync(settings)
    assert (report.total("planned"), report.exit_code) == (0, 0)


def _people(sandbox: Sandbox) -> dict[str, Any]:
    return {user["userId"]: user for user in sandbox.admin("iterable", "GET", "state")["users"]}


def _requests(sandbox: Sandbox, act: Callable[[], object]) -> dict[str, int]:
    marker = sandbox.admin("iterable", "GET", "writes")["marker"]
    act()
    made: dict[str, int] = sandbox.admin("iterable", "GET", f"writes?since={marker}")["by_endpoint"]
    return made
