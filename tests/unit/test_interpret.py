"""Hand-written answers of Iterable and what each row's fate must be (facts on Iterable's API, sections 4 and 8)."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from activation.iterable.answer_table import Action, rule_of
from activation.iterable.interpret import Interpretation, SentRow, Signal, interpret
from activation.ledger.machine import Event
from clients.answers import Answer, Fault, asked_wait_s

ANN, BEN, CID = SentRow(email="Ann@Example.com"), SentRow(email="ben@example.com", user_id="B-1"), SentRow(user_id="C-1")
ROWS = (ANN, BEN, CID)


def users(body: Any, status: int = 200, rows: tuple[SentRow, ...] = ROWS, **headers: str) -> Interpretation:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return interpret("users/bulkUpdate", rows, Answer(status=status, body=raw, headers=headers))


def events(verdict: Interpretation) -> list[str]:
    return [str(row.event) for row in verdict.rows]


def answer(succeeded: int, failed: int, **lists: Any) -> dict[str, Any]:
    return {"successCount": succeeded, "failCount": failed, **lists}


def test_a_clean_answer_accepts_every_row() -> None:
    assert events(users(answer(3, 0, failedUpdates={"invalidEmails": []}))) == ["accept"] * 3


@pytest.mark.parametrize("category", ["invalid", "notFound", "forgotten", "conflict", "invalidData"])
def test_each_failure_list_rejects_its_row_with_its_own_name(category: str) -> None:
    verdict = users(answer(1, 2, failedUpdates={f"{category}Emails": ["ANN@example.com"], f"{category}UserIds": ["C-1"]}))
    assert events(verdict) == ["reject", "accept", "reject"]
    assert [verdict.rows[0].reason, verdict.rows[2].reason] == [f"{category}Emails", f"{category}UserIds"]
    assert verdict.rows[0].is_sticky is (category != "notFound")
    assert verdict.rows[0].is_forgotten is (category == "forgotten")


def test_a_failure_echoed_in_another_case_is_still_a_failure() -> None:
    assert events(users(answer(2, 1, failedUpdates={"invalidEmails": ["aNN@EXAMPLE.com"]}))) == ["reject", "accept", "accept"]


def test_a_user_id_is_compared_with_its_case() -> None:
    assert events(users(answer(2, 1, failedUpdates={"invalidUserIds": ["c-1"]}))) == ["lose"] * 3


def test_a_row_named_by_address_and_by_id_is_one_failure() -> None:
    lists = {"conflictEmails": ["ben@example.com"], "conflictUserIds": ["B-1"]}
    verdict = users(answer(2, 1, failedUpdates=lists))
    assert events(verdict) == ["accept", "reject", "accept"]
    assert verdict.rows[1].reason == "conflictEmails, conflictUserIds"


def test_the_deprecated_flat_list_alone_counts_and_beside_the_new_one_adds_nothing() -> None:
    flat = {"invalidEmails": ["ann@example.com"]}
    assert events(users(answer(2, 1, **flat))) == ["reject", "accept", "accept"]
    both = users(answer(2, 1, **flat, failedUpdates={"forgottenEmails": ["ann@example.com"]}))
    assert both.rows[0].reason == "forgottenEmails"


def test_a_failure_list_of_a_name_not_yet_known_keeps_its_row_for_the_next_run() -> None:
    verdict = users(answer(2, 1, failedUpdates={"quarantinedEmails": ["ann@example.com"]}))
    assert events(verdict) == ["hold", "accept", "accept"]
    assert (verdict.rows[0].reason, verdict.rows[0].is_sticky) == ("quarantinedEmails", False)


def test_of_two_causes_the_one_that_lets_the_row_go_last_counts() -> None:
    lists = {"notFoundEmails": ["ben@example.com"], "forgottenUserIds": ["B-1"], "newEmails": ["ben@example.com"]}
    row = users(answer(2, 1, failedUpdates=lists)).rows[1]
    assert (row.event, row.is_sticky, row.is_forgotten) == (Event.reject, True, True)


@pytest.mark.parametrize(
    "body",
    [
        answer(2, 0),
        answer(2, 1),
        answer(3, 1, failedUpdates={"invalidEmails": ["ann@example.com"]}),
        answer(1, 2, failedUpdates={"invalidEmails": ["ann@example.com"]}),
        answer(2, 1, failedUpdates={"invalidEmails": ["stranger@example.com"]}),
        answer(3, 0, failedUpdates={"invalidEmails": ["ann@example.com"]}),
        {"successCount": "3", "failCount": 0},
        {"successCount": True, "failCount": 2},
        {"code": "Success", "msg": ""},
        [],
        b"<html>bad gateway</html>",
        b'{"successCount": 3, "failC',
        b"",
    ],
    ids=[
        "a row missing",
        "an unnamed failure",
        "too many rows",
        "fewer named than counted",
        "a stranger",
        "named but not counted",
        "text for a number",
        "boolean for a number",
        "no counts",
        "a list",
        "html",
        "cut short",
        "empty",
    ],
)
def test_an_answer_that_does_not_add_up_leaves_every_row_unknown(body: Any) -> None:
    assert events(users(body)) == ["lose"] * 3


def test_a_failure_that_two_rows_share_leaves_every_row_unknown() -> None:
    twice = (ANN, SentRow(email="ann@example.com"), CID)
    assert events(users(answer(2, 1, failedUpdates={"invalidEmails": ["ann@example.com"]}), rows=twice)) == ["lose"] * 3


def test_an_address_that_several_rows_share_rejects_them_all_where_it_is_named_for_each() -> None:
    """In a userID-based project two users may have one address."""
    twice = (SentRow(email="ann@example.com", user_id="c-1"), SentRow(email="ann@example.com", user_id="c-2"), CID)
    body = answer(
        1, 2, failedUpdates={"invalidEmails": ["ann@example.com", "Ann@example.com"]}, invalidEmails=["ann@example.com"]
    )
    assert events(users(body, rows=twice)) == ["reject", "reject", "accept"]


@pytest.mark.parametrize("endpoint", ["users/deleteByEmail", "users/deleteByUserId"])
def test_a_deletion_of_nobody_is_done_and_another_refusal_is_one(endpoint: str) -> None:
    def verdict(message: str) -> list[str]:
        body = {"code": "BadParams", "msg": message, "params": None}
        return events(interpret(endpoint, (ANN,), Answer(status=400, body=orjson.dumps(body))))

    assert verdict("User does not exist. Email:  UserId: c-1") == ["accept"]
    assert verdict("Not supported in this project") == ["reject"]


def test_filtered_fields_do_not_undo_the_row_but_are_told() -> None:
    verdict = users(answer(3, 0, filteredOutFields=["shoeSize", "address.city"]))
    assert events(verdict) == ["accept"] * 3
    assert verdict.filtered_fields == {"shoeSize", "address.city"}


@pytest.mark.parametrize("counted", [True, False], ids=["counted as failed", "counted as success"])
def test_a_disallowed_event_name_rejects_its_rows_however_it_is_counted(counted: bool) -> None:
    rows = (SentRow(email="a@example.com", event_name="x"), SentRow(email="b@example.com", event_name="y"))
    body = answer(1, 1, disallowedEventNames=["y"]) if counted else answer(2, 0, disallowedEventNames=["y"])
    verdict = interpret("events/trackBulk", rows, Answer(status=200, body=orjson.dumps(body)))
    assert events(verdict) == ["accept", "reject"]
    assert verdict.rows[1].reason == "disallowedEventNames"


MISMATCH = {
    "code": "RequestFieldsTypesMismatched",
    "msg": "ann@example.com is wrong",
    "params": {"validationErrors": {"signupDate": {"expectedType": "date", "offendingValue": "ann@example.com"}}},
}


@pytest.mark.parametrize(("status", "code"), [(400, MISMATCH["code"]), (409, "Conflict"), (413, "x"), (400, "BatchTooLarge")])
def test_a_request_that_some_row_spoils_goes_again_in_smaller_ones(status: int, code: str) -> None:
    verdict = users({**MISMATCH, "code": code}, status)
    assert (events(verdict), verdict.signal) == (["retry"] * 3, Signal.divide)
    alone = users({**MISMATCH, "code": code}, status, rows=(ANN,))
    assert (events(alone), alone.signal) == (["reject"], Signal.none)
    assert alone.rows[0].reason == f"{status} {code} (signupDate)"
    assert alone.rows[0].is_sticky


def test_rows_that_the_answer_names_by_their_place_are_refused_and_the_others_go_again() -> None:
    params = {"obj.users[1].preferUserId": "Boolean value expected", "obj.users[2]": "Missing"}
    verdict = users({"code": "BadJsonBody", "params": params}, 400)
    assert (events(verdict), verdict.signal) == (["retry", "reject", "reject"], Signal.divide)


@pytest.mark.parametrize("name", ["obj.createNewFields", "obj.users[7].email", "users[1]"])
def test_a_place_that_is_no_row_of_the_request_blames_none(name: str) -> None:
    body = {"code": "BadJsonBody", "params": {"obj.users[1].preferUserId": "x", name: "y"}}
    assert events(users(body, 400)) == ["retry"] * 3


@pytest.mark.parametrize(("status", "code"), [(422, "New"), (400, "New"), (418, ""), (400, "UniqueFieldsLimitExceeded")])
def test_an_answer_that_blames_no_row_stops_the_object_and_keeps_the_rows(status: int, code: str) -> None:
    verdict = users({"code": code, "params": {"field": 1}}, status)
    assert (events(verdict), verdict.signal) == (["hold"] * 3, Signal.object_stopped)
    assert not any(row.is_sticky for row in verdict.rows)
    assert f"({status}" in verdict.rows[0].reason


CODES = {  # facts on Iterable's API, section 4
    400: """BadJsonBody BadParams BatchTooLarge EmailAlreadyExists ForgottenUserError InvalidEmailAddressError InvalidUserIdError
        QueueEmailError RequestFieldsTypesMismatched UniqueFieldsLimitExceeded UnknownEmailError UnknownUserIdError
        UserIdAlreadyExists InvalidJwtPayload JwtUserIdentifiersMismatched""",
    401: "BadApiKey BadAuthorizationHeader Unauthorized Success",
    403: "Forbidden ForbiddenParamsError",
    404: "NotFound error.catalogs.notFound",
    409: "ExternalKeyConflict ForgottenUserError Conflict",
    413: "RequestEntityTooLarge",
    429: "RateLimitExceeded",
    500: "GenericError DatabaseError QueueEmailError",
    502: "-",
    503: "-",
    504: "-",
}


@pytest.mark.parametrize(("status", "code"), [(status, code) for status, codes in CODES.items() for code in codes.split()])
@pytest.mark.parametrize("endpoint", ["users/bulkUpdate", "commerce/updateCart", "lists/subscribe", "subscriptions/unsubscribe"])
def test_every_documented_error_is_in_the_table(endpoint: str, status: int, code: str) -> None:
    rule = rule_of(endpoint, Answer(status=status, body=orjson.dumps({"code": code, "msg": "m"})))
    assert rule.meaning != "an answer that is not in the table"
    assert rule.action is not Action.read


@pytest.mark.parametrize("status", [*range(100, 600)])
def test_every_status_has_a_rule_and_only_a_2xx_may_accept(status: int) -> None:
    verdict = interpret("commerce/trackPurchase", (ANN,), Answer(status=status, body=b'{"code":"Success","msg":""}'))
    assert (events(verdict) == ["accept"]) is (200 <= status < 300)


def test_a_refusal_of_one_row_alone_rejects_it() -> None:
    verdict = users({"code": "ForgottenUserError", "msg": ""}, 409, rows=(ANN,))
    assert (events(verdict), verdict.rows[0].reason) == (["reject"], "409 ForgottenUserError")
    assert verdict.rows[0].is_forgotten


def test_personal_data_in_a_code_never_reaches_the_reason() -> None:
    verdict = users({"code": "ann@example.com", "params": {"ann@example.com": 1}}, 400, rows=(ANN,))
    assert verdict.rows[0].reason == "an answer that is not in the table (400)"


@pytest.mark.parametrize("body", [{"code": "RateLimitExceeded", "params": {"rateLimitReset": 3}}, b"<html/>", b""])
def test_429_sends_every_row_back_and_signals_the_pause(body: Any) -> None:
    verdict = users(body, 429)
    assert (events(verdict), verdict.signal) == (["retry"] * 3, Signal.throttled)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_failing_server_leaves_every_row_unknown(status: int) -> None:
    assert events(users(b"<html>later</html>", status)) == ["lose"] * 3


@pytest.mark.parametrize("status", [301, 401, 403, 404])
def test_a_wrong_key_or_address_stops_the_run_and_refuses_no_row(status: int) -> None:
    verdict = users({"code": "Success", "msg": "Invalid API key"}, status)
    assert (events(verdict), verdict.signal) == (["retry"] * 3, Signal.refused)


@pytest.mark.parametrize(
    ("fault", "event", "signal"), [(Fault.not_sent, "retry", Signal.unreachable), (Fault.lost, "lose", Signal.none)]
)
def test_a_connection_refused_is_not_a_lost_answer(fault: Fault, event: str, signal: Signal) -> None:
    verdict = interpret("users/bulkUpdate", ROWS, Answer(fault=fault))
    assert (events(verdict), verdict.signal) == ([event] * 3, signal)


@pytest.mark.parametrize("status", [200, 202])
def test_the_additive_endpoint_is_judged_by_status_alone(status: int) -> None:
    verdict = interpret("subscriptions/unsubscribe", ROWS, Answer(status=status, body=b""))
    assert events(verdict) == ["accept"] * 3


def test_the_additive_endpoint_that_is_not_there_is_a_missing_feature() -> None:
    verdict = interpret("subscriptions/unsubscribe", ROWS, Answer(status=404))
    assert (events(verdict), verdict.signal) == (["retry"] * 3, Signal.feature_absent)


def test_a_single_call_is_accepted_by_code_success_only() -> None:
    def single(body: dict[str, Any]) -> Event:
        return interpret("commerce/trackPurchase", (ANN,), Answer(status=200, body=orjson.dumps(body))).rows[0].event

    assert single({"code": "Success", "msg": "", "params": {"id": "o"}}) is Event.accept
    assert single({"code": "GenericError", "msg": ""}) is Event.lose
    assert single({"code": "Success", "msg": "Event x is disallowed from tracking"}) is Event.reject


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Answer(status=429, body=b'{"params":{"rateLimitReset":3}}', headers={"retry-after": "9"}), 3.0),
        (Answer(status=429, body=b'{"params":null}', headers={"retry-after": "9"}), 9.0),
        (Answer(status=429, body=b"<html/>"), None),
        (Answer(status=429, headers={"retry-after": "999999"}), 600.0),
        (Answer(status=429, body=b'{"params":{"rateLimitReset":-1}}'), None),
    ],
)
def test_the_wait_asked_for_is_found_where_iterable_puts_it(given: Answer, expected: float | None) -> None:
    assert asked_wait_s(given) == expected
