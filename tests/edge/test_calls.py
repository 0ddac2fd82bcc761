"""Calls: what was heard on the line is what call record and counters say."""

import pytest

from tests.edge import net
from tests.edge.kamailio import ADDRESS
from tests.edge.office import TRUNK, Edge, assert_heard
from tests.support.system import eventually, new_call_id

pytestmark = pytest.mark.edge


def test_a_call_between_two_phones_has_a_record_with_the_right_times(edge: Edge) -> None:
    office = edge.office()
    office.register(office.bob)
    callee = office.phone_at(office.bob, "answers", ring=1500)
    call_id = new_call_id()
    caller = office.dial(office.alice, "1002", call_id=call_id, talk=3000).wait()
    callee.wait()
    record = office.call(call_id)
    assert_heard(
        record,
        start_ts=caller.last("INVITE", sent=True).at_ms,
        ring_ts=caller.first("SIP/2.0 180", sent=False).at_ms,
        answer_ts=caller.first("SIP/2.0 200", sent=False).at_ms,
        end_ts=caller.first("BYE", sent=True).at_ms,
    )
    assert record["billsec"] == (record["end_ts"] - record["answer_ts"]) // 1000
    assert record["duration_sec"] == (record["end_ts"] - record["start_ts"]) // 1000
    assert record["direction"] == "internal"
    assert (record["from_num"], record["to_num"]) == ("1001", "1002")
    assert (record["disposition"], record["hangup_cause"]) == ("answered", "normal_clearing")
    assert record["hangup_by"] == "caller"
    assert record["node_id"] == "edge-under-test"
    eventually(office.is_idle)


def test_a_trunk_reaches_the_user_of_a_number(edge: Edge) -> None:
    office = edge.office()
    office.register(office.bob)
    callee = office.phone_at(
        office.bob, "answers_and_hangs_up", ring=1500, talk=3000, callee=office.bob.aor,
        reason="Q.850;cause=31",
    )  # fmt: skip
    call_id = new_call_id()
    caller = office.trunk_dials(office.number, "trunk_calls_until_hangup", call_id=call_id).wait()
    callee.wait()
    record = office.call(call_id)
    assert_heard(
        record,
        ring_ts=callee.first("SIP/2.0 180", sent=True).at_ms,
        answer_ts=callee.first("SIP/2.0 200", sent=True).at_ms,
        end_ts=caller.first("BYE", sent=False).at_ms,
    )
    assert (record["direction"], record["disposition"]) == ("inbound", "answered")
    assert (record["from_num"], record["to_num"]) == ("14155551234", office.number)
    assert record["did_id"] == office.document["numbers"][0]["id"]
    assert record["trunk_id"] == office.document["trunks"][0]["id"]
    assert record["src_ip"] == TRUNK
    assert (record["hangup_by"], record["hangup_cause"]) == ("callee", "q850_31")
    eventually(office.is_idle)


def test_a_trunk_may_call_over_tcp(edge: Edge) -> None:
    office = edge.office()
    office.register(office.bob)
    callee = office.phone_at(office.bob, "answers", ring=200)
    call_id = new_call_id()
    office.trunk_dials(office.number, call_id=call_id, talk=100, tcp=True).wait()
    callee.wait()
    assert office.call(call_id)["disposition"] == "answered"
    eventually(office.is_idle)


def test_while_a_call_is_up_it_holds_its_channels(edge: Edge) -> None:
    office = edge.office()
    office.register(office.bob)
    callee = office.phone_at(office.bob, "answers", ring=200)
    caller = office.trunk_dials(office.number, talk=3000)
    held = eventually(lambda: [one for one in office.usage()["counters"] if one["used"]])
    assert {one["dimension"] for one in held} == {"account_in", "did", "trunk", "user"}
    caller.wait()
    callee.wait()
    eventually(office.is_idle)


def test_prack_and_hold_pass_inside_a_known_call(edge: Edge) -> None:
    office = edge.office()
    office.register(office.bob)
    callee = office.phone_at(office.bob, "answers_and_is_held")
    call_id = new_call_id()
    office.dial(office.alice, "1002", "phone_calls_and_holds", call_id=call_id).wait()
    callee.wait()
    assert office.call(call_id)["disposition"] == "answered"


def test_a_call_id_full_of_special_characters_arrives_as_it_is(edge: Edge) -> None:
    office = edge.office()
    office.register(office.bob)
    callee = office.phone_at(office.bob, "answers", ring=200)
    call_id = f"$fU+&=\"\\'$(ru){{x}};,<>?/:{new_call_id()}"
    office.trunk_dials(office.number, call_id=call_id, talk=100).wait()
    callee.wait()
    with edge.system.database() as connection:
        (row,) = eventually(
            lambda: connection.execute(
                "SELECT call_id, disposition FROM views.call_cdr"
                " WHERE account_id = %s AND end_ts IS NOT NULL",
                (office.id,),
            ).fetchall()
        )
    assert (row["call_id"], row["disposition"]) == (call_id, "answered")
    eventually(office.is_idle)


@pytest.mark.parametrize("fact", ["early", "answered"])
def test_no_choice_of_a_call_id_touches_the_record_of_another_call(edge: Edge, fact: str) -> None:
    office = edge.office()
    office.register(office.bob)
    call_id = new_call_id()
    for chosen in (f"{fact}::{call_id}", f"{call_id}::{fact}", call_id):
        callee = office.phone_at(office.bob, "answers", ring=200)
        office.trunk_dials(office.number, call_id=chosen, talk=500).wait()
        callee.wait()
    record = office.call(call_id)
    assert record["ring_ts"] is not None
    assert (record["disposition"], record["answer_ts"] is None) == ("answered", False)


def test_options_are_answered(edge: Edge) -> None:
    answer = net.ask(ADDRESS, edge.kamailio.port, net.options(ADDRESS, edge.kamailio.port))
    assert answer.startswith("SIP/2.0 200 ")
