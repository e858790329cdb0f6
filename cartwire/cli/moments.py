"""Instants as operators write them: `2026-11-24`, `2026-11-24T09:30`, `2026-11-24T09:30:00+01:00`."""

from __future__ import annotations

from datetime import UTC, datetime

import click


class Moment(click.ParamType[datetime]):
    """ISO 8601; without a zone it is UTC. Answers an aware datetime in UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            found = datetime.fromisoformat(str(value).strip())
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-11-24 or 2026-11-24T09:30Z (without a zone: UTC)", param, ctx)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
