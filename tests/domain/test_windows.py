"""Sliding windows: never more starts than allowed in any span of the period; old ones are gone."""

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain import windows
from domain.windows import Checked, Starts, Subjects, Window, Windows
from events.base import Millis
from events.call import Direction
from events.capacity import Count
from events.resources import CallLimit
from tests.support.given import ACCOUNT, NOW, property_of

LIMIT = CallLimit(scope_kind="account", period_sec=60, max_count=3)
ALL = Subjects(ACCOUNT, ("us_1", "us_2"), ("did_1",), ("4930123456",))
WINDOW = Window("lim_1", ACCOUNT)


def _admit(state: Windows, limit: CallLimit, now: Millis) -> bool:
    """One start, if the limit lets it."""
    (checked,) = windows.check(state, [("lim_1", limit)], Direction.INBOUND, ALL, now)
    if not checked.is_exceeded:
        windows.count(state, [Count(*checked.window, limit.period_sec)], now)
    return not checked.is_exceeded


def _after(*seconds: float) -> list[Millis]:
    return [Millis(NOW + int(second * 1000)) for second in seconds]


@property_of(examples=100)
@for_all(
    st.lists(st.integers(0, 30_000), min_size=1, max_size=60),
    st.integers(1, 60),
    st.integers(0, 5),
)
def test_no_span_of_the_period_has_more_starts_than_allowed(
    pauses: list[int], period_sec: int, max_count: int
) -> None:
    limit = CallLimit(scope_kind="account", period_sec=period_sec, max_count=max_count)
    state: Windows = {}
    now, admitted = NOW, list[Millis]()
    for pause in pauses:
        now = Millis(now + pause)
        before = sum(at > now - period_sec * 1000 for at in admitted)
        assert _admit(state, limit, now) is (before < max_count), "room is used, and only room"
        if before < max_count:
            admitted.append(now)
    for start in admitted:
        assert sum(start <= at < start + period_sec * 1000 for at in admitted) <= max_count


@property_of(examples=50)
@for_all(st.lists(st.tuples(st.integers(0, 100_000), st.integers(1, 90), st.integers(0, 3))))
def test_what_is_too_old_is_forgotten(starts: list[tuple[int, int, int]]) -> None:
    state: Windows = {}
    now = NOW
    for pause, period_sec, who in starts:
        now = Millis(now + pause)
        windows.count(state, [Count("lim_1", str(who), period_sec)], now)
        longest = max(starts.period for starts in state.values())
        for kept in state.values():
            assert kept.at == sorted(kept.at)
            assert kept.at[-1] > now - longest
            assert all(at > kept.at[-1] - kept.period for at in kept.at)


def test_a_start_leaves_when_it_is_exactly_as_old_as_the_period() -> None:
    state: Windows = {}
    first, almost, full = _after(0, 59.999, 60)
    limit = LIMIT.model_copy(update={"max_count": 1})
    assert _admit(state, limit, first)
    assert not _admit(state, limit, almost)
    assert _admit(state, limit, full)


def test_the_caller_is_told_when_there_is_room_again() -> None:
    state: Windows = {}
    for now in _after(0, 10, 20):
        assert _admit(state, LIMIT, now)
    (now,) = _after(25.5)
    checked = Checked(WINDOW, LIMIT, windows.used(state, WINDOW, 60, now))
    assert windows.retry_after(state, checked, now) == 35
    later = Millis(now + 35_000)
    assert _admit(state, LIMIT, later)


@pytest.mark.parametrize("count", [0, 2])
def test_of_a_limit_that_was_made_smaller_as_many_leave_as_are_too_many(count: int) -> None:
    state: Windows = {}
    for now in _after(0, 10, 20):
        _admit(state, LIMIT, now)
    smaller = LIMIT.model_copy(update={"max_count": count})
    (now,) = _after(30)
    checked = Checked(WINDOW, smaller, 3)
    assert windows.retry_after(state, checked, now) == (60 if count == 0 else 40)


def test_a_clock_that_goes_back_frees_nothing() -> None:
    state: Windows = {}
    for now in _after(0, 10, -20):
        assert _admit(state, LIMIT, now)
    assert state[WINDOW].at == _after(-20, 0, 10)
    assert not _admit(state, LIMIT, _after(5)[0])


@pytest.mark.parametrize(
    ("direction", "counted"),
    [
        ("in", {Direction.INBOUND}),
        ("out", {Direction.OUTBOUND}),
        ("dialer", set[Direction]()),
        ("any", set(Direction)),
    ],
)
def test_a_limit_is_about_calls_of_its_direction(direction: str, counted: set[Direction]) -> None:
    limit = LIMIT.model_copy(update={"direction": direction})
    found = {d for d in Direction if list(windows.check({}, [("lim_1", limit)], d, ALL, NOW))}
    assert found == counted


@pytest.mark.parametrize(
    ("kind", "id", "counted"),
    [
        ("account", None, [ACCOUNT]),
        ("user", None, ["us_1", "us_2"]),
        ("user", "us_2", ["us_2"]),
        ("user", "us_3", []),
        ("did", "did_1", ["did_1"]),
        ("number", "4930123456", ["4930123456"]),
        ("number", "4930999999", []),
    ],
)
def test_a_limit_counts_the_one_it_names_or_each_for_itself(
    kind: str, id: str | None, counted: list[str]
) -> None:
    limit = CallLimit(scope_kind=kind, scope_id=id, period_sec=60, max_count=3)
    found = windows.check({}, [("lim_1", limit)], Direction.OUTBOUND, ALL, NOW)
    assert [one.window.scope_id for one in found] == counted


def test_a_window_remembers_no_more_than_the_largest_limit_needs() -> None:
    at = [Millis(NOW + number) for number in range(windows.KEPT)]
    state: Windows = {WINDOW: Starts(3_600_000, list(at))}
    windows.count(state, [Count(*WINDOW, 3_600)], Millis(NOW + windows.KEPT))
    assert len(state[WINDOW].at) == windows.KEPT
    assert state[WINDOW].at[0] == at[1]
