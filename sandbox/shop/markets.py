"""The five markets of the demo shop. A household's market follows from its number alone, so that anyone can recompute it."""

from dataclasses import dataclass

Json = dict[str, object]
Money = dict[str, str | int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One market. `tax_rate` is a share (0.07 = 7 %) and always included in the price, so totals are what people pay."""

    code: str
    name: str
    currency_code: str
    fraction_digits: int
    locale: str
    language: str
    country_code: str
    time_zone: str
    tax_rate: float
    faker_locale: str

    def money(self, minor: int) -> Money:
        """`minor` whole minor units of the market's currency as a commercetools centPrecision money."""
        return {
            "type": "centPrecision",
            "currencyCode": self.currency_code,
            "centAmount": minor,
            "fractionDigits": self.fraction_digits,
        }

    def net(self, gross_minor: int) -> int:
        """The amount before tax of one line, rounded half up to whole minor units."""
        return gross_minor if not self.tax_rate else int(gross_minor / (1 + self.tax_rate) + 0.5)

    def taxed_price(self, gross_minor: int, net_minor: int) -> Json:
        """A TaxedPrice with one portion."""
        portion = {"rate": self.tax_rate, "amount": self.money(gross_minor - net_minor)}
        return {
            "totalNet": self.money(net_minor),
            "totalGross": self.money(gross_minor),
            "taxPortions": [portion],
        }

    @property
    def reference(self) -> Json:
        """The KeyReference by which orders, carts and customers name their store."""
        return {"typeId": "store", "key": self.code}


def _market(code: str, name: str, currency: str, digits: int, locale: str, zone: str, tax: float, faker: str) -> Market:
    language, country = locale.split("-")
    return Market(
        code=code,
        name=name,
        currency_code=currency,
        fraction_digits=digits,
        locale=locale,
        language=language,
        country_code=country,
        time_zone=zone,
        tax_rate=tax,
        faker_locale=faker,
    )


US = _market("us", "United States", "USD", 2, "en-US", "America/New_York", 0.0, "en_US")
DE = _market("de", "Deutschland", "EUR", 2, "de-DE", "Europe/Berlin", 0.07, "de_DE")
GB = _market("gb", "United Kingdom", "GBP", 2, "en-GB", "Europe/London", 0.2, "en_GB")
JP = _market("jp", "日本", "JPY", 0, "ja-JP", "Asia/Tokyo", 0.08, "ja_JP")
KW = _market("kw", "الكويت", "KWD", 3, "ar-KW", "Asia/Kuwait", 0.0, "ar_AA")

MARKETS = {market.code: market for market in (US, DE, GB, JP, KW)}

_BY_REMAINDER = (US,) * 10 + (DE,) * 4 + (GB,) * 3 + (JP,) * 2 + (KW,)


def market_of(household_id: int) -> Market:
    """household_id modulo 20: 0 to 9 us, 10 to 13 de, 14 to 16 gb, 17 and 18 jp, 19 kw."""
    return _BY_REMAINDER[household_id % 20]
