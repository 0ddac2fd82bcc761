"""An edge node lists its calls: what it should have and has not is over (spec 06, self-healing)."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import orjson
import pytest

from tests.http.test_bad_input import assert_problem
from tests.http.test_capacity import usage
from tests.support.system import System, acme, eventually, new_call_id


class Node:
    """An edge node with an account's calls."""

    def __init__(self, system: System, account: dict[str, Any]) -> None:
        self.system, self.account = system, account
        self.id = new_call_id().partition("@")[0]
        self.headers = {"x-node-id": self.id}

    def route(self, count: int) -> list[str]:
        calls = [new_call_id() for _ in range(count)]
        number = self.account["numbers"][0]["e164"]
        for call_id in calls:
            body = {"callId": call_id, "from": "+14155551234", "to": number}
            answer = self.system.edge.post("/route", json=body, headers=self.headers)
            assert answer.json()["rtjson"]["action"] == "flow"
        return calls

    def snapshot(self, *calls: str, **more: Any) -> httpx.Response:
        body = {"type": "dialog", "event": "snapshot", "callIds": list(calls), **more}
        return self.system.edge.post("/presence/event", json=body, headers=self.headers)

    @property
    def open(self) -> set[str]:
        return {call["callId"] for call in usage(self.system, self.account)["calls"]}


@pytest.fixture
def node(system: System, account: dict[str, Any]) -> Node:
    return Node(system, account)


def _cdr(node: Node, call_id: str) -> Any:
    key = node.system.key(node.account["account"]["id"])
    return node.system.call(key, call_id)


def test_a_node_that_died_and_comes_back_with_nothing_gives_back_everything(node: Node) -> None:
    calls = node.route(4)
    node.system.report(calls[0], "answered")
    answer = node.snapshot()
    assert answer.json() == {"ok": 1, "released": 4}
    assert node.open == set()
    cdr = _cdr(node, calls[1])
    assert (cdr["hangup_cause"], cdr["disposition"]) == ("lost", "failed")
    assert _cdr(node, calls[0])["disposition"] == "answered"
    assert node.snapshot().json()["released"] == 0


def test_calls_that_it_lists_stay(node: Node) -> None:
    calls = node.route(3)
    assert node.snapshot(calls[0], calls[2], "not-ours").json()["released"] == 1
    assert node.open == {calls[0], calls[2]}


def test_calls_of_another_node_stay(system: System, node: Node) -> None:
    other = Node(system, node.account)
    mine, theirs = node.route(2), other.route(2)
    assert node.snapshot().json()["released"] == len(mine)
    assert node.open == set(theirs)
    named = other.snapshot(nodeId=other.id, callIds=[theirs[0]])
    assert named.json()["released"] == 1


def test_calls_of_several_accounts_are_reconciled_at_once(system: System, node: Node) -> None:
    document = acme()
    system.apply(document)
    second = Node(system, document)
    second.headers = node.headers
    node.route(2)
    second.route(3)
    assert node.snapshot().json()["released"] == 5


def test_a_call_that_was_routed_after_the_list_was_made_stays(node: Node) -> None:
    before = int(time.time() * 1000)
    calls = node.route(2)
    assert node.snapshot(ts=before).json()["released"] == 0
    assert node.open == set(calls)


def test_a_node_whose_clock_is_fast_does_not_end_what_comes_next(node: Node) -> None:
    future = int(time.time() * 1000) + 60_000
    first = node.route(1)
    assert node.snapshot(*first, ts=future).json()["released"] == 0
    second = node.route(1)
    assert node.open == {*first, *second}


@pytest.mark.parametrize("first", ["snapshot", "end"])
def test_a_hangup_and_a_list_without_the_call_give_its_channels_back_once(
    node: Node, first: str
) -> None:
    """The true end counts, whichever came first."""
    (call_id,) = node.route(1)
    node.system.report(call_id, "answered")
    ended = int(time.time() * 1000) + 5_000
    if first == "snapshot":
        assert node.snapshot().json()["released"] == 1
    node.system.report(call_id, "end", ts=ended, cause="normal")
    if first == "end":
        assert node.snapshot().json()["released"] == 0

    def right() -> bool:
        cdr = _cdr(node, call_id)
        return (cdr["end_ts"], cdr["hangup_cause"], cdr["answered"]) == (ended, "normal", 1)

    eventually(right)
    with node.system.database() as connection:
        rows = connection.execute(
            "SELECT topic FROM events.stored_events WHERE convert_from(state, 'UTF8') LIKE %s"
            " AND topic IN ('capacity.released.v1', 'call.ended.v1')",
            (f"%{call_id}%",),
        ).fetchall()
    assert sorted(row["topic"] for row in rows) == ["call.ended.v1", "capacity.released.v1"]


def test_hangups_and_lists_at_the_same_time_give_back_exactly_what_was_taken(node: Node) -> None:
    calls = node.route(20)
    with ThreadPoolExecutor(8) as pool:
        hung_up = pool.map(lambda call_id: node.system.report(call_id, "end"), calls[:10])
        released = list(pool.map(lambda _: node.snapshot(*calls[15:]).json(), range(4)))
        list(hung_up)
    assert all(answer["ok"] for answer in released)
    assert node.open == set(calls[15:])
    counters = usage(node.system, node.account)["counters"]
    assert {counter["used"] for counter in counters if counter["dimension"] == "did"} == {5}


def test_a_form_and_the_bus_name_are_taken_too(node: Node) -> None:
    calls = node.route(2)
    form = {"type": "snapshot", "callIds": orjson.dumps(calls[:1]).decode()}
    answer = node.system.edge.post("/presence/event", data=form, headers=node.headers)
    assert answer.json() == {"ok": 1, "released": 1}


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"callIds": None}, "/callIds"),
        ({"callIds": "call-1"}, "/callIds"),
        ({"callIds": ["a b"]}, "/callIds/0"),
        ({"callIds": [], "nodeId": "a b"}, "/nodeId"),
        ({"callIds": [], "ts": -1}, "/ts"),
    ],
)
def test_a_bad_member_is_named(node: Node, members: dict[str, Any], pointer: str) -> None:
    calls = node.route(1)
    problem = assert_problem(node.snapshot(**members), 400)
    assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert node.open == set(calls)
