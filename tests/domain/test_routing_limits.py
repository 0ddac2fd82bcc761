"""Admission: all channels of a call at once or none, and which one was missing."""

from typing import Any

import pytest

from domain import capacity
from domain.routing import RETRY_AFTER
from events.call import ProxyToUser, Reject, RunFlow, SendOut
from events.capacity import Dimension, Hold
from tests.domain.acme import DID, Acme, steps
from tests.support.given import ACCOUNT

ACCOUNT_IN = Hold(Dimension.ACCOUNT_IN, ACCOUNT)
ACCOUNT_OUT = Hold(Dimension.ACCOUNT_OUT, ACCOUNT)
NUMBER = Hold(Dimension.DID, DID)
TRUNK = Hold(Dimension.TRUNK, "tr_1")
CALLER = Hold(Dimension.USER, "us_1001")
CALLED = Hold(Dimension.USER, "us_1002")
BUSY = Reject(code=486, reason="Busy Here")
FULL = Reject(code=503, reason="Channel Limit Reached", retry_after=RETRY_AFTER)


def _acme(**account: Any) -> Acme:
    acme = Acme(**account)
    acme.add_user("1001")
    acme.add_user("1002")
    acme.add_trunk("tr_1", inbound_ips=["192.0.2.0/24"])
    acme.add_did("user", "us_1002")
    return acme


def _holds(acme: Acme, call_id: str = "call-1") -> set[Hold]:
    """What the call holds, which is what the counters say."""
    (admission,) = [one for one in acme.capacity.open.values() if one.call_id == call_id]
    for hold in admission.holds:
        assert call_id in acme.capacity.holders[hold]
    return set(admission.holds)


# What a call takes


def test_a_call_from_outside_holds_account_number_trunk_and_user() -> None:
    acme = _acme()
    acme.ring_in(src_ip="192.0.2.10")
    assert _holds(acme) == {ACCOUNT_IN, NUMBER, TRUNK, CALLED}


def test_a_call_to_the_outside_holds_account_trunk_and_caller() -> None:
    acme = _acme()
    acme.dial("+4930123456")
    assert _holds(acme) == {ACCOUNT_OUT, TRUNK, CALLER}


def test_a_call_from_desk_to_desk_holds_both_users() -> None:
    acme = _acme()
    acme.dial("1002")
    assert _holds(acme) == {CALLER, CALLED}


def test_who_calls_himself_holds_one_channel_of_his() -> None:
    acme = _acme()
    acme.dial("1001")
    (admission,) = acme.capacity.open.values()
    assert admission.holds == (CALLER,)


def test_a_call_that_goes_back_to_its_trunk_holds_one_channel_of_it() -> None:
    acme = _acme()
    acme.change("did", DID, dest_kind="trunk", dest_id="tr_1")
    acme.ring_in(src_ip="192.0.2.10")
    (admission,) = acme.capacity.open.values()
    assert sorted(admission.holds) == sorted({TRUNK, ACCOUNT_IN, NUMBER})


def test_only_the_first_of_several_trunks_is_held() -> None:
    acme = _acme()
    acme.add_trunk("tr_2")
    acme.dial("+4930123456")
    assert _holds(acme) == {ACCOUNT_OUT, TRUNK, CALLER}


def test_an_emergency_call_is_listed_but_holds_nothing() -> None:
    acme = _acme()
    acme.dial("911")
    assert _holds(acme) == set()


def test_the_path_says_how_much_was_in_use() -> None:
    acme = _acme(max_out=5)
    acme.occupy(ACCOUNT_OUT)
    routed = acme.dial("+4930123456")
    limits = [step for step in routed.path if step.policy.startswith("limit:")]
    assert limits == [
        ("limit:trunk", "free", "tr_1 0/-"),
        ("limit:account_out", "free", f"{ACCOUNT} 1/5"),
        ("limit:user", "free", "us_1001 0/-"),
    ]


# What refuses a call


@pytest.mark.parametrize(
    ("hold", "row", "limit", "answer"),
    [
        (NUMBER, ("did", DID), {"max_channels": 1}, BUSY),
        (CALLED, ("sip_user", "us_1002"), {"max_simultaneous": 1}, BUSY),
        (ACCOUNT_IN, ("account", ACCOUNT), {"max_in": 1}, FULL),
        (TRUNK, ("sip_trunk", "tr_1"), {"max_channels": 1}, FULL),
    ],
    ids=["number", "user", "account", "trunk"],
)
def test_a_call_from_outside_needs_a_channel_of_each(
    hold: Hold, row: tuple[str, str], limit: dict[str, Any], answer: Reject
) -> None:
    acme = _acme()
    acme.change(*row, **limit)
    acme.occupy(hold)
    before = {hold: set(calls) for hold, calls in acme.capacity.holders.items()}
    assert acme.ring_in(src_ip="192.0.2.10").directive == answer
    assert acme.capacity.holders == before, "a refused call holds nothing"


@pytest.mark.parametrize(
    ("hold", "row", "limit", "answer"),
    [
        (CALLER, ("sip_user", "us_1001"), {"max_simultaneous": 1}, BUSY),
        (ACCOUNT_OUT, ("account", ACCOUNT), {"max_out": 1}, FULL),
    ],
    ids=["user", "account"],
)
def test_a_call_to_the_outside_needs_a_channel_of_each(
    hold: Hold, row: tuple[str, str], limit: dict[str, Any], answer: Reject
) -> None:
    acme = _acme()
    acme.change(*row, **limit)
    acme.occupy(hold)
    routed = acme.dial("+4930123456")
    assert routed.directive == answer
    assert (f"limit:{hold.dimension}", "exhausted", f"{hold.id} 1/1") in routed.path
    assert len(acme.capacity.open) == 1


def test_limits_of_one_direction_do_not_count_in_the_other() -> None:
    acme = _acme(max_out=0)
    assert isinstance(acme.ring_in().directive, ProxyToUser)
    acme = _acme(max_in=0)
    assert isinstance(acme.dial("+4930123456").directive, SendOut)
    acme = _acme(max_in=0, max_out=0)
    assert isinstance(acme.dial("1002").directive, ProxyToUser)


def test_a_limit_lets_exactly_so_many_calls_in() -> None:
    acme = _acme(max_out=3)
    codes = [acme.dial("+4930123456", call_id=str(n)).directive.action for n in range(5)]
    assert codes == ["outbound"] * 3 + ["reject"] * 2
    assert capacity.used(acme.capacity, ACCOUNT_OUT) == 3


# A second hop


def test_a_hop_to_elsewhere_is_no_second_admission() -> None:
    acme = _acme(max_in=1)
    acme.add_flow("flow_1")
    acme.add("extension", "ext_1", digits="300", dest_kind="flow", dest_id="flow_1")
    acme.ring_in()
    first = _holds(acme)
    second = acme.dial("300")
    assert isinstance(second.directive, RunFlow)
    assert second.hop == 2
    assert not any(policy.startswith("limit:") for policy, _ in steps(second))
    assert _holds(acme) == first


def test_a_hop_of_a_call_at_its_limit_is_not_refused() -> None:
    """It holds the channel already."""
    acme = _acme(max_out=1)
    acme.change("sip_trunk", "tr_1", max_channels=1)
    acme.dial("+4930123456")
    assert isinstance(acme.dial("+4930654321").directive, SendOut)
