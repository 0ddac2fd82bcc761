"""A caller who is given to somebody else, over the contract: /transfer, and /flow meanwhile."""

import asyncio
import threading
import time
from typing import Any

import httpx
import orjson
import pytest

from deploy import connections
from gateways.ids import new_id
from tests.http.test_agents import Shop
from tests.http.test_queue import Caller
from tests.support.system import System, acme, eventually, new_call_id

OUTSIDE = "+12025550188"


@pytest.fixture
def shop(system: System) -> Shop:
    return Shop(system, wrap_up_sec=1)


class Talk(Caller):
    """Alice talks with a caller of her queue."""

    def __init__(self, shop: Shop) -> None:
        shop.ready(1001)
        super().__init__(shop)
        assert self.confirm()[0] == 200

    def post(self, action: str = "", form: bool = False, **members: Any) -> httpx.Response:
        body = {"callId": self.call_id, **members}
        path = f"/transfer/{action}".rstrip("/")
        edge = self.shop.system.edge
        return edge.post(path, data=body) if form else edge.post(path, json=body)

    def transfer(self, kind: str, id: str, mode: str = "blind", **more: Any) -> Any:
        wish = {"fromUserId": "1001", "target": {"kind": kind, "id": id}, "mode": mode, **more}
        answer = self.post(**wish)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def order(self, action: str) -> Any:
        answer = self.post(action)
        assert answer.status_code == 200, answer.text
        return answer.json()


def test_blind_to_a_colleague_the_engine_is_woken_and_the_agent_is_free(shop: Shop) -> None:
    talk = Talk(shop)
    after = talk.seq + 1
    heard: list[tuple[Any, float]] = []
    poll = threading.Thread(target=lambda: heard.append((talk.poll(20_000), time.monotonic())))
    poll.start()
    time.sleep(0.5)
    asked = time.monotonic()
    given = talk.transfer("user", "1002")
    assert given == {"ok": 1, "callId": talk.call_id, "seq": after, "state": "dialling"}
    poll.join(10)
    ((told, at),) = heard
    assert told["command"] == "dial"
    assert told["legs"][0]["aor"].startswith("sip:1002@")
    assert told["mohStream"] == f"moh-{shop.account_id}"
    assert at - asked < 3, "woken, not found by looking again"
    assert shop.look(shop.alice)["bucket"] == "wrapup"
    assert shop.look(shop.bob)["bucket"] == "extcall"
    assert talk.transfer("user", "1002")["seq"] == talk.seq, "the same again"
    recalled = talk.step("no_answer")
    assert recalled["legs"][0]["aor"].startswith("sip:1001@")
    assert shop.look(shop.bob)["bucket"] != "extcall"
    assert talk.step("answered")["command"] == "hangup"
    shop.system.report(talk.call_id, "end")
    _has_one_record(shop, talk.call_id)
    titles = _titles(shop, talk.call_id)
    assert f"{shop.alice} transfers the caller to user {shop.bob} (blind)" in titles
    assert "handOver target: no_answer" in titles


def test_attended_and_completed(shop: Shop) -> None:
    shop.ready(1002)
    shop.agent(1002, "pause")
    talk = Talk(shop)
    shop.agent(1002, "unpause")
    assert talk.transfer("agent", "1002", "attended")["state"] == "ringing"
    assert (talk.poll()["mode"], talk.last["command"]) == ("consult", "dial")
    assert talk.step("answered")["flags"] == ["agent", "target"]
    assert talk.order("3way")["state"] == "three_way"
    assert talk.poll()["flags"] == ["caller", "agent", "target"]
    done = talk.order("complete")
    assert talk.order("complete") == done
    assert done["state"] == "completed"
    assert talk.poll()["flags"] == ["caller", "target"]
    assert shop.look(shop.alice)["bucket"] == "wrapup"
    assert shop.look(shop.bob)["bucket"] == "extcall"
    shop.system.report(talk.call_id, "end")
    assert shop.look(shop.bob)["bucket"] == "ready"
    _has_one_record(shop, talk.call_id)
    titles = _titles(shop, talk.call_id)
    orders = ["transfer: 3way", "transfer: complete"]
    assert [title for title in titles if title in orders] == orders
    late = talk.post("complete")
    assert (late.status_code, late.headers["content-type"]) == (410, "application/problem+json")


