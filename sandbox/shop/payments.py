"""One payment per order that costs something: authorised at once, charged on shipment, refunded as the adjustments say.

Only transactions in state Success moved money: one payment in 200 has a failed charge before the good one, one refund in 17 a failed
attempt an hour before it.
"""

from collections.abc import Iterator

from sandbox.shop.documents import Document, Happening, Record, envelope
from sandbox.shop.identifiers import resource_id
from sandbox.shop.moments import Calendar, stamp
from sandbox.shop.orders import SHIPPED_AFTER_S, Basket
from sandbox.shop.plan import Plan

_METHODS = (("CREDIT_CARD", "Credit card"), ("PAYPAL", "PayPal"), ("INVOICE", "Invoice"))


def payment_record(basket: Basket, plan: Plan, calendar: Calendar) -> Record:
    """The payment of a basket with minor > 0."""
    market = basket.customer.market
    method, name = _METHODS[basket.basket_id % 3]
    timed = sorted(_transactions(basket, plan, calendar), key=lambda pair: pair[0])
    transactions = [transaction for _, transaction in timed]
    key = resource_id("payment", basket.basket_id)
    created_s = basket.created_s
    document = envelope(key, version=len(timed), created_s=created_s, modified_s=max(created_s, timed[-1][0])) | {
        "key": f"pay-{basket.basket_id}",
        "interfaceId": f"psp-{basket.basket_id}",
        "amountPlanned": market.money(basket.minor),
        "paymentMethodInfo": {"paymentInterface": "demo-pay", "method": method, "name": {"en": name}},
        "paymentStatus": {},
        "transactions": transactions,
        "interfaceInteractions": [],
    }
    if basket.is_guest:
        document["anonymousId"] = basket.anonymous_id
    else:
        document["customer"] = {"typeId": "customer", "id": basket.customer.id}
    if basket.imported_s is not None:
        return Record("payments", document, [Happening(created_s, "PaymentCreated", {"payment": document})])
    first = document | {"version": 1, "lastModifiedAt": document["createdAt"], "transactions": transactions[:1]}
    happenings = [Happening(created_s, "PaymentCreated", {"payment": first})]
    happenings += [Happening(at_s, "PaymentTransactionAdded", {"transaction": transaction}) for at_s, transaction in timed[1:]]
    return Record("payments", document, happenings)


def _transactions(basket: Basket, plan: Plan, calendar: Calendar) -> Iterator[tuple[int, Document]]:
    basket_id, minor = basket.basket_id, basket.minor
    yield _transaction(basket, "Authorization", basket.at_s, minor)
    if basket.cancelled_s is not None:
        yield _transaction(basket, "CancelAuthorization", basket.cancelled_s, minor)
        return
    charged_s = basket.at_s + SHIPPED_AFTER_S
    if charged_s > calendar.anchor_s:
        return
    if basket_id % 200 == 3:
        yield _transaction(basket, "Charge", charged_s - 600, minor, state="Failure", note="failed")
    yield _transaction(basket, "Charge", charged_s, minor)
    for refund in plan.refunds.get(basket_id, ()):
        name = f"refund:{refund.product_id or 'all'}"
        if basket_id % 17 == 0:
            yield _transaction(basket, "Refund", refund.at_s - 3600, refund.amount_minor, state="Failure", note=f"{name}:failed")
        yield _transaction(basket, "Refund", refund.at_s, refund.amount_minor, note=name)


def _transaction(
    basket: Basket, kind: str, at_s: int, minor: int, *, state: str = "Success", note: str = ""
) -> tuple[int, Document]:
    key = f"{basket.basket_id}:{note}" if kind == "Refund" else f"{basket.basket_id}:{kind}:{note}"
    return at_s, {
        "id": resource_id("transaction", key),
        "timestamp": stamp(at_s),
        "type": kind,
        "amount": basket.customer.market.money(minor),
        "interactionId": f"{kind.lower()}-{basket.basket_id}",
        "state": state,
    }
