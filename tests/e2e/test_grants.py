"""People who said no and then yes, from the shop to Iterable, and two who left there at the worst moment. Told once."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import duckdb
import pytest

from cartwire.settings import REPOSITORY
from clients.commercetools import CommercetoolsClient
from tests.conftest import Sandbox
from tests.e2e.command import Outcome, cartwire
from tests.e2e.first_sync import FirstSync
from tests.e2e.people import name_of, user_of
from tests.e2e.shop_rows import rows

pytestmark = [pytest.mark.xdist_group("first sync"), pytest.mark.identities]

EMAIL = 101
GAP = "select more_open from marts.consent_gap where person_key = ? and channel = 'email'"
MARKET = "select market_code from marts.profiles where customer_id = ?"
NEW_RULE = "on_paper_only,consent,{market},email,marketing,import,,,true,from now on only paper counts\n"
CONSENT = "select status, source from marts.consent_state where person_key = ? and channel = 'email'"
COUNTS = """
select market_code, channel, purpose, status, count(*), count(*) filter (where is_messageable)
from marts.consent_state inner join marts.profiles using (profile_id) group by all order by all
"""
KEY = "select person_key from marts.profiles where customer_id = ?"


@dataclass
class Grants:
    """After each sync: its outcome, its writes, whether each of the people is unsubscribed from e-mail, their consent, and which
    side was more open when it began. At the end a rule is changed: planned, then applied.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    writes: dict[str, dict[str, int]] = field(default_factory=dict)
    is_left: dict[str, dict[str, bool]] = field(default_factory=dict)
    consent: dict[str, dict[str, str]] = field(default_factory=dict)
    gaps: dict[str, dict[str, str | None]] = field(default_factory=dict)
    mart_counts: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    shown: dict[str, Outcome] = field(default_factory=dict)

    def counts(self, name: str, object_name: str) -> dict[str, int]:
        rows = [row["counts"] for row in self.outcomes[name].json()["rows"] if row["object"] == object_name]
        return rows[0] if rows else {}


@pytest.fixture(scope="module")
def told(sandbox_process: Sandbox, first_sync: FirstSync, tmp_path_factory: pytest.TempPathFactory) -> Grants:
    folder = tmp_path_factory.mktemp("grants")
    environment = first_sync.begin(folder)
    no, yes = _people(sandbox_process, folder, opted_in=False), _people(sandbox_process, folder, opted_in=True, sms="granted")
    people = {"said_yes": no[0], "slipped_in": no[1], "left_late": yes[0]}
    record = Grants()

    def tell(name: str) -> None:
        marker = sandbox_process.admin("iterable", "GET", "writes")["marker"]
        note(name, cartwire(environment, "sync", "--json"), marker)

    def note(name: str, outcome: Outcome, marker: int) -> None:
        record.outcomes[name] = outcome
        record.writes[name] = sandbox_process.admin("iterable", "GET", f"writes?since={marker}")["by_endpoint"]
        users = sandbox_process.admin("iterable", "GET", "state")["users"]
        found = {who: user_of(sandbox_process.identity, users, one) for who, one in people.items()}
        record.is_left[name] = {who: EMAIL in user["unsubscribedChannelIds"] for who, user in found.items()}
        with duckdb.connect(str(folder / "analyst.duckdb"), read_only=True) as connection:
            keys = {who: connection.execute(KEY, [one["id"]]).fetchone()[0] for who, one in people.items()}  # type: ignore[index]
            gaps = {who: connection.execute(GAP, [key]).fetchone() for who, key in keys.items()}
            record.gaps[name] = {who: None if row is None else row[0] for who, row in gaps.items()}
            record.mart_counts[name] = connection.execute(COUNTS).fetchall()
            record.consent[name] = {who: connection.execute(CONSENT, [key]).fetchone()[0] for who, key in keys.items()}  # type: ignore[index]

    def changes(who: str, **fields: Any) -> None:
        document = people[who]
        custom = {**document["custom"], "fields": {**document["custom"]["fields"], **fields}}
        people[who] = {**document, "custom": custom}
        sandbox_process.admin("commercetools", "POST", "documents/customers", people[who])

    def name(who: str) -> str:
        return name_of(sandbox_process.identity, people[who]["id"], people[who]["email"])

    def acts(who: str, path: str, *, query: str = "", **more: Any) -> dict[str, Any]:
        body = {by: name(who), "channelId": EMAIL, **more}
        return {"match": {"method": "GET", "path": path, "query": query}, "times": 1, "kind": "mutate", "body": body}

    is_by_email = sandbox_process.identity == "email"
    by = "email" if is_by_email else "userId"
    note("first", first_sync.outcome, 0)
    environment = {**environment, "CARTWIRE_CLOCK_OFFSET_SECONDS": "60"}  # or its exports would leave none to a look
    changes("said_yes", newsletterOptIn=True)
    changes("slipped_in", newsletterOptIn=True)
    changes("left_late", smsConsent="denied")
    sandbox_process.admin("iterable", "POST", "settings", {"visibility_seconds": 0})
    # one between plan and send, when the freeze asks for the fields; the other between the last reading and the request
    rules = [
        acts("left_late", "/api/users/getFields"),
        acts(
            "slipped_in",
            "/api/users/getByEmail" if is_by_email else "/api/users/byUserId",
            query=urlencode({by: name("slipped_in")}),
            action="subscribe",
        ),
        acts("slipped_in", f"/api/events/{'' if is_by_email else 'byUserId/'}{name('slipped_in')}"),
    ]
    sandbox_process.admin("iterable", "POST", "faults", {"rules": rules})
    tell("yes")
    tell("read back")
    tell("unchanged")
    record.shown = {who: cartwire(environment, "consent", "show", one["id"], "--json") for who, one in people.items()}
    record.outcomes["plan as before"] = cartwire(environment, "plan", "--json")
    environment = {**environment, "CARTWIRE_CONFIG": str(_with_new_rule(folder, people["said_yes"]["id"]))}
    record.outcomes["plan"] = cartwire(environment, "plan", "--json")
    tell("new rule")
    return record


