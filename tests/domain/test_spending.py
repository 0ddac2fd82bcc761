"""Toll fraud: sudden costs are noticed against the account's own history."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import capacity, costs, spending
from domain.rating import MAX_MICROS
from domain.spending import Spending
from domain.tolls import FACTOR, FLOOR, HOUR
from events.base import CallId, Fact, Millis
from events.call import CallEnded, Charge, Reject
from events.capacity import ReleaseReason, TollFraudSuspected
from tests.domain.acme import Acme, _ask
from tests.domain.calls import outcome
from tests.support.given import ACCOUNT, CALL_ID, NOW, property_of

ABROAD, AT_HOME = "+4930123456", "+12025550177"
LATER = Millis(NOW + 2 * HOUR)
PRICE = 1_000_000


def _acme(**account: Any) -> Acme:
    acme = Acme(wholesale=("carrier.example",), **account)
    acme.add_user("1001")
    return acme


def _call(acme: Acme, number: str = ABROAD, cost: int = PRICE) -> tuple[str, list[Fact]]:
    """A call that is over at once: what was done with it, and the suspicions."""
    call_id = CallId(str(len(acme.sessions)))
    routed, facts = acme.decide(_ask(number, call_id, from_="1001", device_id="dev_1001_1"))
    acme.apply(facts)
    ended = capacity.release(
        acme.capacity, ACCOUNT, call_id, ReleaseReason.ENDED, acme.now, costly_micros=cost
    )
    acme.apply([*ended])
    assert routed is not None
    return routed.directive.action, [f for f in facts if isinstance(f, TollFraudSuspected)]


def _with_a_history(**account: Any) -> Acme:
    """Two calls in an hour, of one unit each; now it is later."""
    acme = _acme(**account)
    for _ in range(2):
        _call(acme)
    acme.now = LATER
    return acme


def test_sudden_costs_are_said_once_an_hour_and_let_through() -> None:
    acme = _with_a_history()
    usual = FLOOR * PRICE
    assert _call(acme, cost=usual - 1) == ("outbound", [])
    assert _call(acme, cost=1) == ("outbound", [])
    action, suspicions = _call(acme)
    assert action == "outbound"
    assert suspicions == [
        TollFraudSuspected(
            account_id=ACCOUNT,
            at=LATER,
            call_id=CallId("4"),
            number="4930123456",
            count=2,
            usual=FLOOR,
            spent_micros=usual,
            usual_micros=usual,
            action="alert",
        )
    ]
    assert _call(acme) == ("outbound", [])


def test_an_account_may_have_it_blocked_also_when_no_call_of_the_hour_was_let_through() -> None:
    acme = _with_a_history(toll_fraud="block")
    state = acme.capacity.spending
    spending.add(state, LATER, FLOOR * PRICE)
    assert [len(_call(acme)[1]) for _ in range(3)] == [1, 0, 0], "said once"
    refused = acme.dial(ABROAD, call_id="next")
    assert refused.directive == Reject(code=403, reason="Toll Fraud Suspected")
    noted = f"{FLOOR * PRICE}/{FLOOR * PRICE} micros in this hour"
    assert ("tolls", "dear", noted) in refused.path
    assert acme.dial(AT_HOME, call_id="home").directive.action == "outbound"
    assert acme.dial("911", call_id="help").directive.action == "outbound"
    acme.now = Millis(LATER + HOUR)
    assert _call(acme)[0] == "outbound"


def test_an_account_may_have_it_off() -> None:
    acme = _with_a_history(toll_fraud="off")
    assert [_call(acme, cost=10**9) for _ in range(3)] == [("outbound", [])] * 3


def test_who_has_no_history_of_costs_is_not_measured_against_it() -> None:
    acme = _acme()
    assert [_call(acme, cost=10**9)[1] for _ in range(3)] == [[], [], []]
    assert spending.usual(Spending(), NOW) is None


def test_who_has_had_dear_hours_may_have_them_again_but_not_for_ever() -> None:
    state = Spending(since=NOW, spent=100 * PRICE, calls=50)
    soon, later = Millis(NOW + HOUR), Millis(NOW + 365 * 24 * HOUR)
    assert 300 * PRICE < (spending.usual(state, soon) or 0) <= FACTOR * 100 * PRICE
    assert spending.usual(state, later) == FLOOR * 2 * PRICE


def test_a_cheap_hour_does_not_take_the_place_of_a_dear_one() -> None:
    state = Spending(since=NOW, spent=100 * PRICE, calls=50)
    spending.add(state, LATER, 1)
    assert (state.spent, state.calls, state.price) == (1, 1, 2 * PRICE)
    assert (spending.usual(state, Millis(LATER + HOUR)) or 0) > 300 * PRICE


@pytest.mark.parametrize(("number", "cost"), [("4930123456", 7), ("12025550177", 0)])
def test_only_what_went_to_costly_numbers_is_spent(number: str, cost: int) -> None:
    charge = Charge(rate_id="r", number=number, billed_sec=60, cost_micros=7)
    made = outcome(
        end_ts=NOW, duration_sec=0, disposition="answered", hangup_cause="x", charges=(charge,)
    )
    ended = CallEnded(account_id=ACCOUNT, at=NOW, call_id=CALL_ID, outcome=made)
    assert costs.of_costly_numbers([ended], "US") == cost


def test_a_release_that_cost_nothing_begins_no_hour() -> None:
    acme = _acme()
    _call(acme, cost=0)
    assert acme.capacity.spending == Spending()


@property_of(examples=100)
@given(st.lists(st.tuples(st.integers(0, 3 * HOUR), st.integers(0, MAX_MICROS)), max_size=40))
def test_what_was_spent_is_what_was_added_in_the_hour_and_fits_into_a_column(
    calls: list[tuple[int, int]],
) -> None:
    state, now, hour, total = Spending(), NOW, Millis(NOW - HOUR), 0
    for pause, micros in calls:
        now = Millis(now + pause)
        if now - hour >= HOUR:
            hour, total = now, 0
        total = min(MAX_MICROS, total + micros)
        spending.add(state, now, micros)
        assert spending.spent(state, now) == total
        assert (spending.usual(state, now) or 0) <= MAX_MICROS
        assert spending.spent(state, Millis(hour + HOUR)) == 0
