"""A process of its own that opens the ledger and delivers one run; the environment says where it dies."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import SecretStr

from activation.deliver import deliver
from activation.ledger.store import Ledger
from clients.iterable import IterableClient
from sandbox.iterable.options import DEFAULT_API_KEY
from tests.contract.delivery_world import SECRET, VISIBILITY_S, ClientSettings


def main(path: str, url: str, run_id: str) -> None:
    client = IterableClient(ClientSettings(url, SecretStr(DEFAULT_API_KEY)))
    with Ledger.open(Path(path), SECRET) as ledger:
        deliver(ledger, client, run_id, "main", visibility_s=VISIBILITY_S, looks_first=ledger.looks_first())


if __name__ == "__main__":
    main(*sys.argv[1:])
