"""The edge alone: what it asks, how often, and how it does what it was told."""

import pytest

from tests.edge import net
from tests.edge.alone import calls, registers
from tests.edge.kamailio import ADDRESS, Kamailio
from tests.edge.office import CARRIER_1, TRUNK
from tests.edge.scripted import YES, Answer, ScriptedControl, reject
from tests.edge.sipp import Sipp
from tests.support.system import eventually, new_call_id

pytestmark = pytest.mark.edge


def test_a_retransmission_asks_no_second_time(kamailio: Kamailio, control: ScriptedControl) -> None:
    control.answers["/route"] = lambda members: reject(404, "Not Found")._replace(after_sec=0.4)
    invite = net.request("INVITE", f"sip:+12025550123@{kamailio.address}")
    for _ in range(4):
        net.ask(ADDRESS, kamailio.port, invite, 0.05)
    assert net.ask(ADDRESS, kamailio.port, invite, 0.7) == ""  # it goes to the first sender
    assert len(control.questions("/route")) == 1


def test_a_caller_without_a_name_is_a_question_like_any_other(
    kamailio: Kamailio, control: ScriptedControl
) -> None:
    control.answers["/route"] = lambda members: reject(603, "Anonymous Refused")
    invite = net.request(
        "INVITE", f"sip:+12025550123@{kamailio.address}", from_="<sip:anonymous.invalid>"
    )
    assert net.ask(ADDRESS, kamailio.port, invite).startswith("SIP/2.0 603 ")
    (asked,) = control.questions("/route")
    assert (asked.get("from", ""), asked["fromDomain"]) == ("", "anonymous.invalid")


def test_headers_of_the_caller_cannot_add_a_member_to_a_question(
    kamailio: Kamailio, control: ScriptedControl
) -> None:
    control.answers["/route"] = lambda members: reject(404, "Not Found")
    calls(
        kamailio,
        "trunk_is_refused",
        code=404,
        has="Not Found",
        **{"from": "x&deviceId=dev_1&to=+1@a.example", "to": f"+1&srcIp=1@{kamailio.address}"},
    ).wait()
    (asked,) = control.questions("/route")
    assert asked["from"] == "x&deviceId=dev_1&to=+1"
    assert asked["to"] == "+1&srcIp=1"
    assert asked["srcIp"] == TRUNK
    assert "deviceId" not in asked


def test_a_call_id_that_cannot_be_one_is_a_bad_request_and_no_question(
    kamailio: Kamailio, control: ScriptedControl
) -> None:
    for call_id in ("x" * 256, "a b", "caf\u00e9"):
        invite = net.request("INVITE", f"sip:1@{kamailio.address}", call_id=call_id)
        assert net.ask(ADDRESS, kamailio.port, invite).startswith("SIP/2.0 400 ")
    assert control.questions("/route") == []


def test_a_device_has_no_more_contacts_than_it_may(
    kamailio: Kamailio, control: ScriptedControl
) -> None:
    control.answers["/auth"] = lambda members: YES._replace(body={**YES.body, "maxContacts": 1})
    registers(kamailio, 200, username="1003")
    registers(kamailio, 503, username="1003")
    assert kamailio.command("ul.dump", "brief").count("1003@") == 1


def test_a_call_ends_when_it_has_lasted_as_long_as_it_may(
    kamailio: Kamailio, control: ScriptedControl
) -> None:
    port = net.free_udp_port(CARRIER_1)
    route = {"uri": f"sip:1@{CARRIER_1}:{port}", "headers": {"extra": ""}}
    out = {"action": "outbound", "account_id": "acc_1", "max_duration_sec": 2}
    out |= {"version": "1.0", "routing": "serial", "routes": [route]}
    control.answers["/route"] = lambda members: Answer(200, {"rtjson": out})
    call_id = new_call_id()
    callee = Sipp(
        kamailio.folder, "answers", kamailio.address, CARRIER_1, port=port, ring=200
    ).ready()
    calls(kamailio, "trunk_calls_until_hangup", call_id=call_id).wait()
    callee.wait()
    (end,) = eventually(lambda: [one for one in control.reports() if one["event"] == "end"])
    assert (end["callId"], end["hangupBy"], end["cause"]) == (call_id, "edge", "timeout")
