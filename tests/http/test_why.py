"""Why a call went where it went: whom a queue considered, which limits were looked at, which
messages and webhooks belong to the call (spec 08, Trace)."""

from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from gateways.traces import explained
from tests.http.test_agents import Shop
from tests.http.test_bad_input import assert_problem
from tests.support.hep import URI, packet, send, send_over_tcp, sip
from tests.support.sink import sink
from tests.support.system import System, acme, eventually, new_call_id


@pytest.fixture
def shop(system: System) -> Shop:
    return Shop(system)


def trace(system: System, call_id: str, **more: str) -> Any:
    answer = system.edge.get(f"/calls/{call_id}/trace", params=more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def considered(system: System, call_id: str) -> dict[str, dict[str, tuple[str, Any]]]:
    """Kind of the step → agent → reason and its detail."""
    steps = trace(system, call_id, why="true")["steps"]
    return {
        step["kind"]: {
            one["agent_id"]: (one["reason"], one["detail"]) for one in step["detail"]["considered"]
        }
        for step in steps
        if "considered" in step["detail"]
    }


def test_each_agent_who_was_considered_has_his_reason(shop: Shop) -> None:
    shop.ready(1001)
    shop.ready(1002)
    shop.agent(1002, "pause", reason="lunch")
    call_id = shop.call()
    found = considered(shop.system, call_id)
    assert found["queued"] == {shop.alice: ("free", None), shop.bob: ("on_break", "lunch")}
    assert found["reserved"] == {shop.alice: ("rings", None), shop.bob: ("on_break", "lunch")}
    shop.agent(1002, "unpause")
    assert considered(shop.system, call_id) == found, "what is now changes nothing of what was"
    plain = trace(shop.system, call_id)["steps"]
    assert not any("considered" in step["detail"] for step in plain)
    text = shop.system.cli("trace", call_id, "--why").stdout
    assert f"· {shop.bob} on_break" in text


def test_an_account_with_too_long_a_history_says_so(shop: Shop) -> None:
    shop.ready()
    call_id = shop.call()
    trace(shop.system, call_id)  # waits until it is shown
    with psycopg.connect(shop.system.servers.database_url, row_factory=dict_row) as connection:
        found = explained(connection.cursor(), call_id, None, most=3)  # type: ignore[arg-type]
    assert "more than 3 facts" in found.note


@pytest.mark.parametrize("query", [{"why": "perhaps"}, {"why": "true", "follow": "true"}])
def test_a_wish_that_cannot_be_is_refused(shop: Shop, query: dict[str, str]) -> None:
    call_id = shop.call()
    path = f"/calls/{call_id}/trace"
    key = {"x-api-key": shop.system.key(shop.account_id)}
    assert_problem(shop.system.edge.get(path, params=query), 400)
    assert_problem(shop.system.api.get(f"/v1{path}", params=query, headers=key), 400)


def test_a_limit_says_how_much_of_it_was_used(system: System) -> None:
    document = acme()
    document["account"]["max_in"] = 5
    system.apply(document)
    number = document["numbers"][0]["e164"]
    calls = [new_call_id() for _ in range(2)]
    for call_id in calls:
        system.route(call_id, number)
    (step,) = [s for s in trace(system, calls[1])["steps"] if s["kind"] == "limit:account_in"]
    assert step["detail"] == {
        "what": f"{document['account']['id']} 1/5",
        "id": document["account"]["id"],
        "used": 1,
        "limit": 5,
    }


def test_webhooks_that_told_of_a_call_stand_in_its_trace(system: System) -> None:
    with sink() as endpoint:
        hook = {"url": endpoint.url(), "events": ["call.started", "call.ended"]}
        document = acme(webhooks=[hook])
        system.apply(document)
        call_id = new_call_id()
        system.route(call_id, document["numbers"][0]["e164"])
        system.report(call_id, "end")

        def told() -> list[dict[str, Any]]:
            steps = trace(system, call_id)["steps"]
            found = [step for step in steps if step["source"] == "webhook"]
            assert [step["outcome"] for step in found] == ["delivered"] * 2
            assert [step["event_id"] for step in steps] == sorted(s["event_id"] for s in steps)
            return found

        assert [step["kind"] for step in eventually(told)] == ["call.started", "call.ended"]


def messages(system: System, call_id: str) -> list[str]:
    steps = trace(system, call_id)["steps"]
    return [step["detail"]["call_id"] for step in steps if step["event"] == "sip.message"]


def test_all_legs_of_a_call_stand_in_its_trace(system: System, account: dict[str, Any]) -> None:
    call_id, by_agent, by_header = new_call_id(), new_call_id(), new_call_id()
    system.route(call_id, account["numbers"][0]["e164"])
    named = (f"X-Edge-Call-Id: {call_id}",)
    send(
        system.hep_port,
        packet(sip(f"INVITE {URI}", call_id)),
        packet(sip(f"INVITE {URI}", by_agent), correlation=call_id),
        packet(sip(f"INVITE {URI}", by_header, extra=named)),
        packet(sip("180 Ringing", by_header, to_tag="t")),
    )
    expected = [call_id, by_agent, by_header, by_header]
    eventually(lambda: messages(system, call_id) == expected)


def test_nobody_gets_at_the_messages_of_another_call(
    system: System, account: dict[str, Any]
) -> None:
    """By naming it as a leg of his own."""
    theirs, own = new_call_id(), new_call_id()
    for call_id in (theirs, own):
        system.route(call_id, account["numbers"][0]["e164"])
    send_over_tcp(
        system.hep_port,
        packet(sip(f"INVITE {URI}", own)),
        packet(sip(f"INVITE {URI}", theirs), correlation=own),
    )
    eventually(lambda: messages(system, theirs))
    assert messages(system, own) == [own]
