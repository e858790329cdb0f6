"""Households as registered customers. Names and addresses are Faker's (fixed seed per household), the rest follows from the data.

One customer per household: externalId "household-<number>", customerNumber the number. What follows from the number alone:
the market (number modulo 20, `markets.market_of`) and the verified address (modulo 5 is not 3).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import pandas as pd
from faker import Faker

from sandbox.shop.adjustments import Adjustment
from sandbox.shop.chance import draw_one
from sandbox.shop.documents import Document, Happening, Record, envelope, reference
from sandbox.shop.identifiers import resource_id
from sandbox.shop.markets import Market, market_of
from sandbox.shop.moments import DAY_S, Calendar, stamp
from sandbox.shop.phones import phone
from sandbox.shop.purchases import Purchases
from sandbox.shop.reference_data import CUSTOMER_TYPE, custom

_NEWSLETTER, _SMS, _MODIFIED = 50, 51, 52
_TIERS = ((300_000, "platinum"), (150_000, "gold"), (50_000, "silver"), (0, "bronze"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A registered customer as the other builders need it; times in seconds since 1970."""

    household_id: int
    id: str
    email: str
    market: Market
    is_verified: bool
    shares_email: bool
    newsletter: bool | None
    sms: str | None
    group: str | None
    first_name: str
    last_name: str
    address: Document
    record: Record


@dataclass(frozen=True, slots=True)
class Household:
    """What the data set knows of one household; times in seconds since 1970, money in minor units."""

    number: int
    age: str
    size: str
    first_purchase_s: int
    last_purchase_s: int
    spent_minor: int


def customers(purchases: Purchases, shared: Iterable[Adjustment], calendar: Calendar) -> dict[int, Customer]:
    """Every household's customer by its number, in order. `shared` are the rows of kind shared_email."""
    lenders = {row.household_id: row.other_household_id for row in shared}
    known: dict[int, Customer] = {}
    for household in _households(purchases, calendar):
        lender = known.get(lenders.get(household.number) or 0)
        is_lender = household.number in lenders.values()
        known[household.number] = customer_of(household, calendar, lender=lender, is_lender=is_lender)
    return known


def newsletter_of(household_id: int) -> bool | None:
    """What the household's customer said about the newsletter: yes, no, or nothing (None)."""
    if household_id % 29 == 2 or household_id % 23 == 7:
        return None
    chance = draw_one(household_id, _NEWSLETTER)
    return True if chance < 0.6 else False if chance < 0.8 else None


def sms_of(household_id: int) -> str | None:
    """What the household's customer said about SMS: granted, denied, withdrawn, or nothing (None)."""
    if household_id % 29 == 2 or household_id % 23 == 7:
        return None
    chance = draw_one(household_id, _SMS)
    return "granted" if chance < 0.3 else "denied" if chance < 0.42 else "withdrawn" if chance < 0.5 else None


def group_of(household_id: int) -> str | None:
    """The key of the customer group, None for a tenth of the customers."""
    if household_id % 33 == 5:
        return "staff"
    return {0: "premium", 1: "premium", 9: None}.get(household_id % 10, "regular")


@cache
def faker(locale: str) -> Faker:
    """The one generator per locale; seed it before each use."""
    return Faker(locale)


def seconds(times: pd.Series) -> list[int]:
    """Times of the data set as seconds since 1970."""
    return [int(value) for value in times.astype("datetime64[s]").astype("int64").tolist()]


def _households(purchases: Purchases, calendar: Calendar) -> Iterable[Household]:
    table = purchases.demographics.set_index("household_id").join(purchases.households)
    columns = (
        table.index.tolist(),
        table["age"].tolist(),
        table["household_size"].tolist(),
        [value + calendar.shift_s for value in seconds(table["first_purchase_at"])],
        [value + calendar.shift_s for value in seconds(table["last_purchase_at"])],
        (table["spent"] * 100).round().astype("int64").tolist(),
    )
    return (Household(*row) for row in zip(*columns, strict=True))


