"""What a request is, to the byte, and the guard that lets nothing but planned ones leave."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Container, Mapping, Sequence

from activation.ledger.sending import LedgerItem
from clients.endpoints import ENDPOINTS
from clients.iterable import path_of

Sent = tuple[str, str, str]
"""Endpoint, path and sha256 of the body."""
Envelope = Callable[[Sequence[LedgerItem]], bytes]


class NotAsPlanned(Exception):
    """Never shown: the rows of the request are held."""


def sent(endpoint: str, path_values: Mapping[str, str], body: bytes) -> Sent:
    """What a request is. `path_values`: what fills the braces of the endpoint's path, unquoted."""
    return endpoint, path_of(ENDPOINTS[endpoint], path_values), hashlib.sha256(body).hexdigest()


def only_planned(
    planned: Container[Sent], endpoint: str, path_values: Callable[[Sequence[LedgerItem]], Mapping[str, str]], envelope: Envelope
) -> Envelope:
    """The same envelope, which refuses to make a request that is not planned.

    Raises (when called): NotAsPlanned, inside the claim, which is then undone.
    """

    def body_of(items: Sequence[LedgerItem]) -> bytes:
        body = envelope(items)
        if sent(endpoint, path_values(items), body) not in planned:
            raise NotAsPlanned
        return body

    return body_of
