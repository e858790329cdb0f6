"""What a kind of event goes through as an installation lives: its authority is lost, it is switched on late, time passes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from cartwire.settings import REPOSITORY
from flows.plan import plan
from flows.run import sync
from tests.conftest import Sandbox
from tests.e2e.command import cartwire

pytestmark = [pytest.mark.xdist_group("event_kinds"), pytest.mark.identities]
LOST_AUTHORITY = r"(\w+)(?: is)? held: commercetools' Messages date this kind and are switched off"
HOUR_S = 3700
TRANSITIONS = {"customer_email_changed", "customer_group_changed", "order_cancelled", "order_status_changed"}


def switch(folder: Path, kind: str, state: str) -> None:
    path = folder / "objects.csv"
    before = "true" if state == "false" else "false"
    assert f"events,{kind},{before}," in path.read_text()
    path.write_text(path.read_text().replace(f"events,{kind},{before},", f"events,{kind},{state},"))


def names(sandbox: Sandbox) -> set[str]:
    return {event["eventName"] for event in sandbox.admin("iterable", "GET", "state")["events"]}


def test_a_lost_authority_holds_until_confirmed_a_late_switch_fires_nothing_old_and_an_hour_abandons_carts(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One story, because each sync costs."""
    config = tmp_path / "config"
    shutil.copytree(REPOSITORY / "config", config)
    switch(config, "order_refunded", "false")
    settings = sandbox.settings(tmp_path, CARTWIRE_CONFIG=config)
    environment = sandbox.environment(tmp_path, CARTWIRE_CONFIG=config)
    sync(settings)
    sandbox.admin("commercetools", "POST", "shop-day", {})
    sandbox.admin("commercetools", "POST", "settings", {"messages_enabled": False})

    report = sync(settings)
    assert report.exit_code == 11
    assert {found[1] for line in report.attention if (found := re.search(LOST_AUTHORITY, line))} == TRANSITIONS
    told = names(sandbox)
    assert "order_returned" in told, "facts with an id of their own go on"
    assert not told & {*TRANSITIONS, "order_refunded"}

    shown = cartwire(environment, "authority", "--json").json()
    assert set(shown["authority"].values()) == {"messages"}
    assert cartwire(environment, "authority", "history").code == 11, "only with --yes"
    assert cartwire(environment, "authority", "history", "--yes").code == 0
    switch(config, "order_refunded", "true")
    report = sync(settings)
    assert report.exit_code == 0
    assert report.history["order_refunded"] > 0, "what happened before it was switched on"
    assert report.history["order_cancelled"] > 0, "what the other authority had told, or would have"
    assert not names(sandbox) & {*TRANSITIONS, "order_refunded"}

    due = plan(settings).as_dict()["due"]["cart_abandoned"]
    assert due["count"] > 0
    assert due["next_at"].endswith("Z")
    for api in ("commercetools", "iterable"):
        sandbox.admin(api, "POST", "clock", {"offset_seconds": HOUR_S})
    monkeypatch.setenv("CARTWIRE_CLOCK_OFFSET_SECONDS", str(HOUR_S))
    sync(settings)
    state = sandbox.admin("iterable", "GET", "state")["events"]
    stages = {event["data"]["stage"] for event in state if event["eventName"] == "cart_abandoned"}
    assert stages == {"first"}
    counted = len(state)
    assert sync(settings).total("planned") == 0
    assert len(sandbox.admin("iterable", "GET", "state")["events"]) == counted, "once per cart, lines and stage"
