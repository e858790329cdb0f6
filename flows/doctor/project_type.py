"""Which type an Iterable project is, as far as its reads show it. Nothing here writes, and nothing names a person.

The API has no call that says the type. What contradicts a type is what the types forbid (facts on Iterable's API, section 3):
the name of the field of static lists, users without a userId, an address or a userId that two users have, addresses that
Iterable makes up, and a data center that has no projects of the type.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from cartwire import clock
from cartwire.settings import Settings
from clients.iterable import IterableClient
from flows.doctor.checks import Check, Verdict
from ingestion.iterable import AHEAD, BEGINNING

NAME = "iterable project type"
USERS_MAX = 5_000
"""Users looked at: contradictions are either everywhere or nowhere, and an export is broken off at no cost."""
_PLACEHOLDER = "@placeholder.email"
_EU_HOST = "api.eu.iterable.com"


def check_project_type(settings: Settings, client: IterableClient) -> Check:
    """Compare ITERABLE_IDENTITY with the project. Raises: DeliveryError where it cannot be read."""
    identity = settings.iterable_identity
    users = islice(client.export("user", BEGINNING, clock.now() + AHEAD), USERS_MAX)
    found = [
        *_of_region(identity, settings.iterable_api_url),
        *_of_fields(identity, client.get_fields()),
        *_of_users(identity, users),
    ]
    if found:
        return Check(
            NAME,
            Verdict.fail,
            f"not a project of ITERABLE_IDENTITY={identity}: {'; '.join(found)}",
            "look it up in Iterable under Settings > Project Settings and set ITERABLE_IDENTITY to hybrid, email or user_id, or"
            " use the key of the project that you mean; docs/how-to/project-types.md",
        )
    return Check(NAME, Verdict.ok, f"nothing speaks against {identity}")


def _of_region(identity: str, url: str) -> Iterator[str]:
    if identity == "email" and urlsplit(url).hostname == _EU_HOST:
        yield "the EU data center has no e-mail-based projects"


def _of_fields(identity: str, fields: Mapping[str, str]) -> Iterator[str]:
    """E-mail-based projects call the field of static lists `emailListIds`, the others `userListIds`."""
    if (identity == "email") == ("emailListIds" in fields) or not {"emailListIds", "userListIds"} & fields.keys():
        return
    yield f"static lists are in the field {'emailListIds' if 'emailListIds' in fields else 'userListIds'}"


def _of_users(identity: str, users: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    emails: set[str] = set()
    user_ids: set[str] = set()
    found: dict[str, str] = {}
    for user in users:
        email, user_id = str(user.get("email") or "").lower(), str(user.get("userId") or "")
        if identity == "user_id" and not user_id:
            found["no id"] = "there are users without a userId"
        if identity != "email" and user_id in user_ids and user_id:
            found["ids"] = "several users have one userId"
        if identity != "user_id" and email in emails and email:
            found["emails"] = "several users have one address"
        if identity != "email" and email.endswith(_PLACEHOLDER):
            found["made up"] = f"there are addresses that only e-mail-based projects make up ({_PLACEHOLDER})"
        emails.add(email)
        user_ids.add(user_id)
    yield from found.values()
