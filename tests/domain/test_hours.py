"""Business hours: which rules make a day, what spans midnight, what clock changes do."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import hours
from domain.hours import Answer, Hours
from events.base import Millis
from events.resources import ScheduleRule, TimeSchedule
from tests.domain.acme import Acme, steps
from tests.support.given import NOW, property_of

NEW_YORK = "America/New_York"
WEEK = 7 * 86_400_000
OFFICE = [
    {"kind": "weekly", "dow": dow, "start_time": "09:00", "end_time": "17:00"} for dow in (1, 5)
]
NIGHT = {"kind": "weekly", "dow": 5, "start_time": "22:00", "end_time": "06:00"}
INDEPENDENCE = {"kind": "date", "start_date": "2026-07-03", "is_closed": 1, "label": "Independence"}
BREAK = {
    "kind": "date_range",
    "start_date": "2026-06-29",
    "end_date": "2026-07-10",
    "start_time": "10:00",
    "end_time": "12:00",
}


def _schedule(*rules: dict[str, Any], timezone: str | None = NEW_YORK) -> TimeSchedule:
    made = tuple(ScheduleRule.model_validate(rule) for rule in rules)
    return TimeSchedule(name="Hours", timezone=timezone, rules=made)


def _at(local: str, timezone: str = NEW_YORK, fold: int = 0) -> Millis:
    moment = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(timezone), fold=fold)
    return Millis(int(moment.timestamp() * 1000))


def _hours(schedule: TimeSchedule, local: str, fold: int = 0) -> Hours:
    return hours.look_up(schedule, _at(local, fold=fold), "UTC").hours


@pytest.mark.parametrize(
    ("rules", "local", "expected"),
    [
        # 2026-07-03 is a Friday
        (OFFICE, "2026-06-26 08:59:59", Hours.CLOSED),
        (OFFICE, "2026-06-26 09:00", Hours.OPEN),
        (OFFICE, "2026-06-26 16:59:59", Hours.OPEN),
        (OFFICE, "2026-06-26 17:00", Hours.CLOSED),
        (OFFICE, "2026-06-27 12:00", Hours.CLOSED),
        # the most specific rule makes the day
        ([*OFFICE, INDEPENDENCE], "2026-07-03 12:00", Hours.HOLIDAY),
        ([*OFFICE, INDEPENDENCE], "2026-07-06 12:00", Hours.OPEN),
        ([*OFFICE, BREAK], "2026-07-03 11:00", Hours.OPEN),
        ([*OFFICE, BREAK], "2026-07-03 16:00", Hours.CLOSED),
        ([*OFFICE, BREAK], "2026-07-11 11:00", Hours.CLOSED),
        ([*OFFICE, BREAK], "2026-06-29 10:00", Hours.OPEN),
        ([*OFFICE, BREAK], "2026-07-10 11:00", Hours.OPEN),
        ([*OFFICE, BREAK, INDEPENDENCE], "2026-07-03 11:00", Hours.HOLIDAY),
        # a closed day without a name is no holiday, nor is a weekday
        ([{**INDEPENDENCE, "label": None}], "2026-07-03 12:00", Hours.CLOSED),
        ([{"kind": "weekly", "dow": 5, "is_closed": 1, "label": "x"}], "2026-07-03", Hours.CLOSED),
        ([{**BREAK, "is_closed": 1, "label": "Summer"}], "2026-07-01 11:00", Hours.HOLIDAY),
        # is_closed closes the date, whatever else is said of it
        ([{**BREAK, "kind": "date", "start_date": "2026-07-03"}], "2026-07-03 11:00", Hours.OPEN),
        (
            [INDEPENDENCE, {**BREAK, "kind": "date", "start_date": "2026-07-03"}],
            "2026-07-03 11:00",
            Hours.HOLIDAY,
        ),
        # several intervals on one day
        (
            [BREAK, {**BREAK, "start_time": "14:00", "end_time": "15:00"}],
            "2026-07-03 14:30",
            Hours.OPEN,
        ),
        (
            [BREAK, {**BREAK, "start_time": "14:00", "end_time": "15:00"}],
            "2026-07-03 13:00",
            Hours.CLOSED,
        ),
        # hours over midnight belong to the day on which they begin
        ([NIGHT], "2026-06-26 21:59", Hours.CLOSED),
        ([NIGHT], "2026-06-26 22:00", Hours.OPEN),
        ([NIGHT], "2026-06-27 05:59", Hours.OPEN),
        ([NIGHT], "2026-06-27 06:00", Hours.CLOSED),
        ([NIGHT], "2026-06-26 03:00", Hours.CLOSED),
        ([NIGHT, {**INDEPENDENCE, "start_date": "2026-07-04"}], "2026-07-04 03:00", Hours.OPEN),
        ([NIGHT, {**INDEPENDENCE, "start_date": "2026-07-04"}], "2026-07-04 07:00", Hours.HOLIDAY),
        ([NIGHT, INDEPENDENCE], "2026-07-04 03:00", Hours.CLOSED),
        ([{**NIGHT, "end_time": "22:00"}], "2026-06-26 21:59", Hours.CLOSED),
        ([{**NIGHT, "end_time": "22:00"}], "2026-06-27 21:59", Hours.OPEN),
        ([{**NIGHT, "end_time": "22:00"}], "2026-06-27 22:00", Hours.CLOSED),
        # 0 is Sunday, 6 is Saturday
        ([{"kind": "weekly", "dow": 0}], "2026-06-28 12:00", Hours.OPEN),
        ([{"kind": "weekly", "dow": 6}], "2026-06-27 12:00", Hours.OPEN),
        # times that are not given: from midnight, until midnight
        ([{"kind": "weekly", "dow": 5}], "2026-06-26 00:00", Hours.OPEN),
        ([{"kind": "weekly", "dow": 5}], "2026-06-26 23:59:59", Hours.OPEN),
        ([{"kind": "weekly", "dow": 5}], "2026-06-27 00:00", Hours.CLOSED),
        ([{"kind": "weekly", "dow": 5, "start_time": "12:00"}], "2026-06-26 23:59", Hours.OPEN),
        ([{"kind": "weekly", "dow": 5, "end_time": "12:00"}], "2026-06-26 12:00", Hours.CLOSED),
    ],
)
def test_the_hour_of_a_call(rules: list[dict[str, Any]], local: str, expected: Hours) -> None:
    assert _hours(_schedule(*rules), local) is expected


SPRING = "2026-03-08"
"""02:00 becomes 03:00 in New York; a Sunday."""
AUTUMN = "2026-11-01"
"""02:00 becomes 01:00 in New York; a Sunday."""


def _sunday(start: str, end: str) -> TimeSchedule:
    return _schedule({"kind": "weekly", "dow": 0, "start_time": start, "end_time": end})


@pytest.mark.parametrize(
    ("start", "end", "local", "fold", "expected"),
    [
        # what begins or ends in the hour that is skipped begins or ends at its end
        ("02:30", "05:00", f"{SPRING} 01:59:59", 0, Hours.CLOSED),
        ("02:30", "05:00", f"{SPRING} 03:00", 0, Hours.OPEN),
        ("00:00", "02:30", f"{SPRING} 01:59:59", 0, Hours.OPEN),
        ("00:00", "02:30", f"{SPRING} 03:00", 0, Hours.CLOSED),
        ("02:10", "02:50", f"{SPRING} 03:00", 0, Hours.CLOSED),
        ("01:00", "09:00", f"{SPRING} 03:30", 0, Hours.OPEN),
        # an hour that comes twice counts when it comes first
        ("00:00", "01:30", f"{AUTUMN} 01:29:59", 0, Hours.OPEN),
        ("00:00", "01:30", f"{AUTUMN} 01:30", 0, Hours.CLOSED),
        ("00:00", "01:30", f"{AUTUMN} 01:00", 1, Hours.CLOSED),
        ("00:00", "01:30", f"{AUTUMN} 01:29:59", 1, Hours.CLOSED),
        ("01:30", "03:00", f"{AUTUMN} 01:29:59", 0, Hours.CLOSED),
        ("01:30", "03:00", f"{AUTUMN} 01:30", 0, Hours.OPEN),
        ("01:30", "03:00", f"{AUTUMN} 01:15", 1, Hours.OPEN),
        ("01:30", "03:00", f"{AUTUMN} 03:00", 0, Hours.CLOSED),
        ("00:00", "02:00", f"{AUTUMN} 01:59:59", 1, Hours.OPEN),
        ("00:00", "02:00", f"{AUTUMN} 02:00", 0, Hours.CLOSED),
    ],
)
def test_clock_changes(start: str, end: str, local: str, fold: int, expected: Hours) -> None:
    assert _hours(_sunday(start, end), local, fold) is expected


def test_a_night_over_a_clock_change_ends_by_the_wall_clock() -> None:
    night = _schedule({"kind": "weekly", "dow": 6, "start_time": "22:00", "end_time": "06:00"})
    for day in (SPRING, AUTUMN):
        assert _hours(night, f"{day} 05:59") is Hours.OPEN
        assert _hours(night, f"{day} 06:00") is Hours.CLOSED


def test_the_schedules_zone_goes_before_the_accounts() -> None:
    local = _at("2026-06-26 12:00", "Asia/Tokyo")
    noon = {"kind": "weekly", "dow": 5, "start_time": "12:00", "end_time": "13:00"}
    assert hours.look_up(_schedule(noon, timezone=None), local, "Asia/Tokyo").hours is Hours.OPEN
    assert hours.look_up(_schedule(noon), local, "Asia/Tokyo").hours is Hours.CLOSED


def test_a_holiday_has_a_name() -> None:
    found = hours.look_up(_schedule(INDEPENDENCE), _at("2026-07-03 12:00"), "UTC")
    assert found == Answer(Hours.HOLIDAY, "Independence")


BROKEN: list[TimeSchedule | None] = [
    None,
    _schedule(),
    _schedule(OFFICE[0], timezone="Mars/Olympus"),
    _schedule(OFFICE[0], timezone="../../etc/passwd"),
    _schedule({"kind": "weekly"}),
    _schedule({"kind": "date"}),
    _schedule({"kind": "date", "start_date": "2026-02-30"}),
    _schedule({"kind": "date_range", "start_date": "2026-02-01"}),
    _schedule({"kind": "weekly", "dow": 5, "start_time": "25:00"}),
]


@pytest.mark.parametrize("schedule", BROKEN)
def test_what_is_missing_or_broken_is_open_and_says_so(schedule: TimeSchedule | None) -> None:
    found = hours.look_up(schedule, _at("2026-06-26 12:00"), "UTC")
    assert found.hours is Hours.OPEN
    assert found.warning


# Properties

_MINUTES = st.integers(0, 24 * 60 - 1).map(lambda n: f"{n // 60:02}:{n % 60:02}")
_RULES = st.builds(
    ScheduleRule,
    kind=st.sampled_from(["weekly", "date", "date_range", "monthly"]),
    dow=st.none() | st.integers(-1, 8),
    start_time=st.none() | _MINUTES | st.text(max_size=5),
    end_time=st.none() | _MINUTES,
    start_date=st.none() | st.sampled_from(["2026-06-26", "2026-02-30", "x"]),
    end_date=st.none() | st.sampled_from(["2026-06-28", "x"]),
    is_closed=st.integers(0, 1),
    label=st.none() | st.just("Day"),
)
_WEEKLY = st.builds(
    ScheduleRule,
    kind=st.just("weekly"),
    dow=st.integers(0, 6),
    start_time=_MINUTES,
    end_time=_MINUTES,
)


@property_of(examples=200)
@given(st.lists(_WEEKLY, min_size=1, max_size=8), st.integers(0, WEEK), st.integers(-500, 500))
def test_a_week_is_like_another(rules: list[ScheduleRule], after: int, weeks: int) -> None:
    """Where no clock is changed."""
    schedule = TimeSchedule(name="Hours", timezone="Asia/Tokyo", rules=tuple(rules))
    here = hours.look_up(schedule, Millis(NOW + after), "UTC")
    assert hours.look_up(schedule, Millis(NOW + after + weeks * WEEK), "UTC") == here


@property_of(examples=300)
@given(
    st.lists(_RULES, max_size=6),
    st.sampled_from([NEW_YORK, "Australia/Lord_Howe", "no/where", "", "UTC", None]),
    st.integers(-(10**18), 10**18),
)
def test_no_schedule_and_no_moment_makes_an_error(
    rules: list[ScheduleRule], timezone: str | None, now: int
) -> None:
    schedule = TimeSchedule(name="Hours", timezone=timezone, rules=tuple(rules))
    assert hours.look_up(schedule, Millis(now), "UTC").hours in Hours


@property_of(examples=100)
@given(st.lists(_WEEKLY, min_size=1, max_size=4), _WEEKLY, st.integers(0, WEEK))
def test_one_rule_more_closes_nothing(
    rules: list[ScheduleRule], more: ScheduleRule, after: int
) -> None:
    fewer = TimeSchedule(name="Hours", timezone=NEW_YORK, rules=tuple(rules))
    all_of_them = TimeSchedule(name="Hours", timezone=NEW_YORK, rules=(*rules, more))
    now = Millis(NOW + after)
    if hours.look_up(fewer, now, "UTC").hours is Hours.OPEN:
        assert hours.look_up(all_of_them, now, "UTC").hours is Hours.OPEN


# In routing

OPEN, SHUT, HOLIDAY = "vm_open", "vm_closed", "vm_holiday"


def _acme(local: str) -> Acme:
    acme = Acme(now=_at(local))
    rules = [*OFFICE, INDEPENDENCE]
    acme.add("time_schedule", "sch_1", name="Hours", timezone=NEW_YORK, rules=rules)
    for id in (OPEN, SHUT, HOLIDAY):
        acme.add("voicemail", id)
    return acme


def _where(acme: Acme) -> str:
    routed = acme.ring_in()
    assert routed.directive.action == "flow"
    return routed.directive.flow_id.removeprefix("voicemail:")


DIVERTED = {"closed_dest_kind": "voicemail", "closed_dest_id": SHUT}
ON_HOLIDAY = {"holiday_dest_kind": "voicemail", "holiday_dest_id": HOLIDAY}


@pytest.mark.parametrize(
    ("local", "members", "expected"),
    [
        ("2026-06-26 12:00", {**DIVERTED, **ON_HOLIDAY}, OPEN),
        ("2026-06-26 18:00", {**DIVERTED, **ON_HOLIDAY}, SHUT),
        ("2026-07-03 12:00", {**DIVERTED, **ON_HOLIDAY}, HOLIDAY),
        ("2026-07-03 12:00", DIVERTED, SHUT),
        ("2026-07-03 12:00", {}, OPEN),
        ("2026-06-26 18:00", ON_HOLIDAY, OPEN),
    ],
)
def test_a_number_and_an_extension_are_diverted_by_the_hour(
    local: str, members: dict[str, Any], expected: str
) -> None:
    acme = _acme(local)
    acme.add_did("voicemail", OPEN, schedule_id="sch_1", **members)
    assert _where(acme) == expected
    acme = _acme(local)
    there = {"dest_kind": "voicemail", "dest_id": OPEN, "schedule_id": "sch_1"}
    acme.add("extension", "ext_1", digits="200", **there, **members)
    acme.add_did("extension", "ext_1")
    assert _where(acme) == expected


def test_the_hour_stands_in_the_decision() -> None:
    acme = _acme("2026-07-03 12:00")
    acme.add_did("voicemail", OPEN, schedule_id="sch_1", **ON_HOLIDAY)
    routed = acme.ring_in()
    assert ("hours", "holiday", "sch_1 Independence") in routed.path


def test_a_schedule_that_was_lost_is_open_with_a_warning() -> None:
    acme = _acme("2026-06-26 23:00")
    acme.add_did("voicemail", OPEN, schedule_id="sch_1", **DIVERTED)
    acme.lose("time_schedule", "sch_1")
    routed = acme.ring_in()
    assert ("hours", "in_hours") in steps(routed)
    assert ("hours", "warning") in steps(routed)
    assert routed.directive.action == "flow"
    assert routed.directive.flow_id == f"voicemail:{OPEN}"
