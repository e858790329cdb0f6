"""The states of a planned row and the only moves between them. `schema.sql` holds the same table; a test compares them.

A row starts as staged, or with the verdict the freeze already reached (rejected, held, suppressed). accepted, rejected,
held and suppressed are the four ends a finished run may have; superseded is what a dead run leaves: the next diff plans
the row anew.
"""

from __future__ import annotations

from enum import StrEnum

from cartwire.errors import IllegalTransition


class State(StrEnum):
    """Where a row is."""

    staged = "staged"
    sending = "sending"
    unknown = "unknown"
    accepted = "accepted"
    rejected = "rejected"
    held = "held"
    suppressed = "suppressed"
    superseded = "superseded"


class Event(StrEnum):
    """What happened to it."""

    claim = "claim"
    suppress = "suppress"
    hold = "hold"
    supersede = "supersede"
    accept = "accept"
    reject = "reject"
    retry = "retry"
    lose = "lose"
    resend = "resend"


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.staged, Event.claim): State.sending,  # consent passed in the same UPDATE
    (State.staged, Event.suppress): State.suppressed,  # consent does not pass now, or the fact was accepted before
    (State.staged, Event.hold): State.held,  # over age at send time, or what it depends on was not accepted
    (State.staged, Event.supersede): State.superseded,  # its run is dead
    (State.sending, Event.accept): State.accepted,  # the answer settled this row
    (State.sending, Event.reject): State.rejected,  # Iterable refused this row; the reason is kept for people
    (State.sending, Event.hold): State.held,  # Iterable refused the batch as a whole
    (State.sending, Event.retry): State.staged,  # Iterable said later, or nothing left this machine
    (State.sending, Event.lose): State.unknown,  # no verdict: it may have landed
    (State.unknown, Event.accept): State.accepted,  # read back and found
    (State.unknown, Event.resend): State.staged,  # read back and absent, or harmless to repeat
    (State.unknown, Event.hold): State.held,  # cannot be told: a person or a setting decides
    (State.unknown, Event.supersede): State.superseded,  # absent, and its run is dead
}

PLANNED_STATES = frozenset({State.staged, State.rejected, State.held, State.suppressed})
FINAL_STATES = frozenset({State.accepted, State.rejected, State.held, State.suppressed})
OPEN_STATES = frozenset({State.staged, State.sending, State.unknown})
HARMLESS_TO_REPEAT = frozenset({"withdrawals"})  # objects whose lost request is repeated at once, without reading back


def target(state: State, event: Event) -> State:
    """The state after the event. Raises: IllegalTransition, a bug: stop."""
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"no transition {state} --{event}-->", state=str(state), event=str(event)) from None
