"""The demo compares the ledger's count of requests with the sandbox's: both names of every endpoint that may be sent to."""

from __future__ import annotations

import re

import pytest

from activation.routes import IDENTITY_ROUTES, LEAVING, ROUTES
from activation.unsubscribe import OVERWRITE
from cartwire.cli.demo import at_the_sandbox
from clients.endpoints import ENDPOINTS
from sandbox.iterable.endpoints import ENDPOINTS as SERVED

SENT_TO = sorted({route.endpoint for route in (*ROUTES.values(), *IDENTITY_ROUTES.values(), LEAVING)} | {OVERWRITE})


@pytest.mark.parametrize("name", SENT_TO)
def test_the_demo_knows_the_sandboxs_name_of_what_we_send_to(name: str) -> None:
    ours = ENDPOINTS[name]
    path = re.sub(r"\{.*?\}", "1", ours.path)
    forms = ((served, re.sub(r"\{.*?\}", "[^/]+", served.path)) for served in SERVED)
    answering = next(served for served, form in forms if served.method == ours.method and re.fullmatch(form, path))
    assert at_the_sandbox(name) == answering.name
