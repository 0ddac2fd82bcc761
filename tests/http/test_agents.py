"""Agents over the contract: /agent, /presence/users, reservations by the answer hook (spec 05)."""

from typing import Any

import pytest

from gateways.ids import new_id
from tests.support.sink import sink
from tests.support.system import System, acme, eventually, new_call_id


class Shop:
    """An account with a queue and two agents, whose phones are registered."""

    def __init__(self, system: System, **queue: Any) -> None:
        self.system = system
        webhooks = queue.pop("webhooks", [])
        self.document = document = acme()
        for user in document["users"]:
            user["is_agent"] = 1
        self.queue = new_id("q")
        document["queues"] = [{"id": self.queue, "name": "Support", **queue}]
        self.alice, self.bob = (user["id"] for user in document["users"])
        document["queue_members"] = [
            {"queue_id": self.queue, "user_id": user} for user in (self.alice, self.bob)
        ]
        document["webhooks"] = webhooks
        system.apply(document)
        self.account_id = document["account"]["id"]
        for number in ("1001", "1002"):
            self.contact(number, "registered")

    def contact(self, username: str, event: str) -> None:
        body = {
            "type": "register",
            "realm": self.document["domains"][0]["domain"],
            "username": username,
            "contact": f"sip:{username}@192.0.2.1",
            "event": event,
        }
        assert self.system.edge.post("/presence/event", json=body).status_code == 200

    def agent(self, user: str | int, event: str, **more: Any) -> Any:
        body = {"accountId": self.account_id, "userId": user, "event": event, **more}
        answer = self.system.edge.post("/agent", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ready(self, user: str | int = 1001) -> Any:
        return self.agent(user, "available", queues=[{"queueId": self.queue, "level": 1}])

    def look(self, user: str) -> Any:
        asked = {"accountId": self.account_id, "userId": user}
        answer = self.system.edge.get("/agent", params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def roster(self) -> Any:
        asked = {"accountId": self.account_id}
        answer = self.system.edge.get("/presence/users", params=asked)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def call(self) -> str:
        """A caller in the queue."""
        call_id = new_call_id()
        self.system.route(call_id, self.document["numbers"][0]["e164"])
        self.system.report(call_id, "answered")
        self.flow(call_id, flowId=f"queue:{self.queue}")
        return call_id

    def flow(self, call_id: str, **body: Any) -> Any:
        """What the engine of a call is told."""
        answer = self.system.edge.post("/flow", json={"callId": call_id, **body})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def poll(self, call_id: str) -> str:
        return str(self.flow(call_id, outcome="poll", waitMs=0)["command"])

    def confirm(self, agent: Any, epoch: int | None = None) -> tuple[int, Any]:
        wanted = agent["epoch"] if epoch is None else epoch
        path = f"/agent/confirm/{self.account_id}/{agent['leaseId']}/{wanted}"
        answer = self.system.edge.get(path)
        return answer.status_code, answer.json()

    def claim(self, user: str, call_id: str) -> tuple[int, Any]:
        answer = self.system.edge.get(f"/agent/claim/{self.account_id}/{user}/{call_id}")
        return answer.status_code, answer.json()


@pytest.fixture
def shop(system: System) -> Shop:
    return Shop(system)


def test_an_agent_comes_to_work_by_his_number_and_is_ready(shop: Shop) -> None:
    shown = shop.ready(1001)
    assert shown["ok"] == 1
    assert shown["userId"] == shop.alice
    found = (shown["status"], shown["state"], shown["reachable"], shown["bucket"])
    assert found == ("available", "waiting", True, "ready")
    assert shown["queues"] == [{"queueId": shop.queue, "level": 1}]
    assert shop.look("1001") == shop.look(shop.alice) == shown


def test_a_form_will_do_as_well(shop: Shop) -> None:
    form = {
        "accountId": shop.account_id,
        "userId": "1002",
        "event": "available",
        "queues": f'[{{"queueId": "{shop.queue}"}}]',
        "reason": "",
    }
    answer = shop.system.edge.post("/agent", data=form)
    assert answer.status_code == 200, answer.text
    assert answer.json()["queues"] == [{"queueId": shop.queue, "level": 1}]
    assert shop.agent("1002", "leave", queues=[shop.queue])["queues"] == []


def test_login_alone_is_not_ready(shop: Shop) -> None:
    assert shop.agent(1001, "login")["bucket"] == "paused"
    assert shop.agent(1001, "unpause")["bucket"] == "ready"
    assert shop.agent(1001, "pause", reason="lunch")["reason"] == "lunch"
    assert shop.agent(1001, "logout")["status"] == "offline"


def test_an_edge_may_report_what_an_agent_does(shop: Shop) -> None:
    event = {
        "type": "agent",
        "accountId": shop.account_id,
        "userId": "1001",
        "event": "available",
        "eventId": new_id("call"),
    }
    first = shop.system.edge.post("/presence/event", json=event).json()
    shop.agent(1001, "logout")
    assert shop.system.edge.post("/presence/event", json=event).json() == first
    assert shop.look("1001")["status"] == "offline", "the event was delivered twice"


def test_a_caller_is_reserved_confirmed_and_set_free(shop: Shop) -> None:
    shop.ready()
    call_id = shop.call()
    ringing = shop.look("1001")
    assert (ringing["state"], ringing["callId"]) == ("offering", call_id)
    assert shop.confirm(ringing, epoch=ringing["epoch"] + 1) == (
        409,
        {"ok": 0, "reason": "stale_epoch"},
    )
    assert shop.confirm(ringing) == (200, {"ok": 1, "bridge": call_id})
    assert shop.confirm(ringing) == (200, {"ok": 1, "bridge": call_id})
    assert shop.look("1001")["bucket"] == "incall"
    shop.system.report(call_id, "end")
    assert shop.look("1001")["bucket"] == "wrapup"
    assert shop.confirm(ringing) == (409, {"ok": 0, "reason": "caller_gone"})
    assert shop.agent(1001, "wrapup_done")["bucket"] == "ready"


def test_a_caller_who_hangs_up_while_it_rings_sets_the_agent_free(shop: Shop) -> None:
    shop.ready()
    call_id = shop.call()
    ringing = shop.look("1001")
    shop.system.report(call_id, "end")
    assert shop.look("1001")["bucket"] == "ready"
    assert shop.confirm(ringing) == (409, {"ok": 0, "reason": "caller_gone"})


def test_who_answers_first_has_the_caller(system: System) -> None:
    shop = Shop(system, strategy="ring_all")
    shop.ready(1001)
    shop.ready(1002)
    call_id = shop.call()
    late = shop.look("1002")
    assert shop.claim("1001", call_id) == (200, {"ok": 1, "bridge": call_id})
    assert shop.claim(shop.bob, call_id) == (409, {"ok": 0, "reason": "released"})
    assert shop.confirm(late) == (409, {"ok": 0, "reason": "released"})
    assert shop.look("1002")["bucket"] == "ready"


def test_a_reservation_expires_by_itself_and_the_next_one_is_rung(system: System) -> None:
    shop = Shop(system, agent_ring_timeout_sec=1, strategy="top_down")
    shop.ready(1001)
    shop.ready(1002)
    call_id = shop.call()
    first, second = sorted((shop.alice, shop.bob))
    ringing = shop.look(first)
    assert ringing["callId"] == call_id
    eventually(lambda: shop.look(second)["state"] == "offering", 4)
    assert shop.confirm(ringing) == (409, {"ok": 0, "reason": "expired"})


def test_a_wait_and_a_wrap_up_end_by_themselves(system: System) -> None:
    shop = Shop(system, max_wait_sec=1, wrap_up_sec=1)
    shop.ready()
    call_id = shop.call()
    shop.confirm(shop.look("1001"))
    waiting = shop.call()
    eventually(lambda: shop.poll(waiting) == "play", 4)
    shop.system.report(call_id, "end")
    eventually(lambda: shop.look("1001")["bucket"] == "ready", 4)


def test_deadlines_survive_a_new_worker(own_system: System) -> None:
    shop = Shop(own_system, agent_ring_timeout_sec=2, max_no_answer=0)
    shop.ready()
    call_id = shop.call()
    own_system.kill("worker-1")
    eventually(lambda: shop.look("1001")["epoch"] > 1, 15)
    assert shop.look("1001")["callId"] == call_id, "the caller has kept his place"


def test_an_agent_in_a_call_of_his_own_is_not_offered(shop: Shop) -> None:
    shop.ready(1001)
    own = new_call_id()
    domain = shop.document["domains"][0]["domain"]
    shop.system.route(own, "1002", from_="1001", authUser="1001", fromDomain=domain)
    shop.system.report(own, "start")
    assert shop.look("1001")["bucket"] == "extcall"
    call_id = shop.call()
    assert shop.poll(call_id) == "noop"
    shop.system.report(own, "end")
    assert shop.poll(call_id) == "dial"


def test_a_phone_that_comes_back_gets_the_caller_who_waits(shop: Shop) -> None:
    shop.ready(1001)
    shop.contact("1001", "qualify_fail")
    call_id = shop.call()
    assert shop.look("1001")["bucket"] == "unreachable"
    shop.contact("1001", "qualify_ok")
    assert shop.look("1001")["callId"] == call_id


def test_the_roster_has_a_row_per_user_and_counts_the_buckets(shop: Shop) -> None:
    shop.ready(1001)
    found = shop.roster()
    assert sum(found["tiles"].values()) == 2
    assert (found["tiles"]["ready"], found["tiles"]["offline"]) == (1, 1)
    row = next(row for row in found["users"] if row["userId"] == shop.alice)
    assert (row["username"], row["displayName"], row["isAgent"]) == ("1001", "Alice", True)
    assert (row["status"], row["state"], row["bucket"]) == ("available", "waiting", "ready")
    assert row["queues"] == [{"queueId": shop.queue, "level": 1}]
    assert row["contacts"][0]["contact"] == "sip:1001@192.0.2.1"
    call_id = shop.call()
    row = next(row for row in shop.roster()["users"] if row["userId"] == shop.alice)
    assert (row["bucket"], row["callId"]) == ("ring", call_id)


def test_the_trace_and_the_call_log_know_the_queue(shop: Shop) -> None:
    shop.ready()
    call_id = shop.call()
    shop.confirm(shop.look("1001"))
    shop.system.report(call_id, "end")
    trace = shop.system.edge.get(f"/calls/{call_id}/trace").json()
    kinds = [step["kind"] for step in trace["steps"] if step["source"] == "acd"]
    assert kinds == ["queued", "reserved", "confirmed", "ended"]
    row = shop.system.call(shop.system.key(shop.account_id), call_id)
    assert (row["queue_id"], row["agent_id"]) == (shop.queue, shop.alice)


def test_outside_programs_are_told(system: System) -> None:
    with sink() as endpoint:
        hook = {
            "url": endpoint.url(),
            "events": ["queue.entered", "queue.answered", "queue.abandoned", "call.ended"],
        }
        shop = Shop(system, webhooks=[hook])
        shop.ready()
        call_id = shop.call()
        shop.confirm(shop.look("1001"))
        gone = shop.call()
        shop.system.report(gone, "end")
        shop.system.report(call_id, "end")
        of_call = eventually(lambda: got if len(got := endpoint.of(call_id)) == 3 else None)
        assert [one.event for one in of_call] == ["queue.entered", "queue.answered", "call.ended"]
        assert of_call[2].json["data"]["queue_id"] == shop.queue
        assert of_call[2].json["data"]["agent_id"] == shop.alice
        assert of_call[1].json["data"]["agentId"] == shop.alice
        assert of_call[1].json["data"]["queueId"] == shop.queue
        of_gone = eventually(lambda: got if len(got := endpoint.of(gone)) == 3 else None)
        left = next(one for one in of_gone if one.event == "queue.abandoned")
        assert left.json["data"]["reason"] == "abandoned"


def test_the_caller_keeps_his_place_when_the_agent_rejects(shop: Shop) -> None:
    shop.ready()
    call_id = shop.call()
    ringing = shop.look("1001")
    data = {"lease": ringing["leaseId"]}
    assert shop.flow(call_id, outcome="rejected", data=data, seq=1)["command"] == "dial"
    assert shop.flow(call_id, outcome="rejected", data=data, seq=1)["seq"] == 2, "once"
    again = shop.look("1001")
    assert (again["callId"], again["epoch"] > ringing["epoch"]) == (call_id, True)
    assert shop.flow(call_id, outcome="hangup")["command"] == "hangup"
    assert shop.look("1001")["state"] == "waiting"


# Bad input, and who may ask


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"event": "login"}, "/userId"),
        ({"userId": "1001"}, "/event"),
        ({"userId": "1001", "event": "sleep"}, "/event"),
        ({"userId": "1001", "event": "join", "queues": [{"queueId": "q_9"}]}, "/queues/0/queueId"),
        ({"userId": "1001", "event": "login", "queues": "[oops"}, "/queues"),
        ({"userId": "1001", "event": "login", "queues": [{"queueId": 7}]}, "/queues/0/queueId"),
    ],
)
def test_a_bad_member_is_named(shop: Shop, body: dict[str, Any], pointer: str) -> None:
    shop.agent(1001, "login")
    answer = shop.system.edge.post("/agent", json={"accountId": shop.account_id, **body})
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_who_does_not_exist_is_not_found(shop: Shop) -> None:
    edge, account = shop.system.edge, {"accountId": shop.account_id}
    assert edge.get("/agent", params={**account, "userId": "nobody"}).status_code == 404
    assert edge.get("/agent", params={"accountId": "acc_9", "userId": "1001"}).status_code == 404
    assert edge.get("/presence/users", params={"accountId": "acc_9"}).status_code == 404
    assert edge.get("/agent", params={"userId": "1001"}).status_code == 400
    wrong = edge.get(f"/agent/confirm/{shop.account_id}/lease_77/1")
    assert (wrong.status_code, wrong.json()) == (409, {"ok": 0, "reason": "unknown"})
    assert edge.get(f"/agent/confirm/{shop.account_id}/lease_77/one").status_code == 400
    assert edge.get("/agent/confirm/acc_1").status_code == 404
    assert shop.claim("1001", "no-call") == (409, {"ok": 0, "reason": "unknown"})


def test_a_pause_of_who_is_not_there_is_refused(shop: Shop) -> None:
    body = {"accountId": shop.account_id, "userId": "1001", "event": "pause"}
    assert shop.system.edge.post("/agent", json=body).status_code == 409


def test_a_key_speaks_for_its_own_account_and_needs_its_scope(shop: Shop, system: System) -> None:
    asked = {"accountId": shop.account_id, "userId": "1001"}
    good = system.key(shop.account_id, "agents")
    assert system.edge.get("/agent", params=asked, headers={"x-api-key": good}).status_code == 200
    narrow = system.key(shop.account_id, "cdr")
    assert system.edge.get("/agent", params=asked, headers={"x-api-key": narrow}).status_code == 403
    foreign = system.key(Shop(system).account_id, "agents")
    for path in ("/agent", "/presence/users"):
        answer = system.edge.get(path, params=asked, headers={"x-api-key": foreign})
        assert answer.status_code == 404