def customer_of(household: Household, calendar: Calendar, *, lender: Customer | None = None, is_lender: bool = False) -> Customer:
    """The customer of one household. `lender`: whose address it shares; `is_lender`: whether another shares its own."""
    number = household.number
    market = market_of(number)
    fake = faker(market.faker_locale)
    fake.seed_instance(number)
    first, last = fake.first_name(), fake.last_name()
    address = _address(fake, market, number, first, last)
    email = lender.email.lower() if lender else _email(number, capitalised=is_lender or number % 9 == 4)
    is_verified = number % 5 != 3
    dated, happenings = _dated(household, calendar)
    document = dated | {
        "customerNumber": str(number),
        "externalId": f"household-{number}",
        "email": email,
        "firstName": first,
        "lastName": last,
        "addresses": [address],
        "shippingAddressIds": [address["id"]],
        "billingAddressIds": [address["id"]],
        "defaultShippingAddressId": address["id"],
        "isEmailVerified": is_verified,
        "authenticationMode": "Password",
        "locale": market.locale,
        "stores": [] if is_lender or (number % 3 == 0 and not lender) else [market.reference],
    }
    _extras(document, fake, market, household)
    group = group_of(number)
    document["customerGroupAssignments"] = []
    if group:
        document["customerGroup"] = reference("customer-group", group)
        document["customerGroupAssignments"] = [{"customerGroup": reference("customer-group", group)}]
    happenings[0].payload["customer"] = document | {"version": 1, "lastModifiedAt": document["createdAt"]}
    return Customer(
        household_id=number,
        id=document["id"],
        email=email,
        market=market,
        is_verified=is_verified,
        shares_email=bool(lender) or is_lender,
        newsletter=newsletter_of(number),
        sms=sms_of(number),
        group=group,
        first_name=first,
        last_name=last,
        address=address,
        record=Record("customers", document, happenings),
    )


def _email(number: int, *, capitalised: bool) -> str:
    fake = faker("en_US")
    fake.seed_instance(number)
    name = f"{fake.first_name()}.{fake.last_name()}".lower()
    return f"{name.title() if capitalised else name}.{number}@{fake.safe_domain_name()}"


def _address(fake: Faker, market: Market, number: int, first: str, last: str, which: int = 0) -> Document:
    address: Document = {
        "id": resource_id("address", f"{number}:{which}").replace("-", "")[:8],
        "firstName": first,
        "lastName": last,
        "streetName": fake.street_name(),
        "streetNumber": fake.building_number(),
        "postalCode": fake.postcode(),
        "city": fake.city(),
        "country": market.country_code,
    }
    if market.code == "us":
        address["state"] = fake.state_abbr()
    typed = phone(market.code, number, which)
    if typed is not None:
        address["mobile" if number % 7 == 2 else "phone"] = typed
    return address


def _extras(document: Document, fake: Faker, market: Market, household: Household) -> None:
    """What only some customers have: a second address, none at all, a company, custom fields."""
    number = household.number
    if number % 6 == 1:
        document["addresses"].append(_address(fake, market, number, document["firstName"], document["lastName"], 1))
    if number % 40 == 39:
        document["addresses"], document["shippingAddressIds"], document["billingAddressIds"] = [], [], []
        del document["defaultShippingAddressId"]
    if number % 30 == 4:
        document["companyName"] = fake.company()
    if number % 29 != 2:
        document["custom"] = custom(CUSTOMER_TYPE, {} if number % 23 == 7 else _fields(household))


def _fields(household: Household) -> Document:
    fields: Document = {
        "loyaltyTier": next(tier for floor, tier in _TIERS if household.spent_minor >= floor),
        "loyaltyPoints": household.spent_minor // 100,
        "ageRange": household.age,
        "householdSize": int(household.size.rstrip("+")),
    }
    newsletter, sms = newsletter_of(household.number), sms_of(household.number)
    if newsletter is not None:
        fields["newsletterOptIn"] = newsletter
    if sms is not None:
        fields["smsConsent"] = sms
    if household.number % 4 == 0:
        fields["favouriteStoreVisitAt"] = stamp(household.last_purchase_s)
    return fields


def _dated(household: Household, calendar: Calendar) -> tuple[Document, list[Happening]]:
    """The envelope and what happened when.

    Registered an hour before the year's first purchase; one in fifty only within the last nine days, after having bought.
    """
    number = household.number
    created_s = household.first_purchase_s - 3600
    if number % 50 == 7:
        created_s = calendar.anchor_s - (1 + number % 9) * DAY_S
    modified_s = created_s + int(draw_one(number, _MODIFIED) * 0.9 * (calendar.anchor_s - created_s))
    happenings = [Happening(created_s, "CustomerCreated", {})]
    if sms_of(number) == "withdrawn":
        changed_s = max(created_s + 60, calendar.anchor_s - (2 + number % 12) * DAY_S)
        payload = {"name": "smsConsent", "value": "withdrawn", "previousValue": "granted"}
        happenings.append(Happening(changed_s, "CustomerCustomFieldChanged", payload))
        modified_s = max(modified_s, changed_s)
    key = resource_id("customer", number)
    return envelope(key, version=2 + number % 5, created_s=created_s, modified_s=modified_s), happenings
