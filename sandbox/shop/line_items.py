"""Real order lines as commercetools line items.

The line's total is what the shop took (sales_value). The loyalty price reduction (retail_disc) is a product discount, the shop's
match of a coupon (coupon_match_disc) a cart discount: `price.value` per piece before both, `price.discounted` after the first,
`discountedPricePerQuantity` after both. The manufacturer's coupon (coupon_disc) is money the shop gets back: it changes no price.
"""

from dataclasses import dataclass

from sandbox.shop.catalogue import Product
from sandbox.shop.documents import Document, reference
from sandbox.shop.identifiers import resource_id
from sandbox.shop.markets import Market, Money

_PRODUCT_DISCOUNT = reference("product-discount", "loyalty-price")
_CART_DISCOUNT = reference("cart-discount", "coupon-match")
_STATE = reference("state", "Initial")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a basket; amounts are whole minor units for the whole quantity."""

    product_id: int
    quantity: int
    minor: int
    product_discount_minor: int
    coupon_discount_minor: int

    @property
    def is_gift(self) -> bool:
        """Nothing paid and nothing taken off: a gift, as commercetools knows them."""
        return not (self.minor or self.product_discount_minor or self.coupon_discount_minor)


def line_item(key: str, line: Line, product: Product, market: Market, channel: Document, *, taxed: bool) -> Document:
    """The line item document. `key` makes its ids, `taxed` says whether the order already knows where it goes.

    Markets without a tax have no tax rate on their lines, only on the order.
    """
    money = market.money
    quantity, total = line.quantity, money(line.minor)
    unit_minor = line.minor // quantity
    before_coupon_minor = (line.minor + line.coupon_discount_minor) // quantity
    full_minor = (line.minor + line.coupon_discount_minor + line.product_discount_minor) // quantity
    price: Document = {
        "id": resource_id("line-price", key),
        "value": _high_precision(market, full_minor) if product.is_fuel else money(full_minor),
    }
    if before_coupon_minor < full_minor:
        price["discounted"] = {"value": money(before_coupon_minor), "discount": _PRODUCT_DISCOUNT}
    item: Document = {
        "id": resource_id("line-item", key),
        **product.line_part,
        "price": price,
        "quantity": quantity,
        "discountedPricePerQuantity": [],
        "totalPrice": total,
        "state": [{"quantity": quantity, "state": _STATE}],
        "priceMode": "Platform",
        "lineItemMode": "GiftLineItem" if line.is_gift else "Standard",
        "distributionChannel": channel,
        "perMethodTaxRate": [],
        "taxedPricePortions": [],
    }
    if unit_minor < before_coupon_minor:
        portion = {"discount": _CART_DISCOUNT, "discountedAmount": money(before_coupon_minor - unit_minor)}
        discounted = {"value": money(unit_minor), "includedDiscounts": [portion]}
        item["discountedPricePerQuantity"] = [{"quantity": quantity, "discountedPrice": discounted}]
    if taxed and market.tax_rate:
        item["taxRate"] = {
            "name": "VAT",
            "amount": market.tax_rate,
            "includedInPrice": True,
            "country": market.country_code,
        }
        item["taxedPrice"] = market.taxed_price(line.minor, market.net(line.minor))
    return item


def _high_precision(market: Market, minor: int) -> Money:
    """Fuel is priced with two more digits than the currency has."""
    return market.money(minor) | {
        "type": "highPrecision",
        "preciseAmount": minor * 100,
        "fractionDigits": market.fraction_digits + 2,
    }
