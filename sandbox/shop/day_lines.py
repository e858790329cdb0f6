"""Lines and totals for the orders and carts that the shop day makes or edits."""

from sandbox.shop.documents import Document
from sandbox.shop.identifiers import resource_id
from sandbox.shop.markets import MARKETS, Market

SHIPPING_FEE_MINOR = 499


def market_of_document(document: Document) -> Market:
    """The market whose store an order or cart belongs to."""
    return MARKETS[document["store"]["key"]]


def paid_lines(document: Document) -> list[Document]:
    """The lines that cost something."""
    return [line for line in document["lineItems"] if line["totalPrice"]["centAmount"]]


def copied_lines(document: Document, key: str, quantities: tuple[int, ...]) -> list[Document]:
    """The first paid lines of an order as new lines, with these quantities at the price last paid per piece."""
    market = market_of_document(document)
    lines = []
    for position, (line, quantity) in enumerate(zip(paid_lines(document), quantities, strict=False), start=1):
        copy = line | {"id": resource_id("line-item", f"{key}:{position}")}
        set_quantity(copy, quantity, market)
        lines.append(copy)
    return lines


def set_quantity(line: Document, quantity: int, market: Market) -> None:
    """Change a line's quantity in place; the price per piece stays."""
    unit_minor = line["totalPrice"]["centAmount"] // line["quantity"]
    total_minor = unit_minor * quantity
    line["quantity"] = quantity
    line["totalPrice"] = market.money(total_minor)
    line["state"] = [state | {"quantity": quantity} for state in line["state"]]
    line["discountedPricePerQuantity"] = [part | {"quantity": quantity} for part in line["discountedPricePerQuantity"]]
    if "taxedPrice" in line:
        line["taxedPrice"] = market.taxed_price(total_minor, market.net(total_minor))


def lines_minor(document: Document) -> int:
    """The sum of the lines in minor units."""
    return sum(line["totalPrice"]["centAmount"] for line in document["lineItems"])


def set_total(document: Document, *, shipping_minor: int = 0) -> None:
    """Bring the document's totals in line with its lines and its delivery."""
    market = market_of_document(document)
    total_minor = lines_minor(document) + shipping_minor
    document["totalPrice"] = market.money(total_minor)
    if "taxedPrice" in document:
        nets = [market.net(line["totalPrice"]["centAmount"]) for line in document["lineItems"]]
        net_minor = sum(nets) + market.net(shipping_minor)
        document["taxedPrice"] = market.taxed_price(total_minor, net_minor)
    if "shippingInfo" in document:
        fee = market.money(shipping_minor)
        document["shippingInfo"] = {
            "shippingMethodName": "Standard delivery",
            "price": fee,
            "shippingRate": {"price": fee, "tiers": []},
            "shippingMethodState": "MatchesCart",
            "deliveries": [],
        }
