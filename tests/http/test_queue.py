"""A caller in a queue over the contract: /flow, /agent/confirm (spec 04 and 05)."""

import asyncio
import threading
import time
from typing import Any

import httpx
import orjson
import pytest

from deploy import connections
from tests.http.test_agents import Shop
from tests.support.system import System, eventually, new_call_id


class Caller:
    """A call that the engine has brought to the queue."""

    def __init__(self, shop: Shop, node: str = "node-1") -> None:
        self.shop = shop
        self.call_id = new_call_id()
        self.seq = 0
        asked = {
            "callId": self.call_id,
            "from": "+14155551234",
            "to": shop.document["numbers"][0]["e164"],
            "nodeId": node,
        }
        assert shop.system.edge.post("/route", json=asked).status_code == 200
        shop.system.report(self.call_id, "answered")
        self.last = self._post(flowId=f"queue:{shop.queue}")

    def step(self, outcome: str, wait_ms: int = 0, **data: Any) -> Any:
        self.last = self._post(outcome=outcome, seq=self.seq, data=data, waitMs=wait_ms)
        return self.last

    def poll(self, wait_ms: int = 0) -> Any:
        return self.step("poll", wait_ms)

    def _post(self, **body: Any) -> Any:
        answer = httpx.post(
            self.shop.system.edge_url + "/flow",
            json={"callId": self.call_id, **body},
            timeout=30,
        )
        assert answer.status_code == 200, answer.text
        self.seq = answer.json()["seq"]
        return answer.json()

    def confirm(self) -> tuple[int, Any]:
        """The agent answers the leg of the last dial."""
        (leg,) = self.last["legs"]
        answer = self.shop.system.edge.get(leg["confirmUrl"])
        return answer.status_code, answer.json()


@pytest.fixture
def shop(system: System) -> Shop:
    return Shop(system, wrap_up_sec=1, agent_ring_timeout_sec=5)


def test_a_caller_is_connected_talks_and_the_agent_is_free_again(shop: Shop) -> None:
    shop.ready(1001)
    caller = Caller(shop)
    assert caller.last["command"] == "dial"
    (leg,) = caller.last["legs"]
    assert leg["aor"] == f"sip:1001@{shop.document['domains'][0]['domain']}"
    assert leg["confirmUrl"].startswith(f"/agent/confirm/{shop.account_id}/")
    assert shop.look(shop.alice)["bucket"] == "ring"
    assert caller.confirm() == (200, {"ok": 1, "bridge": caller.call_id})
    assert caller.confirm() == (200, {"ok": 1, "bridge": caller.call_id})
    assert shop.look(shop.alice)["bucket"] == "incall"
    assert caller.poll()["command"] == "noop"
    assert caller.step("answered")["command"] == "hangup"
    assert shop.look(shop.alice)["bucket"] == "wrapup"
    eventually(lambda: shop.look(shop.alice)["bucket"] == "ready")


def test_a_poll_is_held_until_there_is_an_agent(shop: Shop) -> None:
    shop.ready(1001)
    shop.agent(1001, "pause")
    caller = Caller(shop)
    assert (caller.last["command"], caller.last["position"]) == ("enqueue", 1)
    assert caller.last["mohStream"] == f"moh-{shop.account_id}"
    came: list[tuple[Any, float]] = []
    waiting = threading.Thread(target=lambda: came.append((caller.poll(20_000), time.monotonic())))
    waiting.start()
    time.sleep(0.5)
    assert came == [], "nothing to say yet"
    freed = time.monotonic()
    shop.agent(1001, "unpause")
    waiting.join(10)
    ((told, at),) = came
    assert told["command"] == "dial"
    assert at - freed < 3, "woken, not found by looking again"


def test_a_poll_ends_when_its_time_is_up_and_writes_nothing(shop: Shop) -> None:
    shop.ready(1001)
    shop.agent(1001, "pause")
    caller = Caller(shop)
    began, seq = time.monotonic(), caller.seq
    assert caller.poll(300) == {
        "callId": caller.call_id,
        "seq": seq,
        "command": "noop",
        "retryMs": 100,
    }
    assert 0.25 < time.monotonic() - began < 5


def test_who_does_not_answer_makes_way(shop: Shop) -> None:
    shop.ready(1001)
    shop.ready(1002)
    caller = Caller(shop)
    (first,) = caller.last["legs"]
    (second,) = caller.step("no_answer", lease=first["leaseId"])["legs"]
    assert first["aor"] != second["aor"]
    late = shop.system.edge.get(first["confirmUrl"])
    assert (late.status_code, late.json()["reason"]) == (409, "released")
    assert caller.confirm()[0] == 200


