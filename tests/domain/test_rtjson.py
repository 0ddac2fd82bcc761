"""Decisions in the words of an edge: the members of the API and those of Kamailio's rtjson."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import rtjson
from events.base import CallId
from events.call import Carrier, Directive, Fork, ProxyToUser, Reject, RunFlow, SendOut
from tests.domain.calls import routed
from tests.support.given import ACCOUNT, CALL_ID, property_of

MEDIA = "sip:media.example:5080"
FLOW = RunFlow(flow_id="flow_1", flow_version=3, vars={"caller_cid": "14155551234"})
PROXY = ProxyToUser(
    user_id="us_1",
    aors=(
        Fork(aor="sip:1001@acme.example", device_id="dev_1", timeout_sec=20),
        Fork(aor="sip:1001-2@acme.example", device_id="dev_2", delay_sec=20, timeout_sec=15),
    ),
    parallel=False,
    caller_id="14155551234",
    ring_timeout_sec=20,
    on_fail_kind="voicemail",
    on_fail_id="vm_1",
)
OUT = SendOut(
    trunk_id="tr_1",
    gateways=(
        Carrier(
            uri="sip:4930123456@a.example",
            trunk_id="tr_1",
            transport="tls",
            realm="a.example",
            auth_username="acme",
            auth_secret_ref="secret_1",
            from_domain="acme.example",
        ),
        Carrier(uri="sip:030123456@b.example:5070", trunk_id="tr_2"),
    ),
    number="4930123456",
    caller_id="12025550123",
    max_duration_sec=14_400,
)
REJECT = Reject(code=503, reason="Channel Limit Reached", retry_after=5)


def _rendered(directive: Directive) -> dict[str, Any]:
    return rtjson.render(routed(directive=directive), MEDIA)


def _extras(directive: Directive) -> list[str]:
    return [route["headers"]["extra"] for route in _rendered(directive)["routes"]]


# The members of the API


def test_a_flow_has_the_members_of_the_published_example() -> None:
    rendered = _rendered(FLOW)
    assert {name: rendered[name] for name in ("action", "account_id", "flow_id", "vars")} == {
        "action": "flow",
        "account_id": ACCOUNT,
        "flow_id": "flow_1",
        "vars": {"caller_cid": "14155551234"},
    }
    assert rendered["flow_version"] == 3


def test_a_proxied_call_names_its_forks_in_order() -> None:
    rendered = _rendered(PROXY)
    assert rendered["action"] == "proxy"
    assert rendered["user_id"] == "us_1"
    assert rendered["aors"] == [
        {
            "aor": "sip:1001@acme.example",
            "device_id": "dev_1",
            "delay_sec": 0,
            "timeout_sec": 20,
        },
        {
            "aor": "sip:1001-2@acme.example",
            "device_id": "dev_2",
            "delay_sec": 20,
            "timeout_sec": 15,
        },
    ]
    assert (rendered["caller_id"], rendered["ring_timeout_sec"]) == ("14155551234", 20)
    assert rendered["on_fail"] == {"dest_kind": "voicemail", "dest_id": "vm_1"}


def test_a_proxied_call_without_fallback_says_so() -> None:
    bare = PROXY.model_copy(update={"on_fail_kind": None, "on_fail_id": None})
    assert _rendered(bare)["on_fail"] is None


def test_an_outbound_call_names_its_gateways_in_order_and_no_secret() -> None:
    rendered = _rendered(OUT)
    assert (rendered["action"], rendered["trunk_id"], rendered["wholesale"]) == (
        "outbound",
        "tr_1",
        0,
    )
    assert rendered["gateways"][0] == {
        "uri": "sip:4930123456@a.example",
        "trunk_id": "tr_1",
        "transport": "tls",
        "realm": "a.example",
        "auth_username": "acme",
        "auth_secret_ref": "secret_1",
    }
    assert [gateway["trunk_id"] for gateway in rendered["gateways"]] == ["tr_1", "tr_2"]
    assert (rendered["number"], rendered["caller_id"]) == ("4930123456", "12025550123")
    assert rendered["max_duration_sec"] == 14_400


def test_a_wholesale_call_has_no_trunk() -> None:
    wholesale = OUT.model_copy(update={"trunk_id": None})
    rendered = _rendered(wholesale)
    assert (rendered["trunk_id"], rendered["wholesale"]) == (None, 1)


def test_a_rejected_call_has_code_reason_and_perhaps_when_to_try_again() -> None:
    assert _rendered(REJECT) == {
        "action": "reject",
        "code": 503,
        "reason": "Channel Limit Reached",
        "retry_after": 5,
    }
    assert "retry_after" not in _rendered(Reject(code=404, reason="Not Found"))


# The members of Kamailio's module


@pytest.mark.parametrize("directive", [FLOW, PROXY, OUT], ids=lambda one: one.action)
def test_kamailio_finds_what_it_asks_for(directive: Directive) -> None:
    rendered = _rendered(directive)
    assert rendered["version"] == "1.0"
    assert rendered["routing"] in ("serial", "parallel")
    assert rendered["routes"]
    for route in rendered["routes"]:
        assert route["uri"].startswith("sip:")
        assert (route["dst_uri"], route["branch_flags"]) == ("", 0)
        assert set(route["headers"]) == {"extra"}


def test_a_rejected_call_has_no_routes() -> None:
    assert "routes" not in _rendered(REJECT)


def test_forks_are_branches_with_their_timers_in_milliseconds() -> None:
    routes = _rendered(PROXY)["routes"]
    assert [(route["uri"], route["fr_inv_timer"]) for route in routes] == [
        ("sip:1001@acme.example", 20_000),
        ("sip:1001-2@acme.example", 15_000),
    ]
    assert {route["fr_timer"] for route in routes} == {5_000}


@pytest.mark.parametrize(("parallel", "routing"), [(True, "parallel"), (False, "serial")])
def test_forks_ring_together_or_in_turn(parallel: bool, routing: str) -> None:
    assert _rendered(PROXY.model_copy(update={"parallel": parallel}))["routing"] == routing


def test_gateways_are_tried_in_turn_over_their_transport() -> None:
    rendered = _rendered(OUT)
    assert rendered["routing"] == "serial"
    assert [route["uri"] for route in rendered["routes"]] == [
        "sip:4930123456@a.example;transport=tls",
        "sip:030123456@b.example:5070",
    ]


def test_a_flow_goes_to_the_media_engine_with_the_names_of_call_and_flow() -> None:
    (route,) = _rendered(FLOW)["routes"]
    assert route["uri"] == MEDIA
    assert route["headers"]["extra"] == (
        f"X-Account-Id: {ACCOUNT}\r\nX-Flow-Id: flow_1\r\nX-Edge-Call-Id: {CALL_ID}\r\n"
    )


def test_a_carrier_is_told_who_calls() -> None:
    assert _extras(OUT) == [
        "P-Asserted-Identity: <sip:12025550123@acme.example>\r\n",
        "P-Asserted-Identity: <sip:12025550123@b.example:5070>\r\n",
    ]


# What comes from outside stays out of the headers


@pytest.mark.parametrize(
    "caller",
    [
        "",
        "1\r\nX-Evil: 1",
        "1\nX-Evil: 1",
        "1>\r\n",
        "1@evil.example",
        "1>;x",
        "a b",
        "é",
        "1" * 65,
    ],
)
def test_a_caller_that_is_no_number_is_not_asserted(caller: str) -> None:
    assert _extras(OUT.model_copy(update={"caller_id": caller})) == ["", ""]


@property_of(examples=50)
@given(
    call_id=st.text(max_size=40) | st.just("a\r\nX-Evil: 1"),
    flow_id=st.text(max_size=40) | st.just("x" * 600),
    caller=st.text(max_size=40),
)
def test_nothing_that_a_caller_sends_makes_another_header(
    call_id: str, flow_id: str, caller: str
) -> None:
    flow = routed(directive=FLOW.model_copy(update={"flow_id": flow_id}))
    out = routed(directive=OUT.model_copy(update={"caller_id": caller}))
    for decision in (flow, out):
        asked = decision.model_copy(update={"call_id": CallId(call_id)})
        for route in rtjson.render(asked, MEDIA)["routes"]:
            for line in route["headers"]["extra"].split("\r\n")[:-1]:
                name, _, value = line.partition(": ")
                assert name.startswith(("X-Account-Id", "X-Flow-Id", "X-Edge-", "P-Asserted-"))
                assert value.isascii()
                assert value.isprintable()
                assert len(value) <= rtjson.MAX_HEADER_VALUE
