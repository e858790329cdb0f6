"""The shop day: what happens in the shop while somebody watches. `scenarios.csv` says what each scenario should lead to.

The people it happens to were chosen when the documents were built (`casting`) and are noted in the file's `meta`.
"""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from sandbox.shop import day_carts, day_orders, day_people
from sandbox.shop.stage import DocumentStore, Stage

SCENARIOS_CSV = Path(__file__).with_name("scenarios.csv")
BY_TYPE_CSV = Path(__file__).with_name("scenarios_by_type.csv")
"""What differs in Iterable projects that are not hybrid."""

Report = dict[str, object]

SCENARIOS: dict[str, Callable[[Stage], Report]] = {
    script.__name__: script
    for script in (
        day_orders.new_registered_order,
        day_orders.new_guest_order,
        day_carts.cart_edited,
        day_carts.cart_created,
        day_orders.order_cancelled,
        day_orders.partial_refund,
        day_orders.full_refund,
        day_orders.order_returned,
        day_orders.order_shipped,
        day_orders.order_delivered,
        day_orders.order_edited,
        day_carts.checkout_started,
        day_carts.cart_recovered,
        day_people.email_changed,
        day_people.consent_given,
        day_people.consent_withdrawn,
        day_people.group_changed,
        day_people.loyalty_raised,
        day_people.guest_registered,
        day_people.customer_deleted,
        day_people.product_price_changed,
        day_people.malformed_records,
    )
}


@dataclass(frozen=True, slots=True)
class Expectation:
    """One row of scenarios.csv; `requests` are Iterable endpoints without "/api/", in the order they are sent."""

    scenario: str
    in_commercetools: str
    requests: tuple[str, ...]
    outcome: str
    note: str


def apply(store: DocumentStore, at: datetime | str | None = None) -> list[Report]:
    """Play every scenario once, all at the instant `at` (aware datetime or ISO text; default the machine's time).

    Returns: per scenario its name, `at`, the documents it touched as "resource/id" (without Messages) and, where they apply,
        customer_id, order_id, payment_id, cart_id, product_id, transaction_id, amount_minor, currency_code. Never personal data.
    Raises: LookupError if the documents were not built by this package, or the day has already been played and not reset.
    """
    noted = store.meta().get("shop_day")
    if noted is None:
        raise LookupError("these documents have no cast for a shop day; build them with `python -m sandbox.shop build`")
    cast: dict[str, dict[str, str]] = orjson.loads(noted)
    deleted = cast.get("customer_deleted", {}).get("customer_id")
    if deleted and store.get("customers", deleted) is None:
        raise LookupError("the shop day has been played; reset the sandbox to its documents first")
    instant = _instant(at)
    return [_play(store, instant, name, script, cast[name]) for name, script in SCENARIOS.items() if name in cast]


def expectations(identity: str = "hybrid", path: Path = SCENARIOS_CSV) -> dict[str, Expectation]:
    """The hand-written table for a type of Iterable project (hybrid, email or user_id), by scenario."""
    rows = {row["scenario"]: row for row in _table(path)}
    for row in _table(BY_TYPE_CSV):
        if row["identity"] == identity:
            rows[row["scenario"]] |= row
    return {
        name: Expectation(
            scenario=name,
            in_commercetools=row["in_commercetools"],
            requests=_endpoints(row["iterable_requests"]),
            outcome=row["outcome"],
            note=row["note"],
        )
        for name, row in rows.items()
    }


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _endpoints(text: str) -> tuple[str, ...]:
    return () if text == "none in this release" else tuple(part.strip() for part in text.split(";"))


def _play(store: DocumentStore, at: str, name: str, script: Callable[[Stage], Report], role: dict[str, str]) -> Report:
    stage = Stage(store, at, role)
    known: Report = {key: value for key, value in role.items() if key == "customer_id" or name not in _COPYING}
    facts = script(stage)
    return {"scenario": name, "at": at, **known, **facts, "touched": stage.touched}


_COPYING = {"new_registered_order", "new_guest_order", "cart_created", "product_price_changed", "malformed_records"}
"""Scenarios whose order in the cast is only a pattern to copy from."""


def _instant(at: datetime | str | None) -> str:
    """`at` as commercetools writes it."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at or datetime.now(UTC)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
