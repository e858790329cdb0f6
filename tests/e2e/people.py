"""What people of the shop are called at Iterable, by the type of project."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cartwire.person import person_key
from tests.conftest import SECRET


def name_of(identity: str, customer_id: str | None, email: str) -> str:
    """The identifier a project of this type (hybrid, email, user_id) knows a person by, as `named` reads it off a user."""
    if identity == "email" or (identity == "hybrid" and not customer_id):
        return email.lower()
    return customer_id or guest_id(email)


def named(identity: str, user: dict[str, Any]) -> str:
    """The identifier that tells a user, as Iterable shows it, from every other one of the project."""
    return str(user["email"] if identity == "email" else user["userId"] or user["email"])


def user_of(identity: str, users: Iterable[dict[str, Any]], customer: dict[str, Any]) -> dict[str, Any]:
    """The customer (`id` and `email` as commercetools has them) among Iterable's users; {} if it does not have them."""
    name = name_of(identity, customer["id"], customer["email"])
    return next((user for user in users if named(identity, user) == name), {})


def guest_id(email: str) -> str:
    """The userId made for a guest of a userID-based project."""
    return f"g-{person_key(SECRET.encode(), f'email:{email.lower()}')[:32]}"
