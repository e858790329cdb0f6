"""Drift: where Iterable shows something else than it accepted from us. Reads the ledger and Iterable, writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from activation.iterable.evidence import CART_FIELD, Evidence, is_same, of_cart
from activation.iterable.values import from_canonical
from activation.ledger.queries import Queries
from activation.settle import READERS
from cartwire.clock import to_ms
from clients.iterable import IterableClient

CONSENT_PREFIX = "consent."
GONE = "Iterable has no such user: deleted, forgotten or renamed there"
NOT_THERE = "not there: removed at Iterable or by another tool"
ANOTHER_VALUE = "another value: changed at Iterable or by another tool"
STILL_THERE = "still there, though we removed it: written again at Iterable or by another tool"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """A field (None: the whole user) that Iterable shows differently. `expected` and `shown` are the person's data."""

    person_key: str
    field: str | None
    cause: str
    accepted_at_ms: int
    type: str | None = None
    expected: Any = None
    shown: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """Of `people` read since `read_at_ms`, `fields` compared. `too_fresh`: people with something accepted or open so lately that a read may
    miss it."""

    read_at_ms: int
    people: int
    fields: int
    too_fresh: int
    drifts: tuple[Drift, ...]


def reconcile(
    reader: Queries,
    client: IterableClient,
    person_keys: Sequence[str],
    now: datetime,
    *,
    visibility_s: float,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Reconciled:
    """Read these people at Iterable and compare each field that it accepted from us and that nothing of ours changed since.

    Raises: DeliveryError where Iterable cannot be read.
    """
    at_ms = to_ms(now)
    settled_before_ms = at_ms - round(visibility_s * 1000)
    wanted = {key: _expected(reader, key, at_ms) for key in person_keys}
    known = {key: one for key, one in wanted.items() if one.compared}
    settled = {key: one for key, one in known.items() if one.newest_ms <= settled_before_ms and not one.is_open}
    drifts: list[Drift] = []
    with ThreadPoolExecutor(READERS, thread_name_prefix="reconcile") as pool:
        read = pool.map(lambda one: client.get_user(email=one.email, user_id=one.user_id), settled.values())
        for done, ((key, one), user) in enumerate(zip(settled.items(), read, strict=True), 1):
            drifts += _compare(key, one, user)
            progress(done, len(settled))
    return Reconciled(
        read_at_ms=at_ms,
        people=len(settled),
        fields=sum(one.compared for one in settled.values()),
        too_fresh=len(known) - len(settled),
        drifts=tuple(drifts),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    email: str | None
    user_id: str | None
    fields: Sequence[Mapping[str, Any]]
    cart: Sequence[Mapping[str, Any]] | None
    cart_since_ms: int
    newest_ms: int
    is_open: bool

    @property
    def compared(self) -> int:
        """Fields of the profile that there is something to compare with."""
        return len(self.fields) + (self.cart is not None)


def _expected(reader: Queries, key: str, at_ms: int) -> _Expected:
    """Values that were erased from the ledger cannot be compared and are left out; so is a guest whose user is another person's by now."""
    named = reader.identifiers(key, at_ms)
    email, user_id = named["email"], named["user_id"]
    is_own = bool(user_id) or bool(email and not reader.is_taken_over(key, email, at_ms))
    fields = [field for field in reader.fields_at(key, at_ms) if not field["is_erased"]]
    cart = reader.cart_at(key, at_ms)
    cart_since_ms = cart["since_ms"] if cart else 0
    return _Expected(
        email=email,
        user_id=user_id,
        fields=fields if is_own else (),
        cart=_items(cart) if cart and is_own else None,
        cart_since_ms=cart_since_ms,
        newest_ms=max((cart_since_ms, *(field["since_ms"] for field in fields))),
        is_open=any(row["state"] in ("staged", "sending", "unknown") for row in reader.standing_at(key, at_ms)),
    )


def _items(cart: Mapping[str, Any]) -> Sequence[Mapping[str, Any]] | None:
    """The lines that the cart should show; None where they were erased from the ledger."""
    if cart["is_emptied"]:
        return ()
    items: Sequence[Mapping[str, Any]] | None = orjson.loads(cart["fragment"]).get("items") if cart["fragment"] else None
    return items


def _compare(key: str, expected: _Expected, user: Mapping[str, Any] | None) -> list[Drift]:
    if user is None:
        return [Drift(person_key=key, field=None, cause=GONE, accepted_at_ms=expected.newest_ms)]
    data = user.get("dataFields") or {}
    found = []
    for field in expected.fields:
        name = field["field"]
        value = None if field["is_removed"] else from_canonical(name, field["type"], field["value"])
        shown = _shown(name, data)
        if not is_same(value, shown):
            found.append(
                Drift(
                    person_key=key,
                    field=name,
                    type=field["type"],
                    cause=_cause(value, shown),
                    accepted_at_ms=field["since_ms"],
                    expected=value,
                    shown=shown,
                )
            )
    if expected.cart is not None and of_cart({"items": expected.cart}, user) is not Evidence.present:
        shown = data.get(CART_FIELD)
        found.append(
            Drift(
                person_key=key,
                field=CART_FIELD,
                type="cart",
                cause=_cause(expected.cart or None, shown or None),  # an empty cart and none are the same
                accepted_at_ms=expected.cart_since_ms,
                expected=expected.cart,
                shown=shown,
            )
        )
    return found


def _cause(expected: Any, shown: Any) -> str:
    """None is nothing at all."""
    return STILL_THERE if expected is None else NOT_THERE if shown is None else ANOTHER_VALUE


def _shown(name: str, data: Mapping[str, Any]) -> Any:
    """Fields of the consent object are told with its name before theirs."""
    if name.startswith(CONSENT_PREFIX):
        consent = data.get("consent")
        return consent.get(name.removeprefix(CONSENT_PREFIX)) if isinstance(consent, Mapping) else None
    return data.get(name)
