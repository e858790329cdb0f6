"""Departments and commodities as a category tree, products as published projections.

Category keys: the department in lower case with dashes ("drug-gm"), below it "<department>--<product_category>". A product refers
to its commodity, to its department where it has no commodity, to no category where the package does not know the product.
"""

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import pandas as pd

from sandbox.shop.documents import Document, Record, envelope, reference
from sandbox.shop.identifiers import resource_id
from sandbox.shop.markets import MARKETS, market_of
from sandbox.shop.moments import DAY_S, Calendar
from sandbox.shop.reference_data import PRODUCT_TYPE

_DEPARTMENTS_CSV = Path(__file__).with_name("departments.csv")
_PRODUCT_TYPE = reference("product-type", PRODUCT_TYPE)
_PRODUCT_TYPE_JSON = orjson.Fragment(orjson.dumps(_PRODUCT_TYPE))


@dataclass(frozen=True, slots=True)
class Product:
    """The fields of a product's line items that depend on nothing else, as finished JSON."""

    line_part: dict[str, orjson.Fragment]
    is_fuel: bool


class Catalogue:
    """Categories in tree order, parents first; products by product_id."""

    def __init__(self, products: pd.DataFrame, lines: pd.DataFrame, calendar: Calendar) -> None:
        """The categories of the whole package and the products that occur in `lines`."""
        self._made_s = calendar.anchor_s - 390 * DAY_S
        self._rows = _rows(products, lines)
        self.categories = list(_categories(products, self._made_s))
        self.products = {row.product_id: _line_product(row) for row in self._rows}

    def product_records(self) -> Iterator[Record]:
        """The published projections, made one by one because tens of thousands of them need much memory."""
        return (_product_record(row, self._made_s) for row in self._rows)

    def inventory_records(self) -> Iterator[Record]:
        """Stock of every fourth product; the shop does not count the others. A few are sold out."""
        return (_inventory_record(row, self._made_s) for row in self._rows if row.product_id % 4 == 0)


def category_key(department: str, commodity: str | None = None) -> str:
    """The key of a category: "drug-gm" or "drug-gm--candy-packaged"."""
    return _slug(department) if commodity is None else f"{_slug(department)}--{_slug(commodity)}"


_COLUMNS = ("department", "brand", "product_category", "product_type", "package_size")


@dataclass(frozen=True, slots=True)
class _Row:
    product_id: int
    prices: dict[str, int]
    department: str | None
    brand: str | None
    product_category: str | None
    product_type: str | None
    package_size: str | None

    @property
    def name(self) -> str:
        if self.product_type is None:
            return f"Product {self.product_id}"
        title = self.product_type.replace(":", ", ").title()
        return f"{title}, {self.package_size.lower()}" if self.package_size else title

    @property
    def slug(self) -> str:
        return f"{_slug(self.product_type or 'product')}-{self.product_id}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _translations() -> dict[str, dict[str, str]]:
    with _DEPARTMENTS_CSV.open(newline="", encoding="utf-8") as file:
        return {row.pop("department"): {language: name for language, name in row.items() if name} for row in csv.DictReader(file)}


def _categories(products: pd.DataFrame, made_s: int) -> Iterator[Record]:
    names = _translations()
    pairs = products[["department", "product_category"]].drop_duplicates()
    for position, department in enumerate(sorted(pairs["department"].unique().tolist()), start=1):
        key = category_key(department)
        yield _category(key, names.get(department, {"en": department.title()}), None, position / 100, made_s)
        commodities = pairs.loc[pairs["department"] == department, "product_category"].dropna()
        below = {category_key(department, commodity): commodity for commodity in sorted(commodities.tolist())}
        for place, (child, commodity) in enumerate(below.items(), start=1):
            yield _category(child, {"en": commodity.title()}, key, position / 100 + place / 100_000, made_s)


def _category(key: str, name: dict[str, str], parent: str | None, order: float, made_s: int) -> Record:
    document = envelope(resource_id("category", key), version=1, created_s=made_s, modified_s=made_s) | {
        "key": key,
        "name": name,
        "slug": {"en": key},
        "ancestors": [],
        "orderHint": f"{order:.5f}",
    }
    if parent:
        document["parent"] = reference("category", parent)
        document["ancestors"] = [document["parent"]]
    return Record("categories", document)


