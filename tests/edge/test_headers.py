"""Media server and carriers: they hear the edge's own word, never a caller's about himself."""

from typing import Any

import pytest

from gateways.ids import new_id
from tests.edge import net
from tests.edge.office import CARRIER_1, CARRIER_2, Edge, Office, ringing
from tests.edge.sipp import Sipp
from tests.support.system import eventually, new_call_id

pytestmark = pytest.mark.edge


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
    media = media_plays(edge, "answers", ring=200)
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
    media = media_plays(edge, "refuses", ring=200, code=503)
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
    media = media_plays(edge, "answers", ring=200)
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
    first = edge.play("refuses", CARRIER_1, port=ports[0], ring=200, code=503).ready()
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
