"""Time in the demo shop: whole seconds since 1970, moved so that the data set ends at the anchor."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

DATA_END = datetime(2018, 1, 1, 4, 1, 20)
"""The last purchase of the whole data set, read as UTC. A build moves this instant to its anchor, and all others with it."""

DAY_S = 86_400
_EPOCH = datetime(1970, 1, 1)
DATA_END_S = int((DATA_END - _EPOCH).total_seconds())


class Calendar:
    """Moves instants of the data set to the shop's own time. `anchor_s` is the last second at which anything happened."""

    def __init__(self, anchor: datetime) -> None:
        """Raises: ValueError if anchor has no time zone."""
        if anchor.tzinfo is None:
            raise ValueError("the anchor needs a time zone; use UTC")
        self.anchor_s = int(anchor.astimezone(UTC).timestamp())
        self.shift_s = self.anchor_s - DATA_END_S

    def moved(self, data_set_time: str) -> int:
        """A time of the data set ("2017-12-30T10:00:00") in the shop's time."""
        return int((datetime.fromisoformat(data_set_time) - _EPOCH).total_seconds()) + self.shift_s


@lru_cache(maxsize=65_536)
def stamp(seconds: int) -> str:
    """The instant as commercetools writes it: UTC, milliseconds, "Z"."""
    return (_EPOCH + timedelta(seconds=seconds)).isoformat() + ".000Z"
