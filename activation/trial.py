"""What a delivery would request: the loop itself, run into the ledger and undone, with nothing sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from activation.as_planned import Sent, sent
from activation.deliver import deliver
from activation.ledger.store import Ledger
from activation.ledger.trying import TriedRequest, TriedRow
from activation.routes import route_of
from cartwire.errors import LedgerError
from clients.iterable import IterableClient

VISIBILITY_S = 1.0  # any but none: rows of people created go in a second round, as in a delivery
Key = tuple[str, str]
"""Object and subject: what a row is of, in every run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRequest:
    """A request to the byte. `sent`: what must not differ when it is sent; `rows`: its rows in the order of the body."""

    stage: str
    object: str
    sent: Sent
    body: bytes
    rows: tuple[Key, ...]


class Trial:
    """A run that was planned and delivered to nobody; readable while the block lasts that made it."""

    def __init__(self, ledger: Ledger, run_id: str) -> None:
        self._ledger, self._run_id = ledger, run_id

    def requests(self) -> Iterator[PlannedRequest]:
        """In the order in which they would leave."""
        return map(_planned, self._ledger.tried_requests(self._run_id))

    def rows(self) -> Iterator[TriedRow]:
        """Every row, also those that would not be sent; `accepted` are those that would."""
        return self._ledger.tried_rows(self._run_id)


@contextmanager
def tried(
    ledger: Ledger,
    client: IterableClient,
    run_id: str,
    stages: Mapping[str, Callable[[], object]],
    unknown_outcome: Mapping[str, str] | None = None,
) -> Iterator[Trial]:
    """For the block: these stages frozen and delivered to nobody. Afterwards the ledger is as it was.

    Args: stages: name → what freezes it, in the order of delivery.
    """
    with ledger.undone():
        ledger.recover()
        ledger.start_run(run_id, "plan")
        for stage, freeze in stages.items():
            freeze()
            deliver(
                ledger,
                client,
                run_id,
                stage,
                visibility_s=VISIBILITY_S,
                unknown_outcome=unknown_outcome,
                is_shadow=True,
                sleep=_without_waiting,
            )
        yield Trial(ledger, run_id)


def _without_waiting(_: float) -> None:
    """Nobody was created, so there is nobody to wait for."""


def _planned(tried_request: TriedRequest) -> PlannedRequest:
    items = tried_request.items
    route = route_of(items[0].object, tried_request.lane, items[0].bulk_key)
    body = route.envelope(items)
    request = sent(tried_request.endpoint, route.path_values(items), body)
    if request[2] != tried_request.body_hash:
        raise LedgerError("a request cannot be made again from its rows: nothing was sent; please report this")
    return PlannedRequest(
        stage=tried_request.stage,
        object=items[0].object,
        sent=request,
        body=body,
        rows=tuple((item.object, item.subject) for item in items),
    )
