"""POST /presence/event: duplicates, any order, batches, forms (spec 03)."""

import itertools
import threading
import time
from typing import Any

import pytest

from tests.support.system import System, new_call_id


def test_a_call_from_route_to_end_is_in_the_call_log(
    system: System, account: dict[str, Any]
) -> None:
    key, call_id = system.key(account["account"]["id"]), new_call_id()
    system.route(call_id, account["numbers"][0]["e164"], srcIp="198.51.100.7")
    start = system.call(key, call_id)["start_ts"]
    system.report(call_id, "early", start + 1_000, sipCode=180)
    system.report(call_id, "answered", start + 3_000)
    system.report(call_id, "end", start + 10_400, hangupBy="callee")
    row = system.call(key, call_id)
    assert row["direction"] == "inbound"
    assert (row["from_num"], row["to_num"]) == ("14155551234", account["numbers"][0]["e164"])
    assert (row["ring_ts"], row["answer_ts"]) == (start + 1_000, start + 3_000)
    assert (row["duration_sec"], row["billsec"]) == (10, 7)
    assert (row["answered"], row["disposition"]) == (1, "answered")
    assert (row["hangup_by"], row["src_ip"]) == ("callee", "198.51.100.7")


ORDERS = list(itertools.permutations(["early", "answered", "end"]))


@pytest.mark.parametrize("order", ORDERS)
def test_reports_in_any_order_and_twice_give_the_same_call(
    system: System, account: dict[str, Any], order: tuple[str, ...]
) -> None:
    key, call_id = system.key(account["account"]["id"]), new_call_id()
    system.route(call_id, account["numbers"][0]["e164"])
    start = system.call(key, call_id)["start_ts"]
    times = {"early": start + 1_000, "answered": start + 3_000, "end": start + 10_000}
    for event in (*order, *order):
        system.report(call_id, event, times[event])
    row = system.call(key, call_id)
    assert (row["answered"], row["billsec"], row["disposition"]) == (1, 7, "answered")
    assert (row["answer_ts"], row["end_ts"]) == (times["answered"], times["end"])
    usage = system.edge.get("/cac", params={"accountId": account["account"]["id"]}).json()
    assert usage["calls"] == []


def test_reports_that_come_before_the_route_request_count(
    system: System, account: dict[str, Any]
) -> None:
    key, call_id = system.key(account["account"]["id"]), new_call_id()
    system.report(call_id, "end", 4_000_000_000_000, sipCode=487)
    system.route(call_id, account["numbers"][0]["e164"])
    row = system.call(key, call_id)
    assert (row["disposition"], row["sip_code"]) == ("abandoned", 487)
    steps = system.edge.get(f"/calls/{call_id}/trace").json()["steps"]
    assert any(step["outcome"] == "unrouted" for step in steps)
    usage = system.edge.get("/cac", params={"accountId": account["account"]["id"]}).json()
    assert usage["calls"] == []


def test_an_event_of_a_call_that_nobody_routed_is_taken_and_traced(system: System) -> None:
    call_id = new_call_id()
    system.report(call_id, "end")
    steps = system.edge.get(f"/calls/{call_id}/trace").json()["steps"]
    assert [step["outcome"] for step in steps] == ["unrouted"]


def test_both_ends_hang_up_at_once(system: System, account: dict[str, Any]) -> None:
    key, call_id = system.key(account["account"]["id"]), new_call_id()
    system.route(call_id, account["numbers"][0]["e164"])
    system.report(call_id, "answered")
    ends = [
        threading.Thread(target=system.report, args=(call_id, "end"), kwargs={"hangupBy": by})
        for by in ("caller", "callee")
    ]
    for end in ends:
        end.start()
    for end in ends:
        end.join()
    assert system.call(key, call_id)["hangup_by"] in ("caller", "callee")
    steps = system.edge.get(f"/calls/{call_id}/trace").json()["steps"]
    assert [step["kind"] for step in steps].count("ended") == 1
    assert [step["kind"] for step in steps].count("released") == 1


