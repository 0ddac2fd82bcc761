"""The debug monitor: everything that passes, for who may see it, and how much was dropped."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from gateways.realtime import tap
from gateways.realtime.tap import Box, Tap, Wanted, without_secrets
from tests.http.test_agents import Shop
from tests.support.screen import watching
from tests.support.system import System, acme, new_call_id

ADMIN = {"x-admin-token": "let me in"}


class Listener:
    """Somebody at the monitor."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.entries: list[dict[str, Any]] = []

    def until(self, check: Any) -> list[dict[str, Any]]:
        """Listen until an entry is what `check` wants; all entries so far."""
        while not any(check(entry) for entry in self.entries):
            self.entries += orjson.loads(self.socket.recv(timeout=10))["entries"]
        return self.entries


@contextmanager
def listening(system: System, credential: dict[str, str], **wanted: str) -> Iterator[Listener]:
    answer = system.realtime.post("/debug/ticket", headers=credential)
    assert answer.status_code == 201, answer.text
    wanted["ticket"] = answer.json()["ticket"]
    query = "&".join(f"{name}={value}" for name, value in wanted.items())
    url = system.realtime_url.replace("http", "ws", 1)
    with connect(f"{url}/debug/ws?{query}", max_size=None) as socket:
        yield Listener(socket)


@pytest.fixture
def shop(system: System) -> Shop:
    return Shop(system)


def named(name: str) -> Any:
    return lambda entry: entry["name"] == name


def test_a_command_its_reply_and_its_facts_pass_by(system: System, shop: Shop) -> None:
    with listening(system, ADMIN, account=shop.account_id) as listener:
        shop.ready(1001)
        listener.until(named("acd.agent_joined_queue.v1"))
        entries = listener.until(lambda entry: entry["kind"] == "reply")
    (command,) = [one for one in entries if one["kind"] == "command"]
    (reply,) = [one for one in entries if one["kind"] == "reply"]
    assert command["name"] == reply["name"]
    assert command["body"]["event"] == "available"
    assert reply["body"]["ok"]["userId"] == shop.alice
    assert 0 < reply["ms"] < 10_000
    facts = [one for one in entries if one["kind"] == "event"]
    assert "acd.agent_logged_in.v1" in {one["name"] for one in facts}
    assert all(one["position"] > 0 for one in facts)
    assert {one["accountId"] for one in entries} == {shop.account_id}


def test_a_fact_that_others_are_handed_too_is_shown_once(system: System, shop: Shop) -> None:
    key = system.key(shop.account_id)
    with (
        watching(system, key) as viewer,
        listening(system, ADMIN, account=shop.account_id, type="event") as listener,
    ):
        shop.ready(1001)
        viewer.see(lambda screen: screen.keys[f"agent:{shop.alice}"]["bucket"] == "ready")
        shop.agent(1001, "logout")
        entries = listener.until(named("acd.agent_logged_out.v1"))
    positions = [one["position"] for one in entries]
    assert sorted(set(positions)) == positions


def test_one_call_and_one_kind_can_be_chosen(system: System, shop: Shop) -> None:
    wanted = new_call_id()
    number = shop.document["numbers"][0]["e164"]
    with listening(system, ADMIN, call=wanted, type="event") as listener:
        for call_id in (new_call_id(), wanted, new_call_id()):
            system.route(call_id, number)
            system.report(call_id, "end")
        entries = listener.until(named("call.ended.v1"))
    assert {one["callId"] for one in entries} == {wanted}
    assert {one["kind"] for one in entries} == {"event"}


def test_an_account_sees_what_is_its_own(system: System, shop: Shop) -> None:
    other = Shop(system)
    with listening(system, {"x-api-key": system.key(shop.account_id)}) as listener:
        other.ready(1001)
        shop.ready(1001)
        entries = listener.until(named("acd.agent_joined_queue.v1"))
    assert {one["accountId"] for one in entries} == {shop.account_id}


