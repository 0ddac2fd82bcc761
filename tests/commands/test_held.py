"""Polls that wait at the owner: woken in the batch that has something for them, or let go."""

import asyncio
import time
from typing import Any

import psycopg
import pytest

from commands.partitions import partition_of
from tests.commands.test_acd import FLOOR, call, join, open_shop
from tests.commands.test_loop import Owner, _until, facts
from tests.support.given import ACCOUNT


@pytest.fixture
def url(database_url: str) -> str:
    return database_url


async def poll(one: Owner, call_id: str, hold_ms: int = 5_000) -> Any:
    wish = {"callId": call_id, "outcome": "poll", "seq": 1, "holdMs": hold_ms}
    return await one.ask("call.StepFlow", **wish)


async def _paused(one: Owner) -> None:
    await one.ask("acd.ControlAgent", userId="1001", event="pause")


def transactions(url: str, stream: str) -> dict[int, list[str]]:
    """What was stored of a stream, by the moment of its commit."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT xmin::text::bigint, topic FROM events.stored_events"
            " WHERE originator_id LIKE %s ORDER BY notification_id",
            (stream,),
        ).fetchall()
    found: dict[int, list[str]] = {}
    for transaction, topic in rows:
        found.setdefault(transaction, []).append(topic)
    return found


def test_a_poll_is_answered_with_the_commit_that_reserves_the_agent(url: str) -> None:
    async def story() -> None:
        async with open_shop(url) as one:
            await _paused(one)
            assert (await call(one, "c1"))["command"] == "enqueue"
            waiting = asyncio.create_task(poll(one, "c1"))
            await asyncio.sleep(0.1)
            assert not waiting.done(), "there is nothing to say"
            await one.ask("acd.ControlAgent", userId="1001", event="unpause")
            assert (await waiting)["ok"]["command"] == "dial"
        together = [
            names for names in transactions(url, "%").values() if "acd.agent_reserved.v1" in names
        ]
        assert [name for names in together for name in names][-1] == "call.flow_stepped.v1"

    asyncio.run(story())


def test_a_poll_that_waits_for_nothing_is_let_go_and_writes_nothing(url: str) -> None:
    async def story() -> None:
        async with open_shop(url) as one:
            await _paused(one)
            await call(one, "c1")
            before, began = facts(url), time.monotonic()
            assert (await poll(one, "c1", 300))["ok"]["command"] == "noop"
            assert 0.25 < time.monotonic() - began < 3
            assert facts(url) == before

    asyncio.run(story())


def test_one_who_is_told_so_asks_for_nothing_twice(url: str) -> None:
    """Two polls of one call get the same command, of one step."""

    async def story() -> None:
        async with open_shop(url) as one:
            await _paused(one)
            await call(one, "c1")
            polls = [asyncio.create_task(poll(one, "c1")) for _ in range(2)]
            await asyncio.sleep(0.1)
            await one.ask("acd.ControlAgent", userId="1001", event="unpause")
            first, second = await asyncio.wait_for(asyncio.gather(*polls), 3)
            assert first["ok"] == second["ok"]
            assert first["ok"]["command"] == "dial"
        assert facts(url, "call-c1").count("call.flow_stepped.v1") == 2

    asyncio.run(story())


def test_whoever_loses_the_account_lets_go_of_the_polls(url: str) -> None:
    async def story() -> None:
        async with open_shop(url) as one:
            await _paused(one)
            await call(one, "c1")
            waiting = asyncio.create_task(poll(one, "c1"))
            await asyncio.sleep(0.1)
            one.loop.disown([partition_of(ACCOUNT)])
            answer = await asyncio.wait_for(waiting, 1)
            assert answer["error"]["kind"] == "Unavailable"

    asyncio.run(story())


def test_a_batch_that_cannot_be_stored_loses_no_poll(url: str) -> None:
    """Another writer was first: all is decided again, and the poll is answered all the same."""

    async def story() -> None:
        async with open_shop(url) as one:
            await _paused(one)
            await call(one, "c1")
            waiting = asyncio.create_task(poll(one, "c1"))
            await asyncio.sleep(0.1)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(
                    "INSERT INTO events.stored_events"
                    " (originator_id, originator_version, topic, state)"
                    " SELECT originator_id, originator_version + 1, topic, state"
                    " FROM events.stored_events WHERE originator_id = %s"
                    " ORDER BY originator_version DESC LIMIT 1",
                    (FLOOR,),
                )
            await one.ask("acd.ControlAgent", userId="1001", event="unpause")
            told = await asyncio.wait_for(waiting, 6)
            assert told["ok"]["command"] == "dial"

    asyncio.run(story())


def test_a_call_that_was_never_answered_lives_as_long_as_its_engine_polls(url: str) -> None:
    async def story() -> None:
        async with open_shop(url) as one:
            await _paused(one)
            await one.route("c1")
            assert (await join(one, "c1"))["command"] == "enqueue"
            for seconds in (50, 100):
                one.offset = seconds * 1_000
                assert (await poll(one, "c1", 0))["ok"]["command"] == "noop"
                await asyncio.sleep(0.1)
            assert "call.ended.v1" not in facts(url, "call-c1")
            one.offset = 170_000
            one.loop._arrived.set()  # the clock jumped: look again
            await _until(lambda: "call.ended.v1" in facts(url, "call-c1"))

    asyncio.run(story())
