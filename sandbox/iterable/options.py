"""What a run of the sandbox is set to: vendor settings of the project and the choices on undocumented points."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

DEFAULT_API_KEY = "demo0000demo0000demo0000demo0000"

CHANNELS: tuple[dict[str, Any], ...] = (
    {"id": 101, "name": "Email Marketing", "channelType": "Marketing", "messageMedium": "Email"},
    {"id": 102, "name": "Transactional Email", "channelType": "Transactional", "messageMedium": "Email"},
    {"id": 103, "name": "SMS Marketing", "channelType": "Marketing", "messageMedium": "SMS"},
    {"id": 104, "name": "Push Marketing", "channelType": "Marketing", "messageMedium": "Push"},
)
MESSAGE_TYPES: tuple[dict[str, Any], ...] = (
    {"id": 201, "name": "Newsletter", "channelId": 101, "subscriptionPolicy": "OptOut"},
    {"id": 202, "name": "Order updates", "channelId": 102, "subscriptionPolicy": "OptOut"},
    {"id": 203, "name": "SMS offers", "channelId": 103, "subscriptionPolicy": "OptOut"},
)
LISTS: tuple[dict[str, Any], ...] = (
    {"id": 301, "name": "Newsletter subscribers", "listType": "Standard", "createdAt": 1_700_000_000_000},
)


@dataclass(slots=True, kw_only=True)
class Options:
    """Settings of the stand-in; `replace()` one to change a setting, never mutate the caller's.

    Args:
        visibility_seconds: how long a write stays invisible to reads, by the sandbox clock; checks see it at once.
        rate_limits: enforce the published limits with 429.
        undocumented: which of two plausible answers an undocumented point gives (docs/reference/sandbox-iterable.md lists them).
        identity: project type. It decides what is unique and by what a person is found.
        rows_max: answer 400 BatchTooLarge above this many rows; None, as published, knows no such limit.
        body_bytes_max: largest body, 413 above; None takes 4 MiB (lenient) or 4,000,000 bytes (strict).
        subscriptions_feature: the additive subscription endpoints exist; False answers 404.
        opt_in_message_types: the opt-in feature is on, which forbids some reserved fields on profile writes.
        create_new_fields: the project's own default for `createNewFields`.
        api_key_type: "server" or "client"; a client-side key may not call bulk, export and erasure endpoints.
        list_ready_seconds: how long the id of a list just made is refused as `invalidListId`.
        event_schemas: folder of the JSON Schemas that the sender publishes; events and purchases that break them are noted.
        webhook_url: where system webhooks of subscription events go, with `webhook_headers`; None sends none.
        webhook_copies: how often each is delivered.
        disallowed_event_names: custom events that the project refuses inside a 200.
    """

    visibility_seconds: float = 60.0
    rate_limits: bool = True
    undocumented: Literal["lenient", "strict"] = "lenient"
    identity: Literal["hybrid", "email", "user_id"] = "hybrid"
    api_key: str = DEFAULT_API_KEY
    api_key_type: Literal["server", "client"] = "server"
    project_id: int = 8575
    rows_max: int | None = None
    body_bytes_max: int | None = None
    subscriptions_feature: bool = True
    opt_in_message_types: bool = False
    create_new_fields: bool = True
    disallowed_event_names: frozenset[str] = frozenset()
    event_schemas: Path | None = None
    list_ready_seconds: float = 2.0
    webhook_url: str | None = None
    webhook_headers: dict[str, str] = field(default_factory=dict)
    webhook_copies: int = 1
    channels: tuple[dict[str, Any], ...] = field(default=CHANNELS)
    message_types: tuple[dict[str, Any], ...] = field(default=MESSAGE_TYPES)
    lists: tuple[dict[str, Any], ...] = field(default=LISTS)

    @property
    def strict(self) -> bool:
        """Whether undocumented points give the stricter of their two plausible answers."""
        return self.undocumented == "strict"

    @property
    def largest_body_bytes(self) -> int:
        """Bytes of the largest body: "4 MB" is documented, and read as MiB or as 10^6 by different integrators."""
        if self.body_bytes_max is not None:
            return self.body_bytes_max
        return 4_000_000 if self.strict else 4_194_304
