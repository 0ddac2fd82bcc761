"""Calls: what was heard on the line is what call record and counters say."""

from typing import Any

import pytest

from gateways.ids import new_id
from tests.edge import net
from tests.edge.kamailio import ADDRESS
from tests.edge.office import TRUNK, Edge, Office, Phone
from tests.edge.sipp import Sipp
from tests.support.system import eventually, new_call_id

pytestmark = pytest.mark.edge

TOLERANCE_MS = 1000
"""SIPp stamps what it sends and receives, the edge what it relays; between them lie process
switches on a busy machine. What tests tell apart lies further apart."""
CARRIER_1, CARRIER_2 = "127.0.0.41", "127.0.0.42"


def assert_heard(record: dict[str, Any], **heard_ms: int) -> None:
    """The record has these times, by the clock of who was on the line."""
    for name, at_ms in heard_ms.items():
        assert abs(record[name] - at_ms) < TOLERANCE_MS, (name, record, heard_ms)


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
    callee = office.phone_at(office.bob, "answers", ring=0)
    call_id = new_call_id()
    office.trunk_dials(office.number, call_id=call_id, talk=100, tcp=True).wait()
    callee.wait()
    assert office.call(call_id)["disposition"] == "answered"
    eventually(office.is_idle)


def test_while_a_call_is_up_it_holds_its_channels(edge: Edge) -> None:
    office = edge.office()
    office.register(office.bob)
    callee = office.phone_at(office.bob, "answers", ring=0)
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


def ringing(seconds: int, **more: Any) -> Any:
    """Bob's phones ring so long."""
    return lambda document: [
        document["users"][0],
        {**document["users"][1], "ring_timeout_sec": seconds, **more},
    ]


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
    second = office.phone_at(other, "answers", ring=0)
    call_id = new_call_id()
    office.dial(office.alice, "1002", call_id=call_id, talk=200).wait()
    first.wait()
    second.wait()
    refused_at = first.first("SIP/2.0 486", sent=True).at_ms
    assert second.first("INVITE", sent=False).at_ms >= refused_at
    assert office.call(call_id)["disposition"] == "answered"


def lines(*headers: str) -> str:
    """As they are put into a scenario."""
    return "\n      ".join(headers)


WORDS_OF_THE_EDGE = (
    "X-Account-Id: acc_forged",
    "x-flow-id: flow_forged",
    "X-EDGE-CALL-ID: forged",
    "X-Account-Id : acc_forged",
    "X-Flow-Id\t: flow_forged",
    "P-Asserted-Identity: <sip:forged@example.com>",
    "P-Asserted-Identity : <sip:forged@example.com>",
    "Remote-Party-ID: <sip:forged@example.com>",
)
FORGED = lines(*WORDS_OF_THE_EDGE, "Route: <sip:forged.example.com;lr>")
FORGED_INSIDE = lines(
    *WORDS_OF_THE_EDGE,
    'Proxy-Authorization: Digest username="forged"',
    'Authorization: Digest username="forged"',
)
"""Within a call, where phones repeat their credentials, and a route is the edge's own."""


def assert_nothing_forged(callee: Sipp) -> None:
    received = [message for message in callee.messages if not message.sent]
    assert {message.start_line.partition(" ")[0] for message in received} == {
        "INVITE",
        "ACK",
        "BYE",
    }
    for message in received:
        assert "forged" not in message.text


def flow_office(edge: Edge) -> Office:
    """The number runs a flow."""
    return edge.office(
        numbers=lambda document: [
            {
                **document["numbers"][0],
                "dest_kind": "flow",
                "dest_id": document["flows"][0]["id"],
            }
        ]
    )


def media_plays(edge: Edge, scenario: str, **more: Any) -> Sipp:
    return edge.play(scenario, "127.0.0.40", port=edge.media_port, **more).ready()


def test_a_flow_runs_in_the_media_server_which_sees_only_the_edges_word(edge: Edge) -> None:
    office = flow_office(edge)
    media = media_plays(edge, "answers", ring=0)
    call_id = new_call_id()
    office.trunk_dials(
        office.number, call_id=call_id, talk=200, extra=FORGED, inside=FORGED_INSIDE
    ).wait()
    media.wait()
    invite = media.first("INVITE", sent=False)
    assert invite.header("X-Account-Id") == office.id
    assert invite.header("X-Flow-Id") == office.document["flows"][0]["id"]
    assert invite.header("X-Edge-Call-Id") == call_id
    assert_nothing_forged(media)
    assert office.call(call_id)["flow_id"] == office.document["flows"][0]["id"]
    eventually(office.is_idle)


