"""People who said no and then yes, from the shop to Iterable, and two who left there at the worst moment. Told once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pytest

from clients.commercetools import CommercetoolsClient
from tests.conftest import Sandbox
from tests.e2e.command import Outcome, cartwire
from tests.e2e.shop_rows import rows

pytestmark = pytest.mark.xdist_group("grants")

EMAIL = 101
CONSENT = "select status, source from marts.consent_state where person_key = ? and channel = 'email'"
KEY = "select person_key from marts.profiles where customer_id = ?"


@dataclass
class Grants:
    """After each sync: its outcome, its writes, whether each of the people is unsubscribed from e-mail, and their consent."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    writes: dict[str, dict[str, int]] = field(default_factory=dict)
    is_left: dict[str, dict[str, bool]] = field(default_factory=dict)
    consent: dict[str, dict[str, str]] = field(default_factory=dict)

    def counts(self, name: str, object_name: str) -> dict[str, int]:
        rows = [row["counts"] for row in self.outcomes[name].json()["rows"] if row["object"] == object_name]
        return rows[0] if rows else {}


@pytest.fixture(scope="module")
def told(sandbox_process: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Grants:
    folder = tmp_path_factory.mktemp("grants")
    sandbox_process.reset()
    environment = sandbox_process.environment(folder)
    no, yes = _people(sandbox_process, folder, opted_in=False), _people(sandbox_process, folder, opted_in=True, sms="granted")
    people = {"said_yes": no[0], "slipped_in": no[1], "left_late": yes[0]}
    record = Grants()

    def tell(name: str) -> None:
        marker = sandbox_process.admin("iterable", "GET", "writes")["marker"]
        record.outcomes[name] = cartwire(environment, "sync", "--json")
        record.writes[name] = sandbox_process.admin("iterable", "GET", f"writes?since={marker}")["by_endpoint"]
        users = {one["userId"]: one for one in sandbox_process.admin("iterable", "GET", "state")["users"]}
        record.is_left[name] = {who: EMAIL in users[one["id"]]["unsubscribedChannelIds"] for who, one in people.items()}
        with duckdb.connect(str(folder / "analyst.duckdb"), read_only=True) as connection:
            keys = {who: connection.execute(KEY, [one["id"]]).fetchone()[0] for who, one in people.items()}  # type: ignore[index]
            record.consent[name] = {who: connection.execute(CONSENT, [key]).fetchone()[0] for who, key in keys.items()}  # type: ignore[index]

    def changes(who: str, **fields: Any) -> None:
        document = people[who]
        custom = {**document["custom"], "fields": {**document["custom"]["fields"], **fields}}
        people[who] = {**document, "custom": custom}
        sandbox_process.admin("commercetools", "POST", "documents/customers", people[who])

    def acts(who: str, path: str, **more: Any) -> dict[str, Any]:
        body = {"userId": people[who]["id"], "channelId": EMAIL, **more}
        return {"match": {"method": "GET", "path": path}, "times": 1, "kind": "mutate", "body": body}

    tell("first")
    changes("said_yes", newsletterOptIn=True)
    changes("slipped_in", newsletterOptIn=True)
    changes("left_late", smsConsent="denied")
    sandbox_process.admin("iterable", "POST", "settings", {"visibility_seconds": 0})
    rules = [
        acts("left_late", "/api/users/getFields"),  # between plan and send: the freeze asks for the fields
        acts("slipped_in", "/api/users/byUserId", action="subscribe"),
        acts("slipped_in", "/api/events/byUserId"),  # between the last reading and the request
    ]
    sandbox_process.admin("iterable", "POST", "faults", {"rules": rules})
    tell("yes")
    tell("read back")
    tell("unchanged")
    return record


def _people(sandbox: Sandbox, folder: Path, *, opted_in: bool, sms: str | None = None) -> list[dict[str, Any]]:
    """Verified customers who said so about the newsletter, and (where given) about text messages."""
    with CommercetoolsClient.from_settings(sandbox.settings(folder)) as client:
        people = rows(client, "customers", sort=["id asc"])

    def says(one: dict[str, Any]) -> bool:
        said = one.get("custom", {}).get("fields", {})
        return said.get("newsletterOptIn") is opted_in and (sms is None or said.get("smsConsent") == sms)

    return [one for one in people if one.get("isEmailVerified") and says(one)]


def test_who_said_no_is_created_unsubscribed_and_subscribed_once_they_say_yes(told: Grants) -> None:
    assert told.is_left["first"] == {"said_yes": True, "slipped_in": True, "left_late": False}
    assert told.counts("first", "grants") == {}
    assert told.consent["yes"]["said_yes"] == "granted"
    assert not told.is_left["yes"]["said_yes"]
    assert told.counts("yes", "grants")["accepted"] == 2
    assert not told.is_left["unchanged"]["said_yes"], "our own request does not come back as a word of theirs"


def test_who_leaves_between_plan_and_send_gets_nothing_that_needs_consent(told: Grants) -> None:
    """Each of the three changed their consent; only the event of the one who then left everything stays here."""
    assert told.is_left["yes"]["left_late"]
    changed = next(row["counts"] for row in told.outcomes["yes"].json()["rows"] if row["kind"] == "consent_changed")
    assert (changed["planned"], changed["accepted"], changed["suppressed"]) == (3, 2, 1)


def test_the_window_between_the_last_look_and_the_write_is_measured(told: Grants) -> None:
    window = told.outcomes["yes"].json()["grant_window_s"]
    assert 0 < window["p50"] <= window["max"]
    assert told.outcomes["first"].json()["grant_window_s"] == {}


def test_who_slipped_in_is_unsubscribed_again_by_the_next_sync_before_anything_else(told: Grants) -> None:
    assert not told.is_left["yes"]["slipped_in"], "the stand-in cannot compare and set either"
    assert told.counts("read back", "withdrawals")["accepted"] == 1
    assert told.is_left["read back"]["slipped_in"]
    assert told.consent["read back"] == {"said_yes": "granted", "slipped_in": "withdrawn", "left_late": "withdrawn"}


def test_then_nothing_is_left_to_say(told: Grants) -> None:
    assert told.writes["unchanged"] == {}
