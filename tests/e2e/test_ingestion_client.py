"""What the commercetools client does about refusals, and what it tells the person who can mend them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from cartwire.errors import ConfigError, SourceError
from cartwire.settings import Settings
from clients.commercetools import CommercetoolsClient
from clients.commercetools_errors import MissingScope
from tests.e2e.ingestion_world import QUICK, Sandbox, sandbox_process, settings_for


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with sandbox_process(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def settings(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    sandbox.admin("DELETE", "/faults")
    sandbox.admin("DELETE", "/journal")
    return settings_for(sandbox, tmp_path_factory.mktemp("world"))


def client_of(settings: Settings, **changed: object) -> CommercetoolsClient:
    return CommercetoolsClient.from_settings(settings.model_copy(update=changed), retry=QUICK)


def test_introspection_tells_the_granted_scopes_and_the_end_of_the_token(settings: Settings) -> None:
    with client_of(settings) as client:
        facts = client.introspect()
        assert client.project()["key"] == settings.ctp_project_key
    assert facts.is_active
    assert facts.scopes == frozenset(settings.ctp_scopes.split())
    assert facts.expires_at is not None


def test_one_token_serves_many_requests(settings: Settings, sandbox: Sandbox) -> None:
    with client_of(settings) as client:
        for _ in range(3):
            client.query("stores")
    assert len(sandbox.journal("/oauth/token")) == 1


def test_wrong_credentials_name_the_settings_and_never_the_secret(settings: Settings) -> None:
    wrong = settings.model_copy(update={"ctp_client_id": "someone-else"})
    with client_of(wrong) as client, pytest.raises(ConfigError, match="CTP_CLIENT_ID and CTP_CLIENT_SECRET") as refusal:
        client.query("stores")
    assert settings.ctp_client_secret.get_secret_value() not in str(refusal.value)


def test_a_missing_scope_is_named(settings: Settings) -> None:
    key = settings.ctp_project_key
    with client_of(settings, ctp_scopes=f"view_stores:{key}") as client:
        client.query("stores")
        with pytest.raises(MissingScope, match=f"view_customers:{key}"):
            client.query("customers")


def test_scopes_the_client_does_not_have_are_named(settings: Settings) -> None:
    with (
        client_of(settings, ctp_scopes="view_customers:another-project") as client,
        pytest.raises(MissingScope, match="CTP_SCOPES"),
    ):
        client.query("customers")


def test_a_wrong_project_key_names_the_setting(settings: Settings) -> None:
    with client_of(settings, ctp_project_key="another-project") as client, pytest.raises(ConfigError, match="CTP_PROJECT_KEY"):
        client.query("stores")


def test_a_token_of_another_region_is_told_apart_from_wrong_credentials(settings: Settings, sandbox: Sandbox) -> None:
    sandbox.fault("status", "stores", times=None, status=401)
    with (
        client_of(settings) as client,
        pytest.raises(ConfigError, match="CTP_API_URL and CTP_AUTH_URL must name the same region"),
    ):
        client.query("stores")
    assert len(sandbox.journal("/stores")) == 2, "twice in a row stops"
    assert len(sandbox.journal("/oauth/token")) == 2


def test_an_unreachable_host_is_named_with_the_settings_to_check(settings: Settings) -> None:
    closed = "http://127.0.0.1:9"
    with client_of(settings, ctp_api_url=closed) as client, pytest.raises(SourceError, match=r"127\.0\.0\.1:9 .*CTP_API_URL"):
        client.query("stores")


def test_a_refused_question_is_never_asked_again(settings: Settings, sandbox: Sandbox) -> None:
    with client_of(settings) as client, pytest.raises(SourceError, match="InvalidInput"):
        client.query("stores", where="noSuchField = 1")
    assert [entry["status"] for entry in sandbox.journal("/stores")] == [400]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_later_is_obeyed_and_retry_after_is_the_least_wait(settings: Settings, sandbox: Sandbox, status: int) -> None:
    waits: list[float] = []
    sandbox.fault("status", "stores", times=1, status=status, headers={"Retry-After": "7"})
    with CommercetoolsClient(
        project_key=settings.ctp_project_key,
        client_id=settings.ctp_client_id,
        client_secret=settings.ctp_client_secret.get_secret_value(),
        api_url=settings.ctp_api_url,
        auth_url=settings.ctp_auth_url,
        retry=QUICK,
        sleep=waits.append,
    ) as client:
        assert len(client.query("stores").records) == 2
    assert waits == [7.0]


def test_html_instead_of_json_is_asked_for_again_and_then_refused(settings: Settings, sandbox: Sandbox) -> None:
    sandbox.fault("status", "stores", times=None, status=200, body="<html>")
    with client_of(settings) as client, pytest.raises(SourceError, match="no JSON"):
        client.query("stores")
    assert len(sandbox.journal("/stores")) == 2


def test_a_retry_is_logged_with_the_correlation_id_of_the_request(
    settings: Settings, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox.fault("status", "stores", times=1, status=503)
    with caplog.at_level(logging.WARNING), client_of(settings) as client:
        client.query("stores")
    assert "status 503" in caplog.text
    assert "correlation_id=cartwire-" in caplog.text


def test_every_request_names_the_agent_and_a_correlation_id(settings: Settings) -> None:
    seen: list[tuple[str, str]] = []

    class Recorder(BaseHTTPRequestHandler):
        def answer(self) -> None:
            seen.append((self.headers["User-Agent"], self.headers["X-Correlation-ID"]))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = b'{"access_token": "t", "expires_in": 3600, "results": []}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        with client_of(settings, ctp_api_url=url, ctp_auth_url=url) as client:
            client.query("stores")
    finally:
        server.shutdown()
        server.server_close()
    assert len(seen) == 2
    assert all(agent.startswith("cartwire/") and correlation.startswith("cartwire-") for agent, correlation in seen)