def test_a_media_server_that_is_full_is_a_503_to_try_again(edge: Edge) -> None:
    office = flow_office(edge)
    media = media_plays(edge, "refuses", ring=0, code=503)
    call_id = new_call_id()
    office.trunk_dials(
        office.number, "trunk_is_refused", call_id=call_id, code=503, has="Retry-After: [1-9]"
    ).wait()
    media.wait()
    assert office.call(call_id)["disposition"] == "failed"
    eventually(office.is_idle)


def test_a_call_that_nobody_answers_goes_to_the_voicemail_of_the_user(edge: Edge) -> None:
    box = new_id("vm")
    office = edge.office(
        voicemails=[{"id": box, "name": "Bob"}], users=ringing(1, voicemail_id=box)
    )
    office.register(office.bob)
    callee = office.phone_at(office.bob, "rings_for_ever")
    media = media_plays(edge, "answers", ring=0)
    call_id = new_call_id()
    office.trunk_dials(
        office.number, call_id=call_id, talk=200, extra=FORGED, inside=FORGED_INSIDE
    ).wait()
    callee.wait()
    media.wait()
    invite = media.first("INVITE", sent=False)
    assert invite.header("X-Account-Id") == office.id
    assert invite.header("X-Flow-Id") == f"voicemail:{box}"
    assert invite.header("X-Edge-Call-Id") == call_id
    assert_nothing_forged(media)
    assert office.call(call_id)["disposition"] == "answered"
    eventually(office.is_idle)


def test_carriers_are_tried_in_order_and_never_see_a_password(edge: Edge) -> None:
    ports = [net.free_udp_port(CARRIER_1), net.free_udp_port(CARRIER_2)]
    trunks = [new_id("trunk"), new_id("trunk")]
    office = edge.office(
        trunks=[
            {"id": trunks[0], "name": "First", "proxy": f"{CARRIER_1}:{ports[0]}"},
            {"id": trunks[1], "name": "Second", "proxy": f"{CARRIER_2}:{ports[1]}"},
        ],
        routes=[{"name": "all", "match_prefix": "", "trunk_ids": trunks}],
    )
    first = edge.play("refuses", CARRIER_1, port=ports[0], ring=0, code=503).ready()
    second = edge.play("answers", CARRIER_2, port=ports[1], ring=100).ready()
    call_id = new_call_id()
    office.dial(
        office.alice, "+12125550100", call_id=call_id, talk=300, extra=FORGED, inside=FORGED_INSIDE
    ).wait()
    first.wait()
    second.wait()
    for carrier, address, port in zip((first, second), (CARRIER_1, CARRIER_2), ports, strict=True):
        invite = carrier.first("INVITE", sent=False)
        assert invite.start_line == f"INVITE sip:12125550100@{address}:{port} SIP/2.0"
        assert invite.header("P-Asserted-Identity") == f"<sip:1001@{address}:{port}>"
        assert "Authorization" not in invite.text
        assert "forged" not in invite.text
        assert len([line for line in invite.text.splitlines() if "Record-Route" in line]) == 1
    assert_nothing_forged(second)
    record = office.call(call_id)
    assert (record["direction"], record["disposition"]) == ("outbound", "answered")
    eventually(office.is_idle)


def test_a_call_id_full_of_special_characters_arrives_as_it_is(edge: Edge) -> None:
    office = edge.office()
    office.register(office.bob)
    callee = office.phone_at(office.bob, "answers", ring=0)
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
        callee = office.phone_at(office.bob, "answers", ring=0)
        office.trunk_dials(office.number, call_id=chosen, talk=500).wait()
        callee.wait()
    record = office.call(call_id)
    assert record["ring_ts"] is not None
    assert (record["disposition"], record["answer_ts"] is None) == ("answered", False)


def test_options_are_answered(edge: Edge) -> None:
    answer = net.ask(ADDRESS, edge.kamailio.port, net.options(ADDRESS, edge.kamailio.port))
    assert answer.startswith("SIP/2.0 200 ")
