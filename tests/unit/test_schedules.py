"""When a schedule is due, whatever happened to the worker meanwhile."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from flows.schedules import DAY, Schedule, schedules

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))
FREQUENT = st.integers(5, 86_399).map(lambda seconds: row(timedelta(seconds=seconds)))
DAILY = st.times().map(lambda at: row(DAY, at.replace(second=0, microsecond=0, tzinfo=None)))


def row(every: timedelta, at: time = time(0)) -> Schedule:
    return Schedule(name="sync", flow="flows.sync:sync", function="flows.run:sync", every=every, at=at)


@given(FREQUENT | DAILY, MOMENTS)
def test_the_next_due_time_is_later_by_at_most_one_interval_and_the_one_after_by_exactly_one(
    schedule: Schedule, moment: datetime
) -> None:
    due = schedule.due_after(moment)
    assert moment < due <= moment + schedule.every
    assert schedule.due_after(due) == due + schedule.every


@given(DAILY, MOMENTS)
def test_a_daily_schedule_is_due_at_its_hour(schedule: Schedule, moment: datetime) -> None:
    assert schedule.due_after(moment).time() == schedule.at


@given(FREQUENT, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=9)))
def test_missed_times_are_made_up_once_and_at_once(schedule: Schedule, last: datetime, away: timedelta) -> None:
    now = last + away
    due = schedule.next_due(last, now)
    assert (due <= now) == (schedule.due_after(last) <= now)
    assert schedule.next_due(now, now) > now


@given(FREQUENT, DAILY, MOMENTS)
def test_what_never_ran_starts_at_once_if_frequent_and_waits_for_its_hour_if_daily(
    frequent: Schedule, daily: Schedule, now: datetime
) -> None:
    assert frequent.next_due(None, now) == now
    assert daily.next_due(None, now) == daily.due_after(now)


def test_the_operators_interval_is_the_syncs_alone() -> None:
    before = {schedule.name: schedule.every for schedule in schedules(sync_every=timedelta(minutes=5))}
    after = {schedule.name: schedule.every for schedule in schedules(sync_every=timedelta(minutes=1))}
    assert before["sync"] == timedelta(minutes=5)
    assert after == {**before, "sync": timedelta(minutes=1)}


def test_prefect_is_told_the_hour_of_a_daily_schedule() -> None:
    assert row(DAY, time(2, 30)).cron == "30 2 * * *"
