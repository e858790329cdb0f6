"""How long a plan says that sending takes, and how long it then takes, with the limits of the sandbox on."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from activation.deliver import deliver
from activation.ledger.items import NewItem
from activation.ledger.store import Ledger
from activation.trial import tried
from cartwire.cli.processes import installation, sandbox
from cartwire.settings import Settings
from clients.iterable import IterableClient
from flows import plan_file

_GOODS = [{"id": "sku-1", "name": "Tea", "price": 2.5, "quantity": 1}]


def measure(rows: Mapping[str, int], say: Callable[[str], None]) -> dict[str, Any]:
    """Plan so many users, purchases, carts and events, then send them. Returns seconds estimated and taken, and their ratio."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = [
            "--documents",
            str(folder / "documents.sqlite"),
            "--weeks",
            "1",
            "--households",
            "2",
            "--visibility-seconds",
            "1",
        ]
        with sandbox(options, folder / "sandbox.log") as servers:
            settings = Settings(**installation(servers, folder))  # type: ignore[arg-type]
            client = IterableClient(settings)
            with Ledger.open(settings.ledger, settings.secret_bytes) as ledger:
                stage = {"rest": lambda: ledger.freeze("run", "rest", _items(rows), [])}
                with tried(ledger, client, "run", stage) as trial:
                    totals = plan_file.write(io.StringIO(), {}, trial, {}, settings)
                say(f"{totals.requests:,} requests planned, {totals.seconds:.0f} s estimated")
                ledger.start_run("run", "bench")
                stage["rest"]()
                begun = time.perf_counter()
                deliver(ledger, client, "run", "rest", visibility_s=settings.visibility_seconds)
                taken_s = time.perf_counter() - begun
                counts = ledger.counts("run")
                assert sum(row.accepted for row in counts) == sum(rows.values()), "everything arrived"
            client.close()
    return {
        "rows": dict(rows),
        "requests": totals.requests,
        "estimated_s": round(totals.seconds, 1),
        "taken_s": round(taken_s, 1),
        "taken_per_estimated": round(taken_s / totals.seconds, 3),
    }


def _items(rows: Mapping[str, int]) -> Iterator[NewItem]:
    makers = {"users": (3, _user), "purchases": (4, _purchase), "carts": (5, _cart), "events": (6, _event)}
    for name, count in rows.items():
        lane, document = makers[name]
        for number in range(count):
            email = f"person{number}@example.com"
            yield NewItem(
                object=name,
                kind=name if name != "events" else "order_cancelled",
                subject=f"{name}-{number}",
                person_key=f"person-{number}",
                fingerprint="f",
                lane=lane,
                email=email,
                fragment=orjson.dumps(document(email, number), option=orjson.OPT_SORT_KEYS),
                waits_for_person=name != "users",
            )


def _user(email: str, number: int) -> dict[str, Any]:
    return {"email": email, "dataFields": {"firstName": f"Name {number}"}}


def _purchase(email: str, number: int) -> dict[str, Any]:
    return {"id": f"purchase-{number}", "user": {"email": email}, "items": _GOODS, "total": 2.5, "createdAt": 1_790_000_000}


def _cart(email: str, _: int) -> dict[str, Any]:
    return {"user": {"email": email}, "items": _GOODS}


def _event(email: str, number: int) -> dict[str, Any]:
    fields = {"orderId": str(number)}
    return {
        "id": f"event-{number}",
        "eventName": "order_cancelled",
        "email": email,
        "createdAt": 1_790_000_000,
        "dataFields": fields,
    }