def test_attended_and_called_off_as_a_form(shop: Shop) -> None:
    talk = Talk(shop)
    wish = {"fromUserId": shop.alice, "target": f"user:{shop.bob}", "mode": "attended"}
    assert talk.post(form=True, **wish).json()["state"] == "ringing"
    talk.poll()
    assert talk.post("cancel", form=True).json()["state"] == "cancelled"
    assert talk.poll()["flags"] == ["caller", "agent"]
    assert shop.look(shop.alice)["bucket"] == "incall"
    assert talk.post("3way").status_code == 409
    wish["target"] = f'{{"kind": "user", "id": "{shop.bob}"}}'
    assert talk.post(form=True, **wish).json()["state"] == "ringing"


def test_back_into_the_queue(shop: Shop) -> None:
    shop.ready(1002)
    shop.agent(1002, "pause")
    talk = Talk(shop)
    assert talk.transfer("queue", shop.queue)["state"] == "queued"
    assert talk.poll()["command"] == "enqueue"
    shop.agent(1002, "unpause")
    assert talk.poll(5_000)["legs"][0]["leaseId"]
    assert talk.confirm()[0] == 200
    assert shop.look(shop.bob)["bucket"] == "incall"


def test_the_public_network_needs_a_permission_and_a_refusal_is_seen(shop: Shop) -> None:
    talk = Talk(shop)
    target = {"kind": "pstn", "id": OUTSIDE}
    for _ in range(2):
        answer = talk.post(fromUserId=1001, target=target, mode="blind")
        assert answer.status_code == 403
        assert "allow_pstn_blind_transfer" in answer.json()["detail"]
    assert shop.look(shop.alice)["bucket"] == "incall"
    refused = f"{shop.alice} may not transfer to number 12025550188"
    assert _titles(shop, talk.call_id).count(refused) == 1


def test_the_same_event_id_is_the_same_answer(shop: Shop) -> None:
    talk = Talk(shop)
    first = talk.transfer("user", "1002", eventId="e1")
    talk.poll()
    talk.step("no_answer")
    assert talk.transfer("user", "1002", eventId="e1") == first, "not a second one"
    assert talk.poll()["command"] == "noop"


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"target": {"kind": "moon", "id": "1"}}, "/target/kind"),
        ({"target": {"kind": "user"}}, "/target/id"),
        ({"target": "user"}, "/target/id"),
        ({"target": "{"}, "/target"),
        ({"target": None}, "/target"),
        ({"mode": "rude"}, "/mode"),
        ({"mode": None}, "/mode"),
        ({"fromUserId": "nobody"}, "/fromUserId"),
        ({"fromUserId": ""}, "/fromUserId"),
        ({"target": {"kind": "user", "id": "nobody"}}, "/target/id"),
        ({"target": {"kind": "queue", "id": "q"}, "mode": "attended"}, "/target/id"),
        ({"callId": "a b"}, "/callId"),
    ],
)
def test_bad_input_is_named(shop: Shop, wrong: dict[str, Any], pointer: str) -> None:
    talk = Talk(shop)
    good = {"fromUserId": "1001", "target": {"kind": "user", "id": "1002"}, "mode": "blind"}
    answer = talk.post(**{**good, **wrong})
    assert answer.status_code == 400, answer.text
    pointers = [fault["pointer"] for fault in answer.json()["errors"]]
    assert any(found.startswith(pointer) for found in pointers), pointers


def test_a_call_that_is_unknown_or_has_no_engine(shop: Shop) -> None:
    edge, call_id = shop.system.edge, new_call_id()
    assert edge.post("/transfer/complete", json={"callId": call_id}).status_code == 404
    routed = shop.system.route(call_id, "1002", from_="1001", deviceId=_device(shop))
    assert routed["action"] == "proxy"
    answer = edge.post("/transfer/cancel", json={"callId": call_id})
    assert answer.status_code == 409
    assert "no engine" in answer.json()["detail"]
    assert edge.post("/transfer/elsewhere", json={"callId": call_id}).status_code == 404


