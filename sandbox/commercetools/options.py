"""How the commercetools stand-in behaves: one project, one API client, and the points its documentation leaves open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

LOADER_SCOPES = (
    "view_customers",
    "view_orders",
    "view_payments",
    "view_products",
    "view_categories",
    "view_stores",
    "view_customer_groups",
    "view_channels",
    "view_types",
    "view_discount_codes",
    "view_states",
    "view_key_value_documents",
    "view_business_units",
    "view_messages",
    "view_project_settings",
)


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of the project and its only API client.

    client_scopes: what the client may ask for, without the project key; `manage_project` includes every other scope.
    token_seconds: life of an access token; commercetools' default is 48 hours.
    undocumented: where the documentation is silent, "lenient" does what most clients hope for, "strict" the opposite.
    """

    project_key: str = "cartwire-demo"
    client_id: str = "demo-client"
    client_secret: str = field(default="demo-secret", repr=False)
    client_scopes: tuple[str, ...] = ("manage_project",)
    token_seconds: int = 172_800
    undocumented: Literal["lenient", "strict"] = "lenient"

    @property
    def is_strict(self) -> bool:
        """True if undocumented points are decided against the client."""
        return self.undocumented == "strict"

    def loader_scopes(self) -> str:
        """The read scopes a loader needs, as the value of CTP_SCOPES."""
        return " ".join(f"{name}:{self.project_key}" for name in LOADER_SCOPES)
