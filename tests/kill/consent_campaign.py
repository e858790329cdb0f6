"""People say and take back consent in the shop, at Iterable and on paper, while syncs are killed, paused and disturbed.

What each person is subscribed to at Iterable afterwards is compared with an evaluator that knows nothing of the models.
"""

from __future__ import annotations

import csv
import json
import random
import shutil
import subprocess
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import orjson

from activation.crash_points import CRASH_POINTS
from cartwire.settings import REPOSITORY
from clients.endpoints import ENDPOINTS
from tests.conftest import Sandbox
from tests.kill.installation import CARTWIRE, Installation
from tests.kill.shopping import OWN_IDENTIFIER
from tests.property.consent_evaluator import REFUSALS, Person, Rule, Statement, Verdict, evaluate

RULES = {
    "us": Rule("most_restrictive"),
    "de": Rule("most_recent"),
    "gb": Rule("withdrawal_wins"),
    "jp": Rule("iterable"),
    "kw": Rule("most_recent", confirmed_by="iterable"),
}
CHANNEL_NUMBERS = {"email": 101, "sms": 103}
FIELDS: dict[str, tuple[str, dict[Any, str]]] = {
    "email": ("newsletterOptIn", {True: "granted", False: "denied", None: "unknown"}),
    "sms": ("smsConsent", {"granted": "granted", "denied": "denied", "withdrawn": "withdrawn", None: "unknown"}),
}
ACTS = {"email": ("unsubscribe", "subscribe", "spam_complaint"), "sms": ("sms_stop", "sms_start")}
POINTS = tuple(sorted(CRASH_POINTS))
DISTURBANCES = ("nothing", "kill at a point", "kill at any instant", "answer lost", "grants paused")
EXPORTS_REFILLED_S = ENDPOINTS["export/data.json"].window_s + 1  # a load that may read more than unsubscribes
NOBODY_ELSE = f"""
select profiles.customer_id, profiles.profile_id, profiles.market_code, profiles.email
from marts.profiles as profiles
where profiles.customer_id in ({OWN_IDENTIFIER})
qualify count(*) over (partition by profiles.email) = 1
"""
HISTORY = """
select profile_id, system, resource_type, resource_id, channel, status, stated_at, learned_at, is_explicit
from marts.consent_history where is_decisive order by stated_at
"""


@dataclass
class Tally:
    """How often each word, disturbance and outcome occurred, and the faults found."""

    histories: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def never(self) -> list[str]:
        """What a long campaign must have seen and this one did not."""
        words = [f"shop {status}" for _, values in FIELDS.values() for status in values.values()]
        words += [f"iterable {act}" for acts in ACTS.values() for act in acts]
        words += ["paper granted", *(f"paper {status}{proof}" for status in REFUSALS for proof in ("", " without proof"))]
        outcomes = ["subscribed", "unsubscribed", "left as they were"]
        return sorted({name for name in (*words, *DISTURBANCES, *outcomes) if not self.seen[name]})