def test_it_is_for_operators(system: System, shop: Shop) -> None:
    parent = shop.account_id
    below = acme()
    below["account"]["parent_id"] = parent
    system.apply(below)
    key = system.key
    for credential, status in (
        ({}, 401),
        ({"x-admin-token": "wrong"}, 401),
        ({"x-api-key": "sk_nobody"}, 401),
        ({"x-api-key": key(parent, "wallboard", "cdr")}, 403),
        ({"x-api-key": key(below["account"]["id"])}, 403),
    ):
        answer = system.realtime.post("/debug/ticket", headers=credential)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("query", "status", "pointer"),
    [("ticket={}&type=gossip", 400, "/type"), ("ticket={}&account=acc_other", 403, None)],
)
def test_what_cannot_be_chosen_is_refused(
    system: System, shop: Shop, query: str, status: int, pointer: str | None
) -> None:
    credential = {"x-api-key": system.key(shop.account_id)}
    ticket = system.realtime.post("/debug/ticket", headers=credential).json()["ticket"]
    url = system.realtime_url.replace("http", "ws", 1)
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(f"{url}/debug/ws?{query.format(ticket)}"),
    ):
        pass
    assert refused.value.response.status_code == status
    problem = orjson.loads(refused.value.response.body)
    assert [one["pointer"] for one in problem.get("errors", [])] == ([pointer] if pointer else [])


@pytest.mark.parametrize("path", ["/debug/ws", "/wallboard/ws", "/wallboard/sse", "/healthz", "/x"])
def test_nothing_opens_without_a_ticket(system: System, path: str) -> None:
    url = system.realtime_url.replace("http", "ws", 1)
    with pytest.raises(InvalidStatus) as refused, connect(url + path):
        pass
    assert refused.value.response.status_code in (400, 401, 404)
    assert system.realtime.post(path).status_code in (400, 401, 404, 405)


def test_a_ticket_for_one_thing_opens_no_other(system: System, shop: Shop) -> None:
    credential = {"x-api-key": system.key(shop.account_id)}
    url = system.realtime_url.replace("http", "ws", 1)
    for one, other in (("debug", "wallboard"), ("wallboard", "debug")):
        made = system.realtime.post(f"/{one}/ticket", headers=credential).json()
        with pytest.raises(InvalidStatus), connect(f"{url}/{other}/ws?ticket={made['ticket']}"):
            pass


def test_who_does_not_keep_up_loses_the_oldest_and_is_told_how_many() -> None:
    async def work() -> None:
        box = Box(Wanted())
        frames = box.frames()
        for number in range(tap.BOX + 7):
            box.put({"number": number})
        first = orjson.loads(await anext(frames))
        second = orjson.loads(await anext(frames))
        assert first["dropped"] == 7
        assert first["entries"][0] == {"number": 7}
        assert len(first["entries"]) == tap.BATCH
        assert second["dropped"] == 0
        assert second["entries"][0] == {"number": 7 + tap.BATCH}

    asyncio.run(work())


def test_it_listens_only_while_somebody_does(nats_url: str) -> None:
    from gateways.bus.connection import connect as connect_bus

    async def work() -> None:
        client = await connect_bus(nats_url, "test")
        monitor = Tap(client)
        before = len(client._subs)
        async with monitor.opened(Wanted()) as box:
            async with monitor.opened(Wanted()):
                assert len(client._subs) == before + len(tap.SUBJECTS)
            assert len(client._subs) == before + len(tap.SUBJECTS)
            subject = "cmd.1.call.RouteCall"
            await client.publish(subject, b'{"accountId": "acc_1", "callId": "c1"}')
            frame = orjson.loads(await anext(box.frames()))
            assert [one["name"] for one in frame["entries"]] == ["call.RouteCall"]
        assert len(client._subs) == before
        await client.close()

    asyncio.run(work())


def test_secrets_are_not_shown() -> None:
    body = {"password": "p", "nested": [{"PIN": 1, "response": "r", "name": "n"}], "key": {"a": 1}}
    assert without_secrets(body) == {
        "password": tap.HIDDEN,
        "nested": [{"PIN": tap.HIDDEN, "response": tap.HIDDEN, "name": "n"}],
        "key": {"a": 1},
    }
