"""What was sent to one person, as it was at a moment, from the ledger alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

from activation.explain import Explanation, explain, next_step
from activation.ledger import reasons
from activation.ledger.items import FieldChange, NewItem
from activation.ledger.machine import Event
from activation.ledger.sending import Outcome
from activation.ledger.store import Ledger
from cartwire.clock import from_ms
from cartwire.person import person_key
from tests.unit.ledger.given import SECRET, alter, item

ADA = person_key(SECRET, "customer:c-ada")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.open(tmp_path / "ledger.sqlite", SECRET)


def change(field: str, before: str | None, after: str | None) -> FieldChange:
    return FieldChange(field=field, type="string", before=before, after=after, fingerprint=f"of {after}" if after else "")


def row(object_name: str = "users", subject: str = ADA, **more: object) -> NewItem:
    given = {"subject": subject, "person_key": ADA, "email": "ada@example.com", "user_id": "c-ada"}
    return item(0, object_name, **{**given, **more})


def sent(
    ledger: Ledger,
    at_ms: int,
    rows: Sequence[NewItem],
    event: Event = Event.accept,
    reason: str = "",
    undelivered: tuple[str, ...] = (),
) -> list[int]:
    """A run of its own: frozen at `at_ms`, claimed one and settled two milliseconds later. Answers the ids of its rows."""
    run_id = f"run-{at_ms}"
    ledger.start_run(run_id, "test", at_ms)
    ledger.freeze(run_id, "rest", rows, [], at_ms)
    staged = [one.item_id for lane, name in ledger.lanes(run_id, "rest") for one in _staged(ledger, run_id, lane, name)]
    for number, item_id in enumerate(staged):
        ledger.claim(f"{run_id}-{number}", "users/bulkUpdate", [item_id], lambda _: b"{}", at_ms + 1)
        outcome = Outcome(item_id=item_id, event=event, reason=reason, undelivered_fields=undelivered)
        ledger.settle(f"{run_id}-{number}", [outcome], status=200, at_ms=at_ms + 2)
    ledger.end_run(run_id, "done", 0, at_ms=at_ms + 3)
    return staged


def _staged(ledger: Ledger, run_id: str, lane: int, name: str) -> Sequence[object]:
    return ledger.staged_rows(run_id, "rest", lane, name, visible_before_ms=0, rows_max=100)


def told(ledger: Ledger, who: str = "c-ada", at_ms: int = 10**12, **more: object) -> Explanation:
    (person,) = explain(who, ledger.path, SECRET, from_ms(at_ms), with_values=True, **more)  # type: ignore[arg-type]
    return person


def values(person: Explanation) -> dict[str, object]:
    return {field["field"]: field["value"] for field in person.fields}


def test_fields_are_those_last_accepted_and_each_says_since_when_and_by_which_run(ledger: Ledger) -> None:
    sent(ledger, 1_000, [row(fields=(change("tier", None, "silver"), change("city", None, "Bath")))])
    sent(ledger, 2_000, [row(fields=(change("tier", "silver", "gold"), change("city", "Bath", None)))])
    sent(ledger, 3_000, [row(fields=(change("tier", "gold", "refused"),))], Event.reject, "400")
    person = told(ledger)
    assert values(person) == {"tier": "gold", "city": None}
    removed = next(field for field in person.fields if field["field"] == "city")
    assert (removed["is_removed"], removed["is_erased"]) == (True, False)
    assert {(field["run_id"], field["since"]) for field in person.fields} == {("run-2000", "1970-01-01T00:00:02.002Z")}


def test_a_field_that_iterable_left_out_is_not_there(ledger: Ledger) -> None:
    sent(ledger, 1_000, [row(fields=(change("tier", None, "silver"), change("city", None, "Bath")))], undelivered=("city",))
    assert values(told(ledger)) == {"tier": "silver"}
    assert [one["is_delivered"] for one in told(ledger).requests[0]["changes"]] == [False, True]


@pytest.mark.parametrize(
    ("at_ms", "fields", "requests", "outcome", "waiting"),
    [
        (1_000, {}, 0, None, "staged"),
        (1_001, {}, 1, None, "sending"),
        (1_002, {"tier": "silver"}, 1, "accept", None),
        (1_999, {"tier": "silver"}, 1, "accept", None),
        (2_001, {"tier": "silver"}, 2, None, "sending"),
        (2_002, {"tier": "gold"}, 2, "accept", None),
    ],
)
def test_what_came_later_is_not_told_of_a_moment(
    ledger: Ledger, at_ms: int, fields: dict[str, str], requests: int, outcome: str | None, waiting: str | None
) -> None:
    sent(ledger, 1_000, [row(fields=(change("tier", None, "silver"),))])
    sent(ledger, 2_000, [row(fields=(change("tier", "silver", "gold"),))])
    person = told(ledger, at_ms=at_ms)
    assert values(person) == fields
    assert len(person.requests) == requests
    assert [one["event"] for one in person.requests[:1]] == ([outcome] if requests else [])
    assert [one["state"] for one in person.not_sent] == ([waiting] if waiting else [])
    assert explain("c-ada", ledger.path, SECRET, from_ms(999)) == []


def test_a_lost_answer_is_told_with_what_reading_back_found(ledger: Ledger) -> None:
    [item_id] = sent(ledger, 1_000, [row()], Event.lose, "status 503")
    assert told(ledger).not_sent[0]["next_step"].startswith("no answer came")
    ledger.settle_unknown([Outcome(item_id=item_id, event=Event.accept, is_verified=True)], at_ms=1_500)
    person = told(ledger)
    assert person.not_sent == ()
    [request] = person.requests
    assert (request["event"], request["state"], request["is_verified"]) == ("lose", "accepted", True)
    assert told(ledger, at_ms=1_400).requests[0]["is_verified"] is False


def test_of_each_subject_the_newest_row_that_did_not_arrive_is_told_and_what_comes_next(ledger: Ledger) -> None:
    held = row("carts", state="held", reason=f"{reasons.HELD_BY_GUARD}: many")
    sent(ledger, 1_000, [held, row("events", "e1", kind="order_updated", state="rejected", reason="total", is_sticky=True)])
    sent(ledger, 2_000, [row("carts")])
    [refused] = told(ledger).not_sent
    assert (refused["subject"], refused["reason"], refused["next_step"]) == (
        "e1",
        "total",
        "stands until the data it is made of changes",
    )
    assert [one["object"] for one in told(ledger, at_ms=1_500).not_sent] == ["events", "carts"]


@pytest.mark.parametrize(
    ("state", "reason", "is_sticky", "step"),
    [
        ("staged", "", False, "on its way"),
        ("sending", "", False, "on its way"),
        ("unknown", "the answer was lost", False, "looks at Iterable"),
        ("held", reasons.HISTORY_OVER_AGE, False, "never sent by itself"),
        ("held", f"{reasons.HELD_BY_GUARD}: 9 of 10", False, "cartwire release users"),
        ("held", reasons.PAUSED_MEANWHILE, False, "cartwire resume"),
        ("held", reasons.PERSON_NOT_ACCEPTED, False, "planned again by the next sync"),
        ("held", "identifier owned by another profile", True, "until the data"),
        ("suppressed", reasons.NOT_MESSAGEABLE, False, "when consent allows it"),
        ("suppressed", reasons.FORGOTTEN, True, "never sent again"),
        ("rejected", "409 ForgottenUserError", True, "never sent again"),
        ("held", f"{reasons.OBJECT_STOPPED}: 400", False, "planned again by the next sync"),
        ("suppressed", reasons.ALREADY_ACCEPTED, False, "Iterable has it"),
        ("rejected", "400 BadParams", True, "until the data"),
    ],
)
def test_every_verdict_has_a_next_step(state: str, reason: str, is_sticky: bool, step: str) -> None:
    assert step in next_step({"state": state, "reason": reason, "is_sticky": is_sticky, "object": "users"})


def test_a_purchase_empties_the_cart_and_a_deletion_everything_but_facts(ledger: Ledger) -> None:
    sent(ledger, 1_000, [row(fields=(change("tier", None, "silver"),)), row("carts"), row("lists", "l1", bulk_key="12")])
    assert [one["object"] for one in told(ledger).objects] == ["carts", "lists"]
    sent(ledger, 2_000, [row("purchases", "p1")])
    assert [one["object"] for one in told(ledger).objects] == ["lists"]
    sent(ledger, 3_000, [row("identities", kind="deletion")])
    person = told(ledger)
    assert (person.fields, person.objects, person.gone_at) == ((), (), "1970-01-01T00:00:03.002Z")
    assert [(one["object"], one["rows"]) for one in person.facts] == [("purchases", 1)]
    sent(ledger, 4_000, [row(fields=(change("tier", None, "bronze"),))])
    assert values(told(ledger)) == {"tier": "bronze"}


def test_people_are_found_by_every_name_they_ever_had(ledger: Ledger) -> None:
    guest = person_key(SECRET, "email:ada@example.com")
    sent(ledger, 1_000, [row(), row(subject=guest, person_key=guest, user_id=None)])
    sent(ledger, 2_000, [row(email="new@example.com")])
    at = from_ms(10**12)
    assert {one.person_key for one in explain(" ADA@example.com ", ledger.path, SECRET, at)} == {ADA, guest}
    for who in ("new@example.com", "c-ada", ADA):
        assert [one.person_key for one in explain(who, ledger.path, SECRET, at)] == [ADA]
    assert [one.person_key for one in explain(f"g-{guest[:32]}", ledger.path, SECRET, at)] == [guest]
    assert explain("somebody@example.com", ledger.path, SECRET, at) == []


def test_without_being_asked_no_value_and_no_address_is_told(ledger: Ledger) -> None:
    sent(ledger, 1_000, [row(fields=(change("city", "Wells", "Bath"),), fragment=b'{"city":"Bath"}'), row("carts")])
    (person,) = explain("c-ada", ledger.path, SECRET, from_ms(10**12))
    text = str(asdict(person))
    assert not [secret for secret in ("Bath", "Wells", "ada@", "c-ada") if secret in text]
    assert person.requests[-1]["changes"] == [{"field": "city", "is_delivered": True}]


def test_an_erased_value_is_told_as_erased_and_its_history_stays(ledger: Ledger) -> None:
    sent(ledger, 1_000, [row(fields=(change("city", None, "Bath"),), fragment=b'{"city":"Bath"}')])
    alter(ledger.path, "update item_fields set before_value = null, after_value = null")
    alter(ledger.path, "update item_values set email = null, user_id = null, fragment = null")
    person = told(ledger)
    [field] = person.fields
    assert (field["value"], field["is_erased"], field["is_removed"]) == (None, True, False)
    assert (person.email, person.user_id) == (None, None)
    assert [one["fragment"] for one in person.requests] == [None]


def test_no_question_walks_through_the_whole_ledger(ledger: Ledger) -> None:
    sent(ledger, 1_000, [row()])
    statements: list[str] = []
    ledger._db.set_trace_callback(statements.append)
    ledger.person_keys_of_email("ada@example.com")
    ledger.person_keys_like(ADA[:32])
    ledger.identifiers(ADA, 10**12)
    ledger.fields_at(ADA, 10**12)
    ledger.objects_at(ADA, 10**12)
    ledger.fact_counts_at(ADA, 10**12)
    ledger.requests_of(ADA, 10**12, 20)
    ledger.standing_at(ADA, 10**12)
    ledger._db.set_trace_callback(None)
    large = ("items", "item_values", "item_fields", "attempts", "transitions", "requests", "stages", "runs")
    assert len(statements) == 8
    for statement in statements:
        plan = [step[3] for step in ledger._db.execute(f"explain query plan {statement}")]
        assert not [step for step in plan if step.split()[0] == "SCAN" and step.split()[1] in large], plan