class ConsentCampaign:
    """One installation, one population of customers, and rounds of words and disturbances."""

    def __init__(self, sandbox: Sandbox, folder: Path, seed: int) -> None:
        self.seed, self.tally = seed, Tally()
        self._random = random.Random(seed)
        self._sandbox, self._folder = sandbox, folder
        self._to_come: list[str] = []
        config = folder / "config"
        shutil.copytree(REPOSITORY / "config", config)
        _configure(config)
        self._installation = Installation(sandbox, folder)
        self._installation.environment |= {"CARTWIRE_CONFIG": str(config), "CARTWIRE_RATE_SHARE": "1"}
        self._said: dict[str, list[Statement]] = defaultdict(list)

    def begin(self) -> None:
        """The first sync, undisturbed; what people said before is taken over as it was read."""
        self._sandbox.reset()
        self._clean_sync()
        with duckdb.connect(str(self._installation.warehouse), read_only=True) as conn:
            people = conn.execute(NOBODY_ELSE).fetchall()
            documents = conn.execute("select id, cast(document as varchar) from raw.customers").fetchall()
            history = conn.execute(HISTORY).fetchall()
        self._documents = {key: orjson.loads(text) for key, text in documents}
        self._people = [
            Person(profile_id, customer_id, email, market, None, None, is_deleted=False)
            for customer_id, profile_id, market, email in people
            if "custom" in self._documents[customer_id]
        ]
        known = {person.profile_id: person for person in self._people}
        for profile_id, system, resource_type, record, channel, status, stated_at, learned_at, is_explicit in history:
            if person := known.get(profile_id):
                statement = Statement(
                    person=person, system=system, resource_type=resource_type, record=record, channel=channel, status=status,
                    stated_at=stated_at, learned_at=learned_at, is_explicit=is_explicit,
                )  # fmt: skip
                self._said[profile_id].append(statement)

    def go_round(self, actors: int) -> None:
        """Some people say something, a sync is disturbed, others say something, a sync ends well; then everyone is compared."""
        chosen = self._random.sample(self._people, min(actors, len(self._people)))
        half = len(chosen) // 2
        self._speak(chosen[:half])
        self._disturbed_sync()
        self._speak(chosen[half:])
        self._disturbed_sync()
        time.sleep(EXPORTS_REFILLED_S)
        for _ in range(3):  # what stage 1 takes for somebody whose market it cannot know, the sync after gives back
            self._clean_sync()
            if not self._installation.states({self._installation.newest_run()}):
                break
        self.tally.histories += len(chosen)
        self._compare(chosen)

    def _speak(self, people: list[Person]) -> None:
        paper = []
        for person in people:
            channel = self._random.choice(tuple(CHANNEL_NUMBERS))
            for where in self._random.sample(
                (self._in_the_shop, self._at_iterable, self._on_paper), self._random.choice((1, 1, 2, 3))
            ):
                row = where(person, channel)
                if row:
                    paper.append(row)
        if paper:
            self._import(paper)

    def _in_the_shop(self, person: Person, channel: str) -> None:
        name, meanings = FIELDS[channel]
        document = self._documents[str(person.customer_id)]
        fields = document["custom"]["fields"]
        before, after = meanings[fields.get(name)], self._random.choice(tuple(meanings))
        fields.pop(name, None)
        if after is not None:
            fields[name] = after
        changed = self._sandbox.admin("commercetools", "POST", "documents/customers", document)
        self.tally.seen[f"shop {meanings[after]}"] += 1
        if meanings[after] != before:
            moment = _naive(datetime.fromisoformat(changed["lastModifiedAt"]))
            self._add(person, "commercetools", "customers", str(person.customer_id), channel, meanings[after], moment)

    def _at_iterable(self, person: Person, channel: str) -> None:
        act = self._random.choice(ACTS[channel])
        who = {"email": person.email} if self._sandbox.identity == "email" else {"userId": person.customer_id}
        self._sandbox.admin("iterable", "POST", "person-acts", {**who, "act": act, "channelId": CHANNEL_NUMBERS[channel]})
        self.tally.seen[f"iterable {act}"] += 1

    def _on_paper(self, person: Person, channel: str) -> dict[str, str]:
        status = self._random.choice(("granted", "denied", "withdrawn"))
        proof = "" if status != "granted" and self._random.random() < 0.5 else f"form-{self._random.randrange(10**9)}"
        moment = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=self._random.choice((0, 0, 5, 60 * 24)))
        self.tally.seen[f"paper {status}{'' if proof else ' without proof'}"] += 1
        self._add(person, "import", "imports", proof or str(moment), channel, status, _naive(moment), is_explicit=bool(proof))
        return {
            "customer_id": str(person.customer_id), "channel": channel, "purpose": "marketing", "status": status,
            "stated_at": moment.isoformat(), "source": "till", "proof_reference": proof,
        }  # fmt: skip

    def _import(self, rows: list[dict[str, str]]) -> None:
        path = self._folder / "paper.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        self._command("consent", "import", str(path))

    def _add(
        self, person: Person, system: str, resource_type: str, record: str, channel: str, status: str, moment: datetime,
        *, is_explicit: bool = True,
    ) -> None:  # fmt: skip
        statement = Statement(
            person=person, system=system, resource_type=resource_type, record=record, channel=channel, status=status,
            stated_at=moment, learned_at=_naive(datetime.now(UTC)), is_explicit=is_explicit,
        )  # fmt: skip
        self._said[person.profile_id].append(statement)

    def _disturbed_sync(self) -> None:
        """One disturbance after the other, in another order each time."""
        self._to_come = self._to_come or self._random.sample(DISTURBANCES, len(DISTURBANCES))
        disturbance = self._to_come.pop()
        self.tally.seen[disturbance] += 1
        if disturbance == "kill at a point":
            self._installation.sync(crash_at=f"{self._random.choice(POINTS)}:1")
        elif disturbance == "kill at any instant":
            self._installation.sync_killed_after(self._random.uniform(0.2, 0.9) * self._typical_s)
        elif disturbance == "answer lost":
            rule = {"match": {"path": "/api/subscriptions"}, "nth": 1, "times": 1, "kind": "drop_after"}
            self._sandbox.admin("iterable", "POST", "faults", {"rules": [rule]})
            self._installation.sync()
            self._sandbox.admin("iterable", "DELETE", "faults")
        elif disturbance == "grants paused":
            self._command("pause", "grants")
            self._installation.sync()
            self._command("resume", "grants")

    def _clean_sync(self) -> None:
        started = time.monotonic()
        ended = self._installation.sync()
        assert ended.returncode == 0, ended.output
        self._typical_s = time.monotonic() - started

    def _command(self, *arguments: str) -> None:
        done = subprocess.run(
            [CARTWIRE, *arguments],
            cwd=REPOSITORY,
            env=self._installation.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _compare(self, chosen: list[Person]) -> None:
        state = self._sandbox.admin("iterable", "GET", "state")
        key = "email" if self._sandbox.identity == "email" else "userId"
        left = {user[key]: set(user["unsubscribedChannelIds"]) for user in state["users"]}
        told: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for event in state["subscriptionEvents"]:
            told[event[key]].append(event)
        for person in chosen:
            name = person.email if key == "email" else person.customer_id
            words = [*self._said[person.profile_id], *_own_words(person, told[str(name)])]
            for channel, number in CHANNEL_NUMBERS.items():
                verdict = evaluate(person, channel, words, RULES[person.market_code], datetime.max, blocked=False)
                complained = channel == "email" and any(one["kind"] == "emailComplaint" for one in told[str(name)])
                fault = self._judge(verdict, is_subscribed=number not in left[str(name)], may_wait=complained)
                if fault:
                    said = [(word.system, word.status, str(word.stated_at)) for word in words if word.channel == channel]
                    self.tally.faults.append(
                        f"{person.market_code} {channel}: {fault}; {json.dumps(sorted(said, key=lambda w: w[2]))}"
                    )

    def _judge(self, verdict: Verdict, *, is_subscribed: bool, may_wait: bool) -> str | None:
        """A fault in words, or None. may_wait: a grant may wait until a complaint, which is exported once an hour, has been weighed."""
        if verdict.status in REFUSALS:
            self.tally.seen["unsubscribed"] += 1
            return "subscribed although they withdrew" if is_subscribed else None
        if verdict.is_messageable and may_wait and not is_subscribed:
            self.tally.seen["waiting for a complaint to be weighed"] += 1
            return None
        if verdict.is_messageable:
            self.tally.seen["subscribed"] += 1
            return None if is_subscribed else "their grant is lost"
        self.tally.seen["left as they were"] += 1
        return None


def _own_words(person: Person, events: list[dict[str, Any]]) -> list[Statement]:
    """What the person did at Iterable; what a program asked for there is nobody's word."""
    names = {number: channel for channel, number in CHANNEL_NUMBERS.items()}
    words = []
    for event in events:
        source = event["data"].get("unsubSource", event["data"].get("signupSource"))
        if event["kind"] not in ("emailSubscribe", "emailUnSubscribe", "emailComplaint") or source == "API":
            continue
        withdrawn = event["kind"] != "emailSubscribe"
        moment = datetime.fromtimestamp(event["createdAt"] + withdrawn, UTC)
        channels = {names[number] for number in event["data"].get("channelIds", ()) if number in names}
        if event["kind"] == "emailComplaint":  # it names no channel
            channels = {"email"}
        words += [
            Statement(
                person=person, system="iterable", resource_type="iterable_event", record=f"{event['storedAt']}",
                channel=channel, status="withdrawn" if withdrawn else "granted", stated_at=_naive(moment),
                learned_at=_naive(datetime.fromtimestamp(event["storedAt"], UTC)), is_explicit=True,
            )
            for channel in channels
        ]  # fmt: skip
    return words


def _configure(config: Path) -> None:
    """Rules of each market; and no volume guard, for everybody may say something in a round."""
    objects = config / "objects.csv"
    with objects.open(newline="", encoding="utf-8") as file:
        rows = [{**row, "guard_share": "", "guard_min_rows": ""} for row in csv.DictReader(file)]
    with objects.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with (config / "consent_rules.csv").open("a", encoding="utf-8") as file:
        for market, rule in RULES.items():
            if rule.source_of_truth != "most_restrictive":
                file.write(f"{market}_rule,consent,{market},*,*,{rule.source_of_truth},,,true,\n")
    with (config / "consent_markets.csv").open("a", encoding="utf-8") as file:
        for market, rule in RULES.items():
            for channel in CHANNEL_NUMBERS if rule.confirmed_by else ():
                file.write(f"{market},{channel},{rule.confirmed_by},,\n")


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
