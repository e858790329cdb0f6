"""Returned goods as commercetools keeps them on an order."""

from sandbox.shop.documents import Document
from sandbox.shop.identifiers import resource_id


def return_info(line_item_id: str, *, key: str, quantity: int, payment_state: str, at: str) -> Document:
    """A ReturnInfo about one line; `at` is a commercetools timestamp, `key` makes the ids."""
    item = {
        "id": resource_id("return-item", key),
        "type": "LineItemReturnItem",
        "lineItemId": line_item_id,
        "quantity": quantity,
        "shipmentState": "Returned",
        "paymentState": payment_state,
        "createdAt": at,
        "lastModifiedAt": at,
    }
    return {"items": [item], "returnTrackingId": f"R{key}", "returnDate": at}
