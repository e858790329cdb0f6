"""The adjustments by basket, with their times moved to the shop's own time: what the order, payment and cart builders ask."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from sandbox.shop.adjustments import Adjustment
from sandbox.shop.moments import Calendar


@dataclass(frozen=True, slots=True)
class Refund:
    """Money paid back for one order; product_id None means the whole order."""

    at_s: int
    amount_minor: int
    product_id: int | None


@dataclass(frozen=True, slots=True)
class Return:
    """Goods that came back."""

    at_s: int
    product_id: int
    quantity: int
    is_refunded: bool


@dataclass(frozen=True, slots=True)
class GuestCart:
    """A cart of somebody who left an address and no order."""

    at_s: int
    email: str


@dataclass(frozen=True, slots=True)
class Plan:
    """By basket_id. In `guests` an address of None means the household's own customer, not logged in."""

    cancelled_s: dict[int, int] = field(default_factory=dict)
    refunds: defaultdict[int, list[Refund]] = field(default_factory=lambda: defaultdict(list))
    returns: dict[int, Return] = field(default_factory=dict)
    guests: dict[int, str | None] = field(default_factory=dict)
    guest_carts: dict[int, GuestCart] = field(default_factory=dict)


def make_plan(rows: Iterable[Adjustment], calendar: Calendar) -> Plan:
    """Sort the rows into a Plan; rows of kind shared_email are the people builder's and left out."""
    rows = list(rows)
    refunded = {(row.basket_id, row.product_id) for row in rows if row.kind == "partial_refund"}
    plan = Plan()
    for row in rows:
        if row.basket_id is None:
            continue
        at_s = calendar.moved(row.occurred_at) if row.occurred_at else 0
        match row.kind:
            case "cancellation":
                plan.cancelled_s[row.basket_id] = at_s
            case "full_refund" | "partial_refund":
                plan.refunds[row.basket_id].append(Refund(at_s, row.amount_minor or 0, row.product_id))
            case "return":
                is_refunded = (row.basket_id, row.product_id) in refunded
                plan.returns[row.basket_id] = Return(at_s, row.product_id or 0, row.quantity or 1, is_refunded)
            case "guest_order" | "guest_order_shared":
                plan.guests[row.basket_id] = row.email
            case "guest_cart":
                plan.guest_carts[row.basket_id] = GuestCart(at_s, row.email or "")
    return plan
