"""Calls that are not accepted, and what the caller hears."""

import hashlib
from typing import Any

import pytest

from tests.edge import net
from tests.edge.kamailio import ADDRESS
from tests.edge.office import PHONES, STRANGER, Edge, Office, Phone
from tests.support.system import eventually, new_call_id

pytestmark = pytest.mark.edge


def assert_refused_while_a_call_is_up(office: Office, code: int, has: str) -> None:
    """The second call hears `code`, the first goes on, and a third after it is good again."""
    office.register(office.bob)
    first = office.phone_at(office.bob, "answers", ring=200)
    caller = office.trunk_dials(office.number, talk=3000)
    eventually(lambda: office.usage()["calls"])
    refused = new_call_id()
    office.trunk_dials(
        office.number, "trunk_is_refused", call_id=refused, code=code, has=has
    ).wait()
    caller.wait()
    first.wait()
    assert (office.call(refused)["disposition"], office.call(refused)["sip_code"]) == (
        "rejected",
        code,
    )
    eventually(office.is_idle)
    again = office.phone_at(office.bob, "answers", ring=200)
    office.trunk_dials(office.number, talk=100).wait()
    again.wait()
    eventually(office.is_idle)


def test_a_number_with_all_channels_in_use_is_busy(edge: Edge) -> None:
    office = edge.office(numbers=lambda document: [{**document["numbers"][0], "max_channels": 1}])
    assert_refused_while_a_call_is_up(office, 486, "Busy Here")


def test_an_account_with_all_channels_in_use_asks_to_try_again(edge: Edge) -> None:
    office = edge.office(account=lambda document: {**document["account"], "max_in": 1})
    assert_refused_while_a_call_is_up(office, 503, "Retry-After: 5")


def test_a_number_that_nobody_has_is_not_found(edge: Edge) -> None:
    office = edge.office()
    office.trunk_dials("+12029999999", "trunk_is_refused", code=404, has="Not Found").wait()
    call_id = new_call_id()
    office.dial(
        office.alice, "77", "phone_is_refused", call_id=call_id, code=404, has="Not Found"
    ).wait()
    assert office.call(call_id)["disposition"] == "rejected"
    assert office.is_idle()


def test_a_user_without_a_registered_phone_is_unavailable(edge: Edge) -> None:
    office = edge.office()
    office.dial(office.alice, "1002", "phone_is_refused", code=480, has="SIP").wait()
    assert office.is_idle()


def test_a_stranger_calls_numbers_only(edge: Edge) -> None:
    office = edge.office()
    office.register(office.bob)
    stranger: dict[str, Any] = {"address": STRANGER, "scenario": "trunk_is_refused", "has": "SIP"}
    office.trunk_dials("1002", code=404, **stranger).wait()
    office.trunk_dials("+12125550100", code=404, **stranger).wait()
    callee = office.phone_at(office.bob, "answers", ring=200)
    office.trunk_dials(office.number, address=STRANGER, talk=100).wait()
    callee.wait()


def test_who_calls_in_our_name_has_to_prove_it(edge: Edge) -> None:
    office = edge.office()
    in_our_name: dict[str, Any] = {
        "scenario": "trunk_is_refused",
        "from": office.alice.aor,
        "code": 407,
        "has": "nonce=",
    }
    # a domain that is the caller's and the callee's
    office.trunk_dials("1002", host=office.domain, **in_our_name).wait()
    # a domain in which a phone has proved itself, whatever is dialled
    office.register(office.bob)
    office.trunk_dials(office.number, **in_our_name).wait()
    assert office.usage()["calls"] == []


def test_a_wrong_password_calls_nobody(edge: Edge) -> None:
    office = edge.office()
    office.register(office.bob)
    guess = Phone("1001", office.domain, "guess")
    office.dial(guess, "1002", "phone_is_refused", code=407, has="nonce=").wait()
    assert office.is_idle()


def test_a_phone_cannot_call_in_the_name_of_another(edge: Edge) -> None:
    office = edge.office()
    office.register(office.bob)
    disguised = {"from": office.bob.aor}
    office.dial(office.alice, "1002", "phone_is_refused", code=403, has="SIP", **disguised).wait()
    assert office.is_idle()


def test_a_suspended_account_makes_no_calls(edge: Edge) -> None:
    office = edge.office(account=lambda document: {**document["account"], "status": "suspended"})
    office.dial(office.alice, "1002", "phone_is_refused", code=403, has="SIP").wait()


def test_one_call_id_is_one_call(edge: Edge) -> None:
    """A second INVITE with the Call-ID of an open call would get the first one's admission."""
    office = edge.office()
    office.register(office.bob)
    callee = office.phone_at(office.bob, "answers", ring=200)
    call_id = new_call_id()
    first = office.trunk_dials(office.number, call_id=call_id, talk=3000)
    eventually(lambda: office.usage()["calls"])
    office.trunk_dials(
        office.number, "trunk_is_refused", call_id=call_id, code=482, has="Merged Request"
    ).wait()
    first.wait()
    callee.wait()
    assert office.call(call_id)["disposition"] == "answered"


@pytest.mark.parametrize("method", ["INVITE", "BYE", "ACK", "UPDATE", "REFER"])
def test_a_made_up_dialog_leads_nowhere(edge: Edge, method: str) -> None:
    """A tag for the callee and a route through us pass neither the brain by, nor anything on."""
    office = edge.office()
    call_id = new_call_id()
    callee = office.phone_at(office.bob, "answers", ring=200)
    for route in (
        f"<sip:{edge.kamailio.address};lr>",
        f"<sip:{edge.kamailio.address};lr;signed={signature(call_id)}>",
        f"<sip:{edge.kamailio.address};lr;signed=>",
    ):
        made_up = net.request(
            method,
            f"sip:1002@{PHONES}:{office.bob.port}",
            f"Route: {route}",
            to=f"<sip:{office.bob.aor}>;tag=made-up",
            call_id=call_id,
        )
        # an ACK has no answer
        wait = 0.3 if method == "ACK" else 3
        answer = net.ask(ADDRESS, edge.kamailio.port, made_up, wait)
        assert answer.partition(" Call")[0] == ("" if method == "ACK" else "SIP/2.0 481")
    assert callee.messages == []


def signature(call_id: str) -> str:
    """As somebody makes it who knows how, but not the secret."""
    return hashlib.md5(f"route:{call_id}:guess".encode(), usedforsecurity=False).hexdigest()
