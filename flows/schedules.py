"""When what runs. One table; a new schedule is one row here, and `cartwire serve`, its health file and Prefect know it.

A time that was missed, because the worker was down or busy, is made up once, at once: one sync catches up whatever happened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One thing that runs by itself.

    Args:
        name: in the health file and, with the installation's name, at the Prefect server.
        flow: `module:name` of its Prefect flow, which takes `trigger`; imported when it is first needed.
        function: `module:name` of the same without Prefect: (settings, trigger=...) → a report with `run_id` and `exit_code`.
        every: from one due time to the next.
        at: time of day, UTC, of a daily schedule; others fall on multiples of `every`.
    """

    name: str
    flow: str
    function: str
    every: timedelta
    at: time = time(0)

    @property
    def is_daily(self) -> bool:
        return self.every == DAY

    @property
    def cron(self) -> str:
        """For Prefect, of a daily schedule."""
        return f"{self.at.minute} {self.at.hour} * * *"

    def due_after(self, moment: datetime) -> datetime:
        """The first due time after an instant, aware UTC."""
        start = EPOCH + timedelta(hours=self.at.hour, minutes=self.at.minute)
        return moment + self.every - (moment - start) % self.every

    def next_due(self, last_started_at: datetime | None, now: datetime) -> datetime:
        """When to run next; at or before `now` means at once.

        Never run before: a frequent schedule starts at once, a daily one waits for its hour.
        """
        if last_started_at is None:
            return self.due_after(now) if self.is_daily else now
        return self.due_after(last_started_at)


SCHEDULES: tuple[Schedule, ...] = (
    Schedule(name="sync", flow="flows.sync:sync", function="flows.run:sync", every=timedelta(minutes=5)),
    Schedule(name="sweep", flow="flows.sweep:sweep", function="flows.sweep_run:run_sweep", every=DAY, at=time(2, 17)),
)


def schedules(*, sync_every: timedelta) -> tuple[Schedule, ...]:
    """The table with the operator's wishes."""
    return tuple(replace(row, every=sync_every) if row.name == "sync" else row for row in SCHEDULES)
