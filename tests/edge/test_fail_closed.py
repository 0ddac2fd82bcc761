"""The edge alone, against a control plane that misbehaves: nobody is let in without a yes."""

import pytest

from tests.edge.alone import assert_told_of_the_end, calls, registers
from tests.edge.kamailio import Kamailio
from tests.edge.office import PHONES
from tests.edge.scripted import NODE_TOKEN, YES, Answer, ScriptedControl, nobody, reject
from tests.support.system import eventually, new_call_id

pytestmark = pytest.mark.edge


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
    run = registers(kamailio, 503, username="1009")
    assert int(run.messages[-1].header("Retry-After") or 0) > 0
    assert kamailio.command("ul.dump", "brief").count("1009@") == 0


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
    assert {one.headers["x-node-token"] for one in control.asked} == {NODE_TOKEN}


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


def test_a_late_answer_is_no_answer(kamailio: Kamailio, control: ScriptedControl) -> None:
    control.answers["/route"] = lambda members: reject(404, "Not Found")._replace(after_sec=3.5)
    call_id = new_call_id()
    again = {"code": 503, "has": "Retry-After: [1-9]"}
    calls(kamailio, "trunk_is_refused", call_id=call_id, **again).wait()
    assert_told_of_the_end(control, call_id, 503)


def test_a_caller_who_gives_up_while_the_edge_still_asks_holds_no_channel(
    kamailio: Kamailio, control: ScriptedControl
) -> None:
    control.answers["/route"] = lambda members: nobody()._replace(after_sec=1.5)
    call_id = new_call_id()
    calls(kamailio, "trunk_gives_up_at_once", call_id=call_id).wait()
    ends = eventually(lambda: [one for one in control.reports() if one["event"] == "end"])
    assert {(one["callId"], one["sipCode"], one["hangupBy"]) for one in ends} == {
        (call_id, 487, "caller")
    }
