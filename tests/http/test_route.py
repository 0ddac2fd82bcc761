"""POST /route over the real contract."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gateways.ids import new_id
from tests.support.system import System, acme, new_call_id
from tests.v1.test_rows import Api


def test_an_inbound_call_runs_the_flow_of_its_number(
    system: System, account: dict[str, Any]
) -> None:
    number, flow = account["numbers"][0], account["flows"][0]
    answer = system.route(new_call_id(), number["e164"])
    assert answer["action"] == "flow"
    assert answer["account_id"] == account["account"]["id"]
    assert answer["flow_id"] == flow["id"]
    assert answer["vars"]["caller_cid"] == "14155551234"


def test_the_quickstarts_request_is_answered_with_its_flow(
    system: System, account: dict[str, Any]
) -> None:
    """Word for word what an edge sends first: no source, no device."""
    body = {
        "callId": new_call_id(),
        "from": "1001",
        "fromDomain": account["domains"][0]["domain"],
        "to": account["numbers"][0]["e164"],
    }
    for answer in (system.edge.post("/route", json=body), system.edge.post("/route", data=body)):
        assert answer.json()["rtjson"]["flow_id"] == account["flows"][0]["id"]


def test_the_decision_is_shown_on_request(system: System, account: dict[str, Any]) -> None:
    body = {"callId": new_call_id(), "from": "+14155551234", "to": account["numbers"][0]["e164"]}
    plain = system.edge.post("/route", json=body).json()
    shown = system.edge.post("/route?trace=1", json=body).json()
    assert "decision" not in plain
    assert [step["policy"] for step in shown["decision"]][:2] == ["identify", "classify"]
    assert shown["rtjson"] == plain["rtjson"]


def test_a_number_in_any_form_finds_its_did(system: System, account: dict[str, Any]) -> None:
    digits = account["numbers"][0]["e164"]
    national = digits[1:]
    forms = [f"+{digits}", digits, national, f"({national[:3]}) {national[3:6]}-{national[6:]}"]
    for form in [form for form in forms if " " not in form]:
        assert system.route(new_call_id(), form)["action"] == "flow", form
    assert system.route(new_call_id(), f"sip:+{digits}@edge.example")["action"] == "flow"


def test_an_unknown_number_is_not_found_and_recorded(system: System) -> None:
    call_id = new_call_id()
    refused = system.route(call_id, "+12025559999")
    assert (refused["action"], refused["code"]) == ("reject", 404)
    steps = system.edge.get(f"/calls/{call_id}/trace").json()["steps"]
    assert steps[-1]["outcome"] == "rejected"


def test_a_number_is_routed_as_soon_as_it_is_configured(system: System) -> None:
    """Also one that was asked for, and missing, a moment before."""
    document = acme()
    number = document["numbers"][0]["e164"]
    assert system.route(new_call_id(), number)["code"] == 404
    system.apply(document)
    assert system.route(new_call_id(), number)["action"] == "flow"


def test_a_phone_calls_out_through_the_accounts_trunk(system: System) -> None:
    trunk = {"name": "carrier", "proxy": "carrier.example:5060", "max_channels": 1}
    document = acme(
        trunks=[{**trunk, "auth_username": "acme", "password": "carrier's secret"}],
    )
    document["account"]["default_cid_number"] = "+12025550100"
    system.apply(document)
    caller = {"deviceId": document["devices"][0]["id"]}
    call_id = new_call_id()
    answer = system.route(call_id, "+442079460000", "1001", **caller)
    assert answer["action"] == "outbound"
    assert (answer["number"], answer["caller_id"]) == ("442079460000", "12025550100")
    (gateway,) = answer["gateways"]
    assert gateway["uri"] == "sip:442079460000@carrier.example:5060"
    assert (gateway["auth_username"], gateway["auth_password"]) == ("acme", "carrier's secret")
    assert "carrier's secret" not in str(answer["routes"])
    trace = system.edge.get(f"/calls/{call_id}/trace").text
    assert "carrier's secret" not in trace
    full = system.route(new_call_id(), "+442079460001", "1001", **caller)
    assert (full["code"], full["retry_after"] > 0) == (503, True)


def test_what_kamailio_needs_stands_beside_the_action(
    system: System, account: dict[str, Any]
) -> None:
    answer = system.route(new_call_id(), account["numbers"][0]["e164"])
    assert answer["version"] == "1.0"
    assert answer["routing"] == "serial"
    (route,) = answer["routes"]
    assert route["uri"].startswith("sip:")
    assert route["headers"]["extra"].endswith("\r\n")
    assert f"X-Account-Id: {account['account']['id']}\r\n" in route["headers"]["extra"]


def test_a_target_that_was_deleted_falls_to_the_accounts_default(
    system: System, account: dict[str, Any]
) -> None:
    account["voicemails"] = [{"id": new_id("vm"), "name": "Default"}]
    system.apply(account)
    account["account"] |= {
        "did_default_dest_kind": "voicemail",
        "did_default_dest_id": account["voicemails"][0]["id"],
    }
    account["flows"][0]["is_published"] = 0
    system.apply(account)
    call_id = new_call_id()
    answer = system.route(call_id, account["numbers"][0]["e164"])
    assert answer["flow_id"] == f"voicemail:{account['voicemails'][0]['id']}"
    steps = system.edge.get(f"/calls/{call_id}/trace").json()["steps"]
    assert "missing" in [step["outcome"] for step in steps]


def test_a_new_number_is_found_at_once_while_strangers_scan_for_numbers(
    system: System, account: dict[str, Any]
) -> None:
    api, scanned = Api(system, account["account"]["id"]), threading.Event()

    def scan() -> None:
        while not scanned.is_set():
            system.route(new_call_id(), "+12125550100")

    with ThreadPoolExecutor(1) as pool:
        stranger = pool.submit(scan)
        try:
            for _ in range(15):
                e164 = f"+1415{random.randrange(2_000_000, 9_999_999)}"
                made = api.post("/v1/numbers", {"e164": e164, "dest_kind": "hangup"})
                assert made.status_code == 201, made.text
                assert system.route(new_call_id(), e164)["code"] == 603
        finally:
            scanned.set()
        stranger.result()


def test_a_number_may_be_written_as_people_write_it(
    system: System, account: dict[str, Any]
) -> None:
    number = account["numbers"][0]["e164"]
    written = f"({number[1:4]}) {number[4:7]}-{number[7:]}"
    assert system.route(new_call_id(), written, "+1 415 555 1234")["action"] == "flow"
