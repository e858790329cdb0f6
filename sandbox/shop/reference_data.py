"""The shop's own small resources: types, stores, channels, customer groups."""

from collections.abc import Iterator

from sandbox.shop.documents import Document, Record, envelope, reference
from sandbox.shop.identifiers import resource_id
from sandbox.shop.markets import MARKETS
from sandbox.shop.moments import DAY_S, Calendar

CUSTOMER_TYPE = "customer-attributes"
CHECKOUT_TYPE = "checkout-attributes"
GROUPS = {"regular": "Regular", "premium": "Premium", "staff": "Staff"}
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
