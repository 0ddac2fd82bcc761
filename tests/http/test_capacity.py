"""Channels over the contract: admission, refusal, release, usage, reset (spec 06)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.support.system import System, acme, new_call_id


def limited(system: System, **limits: Any) -> dict[str, Any]:
    """An account with `max_in`, or a number with `max_channels`."""
    document = acme()
    if "max_channels" in limits:
        document["numbers"][0]["max_channels"] = limits.pop("max_channels")
    document["account"] |= limits
    system.apply(document)
    return document


def usage(system: System, document: dict[str, Any]) -> Any:
    answer = system.edge.get("/cac", params={"accountId": document["account"]["id"]})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_number_at_its_limit_is_busy_until_a_call_ends(system: System) -> None:
    document = limited(system, max_channels=2)
    number, calls = document["numbers"][0]["e164"], [new_call_id() for _ in range(4)]
    actions = [system.route(call, number) for call in calls[:3]]
    assert [answer["action"] for answer in actions] == ["flow", "flow", "reject"]
    assert actions[2]["code"] == 486
    system.report(calls[0], "end")
    assert system.route(calls[3], number)["action"] == "flow"


def test_an_account_at_its_limit_is_unavailable_for_now(system: System) -> None:
    document = limited(system, max_in=1)
    number = document["numbers"][0]["e164"]
    system.route(new_call_id(), number)
    refused = system.route(new_call_id(), number)
    assert (refused["code"], refused["retry_after"] > 0) == (503, True)


def test_a_limit_is_never_passed_however_many_ask_at_once(system: System) -> None:
    document = limited(system, max_channels=7)
    number = document["numbers"][0]["e164"]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: system.route(new_call_id(), number), range(60)))
    assert [answer["action"] for answer in answers].count("flow") == 7
    assert len(usage(system, document)["calls"]) == 7


def test_the_same_request_again_is_the_same_answer_and_no_second_admission(
    system: System,
) -> None:
    document = limited(system, max_channels=1)
    number, call = document["numbers"][0]["e164"], new_call_id()
    first = system.route(call, number)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: system.route(call, number), range(20)))
    assert all(answer == first for answer in answers)
    (counter,) = [c for c in usage(system, document)["counters"] if c["dimension"] == "did"]
    assert (counter["used"], counter["limit"]) == (1, 1)


def test_the_sum_of_what_the_calls_hold_is_what_the_counters_say(system: System) -> None:
    document = limited(system, max_in=10)
    for _ in range(3):
        system.route(new_call_id(), document["numbers"][0]["e164"])
    found = usage(system, document)
    held: dict[tuple[str, str], int] = {}
    for call in found["calls"]:
        for hold in call["holds"]:
            held[hold["dimension"], hold["id"]] = held.get((hold["dimension"], hold["id"]), 0) + 1
    counted = {(c["dimension"], c["id"]): c["used"] for c in found["counters"] if c["used"]}
    assert held == counted
    assert {call["direction"] for call in found["calls"]} == {"inbound"}


def test_a_reset_releases_what_no_live_call_holds_and_with_force_all(system: System) -> None:
    document = limited(system)
    account_id = document["account"]["id"]
    system.route(new_call_id(), document["numbers"][0]["e164"])
    gentle = system.edge.post("/cac/reset", json={"accountId": account_id})
    assert gentle.json()["released"] == 0
    forced = system.edge.post("/cac/reset", data={"accountId": account_id, "force": "1"})
    assert forced.json()["released"] == 1
    assert usage(system, document)["calls"] == []


def test_an_unknown_account_is_not_found_and_a_missing_one_is_named(system: System) -> None:
    unknown = system.edge.get("/cac", params={"accountId": "acc_nobody"})
    assert unknown.status_code == 404
    assert system.edge.post("/cac/reset", json={"accountId": "acc_nobody"}).status_code == 404
    missing = system.edge.get("/cac")
    assert missing.status_code == 400
    assert missing.json()["errors"][0]["pointer"] == "/accountId"
