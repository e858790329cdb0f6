"""The shop's own small resources: types, stores, channels, customer groups, product types, codes, states, business units."""

from collections.abc import Iterator

from sandbox.shop.documents import Document, Record, envelope, reference
from sandbox.shop.identifiers import resource_id
from sandbox.shop.markets import MARKETS
from sandbox.shop.moments import DAY_S, Calendar

CUSTOMER_TYPE = "customer-attributes"
CHECKOUT_TYPE = "checkout-attributes"
GROUPS = {"regular": "Regular", "premium": "Premium", "staff": "Staff"}
PRODUCT_TYPE = "grocery-item"
DISCOUNT_CODE = "manufacturer-coupon"
ORDER_STATES = {"in-picking": "In picking", "handed-over": "Handed over"}
BUSINESS_UNITS = {"office-kitchens": "Office Kitchens Ltd", "school-meals": "School Meals GmbH"}
DELIVERY_DAYS = "delivery-days"
SMS_CONSENT = ("granted", "denied", "withdrawn")

_CUSTOMER_FIELDS: tuple[tuple[str, str, str], ...] = (
    ("newsletterOptIn", "Boolean", "Newsletter by e-mail"),
    ("smsConsent", "Enum", "Offers by SMS"),
    ("loyaltyTier", "String", "Loyalty tier"),
    ("loyaltyPoints", "Number", "Loyalty points"),
    ("ageRange", "String", "Age range"),
    ("householdSize", "Number", "People in the household"),
    ("favouriteStoreVisitAt", "DateTime", "Last visit to the favourite store"),
)
_CHECKOUT_FIELDS: tuple[tuple[str, str, str], ...] = (
    ("newsletterOptIn", "Boolean", "Newsletter by e-mail"),
    ("giftWrap", "Boolean", "Gift wrap"),
    ("campaignId", "Number", "Campaign of the redeemed coupon"),
)


def custom(type_key: str, fields: Document) -> Document:
    """The `custom` of a resource."""
    return {"type": reference("type", type_key), "fields": fields}


def reference_records(calendar: Calendar) -> Iterator[Record]:
    """Types, stores, channels and customer groups, all made 400 days before the anchor."""
    made_s = calendar.anchor_s - 400 * DAY_S
    yield _type(CUSTOMER_TYPE, "Customer attributes", ["customer"], _CUSTOMER_FIELDS, made_s)
    yield _type(CHECKOUT_TYPE, "Checkout attributes", ["order"], _CHECKOUT_FIELDS, made_s)
    for key, name in GROUPS.items():
        yield Record("customer_groups", _made("customer-group", key, made_s) | {"key": key, "name": name})
    for market in MARKETS.values():
        for kind, label in (("web", "Web shop"), ("app", "App")):
            yield Record(
                "channels",
                _made("channel", f"{kind}-{market.code}", made_s)
                | {
                    "key": f"{kind}-{market.code}",
                    "roles": ["ProductDistribution"],
                    "name": {"en": f"{label} {market.name}"},
                },
            )
        yield Record(
            "stores",
            _made("store", market.code, made_s)
            | {
                "key": market.code,
                "name": {"en": market.name, market.language: market.name},
                "languages": [market.locale],
                "countries": [{"code": market.country_code}],
                "distributionChannels": [reference("channel", f"{kind}-{market.code}") for kind in ("web", "app")],
                "supplyChannels": [],
                "productSelections": [],
            },
        )


def commerce_records(calendar: Calendar) -> Iterator[Record]:
    """Product type, discount code, order states, business units, and per market a custom object; as old as the others."""
    made_s = calendar.anchor_s - 400 * DAY_S
    yield Record(
        "product_types",
        _made("product-type", PRODUCT_TYPE, made_s)
        | {"key": PRODUCT_TYPE, "name": "Grocery item", "description": "Everything the shop sells", "attributes": []},
    )
    yield Record(
        "discount_codes",
        _made("discount-code", DISCOUNT_CODE, made_s)
        | {
            "code": "COUPON",
            "name": {"en": "Manufacturer coupon"},
            "cartDiscounts": [reference("cart-discount", DISCOUNT_CODE)],
            "isActive": True,
            "references": [],
            "groups": [],
        },
    )
    for number, (key, name) in enumerate(ORDER_STATES.items()):
        yield Record(
            "states",
            _made("state", key, made_s)
            | {"key": key, "type": "OrderState", "name": {"en": name}, "initial": number == 0, "builtIn": False, "roles": []},
        )
    for key, name in BUSINESS_UNITS.items():
        unit = {"key": key, "name": name, "status": "Active", "unitType": "Company", "storeMode": "Explicit", "stores": []}
        yield Record("business_units", _made("business-unit", key, made_s) | unit | {"addresses": [], "associates": []})
    for market in MARKETS.values():
        slot = {"container": DELIVERY_DAYS, "key": market.code, "value": {"days": ["Tue", "Fri"], "country": market.country_code}}
        yield Record("custom_objects", _made("custom-object", f"{DELIVERY_DAYS}:{market.code}", made_s) | slot)


def _made(type_id: str, key: str, made_s: int) -> Document:
    return envelope(resource_id(type_id, key), version=1, created_s=made_s, modified_s=made_s)


def _type(key: str, name: str, resource_types: list[str], fields: tuple[tuple[str, str, str], ...], made_s: int) -> Record:
    definitions = [
        {
            "name": field,
            "label": {"en": label},
            "required": False,
            "type": {"name": kind, "values": [{"key": value, "label": value} for value in SMS_CONSENT]}
            if kind == "Enum"
            else {"name": kind},
            "inputHint": "SingleLine",
        }
        for field, kind, label in fields
    ]
    body = {"key": key, "name": {"en": name}, "resourceTypeIds": resource_types, "fieldDefinitions": definitions}
    return Record("types", _made("type", key, made_s) | body)
