"""A live call followed: its steps come as they are stored, until it is over."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from domain.errors import Forbidden, NotFound, Unavailable
from events.base import AccountId, CallId
from gateways import following
from gateways.following import Followers
from gateways.store.reader import Reader
from tests.http.test_bad_input import assert_problem
from tests.support.hep import URI, packet, send, sip
from tests.support.system import System, eventually, new_call_id
from tests.v1.test_rows import Api


@pytest.fixture
def api(system: System, account: dict[str, Any]) -> Api:
    return Api(system, account["account"]["id"], "cdr")


class Heard:
    """Lines of a stream, as they come."""

    def __init__(self, answer: httpx.Response) -> None:
        self.lines: list[dict[str, Any]] = []
        self._answer = answer
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()

    def _hear(self) -> None:
        try:
            for line in self._answer.iter_lines():
                self.lines.append(json.loads(line))
        except httpx.HTTPError:
            pass

    def wait(self, kind: str) -> dict[str, Any]:
        return eventually(lambda: [one for one in self.lines if one.get("kind") == kind])[0]

    def to_the_end(self) -> list[dict[str, Any]]:
        eventually(lambda: self.lines and "end" in self.lines[-1], 20)
        return self.lines


@contextmanager
def followed(url: str, headers: dict[str, str] | None = None) -> Iterator[Heard]:
    with (
        httpx.Client(timeout=30) as client,
        client.stream("GET", url, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        yield Heard(answer)


@pytest.mark.parametrize("service", ["edge", "api"])
def test_steps_come_as_the_call_goes_on(
    system: System, account: dict[str, Any], api: Api, service: str
) -> None:
    call_id = new_call_id()
    system.route(call_id, account["numbers"][0]["e164"])
    base = system.edge_url if service == "edge" else f"{system.api_url}/v1"
    with followed(f"{base}/calls/{call_id}/trace?follow=true", api.headers) as heard:
        heard.wait("decision")
        system.report(call_id, "answered")
        heard.wait("answered")
        send(system.hep_port, packet(sip(f"BYE {URI}", call_id, cseq="2 BYE", to_tag="t")))
        heard.wait("BYE")
        system.report(call_id, "end")
        heard.wait("ended")
        *steps, end = heard.to_the_end()
    assert end == {"end": "over"}
    assert [step["seq"] for step in steps] == list(range(1, len(steps) + 1))
    assert [step["after"] for step in steps if "after" in step] == []


def test_a_message_that_comes_late_says_where_it_belongs(
    system: System, account: dict[str, Any], api: Api
) -> None:
    call_id = new_call_id()
    system.route(call_id, account["numbers"][0]["e164"])
    system.report(call_id, "answered")
    with followed(f"{system.edge_url}/calls/{call_id}/trace?follow=true") as heard:
        heard.wait("answered")
        send(system.hep_port, packet(sip(f"INVITE {URI}", call_id)))
        assert heard.wait("INVITE")["after"] == 0, "before the decision"
        system.report(call_id, "end")
        heard.to_the_end()


def test_who_may_not_see_a_call_may_not_follow_it(
    system: System, account: dict[str, Any], api: Api
) -> None:
    for path in (f"/v1/calls/{new_call_id()}/trace", "/v1/calls/a/trace"):
        assert_problem(api.get(path, follow="true"), 404)
    call_id = new_call_id()
    system.route(call_id, account["numbers"][0]["e164"])
    assert_problem(api.get(f"/v1/calls/{call_id}/trace", follow="true", format="text"), 400)
    assert_problem(api.get(f"/v1/calls/{call_id}/trace", follow="perhaps"), 400)
    edge = system.edge.get(f"/calls/{call_id}/trace", params={"follow": "perhaps"})
    assert_problem(edge, 400)


def test_who_leaves_leaves_nothing_behind(system: System, account: dict[str, Any]) -> None:
    call_id = CallId(new_call_id())
    system.route(call_id, account["numbers"][0]["e164"])

    async def run() -> None:
        reader = Reader(system.servers.database_url)
        followers = Followers(reader)
        with pytest.raises(NotFound):
            await followers.begin(CallId("nobody"), None)
        follower = await followers.begin(call_id, None)
        assert len(followers) == 0
        lines = follower.lines()
        await anext(lines)
        assert len(followers) == 1
        await lines.aclose()
        assert len(followers) == 0
        await reader.stop()

    asyncio.run(run())


def test_a_leg_that_is_a_call_of_its_own_is_no_news(
    system: System, account: dict[str, Any]
) -> None:
    call_id, own, leg = (new_call_id() for _ in range(3))
    system.route(own, account["numbers"][0]["e164"])

    async def numbers(messages: int) -> list[int]:
        reader = Reader(system.servers.database_url)
        asked = {"numbers": [0], "calls": [call_id], "positions": [2**62], "messages": [messages]}
        rows = await reader.query(lambda sql: sql.execute(following.NEWS, asked).fetchall())
        await reader.stop()
        return [row["number"] for row in rows]

    invite = f"INVITE {URI}"
    send(system.hep_port, packet(sip(invite, own), correlation=call_id))
    eventually(lambda: captured(system, own))
    assert asyncio.run(numbers(-1)) == []
    send(system.hep_port, packet(sip(invite, leg), correlation=call_id))
    (number,) = eventually(lambda: captured(system, leg))
    assert asyncio.run(numbers(-1)) == [0]
    assert asyncio.run(numbers(number)) == []


def captured(system: System, call_id: str) -> list[int]:
    with psycopg.connect(system.servers.database_url) as connection:
        found = connection.execute(
            "SELECT number FROM capture.message WHERE call_id = %s", (call_id,)
        )
        return [number for (number,) in found]


def test_a_question_that_fails_is_not_the_last_one(system: System, account: dict[str, Any]) -> None:
    call_id = CallId(new_call_id())
    system.route(call_id, account["numbers"][0]["e164"])

    def execute(statement: str) -> None:
        with psycopg.connect(system.servers.database_url) as connection:
            connection.execute(statement.encode())

    async def run() -> None:
        reader = Reader(system.servers.database_url)
        follower = await Followers(reader).begin(call_id, None)
        lines = follower.lines()
        await anext(lines)
        execute("ALTER TABLE capture.leg RENAME TO away")
        await asyncio.sleep(1.5 * following.LOOK)
        execute("ALTER TABLE capture.away RENAME TO leg")
        await asyncio.to_thread(system.report, call_id, "answered")
        async with asyncio.timeout(following.BEAT / 2):
            while (await anext(lines)).get("kind") != "answered":
                pass
        await lines.aclose()
        await reader.stop()

    asyncio.run(run())


def test_who_may_listen_no_more_is_told_however_much_is_said(
    system: System, account: dict[str, Any]
) -> None:
    call_id = CallId(new_call_id())
    system.route(call_id, account["numbers"][0]["e164"])

    async def refuse() -> None:
        raise Forbidden("the key was revoked")

    async def talk() -> None:
        for number in range(60):
            message = sip(f"INFO {URI}", call_id, cseq=f"{number} INFO")
            send(system.hep_port, packet(message))
            await asyncio.sleep(0.1)

    async def run() -> list[Any]:
        reader = Reader(system.servers.database_url)
        follower = await Followers(reader, beat=2).begin(call_id, None, refuse)
        talking = asyncio.create_task(talk())
        found = [line async for line in follower.lines()]
        assert not talking.done()
        talking.cancel()
        await reader.stop()
        return found

    assert asyncio.run(run())[-1] == {"end": "refused"}


def heard_until_the_end(system: System, call_id: CallId, ended: str) -> list[Any]:
    """All lines of a call that goes on, which ends for another reason."""

    async def refuse() -> None:
        raise Forbidden("the key was revoked")

    async def run() -> list[Any]:
        reader, stop = Reader(system.servers.database_url), asyncio.Event()
        followers = Followers(reader, beat=0.5)
        closing = asyncio.create_task(followers.close_at(stop))
        follower = await (
            followers.begin(call_id, None, refuse)
            if ended == "refused"
            else followers.begin(call_id, None)
        )
        found = []
        async with asyncio.timeout(20):
            async for line in follower.lines():
                found.append(line)
                if "heartbeat" in line:
                    stop.set()
        closing.cancel()
        await reader.stop()
        return found

    return asyncio.run(run())


@pytest.mark.parametrize("reason", ["restart", "refused"])
def test_who_may_listen_no_more_is_told(
    system: System, account: dict[str, Any], reason: str
) -> None:
    call_id = CallId(new_call_id())
    system.route(call_id, account["numbers"][0]["e164"])
    found = heard_until_the_end(system, call_id, reason)
    assert found[-1] == {"end": reason}
    assert ({"heartbeat": 1} in found) == (reason == "restart")


def test_a_connection_that_breaks_ends_what_it_followed(
    system: System, account: dict[str, Any], api: Api
) -> None:
    """More than may follow at a time, one after the other."""
    call_id = new_call_id()
    system.route(call_id, account["numbers"][0]["e164"])
    with httpx.Client(timeout=30) as client:
        for number in range(2 * following.MOST + 20):
            base = (system.edge_url, f"{system.api_url}/v1")[number % 2]
            url = f"{base}/calls/{call_id}/trace?follow=true"
            with client.stream("GET", url, headers=api.headers) as answer:
                assert answer.status_code == 200, number
                next(answer.iter_bytes())


def test_only_so_many_may_follow(system: System, account: dict[str, Any]) -> None:
    call_id = CallId(new_call_id())
    system.route(call_id, account["numbers"][0]["e164"])

    async def run() -> None:
        reader = Reader(system.servers.database_url)
        followers = Followers(reader)
        many = [(await followers.begin(call_id, None)).lines() for _ in range(following.MOST)]
        for lines in many:
            await anext(lines)
        with pytest.raises(Unavailable):
            await followers.begin(call_id, None)
        for lines in many:
            await lines.aclose()
        await followers.begin(call_id, None)
        await reader.stop()

    asyncio.run(run())


def test_one_account_leaves_room_for_others(system: System, account: dict[str, Any]) -> None:
    call_id = CallId(new_call_id())
    system.route(call_id, account["numbers"][0]["e164"])
    account_id = AccountId(account["account"]["id"])

    async def run() -> None:
        reader = Reader(system.servers.database_url)
        followers = Followers(reader)
        many = [
            (await followers.begin(call_id, account_id)).lines()
            for _ in range(following.MOST_OF_ACCOUNT)
        ]
        for lines in many:
            await anext(lines)
        with pytest.raises(Unavailable):
            await followers.begin(call_id, account_id)
        await followers.begin(call_id, None)
        for lines in many:
            await lines.aclose()
        await followers.begin(call_id, account_id)
        await reader.stop()

    asyncio.run(run())
