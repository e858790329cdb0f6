"""The models that decide about consent against an independent evaluator, on random histories.

`python -m tests.property.test_consent_rules --histories 100000 --seed 7` runs more of them.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.property.consent_evaluator import REFUSALS, Person, Statement, evaluate
from tests.property.consent_world import (
    CHANNELS,
    NOW,
    RULES,
    SUPPRESSED_DOMAIN,
    SUPPRESSED_PHONE,
    compile_models,
    decide,
    random_world,
)

BATCH = 5_000
MUST_OCCUR = {
    "commercetools granted", "commercetools pending", "commercetools denied", "commercetools withdrawn", "commercetools unknown",
    "iterable granted", "iterable withdrawn", "iterable granted told by a program", "iterable withdrawn told by a program",
    "import granted", "import pending", "import denied", "import withdrawn", "import granted told by a program",
    "decided by most_restrictive", "decided by most_recent", "decided by withdrawal_wins", "decided by iterable",
    "decided by commercetools", "decided by import", "decided by person_deleted", "decided by suppressed", "decided by nothing_said",
    "decided by too_young", "decided by expired", "decided by grant_taken_away", "decided by unconfirmed", "messageable",
    "refusal of somebody else with the address",
}  # fmt: skip
Models = Sequence[tuple[str, str]]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return compile_models(tmp_path_factory.mktemp("consent"))


def check(models: Models, seed: int, count: int) -> Counter[str]:
    """Compare every person and channel of one random world; answers how often everything occurred."""
    world = random_world(seed, count)
    seen = world.seen
    own: dict[str, list[Statement]] = defaultdict(list)
    refusals: dict[str, list[Statement]] = defaultdict(list)
    for word in world.statements:
        own[word.person.profile_id].append(word)
        if word.status in REFUSALS:
            refusals[word.person.email].append(word)
    decided = decide(world, models)
    for person in world.people:
        others = [word for word in refusals[person.email] if word.person != person]
        seen["refusal of somebody else with the address"] += len(others)
        for channel in CHANNELS:
            expected = evaluate(
                person,
                channel,
                [*own[person.profile_id], *others],
                RULES[person.market_code],
                NOW,
                blocked=_is_blocked(person, channel),
            )
            found = decided.pop((person.profile_id, channel))
            assert found == expected, (f"seed {seed}", person, channel, [*own[person.profile_id], *others])
            seen[f"decided by {found.decided_by}"] += 1
            seen["messageable"] += found.is_messageable
    assert not decided
    return seen


def _is_blocked(person: Person, channel: str) -> bool:
    if channel == "email":
        return person.email.endswith(f"@{SUPPRESSED_DOMAIN}")
    return person.phone == SUPPRESSED_PHONE


@pytest.mark.parametrize("seed", [1, 20261128])
def test_the_models_decide_as_the_rules_say(models: Models, seed: int) -> None:
    seen = check(models, seed, 2_000)
    assert seen.keys() >= MUST_OCCUR, f"never occurred: {MUST_OCCUR - seen.keys()}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Random histories of consent against an independent evaluator.")
    parser.add_argument("--histories", type=int, default=100_000, help="people with a history (default 100000)")
    parser.add_argument("--seed", type=int, default=1, help="first seed; every 5000 people have one of their own")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = compile_models(Path(folder))
    seen: Counter[str] = Counter()
    for number, start in enumerate(range(0, arguments.histories, BATCH)):
        seen += check(models, arguments.seed + number, min(BATCH, arguments.histories - start))
        print(f"{min(start + BATCH, arguments.histories)} histories agree", flush=True)
    for name, count in sorted(seen.items()):
        print(f"{count:>9}  {name}")
    assert seen.keys() >= MUST_OCCUR, f"never occurred: {MUST_OCCUR - seen.keys()}"


if __name__ == "__main__":
    main()