def test_who_hangs_up_leaves_the_queue_and_counts_as_lost(shop: Shop) -> None:
    shop.ready(1001)
    shop.agent(1001, "pause")
    caller = Caller(shop)
    assert caller.step("hangup")["command"] == "hangup"
    shop.system.report(caller.call_id, "end")
    shop.agent(1001, "unpause")
    assert shop.look(shop.alice)["bucket"] == "ready"

    def counted() -> bool:
        with shop.system.database() as connection:
            row = connection.execute(
                "SELECT disposition FROM views.queue_cdr WHERE call_id = %s", (caller.call_id,)
            ).fetchone()
        return row is not None and row["disposition"] == "abandoned"

    assert eventually(counted)


def test_a_poll_that_asks_for_too_much_is_refused_by_name(shop: Shop) -> None:
    shop.ready(1001)
    shop.agent(1001, "pause")
    caller = Caller(shop)
    body = {"callId": caller.call_id, "outcome": "poll", "waitMs": 60_000}
    answer = shop.system.edge.post("/flow", json=body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/waitMs"


def test_who_wants_to_be_called_back_is_called_when_an_agent_is_free(shop: Shop) -> None:
    system, node = shop.system, f"node-{shop.queue[-6:]}"
    key = {"x-api-key": system.key(shop.account_id)}
    option = {"queue_id": shop.queue, "digit": "2", "action": "callback"}
    made = system.api.post("/v1/in-queue-options", json=option, headers=key)
    assert made.status_code == 201, made.text
    shop.ready(1001)
    shop.agent(1001, "pause")
    caller = Caller(shop, node)
    assert caller.last["digits"] == "2"
    assert caller.step("digit:2")["command"] == "play"
    assert caller.step("done")["command"] == "hangup"
    system.report(caller.call_id, "end")
    told: list[Any] = []

    def ask() -> None:
        body = {"outcome": "poll", "waitMs": 10_000}
        answer = httpx.post(
            system.edge_url + "/flow", json=body, headers={"x-node-id": node}, timeout=15
        )
        told.append(answer.json())

    asking = threading.Thread(target=ask)
    asking.start()
    shop.agent(1001, "unpause")
    asking.join(15)
    (order,) = told[0]["ops"]
    assert (order["op"], order["number"]) == ("originate", "14155551234")
    (leg,) = order["legs"]
    assert system.edge.get(leg["confirmUrl"]).status_code == 200
    assert shop.look(shop.alice)["bucket"] == "incall"

    def made_already() -> bool:
        body = {"outcome": "poll", "waitMs": 0}
        again = system.edge.post("/flow", json=body, headers={"x-node-id": node})
        return bool(again.json()["ops"] == [])

    assert eventually(made_already)
    placed = system.edge.post(
        "/route",
        json={
            "callId": order["callId"],
            "from": "1001",
            "to": order["number"],
            "authUser": order["authUser"],
            "fromDomain": order["fromDomain"],
        },
    )
    assert placed.status_code == 200, placed.text
    system.report(order["callId"], "end")
    assert shop.look(shop.alice)["bucket"] == "wrapup"


def test_a_node_on_the_bus_is_told_at_once_to_call_somebody_back(shop: Shop) -> None:
    system, node = shop.system, f"node-{shop.queue[-6:]}"
    key = {"x-api-key": system.key(shop.account_id)}
    option = {"queue_id": shop.queue, "digit": "1", "action": "callback"}
    assert system.api.post("/v1/in-queue-options", json=option, headers=key).status_code == 201
    shop.ready(1001)
    shop.agent(1001, "pause")
    caller = Caller(shop, node)
    caller.step("digit:1")

    async def heard() -> Any:
        async with connections.bus(system.servers, "node") as client:
            orders = await client.subscribe(f"edge.{node}.op.originate")
            await client.flush()
            await asyncio.to_thread(shop.agent, 1001, "unpause")
            return orjson.loads((await orders.next_msg(10)).data)

    order = asyncio.run(heard())
    assert order["number"] == "14155551234"

    def reported() -> bool:
        body = {"nodeId": node, "bans": []}
        return bool(system.edge.post("/security/report", json=body).json()["ops"])

    assert eventually(reported), "who does not listen finds it in the answer to a report"


def test_a_poll_outlives_the_worker_that_held_it(own_system: System) -> None:
    shop = Shop(own_system)
    shop.ready(1001)
    shop.agent(1001, "pause")
    caller = Caller(shop)
    came: list[Any] = []
    waiting = threading.Thread(target=lambda: came.append(caller.poll(25_000)))
    waiting.start()
    time.sleep(0.5)
    own_system.kill("worker-1")

    def is_back() -> bool:
        body = {"accountId": shop.account_id, "userId": 1001, "event": "unpause"}
        return own_system.edge.post("/agent", json=body).status_code == 200

    assert eventually(is_back, 20)
    waiting.join(25)
    assert came, "the poll was refused"
    assert came[0]["command"] == "dial"
