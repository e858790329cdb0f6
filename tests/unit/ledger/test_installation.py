"""What the ledger remembers of the installation: projects, go-live, authorities, kinds that are on, releases, the open run."""

from __future__ import annotations

import pytest

from activation.ledger.store import Ledger
from cartwire.clock import from_ms
from cartwire.errors import ConfigError, LedgerError


def test_the_first_binding_is_the_go_live_and_another_project_is_refused(ledger: Ledger) -> None:
    assert ledger.go_live_at() is None
    ledger.bind("ctp-a", "itbl-a", "hybrid")
    went_live = ledger.go_live_at()
    assert went_live is not None
    with pytest.raises(ConfigError, match="iterable"):
        ledger.bind("ctp-a", "itbl-b", "hybrid")
    with pytest.raises(ConfigError, match="commercetools"):
        ledger.bind("ctp-b", "itbl-a", "hybrid")
    ledger.bind("ctp-a", "itbl-a", "hybrid")
    assert ledger.go_live_at() == went_live


def test_another_identity_than_the_ledger_was_made_for_is_refused_with_a_way_out(ledger: Ledger) -> None:
    ledger.bind("ctp-a", "itbl-a", "email")
    with pytest.raises(ConfigError, match=r"ITERABLE_IDENTITY=email, the setting says user_id.*set it back to email"):
        ledger.check_binding("ctp-a", "itbl-a", "user_id")


def test_an_authority_is_for_ever(ledger: Ledger) -> None:
    assert ledger.authority("order_cancelled") is None
    ledger.set_authority("order_cancelled", "history")
    ledger.set_authority("order_cancelled", "history")
    with pytest.raises(LedgerError):
        ledger.set_authority("order_cancelled", "messages")


def test_another_authority_that_a_person_confirmed_makes_the_past_history(ledger: Ledger) -> None:
    ledger.set_authority("order_cancelled", "messages")
    later = from_ms(5_000_000)
    ledger.change_authority("history", ["order_cancelled"], later)
    assert ledger.authority("order_cancelled") == "history"
    assert ledger.kinds_on_since(["order_cancelled"], from_ms(9_000_000)) == {"order_cancelled": later}


def test_a_kind_is_on_since_it_was_first_found_on_and_begins_anew_after_it_was_off(ledger: Ledger) -> None:
    start, second, third, fourth = (from_ms(hour * 3_600_000) for hour in (1, 2, 3, 4))
    ledger.bind("ctp", "itbl", "hybrid", start)
    always = from_ms(0)
    assert ledger.kinds_on_since(["purchases"], start) == {"purchases": always}
    both = ["purchases", "order_returned"]
    assert ledger.kinds_on_since(both, second, remember=False) == {"purchases": always, "order_returned": second}
    assert ledger.kinds_on_since(both, third) == {"purchases": always, "order_returned": third}, "a plan only looks"
    assert ledger.kinds_on_since(both, fourth)["order_returned"] == third
    assert ledger.kinds_on_since(["order_returned"], fourth) == {"order_returned": third}
    assert ledger.kinds_on_since(both, fourth) == {"purchases": fourth, "order_returned": third}


def test_a_release_is_used_once(ledger: Ledger) -> None:
    assert ledger.release_approved("users") is None
    ledger.approve_release("users", 7)
    assert ledger.release_approved("users") == 7
    ledger.use_release("users", "r1")
    assert ledger.release_approved("users") is None


def test_only_one_run_is_open_at_a_time(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="still open"):
        ledger.start_run("r2", "test")
    ledger.end_run("r1", "done", 0, {"users": 1})
    ledger.start_run("r2", "test")
    assert [run.state for run in ledger.status().runs] == ["running", "done"] or ledger.status().runs[0].run_id == "r2"
