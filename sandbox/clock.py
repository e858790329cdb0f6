"""The sandbox's clock: real time plus an offset that tests and demos may move. All instants are UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def to_iso(moment: datetime) -> str:
    """The text both vendors use: UTC with milliseconds, "2026-11-23T15:04:05.678Z". Naive is taken as UTC."""
    aware = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.strftime("%Y-%m-%dT%H:%M:%S.") + f"{aware.microsecond // 1000:03d}Z"


def from_iso(text: str) -> datetime:
    """Aware UTC datetime of an ISO 8601 text; without an offset it is taken as UTC. Raises: ValueError."""
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


class Clock:
    """Shared by all servers of one sandbox process."""

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self.offset_seconds = self._start_offset_seconds = offset_seconds

    def reset(self) -> None:
        """Back to the offset it started with."""
        self.offset_seconds = self._start_offset_seconds

    def now(self) -> datetime:
        """Current instant of the sandbox, aware, UTC."""
        return datetime.now(UTC) + timedelta(seconds=self.offset_seconds)

    def now_ms(self) -> int:
        """Current instant of the sandbox in whole milliseconds since 1970."""
        return (self.now() - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)

    def now_iso(self) -> str:
        """Current instant of the sandbox as the vendors print it."""
        return to_iso(self.now())