def _with_new_rule(folder: Path, customer_id: str) -> Path:
    """The shipped files and a rule for the market of that customer."""
    with duckdb.connect(str(folder / "analyst.duckdb"), read_only=True) as connection:
        market = connection.execute(MARKET, [customer_id]).fetchone()[0]  # type: ignore[index]
    config = folder / "config"
    shutil.copytree(REPOSITORY / "config", config)
    with (config / "consent_rules.csv").open("a") as file:
        file.write(NEW_RULE.format(market=market))
    return config


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


def test_the_gap_between_both_sides_says_which_is_more_open_until_it_is_closed(told: Grants) -> None:
    """As each sync found it: unsubscribed there after a yes, subscribed there after a no, and then neither."""
    nobody = dict.fromkeys(told.gaps["yes"])
    assert told.gaps["first"] == nobody
    assert told.gaps["yes"] == {**nobody, "said_yes": "consent", "slipped_in": "consent"}
    assert told.gaps["read back"] == {**nobody, "slipped_in": "iterable"}
    assert told.gaps["unchanged"] == nobody


def test_every_report_counts_consent_per_market_and_names_nobody(told: Grants) -> None:
    columns = ("market", "channel", "purpose", "status", "people", "messageable")
    for name, expected in told.mart_counts.items():
        assert [tuple(row[column] for column in columns) for row in told.outcomes[name].json()["consent"]] == expected


def test_one_command_tells_of_a_person_what_was_decided_said_and_sent(told: Grants) -> None:
    (person,) = told.shown["slipped_in"].json()["people"]
    email = next(row for row in person["states"] if row["channel"] == "email")
    assert (email["status"], email["is_messageable"], email["rule_id"]) == ("withdrawn", False, "default")
    assert {"granted", "withdrawn"} <= {row["status"] for row in person["history"] if row["channel"] == "email"}
    assert [(row["object"], row["state"]) for row in person["writes"]][:2] == [
        ("withdrawals", "accepted"),
        ("grants", "accepted"),
    ]
    assert email["statement_id"] in {row["statement_id"] for row in person["history"]}


def test_a_changed_rule_shows_in_the_plan_before_it_is_applied(told: Grants) -> None:
    before, planned = (told.outcomes[name].json()["kinds"] for name in ("plan as before", "plan"))
    assert before == []
    users = next(kind for kind in planned if kind["object"] == "users")
    assert users["states"]["staged"] > 0
    assert any("consent" in name.lower() for name in users["fields"])
    assert told.counts("new rule", "users")["accepted"] == users["states"]["staged"]


def test_a_rule_that_hears_nobody_leaves_subscriptions_as_they_are(told: Grants) -> None:
    """Unknown is no word of the person: nothing is sent to them, and nothing is taken away."""
    assert told.consent["new rule"]["said_yes"] == "unknown"
    assert not told.is_left["new rule"]["said_yes"]
    assert told.counts("new rule", "withdrawals") == {}
