"""Business hours: is a schedule open at this moment? (spec 04)

The most specific rules that match a day make its hours: those of its date, else those of its range
of dates, else those of its weekday; a day that none matches is closed. Hours that end before they
begin span midnight and belong to the day on which they begin, so they outlast a closed day after
it; hours that end when they begin last a day. A schedule that is missing or makes no sense is open,
and says so: better a call too many than a closed shop that nobody notices.

Wall-clock times are compared as people read them. An hour that a clock change skips is never on the
clock; an hour that comes twice counts when it comes first: what ends at 01:30 stays ended when
01:30 comes again.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from events.base import Millis
from events.resources import Did, Extension, Queue, RingGroup, ScheduleRule, TimeSchedule

DAY = timedelta(days=1)
KINDS = ("date", "date_range", "weekly")
"""Most specific first."""


class Hours(StrEnum):
    OPEN = "in_hours"
    CLOSED = "out_of_hours"
    HOLIDAY = "holiday"
    """Closed on a date (or range of dates) that has a name."""


class Answer(NamedTuple):
    hours: Hours
    label: str = ""
    """Of the holiday."""
    warning: str = ""
    """Why the schedule could not be asked; it then counts as open."""


def look_up(schedule: TimeSchedule | None, now: Millis, account_timezone: str) -> Answer:
    """Whether `schedule` is open at `now`, in its own time zone or the account's."""
    if schedule is None:
        return Answer(Hours.OPEN, warning="no such schedule")
    if not schedule.rules:
        return Answer(Hours.OPEN, warning="the schedule has no rules")
    try:
        zone = ZoneInfo(schedule.timezone or account_timezone)
        return _answer(schedule.rules, datetime.fromtimestamp(now / 1000, UTC).astimezone(zone))
    except (ValueError, TypeError, LookupError, OSError, OverflowError) as error:
        return Answer(Hours.OPEN, warning=f"the schedule is broken: {error}")


def diversion(
    row: Did | Extension | Queue | RingGroup, hours: Hours
) -> tuple[str, str | None] | None:
    """The route target (kind, id) that takes the call at such hours instead of the row itself."""
    if hours is Hours.HOLIDAY and row.holiday_dest_kind:
        return row.holiday_dest_kind, row.holiday_dest_id
    if hours is not Hours.OPEN and row.closed_dest_kind:
        return row.closed_dest_kind, row.closed_dest_id
    return None


def _answer(rules: Sequence[ScheduleRule], now: datetime) -> Answer:
    """`now` in the zone of the schedule."""
    today = now.date()
    for day in (today, today - DAY):
        for begin, end in _intervals(_rules_of(rules, day), day):
            if _has_passed(begin, now) and not _has_passed(end, now):
                return Answer(Hours.OPEN)
    for rule in _rules_of(rules, today):
        if rule.is_closed and rule.label and rule.kind != "weekly":
            return Answer(Hours.HOLIDAY, rule.label)
    return Answer(Hours.CLOSED)


def _rules_of(rules: Sequence[ScheduleRule], day: date) -> list[ScheduleRule]:
    """The rules that make the hours of `day`: all of the most specific kind that has any."""
    for kind in KINDS:
        if found := [rule for rule in rules if rule.kind == kind and _matches(rule, day)]:
            return found
    return []


def _matches(rule: ScheduleRule, day: date) -> bool:
    if rule.kind == "weekly":
        if rule.dow is None:
            raise ValueError("a weekly rule has no day of the week")
        return rule.dow == day.isoweekday() % 7
    if rule.start_date is None:
        raise ValueError(f"a {rule.kind} rule has no start_date")
    first = date.fromisoformat(rule.start_date)
    if rule.kind == "date":
        return first == day
    if rule.end_date is None:
        raise ValueError("a date_range rule has no end_date")
    return first <= day <= date.fromisoformat(rule.end_date)


def _intervals(rules: Sequence[ScheduleRule], day: date) -> Iterator[tuple[datetime, datetime]]:
    """When the hours that belong to `day` begin and end, on the wall clock."""
    if any(rule.is_closed for rule in rules):
        return
    for rule in rules:
        begin = datetime.combine(day, _time(rule.start_time))
        end = datetime.combine(day, _time(rule.end_time))
        yield begin, end if end > begin else end + DAY


def _time(text: str | None) -> time:
    return time.fromisoformat(text) if text else time.min


def _has_passed(wall: datetime, now: datetime) -> bool:
    """Whether the clock has shown `wall` already."""
    if now.fold and _comes_twice(wall.replace(tzinfo=now.tzinfo)):
        return True
    return wall <= now.replace(tzinfo=None)


def _comes_twice(wall: datetime) -> bool:
    first, second = wall.utcoffset(), wall.replace(fold=1).utcoffset()
    return first is not None and second is not None and first > second
