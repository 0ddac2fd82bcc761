"""Call limits over the contract: made over /v1, kept to by /route, shown by /cac (spec 06)."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.http.test_capacity import usage
from tests.support.system import System, new_call_id
from tests.v1.test_rows import Api, pointers


def _limit(system: System, account: dict[str, Any], **members: Any) -> tuple[Api, dict[str, Any]]:
    api = Api(system, account["account"]["id"])
    known = {"scope_kind": "account", "direction": "in", "period_sec": 3600, "max_count": 3}
    made = api.post("/v1/limits", {**known, **members})
    assert made.status_code == 201, made.text
    return api, made.json()


def test_no_more_calls_start_than_a_hard_limit_says_however_many_ask_at_once(
    system: System, account: dict[str, Any]
) -> None:
    _, limit = _limit(system, account)
    number = account["numbers"][0]["e164"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: system.route(new_call_id(), number), range(20)))
    assert [answer["action"] for answer in answers].count("flow") == 3
    refused = next(answer for answer in answers if answer["action"] == "reject")
    assert refused["code"] == 503
    assert 3500 < refused["retry_after"] <= 3600
    (window,) = usage(system, account)["windows"]
    assert (window["limit_id"], window["used"], window["max"]) == (limit["id"], 3, 3)
    assert 0 < window["resets_at"] / 1000 - time.time() <= 3600


def test_the_same_request_again_is_counted_once_and_an_end_gives_nothing_back(
    system: System, account: dict[str, Any]
) -> None:
    _limit(system, account)
    number, call = account["numbers"][0]["e164"], new_call_id()
    for _ in range(5):
        system.route(call, number)
    system.report(call, "end")
    found = usage(system, account)
    assert [window["used"] for window in found["windows"]] == [1]
    assert found["calls"] == []


def test_a_window_opens_again(system: System, account: dict[str, Any]) -> None:
    _limit(system, account, period_sec=1, max_count=1)
    number = account["numbers"][0]["e164"]
    assert system.route(new_call_id(), number)["action"] == "flow"
    deadline = time.monotonic() + 10
    while (answer := system.route(new_call_id(), number))["action"] == "reject":
        assert (answer["code"], answer["retry_after"]) == (503, 1)
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_decision_names_the_limit_and_its_usage(
    system: System, account: dict[str, Any]
) -> None:
    _, limit = _limit(system, account, max_count=0, scope_kind="did")
    did = account["numbers"][0]
    body = {"callId": new_call_id(), "from": "+14155551234", "to": did["e164"], "trace": 1}
    steps = system.edge.post("/route", json=body).json()["decision"]
    (step,) = [step for step in steps if step["policy"] == "limit:did_rate"]
    assert step["outcome"] == "exhausted"
    assert step["detail"] == f"{limit['id']} {did['id']} 0/0 in 3600 s"


def test_a_soft_limit_lets_the_call_through_and_is_an_event(
    system: System, account: dict[str, Any]
) -> None:
    api, limit = _limit(system, account, max_count=1, hard=0)
    calls = [new_call_id() for _ in range(2)]
    answers = [system.route(call, account["numbers"][0]["e164"]) for call in calls]
    assert [answer["action"] for answer in answers] == ["flow", "flow"]
    steps = api.get(f"/v1/calls/{calls[1]}/trace").json()["steps"]
    assert [s["title"] for s in steps if s["kind"] == "limit_exceeded"] == [
        f"Limit {limit['id']} exceeded: 1/1"
    ]


def test_a_limit_is_changed_and_deleted_and_counts_at_once(
    system: System, account: dict[str, Any]
) -> None:
    api, limit = _limit(system, account, max_count=0)
    number, path = account["numbers"][0]["e164"], f"/v1/limits/{limit['id']}"
    assert system.route(new_call_id(), number)["action"] == "reject"
    assert api.patch(path, {"hard": 0}).json()["hard"] == 0
    assert system.route(new_call_id(), number)["action"] == "flow"
    assert api.patch(path, {"hard": 1, "scope_kind": "user"}).status_code == 200
    assert system.route(new_call_id(), number)["action"] == "flow"
    assert api.delete(path).status_code == 200
    assert usage(system, account)["windows"] == []


def test_a_bad_member_of_a_limit_is_named(system: System, account: dict[str, Any]) -> None:
    api = Api(system, account["account"]["id"])
    assert pointers(api.post("/v1/limits", {})) == ["/max_count", "/period_sec", "/scope_kind"]
    body = {"scope_kind": "user", "scope_id": "us_x", "period_sec": 60, "max_count": 1}
    assert pointers(api.post("/v1/limits", body)) == ["/scope_id"]


def test_a_limit_comes_from_a_file_too(system: System, account: dict[str, Any]) -> None:
    number = {"scope_kind": "number", "scope_id": "+1 415 555 1234", "direction": "in"}
    limits = [{"name": "one caller", **number, "period_sec": 60, "max_count": 1}]
    for _ in range(2):
        system.apply({"account": account["account"], "limits": limits})
    (window,) = usage(system, account)["windows"]
    assert (window["scope_id"], window["used"], window["max"]) == ("14155551234", 0, 1)