def _rows(products: pd.DataFrame, lines: pd.DataFrame) -> list[_Row]:
    prices = _list_prices(lines)
    known = products.set_index("product_id").reindex(list(prices))
    columns = [known[name].astype(object).where(known[name].notna(), None).tolist() for name in _COLUMNS]
    return [_Row(product_id, prices[product_id], *values) for product_id, *values in zip(prices, *columns, strict=True)]


def _line_product(row: _Row) -> Product:
    fields = {
        "productId": resource_id("product", row.product_id),
        "productKey": str(row.product_id),
        "name": _names(row),
        "productSlug": {"en": row.slug},
        "variant": _variant(row),
    }
    line_part = {name: _finished(value) for name, value in fields.items()}
    return Product(line_part | {"productType": _PRODUCT_TYPE_JSON}, "GASOLINE" in (row.product_type or ""))


def _finished(value: object) -> orjson.Fragment:
    """orjson's own buffer keeps a kilobyte for the shortest text; the copy does not, which saves 300 MB."""
    return orjson.Fragment(bytes(memoryview(orjson.dumps(value))))


def _variant(row: _Row) -> Document:
    image = {"url": f"https://shop.example/images/{row.product_id}.jpg", "dimensions": {"w": 600, "h": 600}}
    return {"id": 1, "sku": str(row.product_id), "images": [image]}


def _product_record(row: _Row, made_s: int) -> Record:
    categories = []
    if row.department:
        categories = [reference("category", category_key(row.department, row.product_category))]
    attributes = [{"name": "brand", "value": row.brand}] if row.brand else []
    document = envelope(
        resource_id("product", row.product_id), version=3, created_s=made_s, modified_s=made_s + row.product_id % DAY_S
    )
    document |= {
        "key": str(row.product_id),
        "productType": _PRODUCT_TYPE,
        "name": _names(row),
        "slug": {"en": row.slug},
        "categories": categories,
        "masterVariant": {
            **_variant(row),
            "key": str(row.product_id),
            "prices": _prices(row),
            "attributes": attributes,
        },
        "variants": [],
        "attributes": [],
        "published": True,
        "hasStagedChanges": False,
    }
    return Record("product_projections", document)


def _inventory_record(row: _Row, made_s: int) -> Record:
    stock = 0 if row.product_id % 44 == 0 else row.product_id % 90 + 1
    document = envelope(
        resource_id("inventory", row.product_id), version=1, created_s=made_s, modified_s=made_s + row.product_id % DAY_S
    )
    return Record(
        "inventory",
        document | {"sku": str(row.product_id), "quantityOnStock": stock + 2, "availableQuantity": stock, "restockableInDays": 2},
    )


def _names(row: _Row) -> dict[str, str]:
    """English always, other languages for some: the text is the same, the keys are what a reader has to cope with."""
    names = {"en": row.name}
    if row.product_id % 2 == 0:
        names["de-DE" if row.product_id % 7 == 0 else "de"] = row.name
    if row.product_id % 3 == 0:
        names["ja"] = row.name
    if row.product_id % 5 == 0:
        names["ar"] = row.name
    return names


def _prices(row: _Row) -> list[Document]:
    return [
        {
            "id": resource_id("price", f"{row.product_id}:{code}"),
            "value": MARKETS[code].money(minor),
            "country": MARKETS[code].country_code,
        }
        for code, minor in row.prices.items()
    ]


def _list_prices(lines: pd.DataFrame) -> dict[int, dict[str, int]]:
    """By product the highest price per piece in each market that bought it."""
    market = lines["household_id"] % 20
    table = pd.DataFrame({"product": lines["product_id"], "market": market, "price": lines["minor"] // lines["quantity"]})
    highest = table.groupby(["product", "market"])["price"].max().reset_index()
    prices: dict[int, dict[str, int]] = {}
    columns = (highest[name].tolist() for name in ("product", "market", "price"))
    for product_id, remainder, price in zip(*columns, strict=True):
        known = prices.setdefault(product_id, {})
        code = market_of(remainder).code
        known[code] = max(price, known.get(code, 0))
    return prices
