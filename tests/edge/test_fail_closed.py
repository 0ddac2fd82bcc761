"""The edge alone, against a control plane that misbehaves: nobody is let in without a yes."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.edge import net, scripted
from tests.edge.conftest import NONCE_SECRET
from tests.edge.kamailio import ADDRESS, Kamailio
from tests.edge.office import PHONES, TRUNK, Phone
from tests.edge.scripted import Answer, ScriptedControl
from tests.edge.sipp import Sipp
from tests.support.system import eventually, new_call_id

pytestmark = pytest.mark.edge

YES = Answer(200, {"ok": 1, "accountId": "acc_1", "deviceId": "dev_1", "maxContacts": 5})
TOKEN = "token-of-this-node"


@pytest.fixture(scope="module")
def control() -> Iterator[ScriptedControl]:
    with scripted.answering() as control:
        yield control


@pytest.fixture(scope="module")
def running(control: ScriptedControl) -> Iterator[Kamailio]:
    kamailio = Kamailio(control.url, NONCE_SECRET, control_timeout="2", node_token=TOKEN)
    try:
        kamailio.start()
        yield kamailio
    finally:
        kamailio.close()


@pytest.fixture
def kamailio(running: Kamailio, control: ScriptedControl) -> Iterator[Kamailio]:
    control.answers = {}
    control.asked.clear()
    yield running
    control.answers = {}


def phone() -> Phone:
    return Phone("1001", "acme.example", "secret")


def registers(kamailio: Kamailio, code: int) -> Sipp:
    caller = phone()
    return Sipp(
        kamailio.folder, "registers", kamailio.address, PHONES, code=code, expires=60,
        aor=caller.aor, domain=caller.domain, contact=f"<sip:1001@{PHONES}:{caller.port}>",
        username=caller.username, password=caller.password,
    ).wait()  # fmt: skip


def calls(kamailio: Kamailio, scenario: str, **more: Any) -> Sipp:
    words = {"from": "+14155551234@carrier.example", "to": f"+12025550123@{kamailio.address}"}
    return Sipp(kamailio.folder, scenario, kamailio.address, TRUNK, **{**words, **more})


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b""),
        Answer(200, b"not json"),
        Answer(200, []),
        Answer(200, {}),
        Answer(200, {"ok": 0, "deviceId": "dev_1"}),
        Answer(200, {"ok": "true", "deviceId": "dev_1"}),
        Answer(200, {"ok": None, "deviceId": "dev_1"}),
        Answer(200, {"ok": 1}),
        Answer(200, {"OK": 1, "deviceId": "dev_1"}),
        Answer(204, b""),
        Answer(302, {"ok": 1, "deviceId": "dev_1"}),
        Answer(401, {"title": "Unauthorized", "status": 401}),
        Answer(403, {"ok": 1, "deviceId": "dev_1"}),
        Answer(500, {"ok": 1, "deviceId": "dev_1"}),
        Answer(503, {"ok": 1, "deviceId": "dev_1"}),
        YES._replace(after_sec=3.5),
    ],
    ids=str,
)
def test_no_phone_registers_without_a_clear_yes(
    kamailio: Kamailio, control: ScriptedControl, answer: Answer
) -> None:
    control.answers["/auth"] = lambda members: answer
    run = registers(kamailio, 503)
    assert int(run.messages[-1].header("Retry-After") or 0) > 0
    assert kamailio.command("ul.dump", "brief").count("1001@") == 0


def test_a_yes_registers(kamailio: Kamailio, control: ScriptedControl) -> None:
    control.answers["/auth"] = lambda members: YES
    registers(kamailio, 200)
    (asked,) = control.questions("/auth")
    assert (asked["username"], asked["realm"], asked["method"]) == (
        "1001",
        "acme.example",
        "REGISTER",
    )
    assert (asked["qop"], asked["nc"], asked["src_ip"]) == ("auth", "00000001", PHONES)
    (report,) = eventually(control.reports)
    assert (report["event"], report["realm"]) == ("registered", "acme.example")
    assert {one.headers["x-node-token"] for one in control.asked} == {TOKEN}


@pytest.mark.parametrize(
    "answer",
    [
        Answer(200, b""),
        Answer(200, b"{"),
        Answer(200, {}),
        Answer(200, {"rtjson": "proxy"}),
        Answer(200, {"rtjson": {}}),
        Answer(200, {"rtjson": {"action": "outbound", "account_id": "acc_1", "routes": []}}),
        Answer(200, {"rtjson": {"action": "teleport", "account_id": "acc_1"}}),
        Answer(403, {"status": 403}),
        Answer(503, {"status": 503}),
    ],
    ids=str,
)
def test_no_call_goes_on_without_a_clear_answer_and_the_control_plane_hears_of_it(
    kamailio: Kamailio, control: ScriptedControl, answer: Answer
) -> None:
    control.answers["/route"] = lambda members: answer
    call_id = new_call_id()
    calls(kamailio, "trunk_is_refused", call_id=call_id, code=503, has="Retry-After: [1-9]").wait()
    assert_told_of_the_end(control, call_id, 503)


def assert_told_of_the_end(control: ScriptedControl, call_id: str, code: int) -> None:
    ends = eventually(lambda: [one for one in control.reports() if one["event"] == "end"])
    assert [(one["callId"], one["sipCode"]) for one in ends] == [(call_id, code)]


def test_a_late_answer_is_no_answer(kamailio: Kamailio, control: ScriptedControl) -> None:
    reject = {"rtjson": {"action": "reject", "code": 404, "reason": "Not Found"}}
    control.answers["/route"] = lambda members: Answer(200, reject, after_sec=3.5)
    call_id = new_call_id()
    again = {"code": 503, "has": "Retry-After: [1-9]"}
    calls(kamailio, "trunk_is_refused", call_id=call_id, **again).wait()
    assert_told_of_the_end(control, call_id, 503)


def test_a_retransmission_asks_no_second_time(kamailio: Kamailio, control: ScriptedControl) -> None:
    reject = {"rtjson": {"action": "reject", "code": 404, "reason": "Not Found"}}
    control.answers["/route"] = lambda members: Answer(200, reject, after_sec=0.4)
    invite = net.request("INVITE", f"sip:+12025550123@{kamailio.address}")
    for _ in range(4):
        net.ask(ADDRESS, kamailio.port, invite, 0.05)
    assert net.ask(ADDRESS, kamailio.port, invite, 0.7) == ""  # it goes to the first sender
    assert len(control.questions("/route")) == 1


def test_a_caller_who_gives_up_while_the_edge_still_asks_holds_no_channel(
    kamailio: Kamailio, control: ScriptedControl
) -> None:
    proxy = {"action": "proxy", "account_id": "acc_1", "aors": [], "routing": "serial"}
    control.answers["/route"] = lambda members: Answer(200, {"rtjson": proxy}, after_sec=1.5)
    call_id = new_call_id()
    calls(kamailio, "trunk_gives_up_at_once", call_id=call_id).wait()
    ends = eventually(lambda: [one for one in control.reports() if one["event"] == "end"])
    assert {(one["callId"], one["sipCode"], one["hangupBy"]) for one in ends} == {
        (call_id, 487, "caller")
    }


def test_reports_wait_in_order_while_the_control_plane_is_away(
    kamailio: Kamailio, control: ScriptedControl
) -> None:
    gone = Answer(503, {"status": 503})
    control.answers["/auth"] = lambda members: YES
    control.answers["/presence/event"] = lambda members: gone
    registers(kamailio, 200)
    eventually(lambda: control.questions("/presence/event"))
    registers(kamailio, 200)
    time.sleep(0.6)
    control.asked.clear()
    control.answers["/presence/event"] = lambda members: scripted.TAKEN
    reports = eventually(lambda: found if len(found := control.reports()) >= 2 else [])
    assert all(report["type"] == "register" for report in reports)
    assert [report["ts"] for report in reports] == sorted(report["ts"] for report in reports)


def test_a_report_that_is_refused_holds_up_no_other(
    kamailio: Kamailio, control: ScriptedControl
) -> None:
    taken: list[str] = []

    def choosy(members: dict[str, Any]) -> Answer:
        events = members.get("events", [members])
        if any(event["event"] == "start" for event in events):
            if "events" in members:
                return Answer(200, {"ok": 0, "results": []})
            return Answer(400, {"status": 400})
        taken.extend(event["event"] for event in events)
        return scripted.TAKEN

    nobody = {"action": "proxy", "account_id": "acc_1", "aors": [], "routing": "serial"}
    control.answers["/route"] = lambda members: Answer(200, {"rtjson": nobody})
    control.answers["/presence/event"] = choosy
    calls(kamailio, "trunk_is_refused", code=480, has="SIP").wait()
    assert eventually(lambda: taken) == ["end"]


def test_a_report_is_offered_for_as_long_as_the_control_plane_says_later(
    kamailio: Kamailio, control: ScriptedControl
) -> None:
    """A gateway whose store is away refuses the batch, and then each report in it."""
    offered: list[dict[str, Any]] = []

    def later(members: dict[str, Any]) -> Answer:
        if "events" in members:
            return Answer(200, {"ok": 0, "results": []})
        offered.append(members)
        return Answer(503, {"status": 503}) if len(offered) < 23 else scripted.TAKEN

    control.answers["/auth"] = lambda members: YES
    control.answers["/presence/event"] = later
    registers(kamailio, 200)
    eventually(lambda: len(offered) == 23, 60)
    assert len({report["ts"] for report in offered}) == 1


def test_a_caller_without_a_name_is_a_question_like_any_other(
    kamailio: Kamailio, control: ScriptedControl
) -> None:
    reject = {"rtjson": {"action": "reject", "code": 603, "reason": "Anonymous Refused"}}
    control.answers["/route"] = lambda members: Answer(200, reject)
    invite = net.request(
        "INVITE", f"sip:+12025550123@{kamailio.address}", from_="<sip:anonymous.invalid>"
    )
    assert net.ask(ADDRESS, kamailio.port, invite).startswith("SIP/2.0 603 ")
    (asked,) = control.questions("/route")
    assert (asked.get("from", ""), asked["fromDomain"]) == ("", "anonymous.invalid")


def test_headers_of_the_caller_cannot_add_a_member_to_a_question(
    kamailio: Kamailio, control: ScriptedControl
) -> None:
    reject = {"rtjson": {"action": "reject", "code": 404, "reason": "Not Found"}}
    control.answers["/route"] = lambda members: Answer(200, reject)
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
