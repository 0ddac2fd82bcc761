"""What the legs hold and count for that a flow dials: as calls that are routed do (spec 06)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import capacity, windows
from domain.errors import Refusal
from domain.tolls import FLOOR
from domain.windows import Window
from events.capacity import (
    Dimension,
    Hold,
    LegsHeld,
    LimitExceeded,
    ReleaseReason,
    TollFraudSuspected,
)
from events.flow import Dial, Hangup, Play
from tests.domain.acme import Acme
from tests.domain.flows import InFlow, node, through
from tests.domain.transferring import Talk
from tests.support.given import ACCOUNT, property_of

OUT = Hold(Dimension.ACCOUNT_OUT, ACCOUNT)
IN = Hold(Dimension.ACCOUNT_IN, ACCOUNT)
FIRST, SECOND = Hold(Dimension.TRUNK, "tr_1"), Hold(Dimension.TRUNK, "tr_2")
BOB = Hold(Dimension.USER, "us_bob")
NUMBER = "+12025550188"
SAY = node("bye", "say", text="Bye")
ABROAD = "+442079460000"


def _company(**account: Any) -> Acme:
    acme = Acme(**account)
    acme.add_trunk("tr_1", max_channels=1)
    acme.add_trunk("tr_2")
    return acme


def _out(number: str = NUMBER) -> dict[str, Any]:
    return node("d", "dial", target="number", id=number)


def _held(flow: InFlow) -> set[Hold]:
    """What the call holds for its legs."""
    admission = flow.acme.capacity.open[flow.call_id]
    for hold in admission.all_holds:
        assert flow.call_id in flow.acme.capacity.holders[hold]
    return set(admission.legs)


# Taken and given back


def test_a_leg_out_holds_a_channel_of_the_account_and_of_its_trunk() -> None:
    flow = through(_out(), SAY, "d -no_answer> bye", acme=_company())
    assert isinstance(flow.start(), Dial)
    assert _held(flow) == {OUT, FIRST}
    assert flow.told[-1].channels == [
        LegsHeld(account_id=ACCOUNT, at=flow.acme.now, call_id=flow.call_id, holds=(OUT, FIRST))
    ]
    assert isinstance(flow.step("no_answer"), Play)
    assert _held(flow) == set()
    assert capacity.used(flow.acme.capacity, OUT) == 0


@pytest.mark.parametrize("outcome", ["answered", "hangup", "failed"])
def test_whatever_becomes_of_it_nothing_is_held_afterwards(outcome: str) -> None:
    flow = through(_out(), acme=_company())
    flow.start()
    flow.step(outcome)
    assert _held(flow) == set()


def test_asked_again_nothing_is_taken_twice() -> None:
    flow = through(_out(), acme=_company())
    flow.start()
    flow.start()
    assert flow.told[-1].all_facts == []
    assert _held(flow) == {OUT, FIRST}


def test_the_end_of_the_call_gives_everything_back() -> None:
    talk = Talk()
    talk.rows.add_trunk("tr_1")
    talk.rows.change("sip_user", talk.dana, allow_pstn_blind_transfer=1)
    talk.blind("pstn", NUMBER)
    assert _held(talk.flow) == {OUT, FIRST}
    talk.hang_up()
    assert (talk.rows.capacity.open, talk.rows.capacity.holders) == ({}, {})


def test_a_trunk_that_the_call_came_through_is_its_own_after_the_leg_is_over() -> None:
    acme = _company()
    through(_out(), SAY, "d -busy> bye", acme=acme)
    acme.ring_in(call_id="c2", trunk_id="tr_1")
    flow = InFlow(acme, call_id="c2")
    flow.start()
    assert _held(flow) == {OUT, FIRST}
    flow.step("busy")
    assert capacity.used(acme.capacity, FIRST) == 1


def test_a_user_whom_a_flow_dials_is_busy_with_it() -> None:
    acme = _company()
    bob = acme.add_user("bob", max_simultaneous=1)
    flow = through(node("d", "dial", target="user", id=bob), SAY, "d -no_answer> bye", acme=acme)
    flow.start()
    assert _held(flow) == {BOB}
    other = InFlow(acme, call_id="c2")
    assert not isinstance(other.start(), Dial), "us_bob: busy"
    flow.step("no_answer")
    third = InFlow(acme, call_id="c3")
    assert isinstance(third.start(), Dial)


def test_who_rings_with_others_is_not() -> None:
    """Which member of a group has answered is not known before it is over."""
    acme = _company()
    bob = acme.add_user("bob", max_simultaneous=1)
    acme.add("ring_group", "rg_1", name="All", members=[{"user_id": bob, "position": 1}])
    flow = through(node("g", "ringGroup", ringGroupId="rg_1"), acme=acme)
    assert isinstance(flow.start(), Dial)
    assert _held(flow) == set()


def test_for_help_nothing_is_held_or_counted() -> None:
    flow = through(_out("911"), acme=_company(max_out=0))
    assert isinstance(flow.start(), Dial)
    assert (_held(flow), flow.told[-1].channels) == (set(), [])


def test_during_a_consultation_both_hold_what_they_talk_through() -> None:
    acme = _company()
    bob = acme.add_user("bob")
    flow = through(node("d", "dial", target="user", id=bob), acme=acme)
    flow.start()
    talk = Talk.__new__(Talk)
    talk.rows, talk.flow = acme, flow
    talk.consult("pstn", NUMBER, bob)
    flow.step("answered")
    assert _held(flow) == {BOB, OUT, FIRST}
    talk.cancel()
    assert _held(flow) == {BOB}
    talk.consult("pstn", NUMBER, bob)
    flow.step("answered")
    talk.complete()
    assert _held(flow) == {OUT, FIRST}
    assert isinstance(flow.step("done"), Hangup)
    assert _held(flow) == set()


def test_a_call_that_holds_nothing_itself_any_more_holds_nothing_for_its_legs() -> None:
    flow = through(_out(), acme=_company())
    flow.acme.capacity.open.clear()
    flow.acme.capacity.holders.clear()
    flow.start()
    assert flow.acme.capacity.holders == {}


# Refused


def test_an_account_without_a_channel_lets_no_leg_out() -> None:
    acme = _company(max_out=1)
    acme.occupy(OUT)
    flow = through(_out(), SAY, "d -failed> bye", acme=acme)
    assert isinstance(flow.start(), Play)
    assert flow.notes[0].endswith(f"limit:account_out exhausted {ACCOUNT} 1/1")
    assert _held(flow) == set()


def test_a_trunk_that_is_full_is_passed_over() -> None:
    acme = _company()
    acme.occupy(FIRST)
    flow = through(_out(), acme=acme)
    flow.start()
    assert _held(flow) == {OUT, SECOND}


def test_when_all_trunks_are_full_it_is_said_which() -> None:
    acme = _company()
    acme.change("sip_trunk", "tr_2", max_channels=0)
    acme.occupy(FIRST)
    flow = through(_out(), SAY, "d -failed> bye", acme=acme)
    assert isinstance(flow.start(), Play)
    assert flow.notes[0].endswith("carrier full tr_2 0/0")


def _limit(acme: Acme, hard: int, **scope: Any) -> None:
    known = {"scope_kind": "account", "direction": "out", "period_sec": 60, "max_count": 1}
    acme.add("call_limit", "lim_1", **{**known, "hard": hard, **scope})


def test_a_leg_out_counts_in_windows_and_a_hard_one_refuses() -> None:
    acme = _company()
    _limit(acme, hard=1)
    flow = through(_out(), node("d2", "dial", target="number", id=NUMBER), "d -busy> d2", acme=acme)
    flow.start()
    assert windows.used(acme.capacity.windows, Window("lim_1", ACCOUNT), 60, acme.now) == 1
    flow.step("busy")
    assert flow.notes[1].endswith(f"limit:account_rate exhausted lim_1 {ACCOUNT} 1/1 in 60 s")
    assert _held(flow) == set()


def test_a_soft_one_lets_it_pass_and_says_so() -> None:
    acme = _company()
    _limit(acme, hard=0, max_count=0)
    flow = through(_out(), acme=acme)
    assert isinstance(flow.start(), Dial)
    assert [type(fact) for fact in flow.told[-1].channels] == [LegsHeld, LimitExceeded]


def test_a_transfer_out_counts_for_who_transfers() -> None:
    talk = Talk()
    talk.rows.add_trunk("tr_1")
    _limit(talk.rows, hard=1, scope_kind="user", max_count=0)
    talk.rows.change("sip_user", talk.dana, allow_pstn_blind_transfer=1)
    talk.blind("pstn", NUMBER)
    assert "limit:user_rate exhausted lim_1 us_dana 0/0" in talk.flow.notes[0]
    assert talk.state == "recalling"


@pytest.mark.parametrize("action", ["alert", "block"])
def test_a_sudden_rate_of_costly_legs_is_noticed(action: str) -> None:
    acme = Acme(toll_fraud=action)
    acme.add_trunk("tr_2")
    through(_out(ABROAD), acme=acme)
    for number in range(FLOOR):
        flow = InFlow(acme, call_id=f"costly-{number}")
        flow.start()
        flow.step("answered")
    flow = InFlow(acme, call_id="one more")
    assert isinstance(flow.start(), Dial) is (action == "alert")
    (found,) = [f for f in flow.told[-1].channels if isinstance(f, TollFraudSuspected)]
    assert (found.count, found.action) == (FLOOR, action)


# Always


@property_of(examples=60)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=40))
def test_counters_are_what_the_calls_hold_whatever_becomes_of_their_legs(
    happened: list[tuple[int, int]],
) -> None:
    acme = _company(max_out=2)
    bob = acme.add_user("bob", max_simultaneous=1, allow_pstn_blind_transfer=1)
    carl = acme.add_user("carl")
    parts = (
        node("u", "dial", target="user", id=bob),
        _out(),
        node("e", "dial", target="number", id=ABROAD),
        *("u -no_answer> d", "u -busy> d", "d -failed> e", "d -busy> e", "e -no_answer> u"),
    )
    flows = {n: InFlow(acme, *(parts if not n else ()), call_id=f"c{n}") for n in range(4)}
    talks = {n: Talk.__new__(Talk) for n in flows}
    for number, flow in flows.items():
        talks[number].rows, talks[number].flow = acme, flow
        flow.start()
    for number, event in happened:
        _let_happen(talks[number], event, bob, carl)
        _check(acme)
    for talk in talks.values():
        _end(talk)
        _check(acme)
    assert acme.capacity.holders == {}


def _let_happen(talk: Talk, event: int, bob: str, carl: str) -> None:
    outcomes = ("no_answer", "busy", "failed", "answered", "hangup")
    try:
        match event:
            case 0 | 1 | 2 | 3 | 4:
                talk.flow.step(outcomes[event])
            case 5:
                talk.ask("pstn", NUMBER, bob)
            case 6:
                talk.ask("user", carl, bob, "attended")
            case 7:
                talk.complete()
            case 8:
                talk.cancel()
            case 9:
                _end(talk)
    except Refusal:
        pass


def _end(talk: Talk) -> None:
    acme, call_id = talk.rows, talk.flow.call_id
    acme.apply([*capacity.release(acme.capacity, ACCOUNT, call_id, ReleaseReason.ENDED, acme.now)])


def _check(acme: Acme) -> None:
    state = acme.capacity
    held = [(hold, id) for id, one in state.open.items() for hold in one.all_holds]
    counted = [(hold, id) for hold, calls in state.holders.items() for id in calls]
    assert sorted(held) == sorted(counted)
    assert capacity.used(state, FIRST) <= 1
    assert capacity.used(state, OUT) <= 2
    assert capacity.used(state, BOB) <= 1
