"""Deadlines: each once, in order, those of an account's contacts rounded up together."""

from hypothesis import given
from hypothesis import strategies as st

from commands.store import Deadline
from commands.timers import GRAIN, Timers
from events.base import AccountId, CallId, Millis
from tests.support.given import ACCOUNT, OTHER_ACCOUNT, property_of


def _call(due: int, call_id: str = "call-1") -> Deadline:
    return Deadline(Millis(due), ACCOUNT, CallId(call_id))


def _contacts(due: int, account_id: AccountId = ACCOUNT) -> Deadline:
    return Deadline(Millis(due), account_id, None)


def _timers(*deadlines: Deadline) -> Timers:
    timers = Timers()
    timers.add(deadlines)
    return timers


def test_nothing_is_due_when_nothing_was_asked_for() -> None:
    timers = Timers()
    assert timers.next_due() is None
    assert list(timers.due(Millis(10**15))) == []


def test_a_deadline_is_due_from_its_time_on() -> None:
    timers = _timers(_call(500))
    assert timers.next_due() == 500
    assert list(timers.due(Millis(499))) == []
    assert list(timers.due(Millis(500))) == [_call(500)]


def test_a_deadline_is_taken_out_once() -> None:
    timers = _timers(_call(500))
    assert list(timers.due(Millis(500))) == [_call(500)]
    assert list(timers.due(Millis(500))) == []
    assert timers.next_due() is None


def test_the_same_deadline_twice_is_one() -> None:
    timers = _timers(_call(500), _call(500))
    timers.add([_call(500)])
    assert list(timers.due(Millis(500))) == [_call(500)]


def test_a_deadline_may_be_asked_for_again_after_it_was_taken_out() -> None:
    timers = _timers(_call(500))
    assert list(timers.due(Millis(500))) == [_call(500)]
    timers.add([_call(500)])
    assert list(timers.due(Millis(500))) == [_call(500)]


def test_calls_have_deadlines_of_their_own() -> None:
    timers = _timers(_call(501, "b"), _call(500, "a"), _call(500, "c"))
    assert list(timers.due(Millis(501))) == [_call(500, "a"), _call(500, "c"), _call(501, "b")]


def test_contacts_of_an_account_within_a_grain_have_one_deadline_which_is_not_too_early() -> None:
    timers = _timers(_contacts(1), _contacts(GRAIN - 1), _contacts(GRAIN), _contacts(GRAIN + 1))
    assert list(timers.due(Millis(GRAIN - 1))) == []
    assert list(timers.due(Millis(3 * GRAIN))) == [_contacts(GRAIN), _contacts(2 * GRAIN)]


def test_contacts_of_two_accounts_have_two() -> None:
    timers = _timers(_contacts(1), _contacts(1, OTHER_ACCOUNT))
    found = {deadline.account_id for deadline in timers.due(Millis(GRAIN))}
    assert found == {ACCOUNT, OTHER_ACCOUNT}


def test_cleared_timers_have_nothing_and_take_everything_again() -> None:
    timers = _timers(_call(500))
    timers.clear()
    assert timers.next_due() is None
    timers.add([_call(500)])
    assert timers.next_due() == 500


def _due(deadline: Deadline) -> Millis:
    return deadline.due


_DUES = st.integers(0, 50).map(lambda number: Millis(100 * number))
_DEADLINES = st.lists(
    st.builds(_call, _DUES, st.sampled_from("abc"))
    | st.builds(Deadline, _DUES, st.just(ACCOUNT), st.none(), st.sampled_from(["", "lease:1"])),
    max_size=20,
)


@property_of(examples=40)
@given(deadlines=_DEADLINES, looks=st.lists(st.integers(0, 6_000)))
def test_every_deadline_comes_once_in_order_and_at_the_first_look_after_it(
    deadlines: list[Deadline], looks: list[int]
) -> None:
    timers, left = _timers(*deadlines), sorted(dict.fromkeys(deadlines), key=_due)
    for now in [*sorted(looks), 10_000]:
        due = list(timers.due(Millis(now)))
        assert due == [deadline for deadline in left if deadline.due <= now]
        left = left[len(due) :]
        assert timers.next_due() == (left[0].due if left else None)
