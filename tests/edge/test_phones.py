"""Phones of a user: which ring, for how long, and what the caller hears when none answers."""

from typing import Any

import pytest

from gateways.ids import new_id
from tests.edge.office import Edge, Office, Phone, assert_heard, ringing
from tests.support.system import eventually, new_call_id

pytestmark = pytest.mark.edge


@pytest.mark.parametrize(
    ("code", "heard", "disposition"),
    [(486, 486, "busy"), (603, 603, "rejected"), (500, 480, "no_answer")],
)
def test_what_the_phone_answers_is_what_the_caller_hears(
    edge: Edge, code: int, heard: int, disposition: str
) -> None:
    office = edge.office()
    office.register(office.bob)
    callee = office.phone_at(office.bob, "refuses", ring=200, code=code)
    call_id = new_call_id()
    caller = office.dial(
        office.alice, "1002", "phone_is_refused", call_id=call_id, code=heard, has="SIP"
    ).wait()
    callee.wait()
    record = office.call(call_id)
    assert (record["disposition"], record["sip_code"]) == (disposition, heard)
    assert record["answer_ts"] is None
    assert_heard(record, end_ts=caller.first(f"SIP/2.0 {heard}", sent=False).at_ms)
    eventually(office.is_idle)


def test_a_call_that_nobody_answers_ends_when_the_time_to_ring_is_up(edge: Edge) -> None:
    office = edge.office(users=ringing(1))
    office.register(office.bob)
    callee = office.phone_at(office.bob, "rings_for_ever")
    call_id = new_call_id()
    caller = office.dial(
        office.alice, "1002", "phone_is_refused", call_id=call_id, code=480, has="SIP"
    ).wait()
    callee.wait()
    rang_ms = (
        caller.first("SIP/2.0 480", sent=False).at_ms
        - caller.first("SIP/2.0 180", sent=False).at_ms
    )
    assert 900 < rang_ms < 10_000  # who says nothing rings 25 s
    record = office.call(call_id)
    assert (record["disposition"], record["sip_code"]) == ("no_answer", 480)
    assert record["hangup_by"] == "edge"
    eventually(office.is_idle)


def test_a_caller_who_gives_up_abandons_the_call(edge: Edge) -> None:
    office = edge.office()
    office.register(office.bob)
    callee = office.phone_at(office.bob, "rings_for_ever")
    call_id = new_call_id()
    caller = office.dial(office.alice, "1002", "phone_gives_up", call_id=call_id, ring=700).wait()
    callee.wait()
    record = office.call(call_id)
    assert (record["disposition"], record["sip_code"]) == ("abandoned", 487)
    assert record["hangup_by"] == "caller"
    assert_heard(record, end_ts=caller.first("CANCEL", sent=True).at_ms)
    eventually(office.is_idle)


def two_devices(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Bob has a second device, 1002b."""
    alice, bob = document["devices"]
    second = {**bob, "id": new_id("dev"), "auth_username": "1002b", "ring_order": 2}
    return [alice, {**bob, "ring_order": 1}, second]


def second_phone(office: Office) -> Phone:
    return Phone("1002b", office.domain, office.bob.password)


def test_all_phones_of_a_user_ring_and_the_first_answer_wins(edge: Edge) -> None:
    office = edge.office(devices=two_devices)
    other = second_phone(office)
    office.register(office.bob)
    office.register(other)
    slow = office.phone_at(office.bob, "rings_for_ever")
    quick = office.phone_at(other, "answers", ring=300)
    call_id = new_call_id()
    office.dial(office.alice, "1002", call_id=call_id, talk=300).wait()
    quick.wait()
    slow.wait()
    assert office.call(call_id)["disposition"] == "answered"
    eventually(office.is_idle)


def test_phones_of_a_user_ring_one_after_the_other_if_the_user_wants_it_so(edge: Edge) -> None:
    office = edge.office(devices=two_devices, users=ringing(5, ring_strategy="sequential"))
    other = second_phone(office)
    office.register(office.bob)
    office.register(other)
    first = office.phone_at(office.bob, "refuses", ring=300, code=486)
    second = office.phone_at(other, "answers", ring=200)
    call_id = new_call_id()
    office.dial(office.alice, "1002", call_id=call_id, talk=200).wait()
    first.wait()
    second.wait()
    refused_at = first.first("SIP/2.0 486", sent=True).at_ms
    assert second.first("INVITE", sent=False).at_ms >= refused_at
    assert office.call(call_id)["disposition"] == "answered"


def test_who_declines_declines_for_all_phones(edge: Edge) -> None:
    """A 603 ends the search (RFC 3261 section 16.7): the next phone does not ring."""
    office = edge.office(devices=two_devices, users=ringing(5, ring_strategy="sequential"))
    other = second_phone(office)
    office.register(office.bob)
    office.register(other)
    first = office.phone_at(office.bob, "refuses", ring=200, code=603)
    second = office.phone_at(other, "answers", ring=200)
    office.dial(office.alice, "1002", "phone_is_refused", code=603, has="SIP").wait()
    first.wait()
    assert second.messages == []
    eventually(office.is_idle)
