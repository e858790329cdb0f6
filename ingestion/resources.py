"""The one table of what is loaded from commercetools. A new resource is one row here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Cursor = StrEnum("Cursor", "last_modified_at none")
"""What a second load asks for: rows changed since, or everything again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One commercetools resource.

    Args:
        name: table name in `raw`; the history is `<name>_history`.
        path: below `/{projectKey}/`.
        scopes: OAuth scopes of which one opens it, without the project key; the first is the narrowest.
        listed_as: its list query in GraphQL, by which a sweep reads ids; None where there is none that lists all of it, or where
            rows vanish without meaning anything.
        lifetime_field: field of a document that says after how many days without a change commercetools deletes it by itself.
        cursor: `none` reloads the whole resource each time; only for small ones whose rows change without a new timestamp.
        keys: what identifies a row of the newest table; the history adds `version`.
        is_optional: a missing scope skips the resource and is reported, instead of ending the load.
        parameters: fixed query parameters.
    """

    name: str
    path: str
    scopes: tuple[str, ...]
    listed_as: str | None = None
    lifetime_field: str | None = None
    cursor: Cursor = Cursor.last_modified_at
    keys: tuple[str, ...] = ("id",)
    is_optional: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def history(self) -> str:
        """Name of the append-only table."""
        return f"{self.name}_history"

    @property
    def history_keys(self) -> tuple[str, ...]:
        """A version of a row is kept once."""
        return (*self.keys, "version")


RESOURCES: tuple[Resource, ...] = (
    Resource(name="customers", path="customers", scopes=("view_customers",), listed_as="customers"),
    Resource(name="orders", path="orders", scopes=("view_orders",), listed_as="orders"),
    Resource(
        name="carts",
        path="carts",
        scopes=("view_orders",),
        listed_as="carts",
        lifetime_field="deleteDaysAfterLastModification",
    ),
    Resource(name="payments", path="payments", scopes=("view_payments",), listed_as="payments"),
    Resource(
        name="product_projections",
        path="product-projections",
        scopes=("view_products", "view_published_products"),
        listed_as="products",  # published or not: a product that was only withdrawn from sale has not vanished
        parameters={"staged": "false"},
    ),
    # moving a parent rewrites the ancestors of its descendants; whether that touches their timestamps is not documented
    Resource(
        name="categories",
        path="categories",
        scopes=("view_categories", "view_products"),
        listed_as="categories",
        cursor=Cursor.none,
    ),
    Resource(name="stores", path="stores", scopes=("view_stores",), listed_as="stores"),
    Resource(
        name="customer_groups",
        path="customer-groups",
        scopes=("view_customer_groups", "view_customers"),
        listed_as="customerGroups",
    ),
    Resource(name="channels", path="channels", scopes=("view_channels", "view_products"), listed_as="channels"),
    Resource(name="types", path="types", scopes=("view_types",), listed_as="typeDefinitions"),
    Resource(
        name="product_types",
        path="product-types",
        scopes=("view_products",),
        listed_as="productTypes",
        is_optional=True,
    ),
    Resource(
        name="inventory",
        path="inventory",
        scopes=("view_products",),
        listed_as="inventoryEntries",
        is_optional=True,
    ),
    Resource(
        name="discount_codes",
        path="discount-codes",
        scopes=("view_discount_codes",),
        listed_as="discountCodes",
        is_optional=True,
    ),
    Resource(name="states", path="states", scopes=("view_states",), listed_as="states", is_optional=True),
    Resource(name="business_units", path="business-units", scopes=("view_business_units",), is_optional=True),
    # GraphQL lists them only within one container
    Resource(name="custom_objects", path="custom-objects", scopes=("view_key_value_documents",), is_optional=True),
    # Messages end after some days by themselves; here they stay
    Resource(name="messages", path="messages", scopes=("view_messages", "view_orders"), is_optional=True),
)
