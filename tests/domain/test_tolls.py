"""Toll fraud: a sudden rate of costly calls is noticed against the account's own history."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import numbers, tolls
from domain.tolls import FACTOR, FLOOR, HOUR, Tolls
from events.base import CallId, Fact, Millis
from events.call import Reject
from events.capacity import TollFraudSuspected
from tests.domain.acme import Acme, _ask
from tests.support.given import ACCOUNT, NOW, property_of

ABROAD, AT_HOME = "+4930123456", "+12025550177"


def _acme(**account: Any) -> Acme:
    acme = Acme(wholesale=("carrier.example",), **account)
    acme.add_user("1001")
    return acme


def _call(acme: Acme, number: str = ABROAD) -> tuple[str, list[Fact]]:
    """The action that the next call gets, and the suspicions that come with it."""
    call_id = str(len(acme.sessions))
    routed, facts = acme.decide(_ask(number, call_id, from_="1001", device_id="dev_1001_1"))
    acme.apply(facts)
    assert routed is not None
    return routed.directive.action, [f for f in facts if isinstance(f, TollFraudSuspected)]


def _calls(acme: Acme, count: int, number: str = ABROAD) -> tuple[list[str], list[Fact]]:
    found = [_call(acme, number) for _ in range(count)]
    return [action for action, _ in found], [fact for _, facts in found for fact in facts]


def test_a_sudden_rate_is_said_once_an_hour_and_let_through() -> None:
    acme = _acme()
    actions, suspicions = _calls(acme, FLOOR + 5)
    assert set(actions) == {"outbound"}
    assert suspicions == [
        TollFraudSuspected(
            account_id=ACCOUNT,
            at=NOW,
            call_id=CallId(str(FLOOR)),
            number="4930123456",
            count=FLOOR,
            usual=FLOOR,
            action="alert",
        )
    ]


def test_an_account_may_have_it_blocked() -> None:
    acme = _acme(toll_fraud="block")
    actions, suspicions = _calls(acme, FLOOR + 5)
    assert actions == ["outbound"] * FLOOR + ["reject"] * 5
    assert [fact.action for fact in suspicions if isinstance(fact, TollFraudSuspected)] == ["block"]
    refused = acme.dial(ABROAD, call_id="next")
    assert refused.directive == Reject(code=403, reason="Toll Fraud Suspected")
    assert ("tolls", "sudden", f"{FLOOR}/{FLOOR} in this hour") in refused.path
    assert acme.dial(AT_HOME, call_id="home").directive.action == "outbound"
    assert acme.dial("911", call_id="help").directive.action == "outbound"
    acme.now = Millis(NOW + HOUR)
    assert _call(acme)[0] == "outbound"


def test_an_account_may_have_it_off() -> None:
    assert _calls(_acme(toll_fraud="off"), FLOOR + 1) == (["outbound"] * (FLOOR + 1), [])


def test_calls_at_home_are_not_counted() -> None:
    assert _calls(_acme(), FLOOR + 1, AT_HOME)[1] == []


def test_who_has_had_busy_hours_may_have_them_again_but_not_for_ever() -> None:
    busy = FLOOR * 2
    state = Tolls(since=NOW, count=busy)
    soon, later = Millis(NOW + 2 * HOUR), Millis(NOW + 60 * 24 * HOUR)
    assert FLOOR < tolls.usual(state, soon) <= FACTOR * busy
    assert tolls.usual(state, later) == FLOOR
    tolls.add(state, soon)
    assert tolls.count(state, soon) == 1
    assert not tolls.is_sudden(state, soon)


@property_of(examples=60)
@given(st.lists(st.integers(0, 2 * HOUR), max_size=60))
def test_an_hour_never_has_more_than_usual_without_being_sudden(pauses: list[int]) -> None:
    state, now, hour, count = Tolls(), NOW, Millis(NOW - HOUR), 0
    for pause in pauses:
        now = Millis(now + pause)
        if now - hour >= HOUR or count == 0:
            hour, count = now, 0
        assert tolls.count(state, now) == count
        assert tolls.is_sudden(state, now) is (count >= tolls.usual(state, now))
        tolls.add(state, now)
        count += 1


@pytest.mark.parametrize(
    ("number", "country", "is_costly"),
    [
        ("4930123456", "US", True),
        ("4930123456", "DE", False),
        ("18765551234", "US", True),
        ("12025550123", "US", False),
        ("19005551234", "US", True),
        ("499003123456", "DE", True),
        ("0", "US", False),
    ],
)
def test_costly_is_what_goes_abroad_or_to_a_premium_service(
    number: str, country: str, is_costly: bool
) -> None:
    assert numbers.is_costly(number, country) is is_costly
