"""Credentials, scopes, regions and addresses that are wrong: one clear message, the right exit code, and an unbound ledger."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest

from activation.ledger.store import Ledger
from clients.retry import RetryPolicy
from tests.conftest import SECRET, Sandbox
from tests.e2e.command import Outcome, cartwire

NOBODY = "http://127.0.0.1:9"
SECRETS = ("demo-secret", "a-wrong-secret", "demo0000demo0000demo0000demo0000", "x" * 32, SECRET)
Attempt = Callable[..., Outcome]
QUICK = partial(RetryPolicy, attempts=2, wait_first_s=0.001, wait_max_s=0.002)


def scopes_without(sandbox: Sandbox, name: str) -> str:
    return " ".join(scope for scope in sandbox.credentials["CTP_SCOPES"].split() if not scope.startswith(name))


@pytest.fixture
def attempt(sandbox: Sandbox, tmp_path: Path) -> Attempt:
    """`cartwire sync` of a fresh installation with settings changed as given. Whatever it says, it has sent and bound nothing."""

    def run(code: int, *words: str, verb: str = "sync", **changes: str) -> Outcome:
        with patch("clients.commercetools.RetryPolicy", QUICK), patch("clients.iterable.RetryPolicy", QUICK):
            outcome = cartwire(sandbox.environment(tmp_path, **changes), verb)
        assert outcome.code == code, outcome
        assert outcome.err.count("cartwire: ") == 1
        assert "Traceback" not in outcome.err
        assert not [secret for secret in SECRETS if secret in outcome.err + outcome.out]
        assert "@" not in outcome.err + outcome.out
        for word in words:
            assert word in outcome.message
        with Ledger.open(tmp_path / "ledger.sqlite", SECRET.encode()) as ledger:
            assert ledger.go_live_at() is None, "a wrong key must not bind the ledger"
        assert sandbox.writes() == {}
        return outcome

    return run


def test_wrong_credentials(attempt: Attempt) -> None:
    attempt(2, "CTP_CLIENT_ID", "CTP_CLIENT_SECRET", CTP_CLIENT_SECRET="a-wrong-secret")


def test_a_missing_scope_is_named(attempt: Attempt, sandbox: Sandbox) -> None:
    attempt(2, "view_customers:cartwire-demo", "CTP_SCOPES", CTP_SCOPES=scopes_without(sandbox, "view_customers"))


def test_a_scope_that_the_client_does_not_have(attempt: Attempt) -> None:
    attempt(2, "CTP_SCOPES", CTP_SCOPES="view_customers:another-project")


def test_another_project_key(attempt: Attempt) -> None:
    attempt(2, "CTP_PROJECT_KEY", CTP_PROJECT_KEY="another-project", CTP_SCOPES="")


def test_an_api_host_of_another_region(attempt: Attempt, sandbox: Sandbox) -> None:
    attempt(2, "CTP_API_URL", CTP_API_URL=sandbox.iterable_url)


def test_a_host_that_refuses_the_token_of_another_region(attempt: Attempt, sandbox: Sandbox) -> None:
    rule = {"match": {"path": "/cartwire-demo/*"}, "kind": "status", "status": 401, "body": {"statusCode": 401, "message": "no"}}
    sandbox.admin("commercetools", "POST", "faults", {"rules": [rule]})
    attempt(2, "same region", "CTP_AUTH_URL")


def test_an_authorization_host_of_another_region(attempt: Attempt, sandbox: Sandbox) -> None:
    attempt(2, "CTP_AUTH_URL", CTP_AUTH_URL=sandbox.iterable_url)


@pytest.mark.parametrize("variable", ["CTP_API_URL", "CTP_AUTH_URL"])
def test_an_unreachable_shop(attempt: Attempt, variable: str) -> None:
    attempt(3, "CTP_API_URL", "No cursor has moved", **{variable: NOBODY})


def test_an_unreachable_iterable(attempt: Attempt) -> None:
    attempt(5, "ITERABLE_API_URL", ITERABLE_API_URL=NOBODY)


def test_a_wrong_iterable_key(attempt: Attempt) -> None:
    attempt(5, "ITERABLE_API_KEY", ITERABLE_API_KEY="x" * 32)


def test_a_plan_says_the_same(attempt: Attempt) -> None:
    attempt(2, "CTP_CLIENT_SECRET", verb="plan", CTP_CLIENT_SECRET="a-wrong-secret")
