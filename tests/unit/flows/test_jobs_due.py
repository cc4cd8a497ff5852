"""When tasks are due: cycles, days that months lack, Chinese workdays, cron as cron counts."""

from datetime import UTC, datetime

import pytest

from cityloom.flows.jobs.due import dues_between, next_due, period_of
from cityloom.kernel.cron import cron
from cityloom.kernel.workdays import CHINA, ChineseCalendar
from cityloom.model.source import CollectionTask, Schedule

WORKDAYS = ChineseCalendar()


def china(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=CHINA)


def task(cycle: str = "day", **schedule) -> CollectionTask:
    return CollectionTask(source="s", cycle=cycle, schedule=Schedule(**schedule))


def following(one: CollectionTask, after: str, count: int = 1) -> list[tuple[str, str]]:
    """The next times, in China, with their periods."""
    found, moment = [], china(after)
    for _ in range(count):
        due = next_due(one, moment, WORKDAYS)
        assert due is not None
        assert due.at.tzinfo is UTC
        found.append((due.at.astimezone(CHINA).strftime("%Y-%m-%dT%H:%M"), due.period))
        moment = due.at
    return found


@pytest.mark.parametrize(
    ("one", "after", "wanted"),
    [
        (task("day", time="02:00"), "2026-01-05T01:59", ("2026-01-05T02:00", "2026-01-05")),
        (task("day", time="02:00"), "2026-01-05T02:00", ("2026-01-06T02:00", "2026-01-06")),
        (task("hour", time="00:10"), "2026-01-05T13:10", ("2026-01-05T14:10", "2026-01-05T14")),
        (task("week", time="03:00", day=3), "2026-01-07T03:00", ("2026-01-14T03:00", "2026-W03")),
        (task("week", time="03:00", day=7), "2025-12-29T00:00", ("2026-01-04T03:00", "2026-W01")),
        (task("month", time="04:30", day=31), "2026-01-31T04:30", ("2026-02-28T04:30", "2026-02")),
        (task("month", time="04:30", day=29), "2024-02-01T00:00", ("2024-02-29T04:30", "2024-02")),
        (task("quarter", time="05:00", day=10), "2026-01-11T00:00", ("2026-04-10T05:00", "2026-Q2")),
        (task("quarter", time="05:00", day=10), "2026-11-11T00:00", ("2027-01-10T05:00", "2027-Q1")),
        (task("year", time="06:00", day=15), "2026-01-15T06:00", ("2027-01-15T06:00", "2027")),
        (task(cron="*/15 8-9 * * *"), "2026-01-05T08:31", ("2026-01-05T08:45", "2026-01-05T08:45")),
        (task(cron="0 7 * * 1"), "2026-01-04T00:00", ("2026-01-05T07:00", "2026-01-05T07:00")),
        (task(cron="0 7 * * 0"), "2026-01-05T00:00", ("2026-01-11T07:00", "2026-01-11T07:00")),
        (task(cron="0 7 * * 7"), "2026-01-05T00:00", ("2026-01-11T07:00", "2026-01-11T07:00")),
        (task(cron="0 7 * * 6-7"), "2026-01-10T08:00", ("2026-01-11T07:00", "2026-01-11T07:00")),
        (task("continuous", cron="0 7 * * MON-FRI"), "2026-01-10T00:00", ("2026-01-12T07:00", "2026-01-12T07:00")),
    ],
)
def test_the_next_time_and_its_period(one: CollectionTask, after: str, wanted: tuple[str, str]) -> None:
    assert following(one, after) == [wanted]


def test_a_day_that_is_not_worked_is_left_out_and_a_weekend_worked_in_its_place_is_not() -> None:
    found = [at[:10] for at, _ in following(task("day", workdays=True), "2026-02-13T12:00", 4)]
    assert found == ["2026-02-14", "2026-02-24", "2026-02-25", "2026-02-26"]


def test_longer_periods_move_to_the_next_workday_and_keep_their_name() -> None:
    assert following(task("month", day=1, workdays=True), "2026-09-30T12:00") == [("2026-10-08T02:00", "2026-10")]
    assert following(task("month", day=31, workdays=True), "2026-01-30T12:00") == [("2026-02-02T02:00", "2026-01")]
    assert following(task("week", day=5, workdays=True), "2026-09-30T12:00") == [("2026-10-08T02:00", "2026-W40")]


def test_of_two_periods_that_holidays_move_to_one_moment_the_newer_is_due() -> None:
    found = following(task("week", day=4, workdays=True), "2026-09-30T12:00", 2)
    assert [period for _, period in found] == ["2026-W41", "2026-W42"]


def test_cron_on_workdays_only() -> None:
    found = [at for at, _ in following(task(cron="0 9 * * *", workdays=True), "2026-09-30T12:00", 2)]
    assert found == ["2026-10-08T09:00", "2026-10-09T09:00"]


@pytest.mark.parametrize("cycle", ["manual", "continuous"])
def test_what_nobody_times_is_never_due(cycle: str) -> None:
    assert next_due(task(cycle), china("2026-01-05T00:00"), WORKDAYS) is None


def test_all_times_in_between() -> None:
    one = task("hour", time="00:30")
    found = dues_between(one, china("2026-01-05T00:30"), china("2026-01-05T03:30"), WORKDAYS)
    assert [d.period for d in found] == ["2026-01-05T01", "2026-01-05T02", "2026-01-05T03"]
    assert dues_between(one, china("2026-01-05T00:30"), china("2026-01-05T01:29"), WORKDAYS) == []


def test_a_period_begins_in_chinas_time() -> None:
    name, began = period_of("day", datetime(2026, 1, 4, 17, 0, tzinfo=UTC))
    assert (name, began) == ("2026-01-05", datetime(2026, 1, 4, 16, 0, tzinfo=UTC))


@pytest.mark.parametrize("text", ["", "* * * *", "61 * * * *", "* * * * 8", "* * * * 5-1", "a b c d e", "0 0 * * *  *"])
def test_what_is_no_cron_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        cron(text, CHINA)
