"""Chooses who plays in the shop day: one person per scenario, no person twice, the same people in every build.

Players are customers whose address nobody else uses, verified ones with custom fields first; each scenario takes the first free one
that fits. A scenario that a very small shop has nobody for is left out (30 households over 6 weeks fill all of them).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from sandbox.shop.documents import Document, Record
from sandbox.shop.moments import DAY_S, Calendar
from sandbox.shop.orders import Basket
from sandbox.shop.people import Customer
from sandbox.shop.plan import Plan

Role = dict[str, str]
_RECENT_S = 30 * DAY_S


@dataclass(frozen=True, slots=True)
class Act:
    """An order that a scenario may use."""

    order_id: str
    payment_id: str
    state: str
    is_shipped: bool
    paid_lines: int
    at_s: int


@dataclass(slots=True)
class Player:
    """A customer with what a scenario may use, oldest first."""

    customer: Customer
    orders: list[Act] = field(default_factory=list)
    cart_ids: list[str] = field(default_factory=list)

    def newest(self, fits: Callable[[Act], bool]) -> Act | None:
        """The newest order that fits."""
        return next((act for act in reversed(self.orders) if fits(act)), None)


class Casting:
    """Watches the documents being made, then names the cast."""

    def __init__(self, customers: dict[int, Customer], plan: Plan, calendar: Calendar) -> None:
        self._plan = plan
        self._recent_s = calendar.anchor_s - _RECENT_S
        self._players = {number: Player(customer) for number, customer in customers.items() if _may_play(customer)}
        self._guest_orders: dict[str, Act] = {}

    def watch_order(self, basket: Basket, record: Record) -> None:
        """Remember an order that nothing has happened to yet and that is not imported history."""
        order = record.document
        is_touched = basket.basket_id in self._plan.refunds or basket.basket_id in self._plan.returns
        if is_touched or basket.cancelled_s or basket.imported_s or not basket.minor or basket.at_s < self._recent_s:
            return
        act = Act(
            order_id=order["id"],
            payment_id=order["paymentInfo"]["payments"][0]["id"],
            state=order["orderState"],
            is_shipped="shipmentState" in order,
            paid_lines=sum(line.minor > 0 for line in basket.lines),
            at_s=basket.at_s,
        )
        if not basket.is_guest:
            player = self._players.get(basket.customer.household_id)
            if player:
                player.orders.append(act)
        elif basket.email.lower() != basket.customer.email.lower():
            self._guest_orders[basket.email] = act

    def watch_cart(self, household_id: int, cart: Document) -> None:
        """Remember an active cart."""
        player = self._players.get(household_id)
        if player and cart["cartState"] == "Active" and cart.get("customerId"):
            player.cart_ids.append(cart["id"])

    def cast(self) -> dict[str, Role]:
        """The ids each scenario plays with: customer_id, order_id, payment_id, cart_id as far as it needs them.

        Scenarios about nobody known (a new guest, a product, malformed records) get an order to copy from.
        """
        free = dict(sorted(self._players.items(), key=lambda item: (not _is_plain(item[1].customer), item[0])))
        roles: dict[str, Role] = {}
        for scenario, choose in _SCENARIOS:
            for number, player in free.items():
                role = choose(player)
                if role is not None:
                    roles[scenario] = {"customer_id": player.customer.id, **role}
                    del free[number]
                    break
        guests = [act.order_id for act in self._guest_orders.values()]
        if guests:
            roles["guest_registered"] = {"order_id": guests[0]}
        template = roles.get("new_registered_order")
        if template:
            roles["new_guest_order"] = {"order_id": template["order_id"]}
            roles["product_price_changed"] = {"order_id": template["order_id"]}
            roles["malformed_records"] = {"order_id": template["order_id"]}
        return roles


def _may_play(customer: Customer) -> bool:
    shares_with_guest = customer.household_id % 10 in (6, 8)
    return not (customer.shares_email or shares_with_guest)


def _is_plain(customer: Customer) -> bool:
    document = customer.record.document
    has_fields = bool(document.get("custom", {}).get("fields"))
    return customer.is_verified and bool(document["addresses"]) and has_fields


def _order(fits: Callable[[Act], bool]) -> Callable[[Player], Role | None]:
    def choose(player: Player) -> Role | None:
        act = player.newest(fits)
        return {"order_id": act.order_id, "payment_id": act.payment_id} if act else None

    return choose


def _anyone(fits: Callable[[Player], bool]) -> Callable[[Player], Role | None]:
    return lambda player: {} if fits(player) else None


def _with_newsletter(player: Player) -> bool:
    return bool(player.customer.newsletter)


def _without_cart(fits: Callable[[Player], bool]) -> Callable[[Player], Role | None]:
    """Whoever has no cart in use, with an order of several things to copy from."""
    choose = _order(_is_settled)
    return lambda player: choose(player) if fits(player) and not player.cart_ids else None


def _with_cart(player: Player) -> Role | None:
    return {"cart_id": player.cart_ids[0]} if player.cart_ids and _with_newsletter(player) else None


def _with_only_cart(player: Player) -> Role | None:
    return _with_cart(player) if len(player.cart_ids) == 1 else None


def _is_settled(act: Act) -> bool:
    return act.state == "Complete" and act.paid_lines > 1


def _scenarios() -> Iterator[tuple[str, Callable[[Player], Role | None]]]:
    """Scarce parts first."""
    yield "order_delivered", _order(lambda act: act.state == "Confirmed" and not act.is_shipped)
    yield "order_shipped", _order(lambda act: not act.is_shipped)
    yield "order_cancelled", _order(lambda act: act.state != "Complete")
    yield "cart_recovered", _with_only_cart
    yield "cart_edited", _with_cart
    yield "checkout_started", _with_cart
    yield "consent_given", _anyone(lambda player: player.customer.newsletter is False and _is_plain(player.customer))
    yield "loyalty_raised", _anyone(lambda player: _is_plain(player.customer))
    yield "cart_created", _without_cart(_with_newsletter)
    yield "consent_withdrawn", _anyone(_with_newsletter)
    yield "new_registered_order", _without_cart(lambda player: True)
    yield "group_changed", _anyone(lambda player: player.customer.group == "regular")
    yield "partial_refund", _order(_is_settled)
    yield "full_refund", _order(_is_settled)
    yield "order_returned", _order(_is_settled)
    yield "email_changed", _anyone(lambda player: bool(player.orders) and player.customer.is_verified)
    yield "order_edited", _order(lambda act: True)
    yield "customer_deleted", _anyone(lambda player: bool(player.orders))


_SCENARIOS = tuple(_scenarios())
