"""The resources served, as data: path, scopes and the fields a query may name.

Scopes and field names are those of the public commercetools API reference (commit 5867aa22, 2026-08-21).
"""

from __future__ import annotations

from dataclasses import dataclass

_COMMON = "id version createdAt lastModifiedAt createdBy lastModifiedBy "
_CHECKOUT = (
    "customerId customerEmail customerGroup anonymousId businessUnit store lineItems customLineItems totalPrice "
    "taxedPrice taxedShippingPrice discountOnTotalPrice priceRoundingMode taxMode taxRoundingMode taxCalculationMode "
    "inventoryMode billingAddress shippingAddress shippingMode shippingKey shippingInfo shippingRateInput "
    "shippingCustomFields shipping itemShippingAddresses discountCodes directDiscounts refusedGifts paymentInfo country "
    "locale origin custom discountTypeCombination purchaseOrderNumber "
)


@dataclass(frozen=True, slots=True)
class Resource:
    """One queryable resource.

    name: as the store knows it; path: as in the URL; type_id: as references name it.
    view, manage: scopes of which one is enough, without the project key.
    fields: top-level fields a predicate or a sort may name.
    has_key, can_change, can_erase: whether /key={key}, updates and deletes, and `dataErasure` exist.
    """

    name: str
    path: str
    type_id: str
    view: tuple[str, ...]
    manage: tuple[str, ...]
    fields: frozenset[str]
    has_key: bool = True
    can_change: bool = True
    can_erase: bool = False


def _resource(
    path: str, type_id: str, scopes: str, fields: str, *, has_key: bool = True, change: bool = True, erase: bool = False
) -> Resource:
    names = tuple(scopes.split())
    return Resource(
        name=path.replace("-", "_"),
        path=path,
        type_id=type_id,
        view=tuple(f"view_{name}" for name in names),
        manage=tuple(f"manage_{name}" for name in names if not name.startswith("published")),
        fields=frozenset((_COMMON + fields).split()),
        has_key=has_key,
        can_change=change,
        can_erase=erase,
    )


RESOURCES: dict[str, Resource] = {
    resource.name: resource
    for resource in (
        _resource(
            "customers",
            "customer",
            "customers",
            "key customerNumber externalId email firstName lastName middleName title dateOfBirth companyName vatId "
            "addresses defaultShippingAddressId shippingAddressIds defaultBillingAddressId billingAddressIds "
            "isEmailVerified customerGroup customerGroupAssignments custom locale salutation stores authenticationMode",
            erase=True,
        ),
        _resource(
            "orders",
            "order",
            "orders",
            _CHECKOUT + "orderNumber cart quote recurringOrder orderState shipmentState paymentState state syncInfo "
            "returnInfo lastMessageSequenceNumber completedAt",
            has_key=False,
            erase=True,
        ),
        _resource(
            "carts",
            "cart",
            "orders",
            _CHECKOUT + "key totalLineItemQuantity cartState freezeStrategy lock deleteDaysAfterLastModification",
            erase=True,
        ),
        _resource(
            "payments",
            "payment",
            "payments",
            "customer anonymousId externalId interfaceId amountPlanned amountAuthorized authorizedUntil amountPaid "
            "amountRefunded paymentMethodInfo paymentStatus transactions interfaceInteractions custom key",
            erase=True,
        ),
        _resource(
            "product-projections",
            "product",
            "products published_products",
            "key productType name description slug categories categoryOrderHints metaTitle metaDescription "
            "metaKeywords searchKeywords hasStagedChanges published masterVariant variants taxCategory state "
            "reviewRatingStatistics priceMode attributes",
            change=False,
        ),
        _resource(
            "categories",
            "category",
            "products categories",
            "name slug description ancestors parent orderHint externalId metaTitle metaDescription metaKeywords "
            "custom assets key",
        ),
        _resource(
            "stores",
            "store",
            "stores",
            "key name languages countries distributionChannels supplyChannels productSelections custom storefront",
        ),
        _resource("customer-groups", "customer-group", "customers customer_groups", "key name custom"),
        _resource(
            "channels",
            "channel",
            "channels products",
            "key roles name description address reviewRatingStatistics custom geoLocation",
            has_key=False,
        ),
        _resource("types", "type", "types", "key name description resourceTypeIds fieldDefinitions"),
        _resource(
            "inventory",
            "inventory-entry",
            "products",
            "key sku supplyChannel quantityOnStock availableQuantity minCartQuantity maxCartQuantity restockableInDays "
            "expectedDelivery custom",
            has_key=False,
            change=False,
        ),
        _resource(
            "discount-codes",
            "discount-code",
            "discount_codes",
            "key name description code cartDiscounts cartPredicate isActive references maxApplications "
            "maxApplicationsPerCustomer custom groups validFrom validUntil applicationVersion",
            change=False,
        ),
        _resource("product-types", "product-type", "products", "key name description attributes", change=False),
        _resource(
            "states",
            "state",
            "states",
            "key type name description initial builtIn roles transitions",
            has_key=False,
            change=False,
        ),
        _resource(
            "custom-objects", "key-value-document", "key_value_documents", "container key value", has_key=False, change=False
        ),
        _resource(
            "business-units",
            "business-unit",
            "business_units",
            "key status stores storeMode unitType name contactEmail custom addresses shippingAddressIds billingAddressIds "
            "defaultShippingAddressId defaultBillingAddressId associates parentUnit topLevelUnit",
            change=False,
        ),
        _resource(
            "messages",
            "message",
            "messages orders",
            "sequenceNumber resource resourceVersion type resourceUserProvidedIdentifiers",
            has_key=False,
            change=False,
        ),
    )
}

ENUM_VALUES: dict[tuple[str, str], tuple[str, frozenset[str]]] = {
    ("orders", "orderState"): ("OrderState", frozenset(("Open", "Confirmed", "Complete", "Cancelled"))),
    ("orders", "paymentState"): (
        "PaymentState",
        frozenset(("BalanceDue", "Failed", "Pending", "CreditOwed", "Paid")),
    ),
    ("orders", "shipmentState"): (
        "ShipmentState",
        frozenset(("Shipped", "Delivered", "Ready", "Pending", "Delayed", "Partial", "Backorder", "Canceled")),
    ),
    ("carts", "cartState"): ("CartState", frozenset(("Active", "Merged", "Ordered", "Frozen"))),
}


def resource_by_path(path: str) -> Resource | None:
    """The resource of a URL segment ("customer-groups"), None if there is none."""
    return RESOURCES.get(path.replace("-", "_")) if "_" not in path else None
