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
        scope: OAuth scope that opens it, without the project key.
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
    scope: str
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
    Resource(name="customers", path="customers", scope="view_customers", listed_as="customers"),
    Resource(name="orders", path="orders", scope="view_orders", listed_as="orders"),
    Resource(
        name="carts",
        path="carts",
        scope="view_orders",
        listed_as="carts",
        lifetime_field="deleteDaysAfterLastModification",
    ),
    Resource(name="payments", path="payments", scope="view_payments", listed_as="payments"),
    Resource(
        name="product_projections",
        path="product-projections",
        scope="view_products",
        listed_as="products",  # published or not: a product that was only withdrawn from sale has not vanished
        parameters={"staged": "false"},
    ),
    # moving a parent rewrites the ancestors of its descendants; whether that touches their timestamps is not documented
    Resource(name="categories", path="categories", scope="view_categories", listed_as="categories", cursor=Cursor.none),
    Resource(name="stores", path="stores", scope="view_stores", listed_as="stores"),
    Resource(name="customer_groups", path="customer-groups", scope="view_customer_groups", listed_as="customerGroups"),
    Resource(name="channels", path="channels", scope="view_channels", listed_as="channels"),
    Resource(name="types", path="types", scope="view_types", listed_as="typeDefinitions"),
    # Messages end after some days by themselves; here they stay
    Resource(name="messages", path="messages", scope="view_messages", is_optional=True),
)