def test_a_key_speaks_for_the_calls_of_its_own_account(shop: Shop) -> None:
    talk, system = Talk(shop), shop.system
    other = acme()
    system.apply(other)
    wish = {
        "callId": talk.call_id,
        "fromUserId": "1001",
        "target": {"kind": "user", "id": "1002"},
        "mode": "blind",
    }

    def asked(key: str, **more: Any) -> int:
        headers = {"x-api-key": key}
        answer = system.edge.post("/transfer", json={**wish, **more}, headers=headers)
        return answer.status_code

    foreign, narrow = system.key(other["account"]["id"]), system.key(shop.account_id, "cdr")
    own = system.key(shop.account_id, "agents")
    assert eventually(lambda: asked(foreign) == 404)
    assert eventually(lambda: asked(narrow) == 403)
    assert asked(own, accountId=other["account"]["id"]) == 404
    assert eventually(lambda: asked(own, accountId=shop.account_id) == 200)


def test_over_the_bus_it_is_the_same(shop: Shop) -> None:
    talk = Talk(shop)

    async def asked(**members: Any) -> Any:
        async with connections.bus(shop.system.servers, "node") as client:
            body = orjson.dumps({"callId": talk.call_id, **members})
            return orjson.loads((await client.request("edge.n1.req.transfer", body, 10)).data)

    wish = {"fromUserId": "1001", "target": "user:1002", "mode": "attended"}
    assert asyncio.run(asked(**wish))["state"] == "ringing"
    assert asyncio.run(asked(action="cancel"))["state"] == "cancelled"
    assert asyncio.run(asked(action="complete"))["error"]["status"] == 409
    assert asyncio.run(asked(action="dance"))["error"]["errors"][0]["pointer"] == "/action"


def test_a_leg_out_takes_channels_until_it_is_over(system: System) -> None:
    trunk = {"id": new_id("tr"), "name": "Out", "proxy": "carrier.example", "max_channels": 1}
    shop = Shop(system, wrap_up_sec=1)
    shop.document["users"][0]["allow_pstn_blind_transfer"] = 1
    shop.document["trunks"] = [trunk]
    system.apply(shop.document)
    talk = Talk(shop)
    talk.transfer("pstn", OUTSIDE)
    assert talk.poll()["legs"][0]["uri"] == "sip:12025550188@carrier.example"
    assert _used(shop, "trunk") == {trunk["id"]: 1}
    assert _used(shop, "account_out") == {shop.account_id: 1}
    talk.step("no_answer")
    assert _used(shop, "trunk") == {}
    assert _used(shop, "user") == {shop.alice: 1}, "she is called back"
    system.report(talk.call_id, "end")
    assert _used(shop, "user") == {}


def _used(shop: Shop, dimension: str) -> dict[str, int]:
    answer = shop.system.edge.get("/cac", params={"accountId": shop.account_id})
    counters = answer.json()["counters"]
    return {c["id"]: c["used"] for c in counters if c["dimension"] == dimension and c["used"]}


def _device(shop: Shop) -> str:
    return str(shop.document["devices"][0]["id"])


def _titles(shop: Shop, call_id: str) -> list[str]:
    def steps() -> Any:
        answer = shop.system.edge.get(f"/calls/{call_id}/trace")
        assert answer.status_code == 200, answer.text
        return [step["title"] for step in answer.json()["steps"]]

    found: list[str] = eventually(steps)
    return found


def _has_one_record(shop: Shop, call_id: str) -> None:
    def rows() -> Any:
        with shop.system.database() as connection:
            return connection.execute(
                "SELECT end_ts FROM views.call_cdr WHERE call_id = %s AND end_ts IS NOT NULL",
                (call_id,),
            ).fetchall()

    assert len(eventually(rows)) == 1