def test_a_batch_has_a_result_per_event(system: System, account: dict[str, Any]) -> None:
    call_id = new_call_id()
    system.route(call_id, account["numbers"][0]["e164"])
    events: list[Any] = [
        {"type": "dialog", "callId": call_id, "event": "answered"},
        {"type": "dialog", "callId": "has a space", "event": "end"},
        {"type": "teleport"},
        "not an object",
        {"type": "dialog", "callId": call_id, "event": "end"},
    ]
    answer = system.edge.post("/presence/event", json={"events": events})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [result["ok"] for result in results] == [1, 0, 0, 0, 1]
    assert results[1]["errors"][0]["pointer"] == "/events/1/callId"
    assert results[2]["errors"][0]["pointer"] == "/events/2/type"


def test_a_batch_that_is_too_large_changes_nothing(system: System, account: dict[str, Any]) -> None:
    call_id = new_call_id()
    system.route(call_id, account["numbers"][0]["e164"])
    event = {"type": "dialog", "callId": call_id, "event": "end"}
    answer = system.edge.post("/presence/event", json={"events": [event] * 501})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/events"
    steps = system.edge.get(f"/calls/{call_id}/trace").json()["steps"]
    assert "ended" not in [step["kind"] for step in steps]


def test_an_event_may_be_a_form(system: System, account: dict[str, Any]) -> None:
    key, call_id = system.key(account["account"]["id"]), new_call_id()
    system.route(call_id, account["numbers"][0]["e164"])
    seconds = "1795000000.250000"
    form = {"type": "dialog", "callId": call_id, "event": "end", "ts": seconds, "sipCode": "486"}
    assert system.edge.post("/presence/event", data=form).status_code == 200
    row = system.call(key, call_id)
    assert (row["end_ts"], row["disposition"]) == (1_795_000_000_250, "busy")


def test_registrations_make_a_phone_reachable_and_unreachable(
    system: System, account: dict[str, Any]
) -> None:
    caller, callee = account["devices"]

    def reported(event: str, ts: int) -> str:
        body = {
            "type": "register",
            "event": event,
            "username": "1002",
            "realm": callee["realm"],
            "contact": "sip:1002@192.0.2.1:5060;transport=udp",
            "expires": 600,
            "ts": ts,
        }
        answer = system.edge.post("/presence/event", json=body)
        assert answer.status_code == 200, answer.text
        action: str = system.route(new_call_id(), "1002", deviceId=caller["id"])["action"]
        return action

    now = _now()
    assert system.route(new_call_id(), "1002", deviceId=caller["id"])["code"] == 480
    assert reported("registered", now) == "proxy"
    assert reported("unregistered", now + 10) == "reject"
    assert reported("registered", now + 5) == "reject", "older than the removal"
    assert reported("registered", now + 20) == "proxy"
    assert reported("qualify_fail", now + 30) == "reject"
    assert reported("qualify_ok", now + 40) == "proxy"
    assert reported("expired", now + 50) == "reject"


def test_what_a_form_leaves_empty_is_absent(system: System, account: dict[str, Any]) -> None:
    call_id = new_call_id()
    system.route(call_id, account["numbers"][0]["e164"])
    blank = {"ts": "", "sipCode": "", "cause": "", "hangupBy": ""}
    dialog = {"type": "dialog", "callId": call_id, "event": "end", **blank}
    ended = system.edge.post("/presence/event", data=dialog)
    assert ended.json() == {"ok": 1}, ended.text
    device = account["devices"][0]
    blank = {"ts": "", "expires": "", "received": "", "userAgent": ""}
    register = {"type": "register", "event": "registered", "contact": "sip:a@192.0.2.1", **blank}
    login = {"realm": device["realm"], "username": device["auth_username"]}
    registered = system.edge.post("/presence/event", data={**register, **login})
    assert registered.json() == {"ok": 1}, registered.text


def test_a_domain_has_no_case(system: System, account: dict[str, Any]) -> None:
    device = account["devices"][0]
    register = {"type": "register", "event": "registered", "contact": "sip:a@192.0.2.1"}
    login = {"realm": device["realm"].upper(), "username": device["auth_username"]}
    registered = system.edge.post("/presence/event", json={**register, **login})
    assert registered.json() == {"ok": 1}, registered.text
    caller = {"authUser": device["auth_username"], "fromDomain": device["realm"].upper()}
    routed = system.route(new_call_id(), device["auth_username"], from_="1001", **caller)
    assert routed["action"] == "proxy"


def _now() -> int:
    return int(time.time() * 1000)
